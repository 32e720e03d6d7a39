"""Calendar objects to ``Flat``: everything that Outlook can hold, in one spelling, and nothing else (§6, §7).

One event; or one series with one rule, EXDATEs and exceptions; or, for what Outlook cannot repeat like, a
list of dates, which is kept there as single events (``expand``).
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar import vRecur
from icalendar.cal.component import Component

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import values_of
from gateway.domain.model import Window
from gateway.domain.recurrence import iter_instances
from gateway.domain.rrule import Budget, Rule, read_rule, walk
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Flat, Key, Override, at_instant, is_same
from gateway.providers.flat.object_reader import Manner, Reader
from gateway.providers.flat.rules import makes_nothing, makes_start
from plugins.graph.contents import content_of, fitting, in_zone
from plugins.graph.expand import NoSeries, expand
from plugins.graph.patterns import pattern_of
from plugins.graph.quirks import zones
from plugins.graph.rule_ends import with_end

_DAY = timedelta(days=1)
_AHEAD_YEARS = 12
_AROUND = timedelta(days=400)


def flatten(
    obj: ParsedObject, *, zone: ZoneInfo, manner: Manner, horizon: Window | None, is_theirs: bool
) -> Flat:
    """Return what Outlook can hold of an object.

    Args:
        obj: the object.
        zone: of floating times and dates.
        manner: how texts are kept.
        horizon: what is written out of a series without an end that Outlook cannot repeat like.
        is_theirs: it was read from Outlook: what is there can be there, and keeps its shape.

    Raises:
        Rejected: nothing of it can be held; the reason says why.
    """
    if obj.component != "VEVENT":
        raise Rejected("Outlook's calendars keep events only; tasks and notes stay here.", code="notAnEvent")
    reader = Reader(obj, zone, manner)
    if obj.master is None:
        return expand(reader, horizon)
    try:
        return _series(reader, obj.master, is_theirs=is_theirs)
    except NoSeries as reason:
        return expand(reader, horizon, reason=str(reason))


def _series(reader: Reader, master: Component, *, is_theirs: bool) -> Flat:
    start, end = reader.span(master)
    flat = _single(reader, master, start, end)
    rules = reader.rules(master, "RRULE")
    if not rules and not values_of(master, "RDATE"):
        if reader.obj.overrides or values_of(master, "EXDATE"):
            raise NoSeries("overrides")
        return flat
    if len(rules) != 1 or values_of(master, "RDATE") or values_of(master, "EXRULE"):
        raise NoSeries("dates")
    if _has_range(reader.obj):
        raise NoSeries("range")
    start, end = _zoned(reader, master, start, end, is_theirs=is_theirs)
    text = _rule(rules[0], start)
    rule = read_rule(vRecur.from_ical(text))
    flat = replace(flat, start=start, end=end, rules=(text,))
    excluded = {reader.key(at, start) for at, _ in reader.dates(master, "EXDATE")}
    exceptions = _exceptions(reader, flat, excluded)
    flat = replace(
        flat,
        exceptions=tuple(
            one for _, one in sorted(exceptions.items()) if not is_same(one, flat.implied(one.key))
        ),
    )
    named = excluded | set(exceptions)
    keys = named & set(_made(rule, start, min(named), max(named))) if named else set()
    if not is_theirs:
        if set(exceptions) - keys:
            raise NoSeries("overrides")
        _check_room(rule, flat, excluded & keys)
    if excluded and _is_empty(reader):
        raise Rejected("This event takes place at no time, so there is nothing to show.", code="noOccurrence")
    return replace(
        flat, exdates=tuple(sorted(key for key in excluded if key in keys and key not in exceptions))
    )


def _single(reader: Reader, master: Component, start: At, end: At) -> Flat:
    start = fitting(start.settled())
    return Flat(
        uid=reader.obj.uid,
        start=start,
        end=in_zone(end.settled(), start),
        content=content_of(reader, master),
        visibility=reader.visibility,
        stamp=reader.stamp,
    )


def _has_range(obj: ParsedObject) -> bool:
    """Return whether an override means "this and following", which Outlook does not know."""
    found = (values_of(override, "RECURRENCE-ID")[0].params for override in obj.overrides)
    return any(params and str(params.get("RANGE", "")).upper() == "THISANDFUTURE" for params in found)


def _zoned(reader: Reader, master: Component, start: At, end: At, *, is_theirs: bool) -> tuple[At, At]:
    """Return start and end of a series in a zone that Exchange has, or say that there is none."""
    value = values_of(master, "DTSTART")[0]
    moment, tzid = value.dt, (value.params or {}).get("TZID")
    if not isinstance(moment, datetime):
        return start, end
    if moment.tzinfo is None and not isinstance(reader.zone_of(tzid), ZoneInfo):
        # Trap: a VTIMEZONE of somebody's own cannot be sent; in UTC the series would move with the seasons.
        raise NoSeries("zone")
    years = start.value.year, start.value.year + _AHEAD_YEARS
    if not is_theirs and not zones.fits(start.zone, *years):
        raise NoSeries("zone")
    return start, at_instant(end.instant, start.zone)


def _rule(rule: Rule, start: At) -> str:
    pattern = pattern_of(rule, start)
    if pattern is None or makes_nothing(rule, start):
        raise NoSeries("rule")
    # Trap: a series there begins with its first occurrence; DTSTART need not be one here (§7).
    if not makes_start([rule], start):
        raise NoSeries("start")
    return with_end(pattern.rrule(), rule, start)


def _exceptions(reader: Reader, flat: Flat, excluded: set[Key]) -> dict[Key, Override]:
    """Return the overrides by key; cancelled ones become excluded instances."""
    found: dict[Key, Override] = {}
    for override in reader.obj.overrides:
        name = reader.value(override, "RECURRENCE-ID")
        if name is None:
            continue
        key = reader.key(name, flat.start)
        content = replace(content_of(reader, override), alarms=flat.content.alarms)
        if content.status == "CANCELLED":
            excluded.add(key)
            continue
        excluded.discard(key)
        start, end = reader.span(override, default=flat.implied(key).start)
        if not start.is_date:
            # An occurrence has no zone of its own there.
            start = at_instant(start.instant, flat.start.zone or "UTC")
        found[key] = Override(key=key, start=start, end=in_zone(end.settled(), start), content=content)
    return found


def _made(rrule: Rule, start: At, low: Key, high: Key) -> list[Key]:
    """Return the instances that a rule makes from one instance to another, both included, in order."""
    first = _wall(start.value)
    found: list[Key] = []
    until = rrule.until
    for wall in walk(
        rrule, first, low=_wall_of(low, start) - _DAY, high=_wall_of(high, start) + _DAY, budget=Budget()
    ):
        key = At(wall if isinstance(start.value, datetime) else wall.date(), start.zone).key
        if (
            isinstance(until, datetime)
            and until.tzinfo is not None
            and isinstance(key, datetime)
            and key > until
        ):
            break
        found.append(key)
    return found


def _wall_of(key: Key, start: At) -> datetime:
    return _wall(at_instant(key, start.zone).value if isinstance(key, datetime) else key)


def _wall(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _check_room(rule: Rule, flat: Flat, excluded: set[Key]) -> None:
    """Trap: an occurrence may neither overlap a neighbour, nor share its day, nor pass it (§7)."""
    changed = {one.key: one for one in flat.exceptions}
    keys = _made(rule, flat.start, flat.start.key, flat.start.key + _AROUND)
    if changed:
        keys = sorted({*keys, *_made(rule, flat.start, min(changed) - _AROUND, max(changed) + _AROUND)})
    rows = [_span_of(changed.get(key) or flat.implied(key)) for key in keys if key not in excluded]
    for one, other in itertools.pairwise(rows):
        if other[0] < one[1] or other[2] <= one[2]:
            raise NoSeries("crossing")


def _span_of(one: Override) -> tuple[datetime, datetime, date]:
    value = one.start.value
    return one.start.instant, one.end.instant, value.date() if isinstance(value, datetime) else value


def _is_empty(reader: Reader) -> bool:
    """Return whether every occurrence is left out."""
    window = Window(start=datetime(2, 1, 1, tzinfo=UTC), end=datetime(9990, 1, 1, tzinfo=UTC))
    try:
        return not iter_instances(reader.obj, zone=reader.zone, window=window, limit=1)
    except TooManyInstances:
        return False
