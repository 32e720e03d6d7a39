"""Calendar objects to ``Flat``: everything that Google can hold, in one spelling, and nothing else.

What Google cannot say is said otherwise where instants stay the same: cancelled overrides become EXDATE,
periods and overrides outside the rule become RDATE, rules that it does not know become lists of dates
(``materialise``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar.cal.component import Component

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import values_of
from gateway.domain.model import Window
from gateway.domain.recurrence import iter_instances
from gateway.domain.rrule import Frequency, Rule
from gateway.domain.timezone import to_instant
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import Flat, Key, Override, at_instant, is_same
from gateway.providers.flat.object_reader import Manner, Reader
from gateway.providers.flat.rules import makes_nothing, makes_start, rule_text
from plugins.google.materialise import materialise
from plugins.google.quirks.reminders import minutes_before
from plugins.google.quirks.texts import fitted, one_line

MAX_CHECKED = 20_000
_DAY = timedelta(days=1)


def flatten(
    obj: ParsedObject, *, zone: ZoneInfo, guests: bool, alarms: bool, link: str | None = None
) -> Flat:
    """Return what Google can hold of an object.

    Args:
        obj: the object.
        zone: of floating times and dates.
        guests: keep ATTENDEE.
        alarms: keep VALARM.
        link: the back link, for which the description leaves room.

    Raises:
        Rejected: nothing of it can be held; the reason says why.
    """
    if obj.component != "VEVENT":
        raise Rejected("Google keeps events only; tasks and notes stay here.", code="notAnEvent")
    manner = Manner(
        line=one_line,
        text=lambda text: fitted(text, link),
        guests=guests,
        alarms=minutes_before if alarms else None,
    )
    reader = Reader(obj, zone, manner)
    if obj.master is None or _is_beyond(obj, reader):
        return materialise(reader)
    return _series(reader, obj.master)


def _is_beyond(obj: ParsedObject, reader: Reader) -> bool:
    """Return whether Google cannot repeat like this and dates must be listed."""
    master = obj.master
    if master is None:
        return True
    rules = reader.rules(master, "RRULE")
    recurs = bool(rules) or bool(values_of(master, "RDATE"))
    if not recurs:
        return bool(obj.overrides) or bool(values_of(master, "EXDATE"))
    if any(not _is_supported(rule) for rule in [*rules, *reader.rules(master, "EXRULE")]):
        return True
    for override in obj.overrides:
        params = values_of(override, "RECURRENCE-ID")[0].params
        # "This and following" does not exist there (§5).
        if params and str(params.get("RANGE", "")).upper() == "THISANDFUTURE":
            return True
    starts = values_of(master, "DTSTART")
    moment, tzid = starts[0].dt, (starts[0].params or {}).get("TZID")
    # Trap: a series needs an IANA zone (§4); a VTIMEZONE of somebody's own cannot be sent.
    return (
        isinstance(moment, datetime)
        and moment.tzinfo is None
        and not isinstance(reader.zone_of(tzid), ZoneInfo)
    )


def _is_supported(rule: Rule) -> bool:
    """Return whether Google repeats by this rule; it knows nothing within a day."""
    return rule.freq < Frequency.HOURLY


def _series(reader: Reader, master: Component) -> Flat:
    start, end = reader.span(master)
    live = [rule for rule in reader.rules(master, "RRULE") if not makes_nothing(rule, start)]
    rules = tuple(rule_text(rule, start) for rule in live)
    exrules = tuple(rule_text(rule, start) for rule in reader.rules(master, "EXRULE"))
    periods = {reader.key(at, start): last for at, last in reader.dates(master, "RDATE")}
    excluded = {reader.key(at, start) for at, _ in reader.dates(master, "EXDATE")}
    recurs = bool(values_of(master, "RRULE")) or bool(periods)
    flat = Flat(
        uid=reader.obj.uid,
        start=start if recurs else start.settled(),
        end=end if recurs else end.settled(),
        content=reader.content(master),
        rules=rules,
        exrules=exrules,
        visibility=reader.visibility,
        stamp=reader.stamp,
    )
    if not recurs:
        return flat
    if not rules and not periods:
        # Its rules make nothing: what is left is DTSTART and the overrides.
        return materialise(reader)
    if (excluded or exrules) and _is_empty(reader):
        raise Rejected("This event takes place at no time, so there is nothing to show.", code="noOccurrence")
    exceptions = _exceptions(reader, flat, excluded)
    orphans = _orphans(reader, flat, exceptions) if exceptions else set()
    for key, last in periods.items():
        if last is not None and key not in exceptions and isinstance(key, datetime):
            implied = flat.implied(key)
            exceptions[key] = replace(implied, end=at_instant(max(last.instant, key), implied.start.zone))
    # DTSTART always takes place (RFC 5545 §3.8.5.3); where no rule makes it, it is said aloud.
    first = {start.key} if live and start.key not in excluded and not makes_start(live, start) else set()
    return replace(
        flat,
        rdates=tuple(sorted(({*periods, *orphans} - {start.key}) | first)),
        exdates=tuple(sorted(excluded - set(exceptions))),
        exceptions=tuple(
            exception
            for key, exception in sorted(exceptions.items())
            if not is_same(exception, flat.implied(key))
        ),
    )


def _is_empty(reader: Reader) -> bool:
    """Return whether every occurrence is left out: Google refuses such a series."""
    window = Window(start=datetime(2, 1, 1, tzinfo=UTC), end=datetime(9990, 1, 1, tzinfo=UTC))
    try:
        return not iter_instances(reader.obj, zone=reader.zone, window=window, limit=1)
    except TooManyInstances:
        return False


def _exceptions(reader: Reader, flat: Flat, excluded: set[Key]) -> dict[Key, Override]:
    """Return the overrides by key; cancelled ones become excluded instances."""
    found: dict[Key, Override] = {}
    for override in reader.obj.overrides:
        name = reader.value(override, "RECURRENCE-ID")
        if name is None:
            continue
        key = reader.key(name, flat.start)
        content = replace(reader.content(override), alarms=flat.content.alarms)
        if content.status == "CANCELLED":
            excluded.add(key)
            continue
        excluded.discard(key)
        start, end = reader.span(override, default=flat.implied(key).start)
        found[key] = Override(key=key, start=start.settled(), end=end.settled(), content=content)
    return found


def _orphans(reader: Reader, flat: Flat, exceptions: Mapping[Key, Override]) -> set[Key]:
    """Return the overridden instances that the rule does not make: they need a RDATE to exist there."""
    bare = replace(reader.obj, overrides=())
    instants = [_instant(key, reader.zone) for key in exceptions]
    window = Window(start=min(instants) - 2 * _DAY, end=max(instants) + 2 * _DAY)
    try:
        made = {
            instance.recurrence_id
            for instance in iter_instances(bare, zone=reader.zone, window=window, limit=MAX_CHECKED)
        }
    except TooManyInstances:
        return set()
    return {key for key in exceptions if _instant(key, reader.zone) not in made and key != flat.start.key}


def _instant(key: Key, zone: ZoneInfo) -> datetime:
    if isinstance(key, datetime):
        return key
    return to_instant(datetime(key.year, key.month, key.day), zone)  # noqa: DTZ001 - a wall clock
