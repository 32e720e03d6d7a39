"""Calendar objects to ``Flat``: everything that Google can hold, in one spelling, and nothing else.

What Google cannot say is said otherwise where instants stay the same: cancelled overrides become EXDATE,
periods and overrides outside the rule become RDATE, rules that it does not know become lists of dates
(``materialise``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from icalendar.cal.component import Component
from icalendar.prop import vBroken

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import text_of, values_of
from gateway.domain.model import Busy, Classification, Window
from gateway.domain.recurrence import busy_of, iter_instances
from gateway.domain.rrule import Rule, read_rule
from gateway.domain.timezone import to_instant, to_wall_clock
from gateway.providers.errors import Rejected
from plugins.google.model import At, Content, Flat, Guest, Key, Override, at_instant, is_same
from plugins.google.quirks.reminders import minutes_before
from plugins.google.quirks.texts import fitted, one_line
from plugins.google.rules import is_supported, makes_nothing, makes_start, rule_text

MAX_CHECKED = 20_000
_DAY = timedelta(days=1)
_STATUSES = {"ACCEPTED", "DECLINED", "TENTATIVE", "NEEDS-ACTION"}


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
    reader = Reader(obj, zone, guests=guests, alarms=alarms, link=link)
    if obj.master is None or _is_beyond(obj, reader):
        from plugins.google.materialise import materialise

        return materialise(reader)
    return _series(reader, obj.master)


class Reader:
    """Reads values of one object with its zones."""

    def __init__(
        self, obj: ParsedObject, zone: ZoneInfo, *, guests: bool, alarms: bool, link: str | None
    ) -> None:
        """Take the object and how it is to be read."""
        self.obj, self.zone = obj, zone
        self._guests, self._alarms, self._link = guests, alarms, link
        self.stamp = _stamp(obj)
        strict = {Classification.PRIVATE: "PRIVATE", Classification.CONFIDENTIAL: "CONFIDENTIAL"}
        # Trap: tightening one instance tightens the whole series there; so the strictest counts for all (§4).
        self.visibility = strict.get(obj.classification, "")

    def zone_of(self, tzid: object) -> tzinfo:
        """Return the zone that a TZID means; that of the resource where nobody knows or none is named."""
        if not isinstance(tzid, str):
            return self.obj.floating_zone or self.zone
        return self.obj.zones.get(tzid) or self.zone

    def at(self, moment: date, tzid: object = None) -> At:
        """Return a DATE or DATE-TIME as a value; custom zones become UTC."""
        if not isinstance(moment, datetime):
            return At(moment)
        if moment.tzinfo is not None:
            return At(moment.astimezone(UTC).replace(tzinfo=None), "UTC")
        zone = self.zone_of(tzid)
        if isinstance(zone, ZoneInfo):
            return At(moment, zone_name(zone))
        return At(to_instant(moment, zone).replace(tzinfo=None), "UTC")

    def value(self, component: Component, name: str) -> At | None:
        """Return a date or time property."""
        values = values_of(component, name)
        if not values:
            return None
        return self.at(values[0].dt, values[0].params.get("TZID") if values[0].params else None)

    def span(self, component: Component, default: At | None = None) -> tuple[At, At]:
        """Return start and end; all-day ones take a day at least, timed ones never end before they start."""
        start = self.value(component, "DTSTART") or default
        if start is None:
            raise Rejected("An event needs a start.", code="noStart")
        end = self.value(component, "DTEND")
        if end is None:
            end = self._by_duration(component, start)
        if start.is_date:
            first, last = start.value, end.value if end.is_date else start.value
            return start, At(max(last, first + _DAY))
        if end.is_date or end.instant < start.instant:
            end = start
        return start, end

    def _by_duration(self, component: Component, start: At) -> At:
        durations = values_of(component, "DURATION")
        length: timedelta = durations[0].dt if durations else timedelta()
        if not isinstance(start.value, datetime):
            return At(start.value + timedelta(days=length.days + (1 if length.seconds else 0)))
        date_part = str(getattr(durations[0], "raw", "")).upper().partition("T")[0] if durations else ""
        # Days and weeks of a DURATION are nominal, the rest is exact (RFC 5545 §3.3.6).
        days = length.days if len(date_part.lstrip("+")) > 1 else 0
        rest = length - timedelta(days=days)
        noon = At(start.value + timedelta(days=days), start.zone)
        return at_instant(noon.instant + rest, start.zone) if rest else noon

    def content(self, component: Component) -> Content:
        """Return what is said about an event."""
        status = (text_of(component, "STATUS") or "").upper()
        busy = busy_of(component)
        if status != "CANCELLED":
            status = "TENTATIVE" if status == "TENTATIVE" or busy is Busy.TENTATIVE else ""
        return Content(
            summary=one_line(text_of(component, "SUMMARY") or ""),
            description=fitted(text_of(component, "DESCRIPTION") or "", self._link),
            location=one_line(text_of(component, "LOCATION") or ""),
            status=status,
            is_free=busy is Busy.FREE and status != "CANCELLED",
            guests=_guests(component) if self._guests else (),
            alarms=minutes_before(component) if self._alarms else (),
        )

    def key(self, at: At, start: At) -> Key:
        """Return the name of an instance in the value type of the series."""
        if start.is_date:
            return at.value.date() if isinstance(at.value, datetime) else at.value
        if at.is_date and isinstance(start.value, datetime):
            return At(datetime.combine(at.value, start.value.time()), start.zone).instant
        return at.instant

    def dates(self, component: Component, name: str) -> Iterable[tuple[At, At | None]]:
        """Yield every value of RDATE or EXDATE, with its own end where it is a period."""
        for entry in values_of(component, name):
            tzid = entry.params.get("TZID") if entry.params else None
            for item in entry.dts:
                if not isinstance(item.dt, tuple):
                    yield self.at(item.dt, tzid), None
                    continue
                first = self.at(item.dt[0], tzid)
                last: Any = item.dt[1]
                if isinstance(last, timedelta):
                    yield first, at_instant(first.instant + max(last, timedelta()), first.zone)
                else:
                    yield first, self.at(last, tzid)

    def rules(self, component: Component, name: str) -> list[Rule]:
        """Return the rules of a component."""
        return [read_rule(recur, property_name=name) for recur in values_of(component, name)]


def zone_name(zone: ZoneInfo) -> str:
    """Return the IANA name; the many names of UTC are one."""
    return (
        "UTC"
        if zone.key in {"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal"}
        else zone.key
    )


def _is_beyond(obj: ParsedObject, reader: Reader) -> bool:
    """Return whether Google cannot repeat like this and dates must be listed."""
    master = obj.master
    if master is None:
        return True
    rules = reader.rules(master, "RRULE")
    recurs = bool(rules) or bool(values_of(master, "RDATE"))
    if not recurs:
        return bool(obj.overrides) or bool(values_of(master, "EXDATE"))
    if any(not is_supported(rule) for rule in [*rules, *reader.rules(master, "EXRULE")]):
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


def _series(reader: Reader, master: Component) -> Flat:
    from plugins.google.materialise import materialise

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


def key_of_instant(instant: datetime, zone: ZoneInfo, *, is_date: bool) -> Key:
    """Return the name of the instance that the domain's engine calls by its instant."""
    return to_wall_clock(instant, zone).date() if is_date else instant


def _guests(component: Component) -> tuple[Guest, ...]:
    found: dict[str, Guest] = {}
    for value in values_of(component, "ATTENDEE"):
        address = str(value).strip()
        if not address.lower().startswith("mailto:") or "@" not in address:
            continue
        address = address[7:].lower()
        params = value.params or {}
        status = str(params.get("PARTSTAT", "NEEDS-ACTION")).upper()
        found[address] = Guest(
            address=address,
            name=one_line(str(params.get("CN", ""))),
            status=status if status in _STATUSES else "NEEDS-ACTION",
        )
    return tuple(found[address] for address in sorted(found))


def _stamp(obj: ParsedObject) -> str:
    for component in obj.components:
        for value in values_of(component, "DTSTAMP"):
            moment = None if isinstance(value, vBroken) else getattr(value, "dt", None)
            if isinstance(moment, datetime) and moment.tzinfo is not None:
                return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return "19700101T000000Z"
