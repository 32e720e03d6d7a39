"""Text to calendar objects: what a calendar object resource must be (RFC 4791 §4.1, RFC 5545 §3.6).

The only place that turns iCalendar bytes into meaning. Bytes are never rewritten here: an accepted object
keeps exactly what was sent. Recurrence is computed by ``recurrence``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from icalendar.cal.component import Component
from icalendar.prop import vBroken

from gateway.domain.errors import InvalidCalendarData, InvalidCalendarObject, TooLarge, UnsupportedComponent
from gateway.domain.ical_import import ImportEntry, ImportFile, split_import
from gateway.domain.ical_reader import read, text_of, values_of
from gateway.domain.model import Classification
from gateway.domain.rrule import Frequency, read_rule
from gateway.domain.timezone import known_zone, resolve_tzid, to_instant

__all__ = [
    "ImportEntry",
    "ImportFile",
    "ParsedObject",
    "parse_entry",
    "parse_object",
    "shared_object",
    "split_import",
]

SUPPORTED_COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL", "VAVAILABILITY")
MAX_OVERRIDES = 5000
MAX_RULES = 100
_KEPT_BYTES = 8192
_END_NAMES = {"VEVENT": "DTEND", "VTODO": "DUE"}
_SINGLE = ("DTSTART", "DTEND", "DUE", "DURATION", "RECURRENCE-ID", "UID")
_CLASSES = {"PUBLIC": Classification.PUBLIC, "CONFIDENTIAL": Classification.CONFIDENTIAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedObject:
    """A calendar object as it was understood.

    Times inside ``components`` are naive wall clocks with their TZID parameter, or aware UTC; ``zones`` says
    what each TZID means in this object.

    Attributes:
        component: VEVENT, VTODO, VJOURNAL or VAVAILABILITY.
        components: every component with the UID, the master first.
        master: the component without RECURRENCE-ID; None where there are only overrides.
        overrides: the components with RECURRENCE-ID, in the order of the file.
        timezones: the VTIMEZONE components.
        classification: the strictest CLASS of all components; unknown values count as PRIVATE.
        zone_problems: TZIDs that nobody knows; their times are read in the zone of the resource.
        categories: CATEGORIES of all components, as written.
        kind_property: value of X-CALGATE-KIND, or None.
        ical: the bytes, exactly as given.
        zones: the meaning of each TZID used; unknown ones are absent.
        floating_zone: zone of floating times and dates where the VCALENDAR has an X-WR-TIMEZONE.
    """

    uid: str
    component: str
    components: tuple[Component, ...]
    master: Component | None
    overrides: tuple[Component, ...]
    timezones: tuple[Component, ...]
    classification: Classification
    zone_problems: tuple[str, ...]
    categories: frozenset[str]
    kind_property: str | None
    ical: bytes = field(repr=False)
    zones: Mapping[str, tzinfo] = field(default_factory=dict, repr=False)
    floating_zone: tzinfo | None = None


def parse_object(data: bytes, *, max_bytes: int) -> ParsedObject:
    """Read and check one calendar object, as a PUT must (RFC 4791 §4.1, §5.3.2.1).

    Raises:
        TooLarge: more than ``max_bytes``; nothing was parsed.
        InvalidCalendarData: not iCalendar; line and property are named where there are any.
        InvalidCalendarObject: iCalendar, but not one calendar object.
        UnsupportedComponent: a kind of component that is not kept here.
        TooManyInstances: a rule that repeats every second.
    """
    if len(data) > max_bytes:
        raise TooLarge(len(data), max_bytes)
    return object_of(read(data), data)


def shared_object(data: bytes) -> ParsedObject:
    """Return an object of ours that several steps read shortly after each other; nobody may change it.

    A copy on its way to a provider is hashed, compared and translated: parsed once where it is small.

    Raises:
        InvalidInput: as ``parse_object``, size apart.
    """
    return _kept(data) if len(data) <= _KEPT_BYTES else parse_object(data, max_bytes=len(data))


@lru_cache(maxsize=128)
def _kept(data: bytes) -> ParsedObject:
    return parse_object(data, max_bytes=_KEPT_BYTES)


def parse_entry(entry: ImportEntry, *, max_bytes: int) -> ParsedObject:
    """Read one object of an import file; errors name the line of the file, not of the object.

    Raises:
        InvalidInput: as ``parse_object``, and with the reason of an entry that was refused already.
    """
    if entry.data is None:
        raise InvalidCalendarData(entry.reason)
    try:
        return parse_object(entry.data, max_bytes=max_bytes)
    except InvalidCalendarData as error:
        line = entry.file_line(error.line)
        raise type(error)(error.reason, line=line, property_name=error.property_name) from None


def unknown_zone_told(obj: ParsedObject) -> str | None:
    """Return why the times of an object cannot be told, or None: a guess may block the wrong hour."""
    if not obj.zone_problems:
        return None
    name = "".join(char for char in obj.zone_problems[0] if char.isprintable())[:80]
    return f"it is in the time zone {name}, which nobody knows and it does not define"


def object_of(calendar: Component, data: bytes) -> ParsedObject:
    """Check one VCALENDAR that was read already; see ``parse_object``."""
    if values_of(calendar, "METHOD"):
        raise InvalidCalendarObject(
            "a stored object has no METHOD; remove it, or use `calgate import`", property_name="METHOD"
        )
    timezones = tuple(sub for sub in calendar.subcomponents if sub.name == "VTIMEZONE")
    components = [sub for sub in calendar.subcomponents if sub.name != "VTIMEZONE"]
    uid, kind = _identity(components)
    zones, problems = _zones(components, timezones)
    wr_name = text_of(calendar, "X-WR-TIMEZONE")
    master, overrides = _master_and_overrides(components, zones)
    for component in components:
        _check_component(component, zones)
    kinds = [text for text in (text_of(c, "X-CALGATE-KIND") for c in components) if text]
    return ParsedObject(
        uid=uid,
        component=kind,
        components=(master, *overrides) if master is not None else overrides,
        master=master,
        overrides=overrides,
        timezones=timezones,
        classification=max(_classification(c) for c in components),
        zone_problems=problems,
        categories=frozenset(
            str(name)
            for c in components
            for value in values_of(c, "CATEGORIES")
            for name in _categories(value)
        ),
        kind_property=kinds[0] if kinds else None,
        ical=data,
        zones=MappingProxyType(zones),
        floating_zone=known_zone(wr_name) if wr_name else None,
    )


def _categories(value: Any) -> Sequence[Any]:
    return () if isinstance(value, vBroken) else getattr(value, "cats", ())


def _classification(component: Component) -> Classification:
    text = text_of(component, "CLASS")
    return Classification.PUBLIC if text is None else _CLASSES.get(text.upper(), Classification.PRIVATE)


def _identity(components: Sequence[Component]) -> tuple[str, str]:
    """Return the one UID and the one kind of component."""
    if not components:
        raise InvalidCalendarObject("there is nothing in it but time zones; it needs an event, task or note")
    kinds = {str(c.name) for c in components}
    for kind in sorted(kinds):
        if kind not in SUPPORTED_COMPONENTS:
            raise UnsupportedComponent(kind[:40], SUPPORTED_COMPONENTS)
    if len(kinds) > 1:
        raise InvalidCalendarObject(f"{' and '.join(sorted(kinds))} cannot share one object; send them apart")
    uids: list[str] = []
    for component in components:
        uid = text_of(component, "UID")
        if uid is None:
            raise InvalidCalendarObject(
                "every component needs a UID", line=_line(component), property_name="UID"
            )
        if uids and uid != uids[0]:
            raise InvalidCalendarObject(
                "one object holds one UID; send other UIDs as objects of their own",
                line=_line(component),
                property_name="UID",
            )
        uids.append(uid)
    return uids[0], kinds.pop()


def _line(component: Component, name: str | None = None) -> int | None:
    """Return the line of a property of the component, or of its BEGIN."""
    values = values_of(component, name) if name else []
    line = getattr(values[0], "line", None) if values else None
    return line or getattr(component, "line", None)


def _zones(
    components: Sequence[Component], timezones: Sequence[Component]
) -> tuple[dict[str, tzinfo], tuple[str, ...]]:
    """Return the meaning of every TZID used, and those without one."""
    by_tzid: dict[str, Component] = {}
    for timezone in timezones:
        tzid = text_of(timezone, "TZID")
        if tzid is not None:
            by_tzid.setdefault(tzid, timezone)
    zones: dict[str, tzinfo] = {}
    problems: dict[str, None] = {}
    for component in components:
        for name in ("DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "RDATE", "EXDATE"):
            for value in values_of(component, name):
                tzid = value.params.get("TZID") if value.params else None
                if not isinstance(tzid, str) or tzid in zones or tzid in problems:
                    continue
                zone = resolve_tzid(tzid, by_tzid)
                if zone is None:
                    problems[tzid] = None
                else:
                    zones[tzid] = zone
    return zones, tuple(problems)


def _master_and_overrides(
    components: Sequence[Component], zones: Mapping[str, tzinfo]
) -> tuple[Component | None, tuple[Component, ...]]:
    master: Component | None = None
    overrides: list[Component] = []
    seen: set[tuple[Any, ...]] = set()
    for component in components:
        names = values_of(component, "RECURRENCE-ID")
        if not names:
            if master is not None:
                raise InvalidCalendarObject(
                    "two components with this UID lack a RECURRENCE-ID; one may", line=_line(component)
                )
            master = component
            continue
        key = _recurrence_key(names[0], zones)
        if key in seen:
            raise InvalidCalendarObject(
                "two overrides have the same RECURRENCE-ID; keep one",
                line=_line(component, "RECURRENCE-ID"),
                property_name="RECURRENCE-ID",
            )
        seen.add(key)
        overrides.append(component)
    if len(overrides) > MAX_OVERRIDES:
        raise InvalidCalendarObject(f"there are more than {MAX_OVERRIDES} overrides")
    return master, tuple(overrides)


def _recurrence_key(value: Any, zones: Mapping[str, tzinfo]) -> tuple[Any, ...]:
    moment = value.dt
    is_range = str(value.params.get("RANGE", "")).upper() == "THISANDFUTURE"
    if isinstance(moment, datetime) and moment.tzinfo is None:
        zone = zones.get(value.params.get("TZID", ""))
        if zone is not None:
            moment = to_instant(moment, zone)
    return (moment, is_range) if isinstance(moment, date) else (str(moment), is_range)


# ------------------------------------------------------------------------------------ one component


def _check_component(component: Component, zones: Mapping[str, tzinfo]) -> None:
    for name in _SINGLE:
        if len(values_of(component, name)) > 1:
            raise InvalidCalendarObject("it may stand once", line=_line(component, name), property_name=name)
    for name in ("DTSTART", "DTEND", "DUE", "RECURRENCE-ID"):
        for value in values_of(component, name):
            if not isinstance(getattr(value, "dt", None), date):
                raise InvalidCalendarObject(
                    "it must be a date or a date with time", line=_line(component, name), property_name=name
                )
    for value in values_of(component, "DURATION"):
        if not isinstance(getattr(value, "dt", None), timedelta):
            raise InvalidCalendarObject(
                "it must be a duration", line=_line(component, "DURATION"), property_name="DURATION"
            )
    start = values_of(component, "DTSTART")
    if not start and component.name == "VEVENT":
        raise InvalidCalendarObject("an event needs a start", line=_line(component), property_name="DTSTART")
    _check_end(component, zones)
    _check_lists(component)
    _check_rules(component, start)


def _check_lists(component: Component) -> None:
    for name in ("RDATE", "EXDATE"):
        for entry in values_of(component, name):
            for item in entry.dts:
                if not isinstance(item.dt, (date, tuple)):
                    raise InvalidCalendarObject(
                        "it must hold dates or dates with time",
                        line=_line(component, name),
                        property_name=name,
                    )


def _check_end(component: Component, zones: Mapping[str, tzinfo]) -> None:
    end_name = _END_NAMES.get(str(component.name))
    end = values_of(component, end_name) if end_name else []
    if not end or end_name is None:
        _check_duration(component)
        return
    if values_of(component, "DURATION"):
        raise InvalidCalendarObject(
            f"{end_name} and DURATION exclude each other; keep one",
            line=_line(component, "DURATION"),
            property_name="DURATION",
        )
    start = values_of(component, "DTSTART")
    if not start:
        return
    first, last = start[0].dt, end[0].dt
    if isinstance(first, datetime) != isinstance(last, datetime):
        raise InvalidCalendarObject(
            f"DTSTART and {end_name} must both be dates or both have a time",
            line=_line(component, end_name),
            property_name=end_name,
        )
    if isinstance(first, datetime):
        first, last = _comparable(start[0], zones), _comparable(end[0], zones)
        if (first.tzinfo is None) != (last.tzinfo is None):
            return
    if last < first:
        raise InvalidCalendarObject(
            f"{end_name} lies before DTSTART", line=_line(component, end_name), property_name=end_name
        )


def _comparable(value: Any, zones: Mapping[str, tzinfo]) -> datetime:
    moment: datetime = value.dt
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    zone = zones.get(value.params.get("TZID", ""))
    return to_instant(moment, zone) if zone is not None else moment


def _check_duration(component: Component) -> None:
    for value in values_of(component, "DURATION"):
        if value.dt < timedelta():
            raise InvalidCalendarObject(
                "a duration cannot be negative", line=_line(component, "DURATION"), property_name="DURATION"
            )


def _check_rules(component: Component, start: Sequence[Any]) -> None:
    for name in ("RRULE", "EXRULE"):
        recurs = values_of(component, name)
        if len(recurs) > MAX_RULES:
            raise InvalidCalendarObject(
                f"there are more than {MAX_RULES} rules", line=_line(component, name), property_name=name
            )
        for recur in recurs:
            line = getattr(recur, "line", None) or _line(component)
            try:
                rule = read_rule(recur, property_name=name)
            except InvalidCalendarObject as error:
                raise InvalidCalendarObject(error.reason, line=line, property_name=name) from None
            except (ValueError, TypeError):
                raise InvalidCalendarData("the rule cannot be read", line=line, property_name=name) from None
            all_day = bool(start) and not isinstance(start[0].dt, datetime)
            if all_day and rule.freq >= Frequency.HOURLY:
                raise InvalidCalendarObject(
                    "an all-day component cannot repeat within a day", line=line, property_name=name
                )
