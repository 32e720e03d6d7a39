"""VAVAILABILITY (RFC 7953): reading and checking it, and the busy time that it means.

A VAVAILABILITY makes its whole span busy and gives free what its AVAILABLE parts cover; of several, the one
of higher priority decides. Recurring AVAILABLEs are expanded as events are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from icalendar.cal.component import Component

from gateway.domain.content_lines import fold
from gateway.domain.date_bounds import FIRST, LAST
from gateway.domain.errors import InvalidCalendarObject, TooManyInstances
from gateway.domain.freebusy import Period
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.ical_reader import read, text_of, values_of
from gateway.domain.line_tree import LineComponent, read_tree
from gateway.domain.model import Busy, Window
from gateway.domain.recurrence import expand
from gateway.domain.timezone import resolve_tzid, to_instant

NAME = "VAVAILABILITY"
MAX_PARTS = 500  # AVAILABLEs of one object
_TYPES = {"BUSY": Busy.BUSY, "BUSY-TENTATIVE": Busy.TENTATIVE}
_LOWEST = 10  # PRIORITY 0 and none rank below 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """One VAVAILABILITY as it was understood.

    Attributes:
        rank: 1 is the highest priority, 10 the lowest.
        busy: what the time is outside of the available parts.
        span: ``[start, end)``; all of time where an end is missing.
        available: each part as an event, with its overrides.
    """

    rank: int
    busy: Busy
    span: Window
    available: tuple[ParsedObject, ...]

    def meets(self, window: Window) -> bool:
        """Return whether its span meets a time range (RFC 7953 §7.2.2)."""
        return self.span.start < window.end and self.span.end > window.start


@dataclass(frozen=True, slots=True)
class _Bytes:
    ical: bytes = field(repr=False)


def read_property(data: bytes, *, zone: tzinfo) -> tuple[Availability, ...]:
    """Return what a VCALENDAR with VAVAILABILITY components and nothing else says (RFC 7953 §7.2.4).

    Raises:
        InvalidInput: it is not that.
    """
    calendar = read(data)
    kinds = {str(part.name) for part in calendar.subcomponents} - {"VTIMEZONE"}
    if kinds != {NAME}:
        raise InvalidCalendarObject(f"it holds {NAME} components and time zones only")
    return availabilities(data, zone=zone)


def availabilities(data: bytes, *, zone: tzinfo) -> tuple[Availability, ...]:
    """Return every VAVAILABILITY of calendar data that the reader has accepted.

    Raises:
        InvalidCalendarObject: a part of one is no availability; the message says which rule is broken.
    """
    calendar, tree = read(data), read_tree(_Bytes(data))
    zones = [child for child in tree.children if child.name == "VTIMEZONE"]
    meant = {str(text_of(part, "TZID")): part for part in calendar.subcomponents if part.name == "VTIMEZONE"}
    found = []
    components = [part for part in calendar.subcomponents if part.name == NAME]
    trees = [child for child in tree.children if child.name == NAME]
    for component, lines in zip(components, trees, strict=True):
        found.append(
            Availability(
                rank=_rank(lines),
                busy=_TYPES.get(lines.word("BUSYTYPE"), Busy.UNAVAILABLE),
                span=_span(component, meant, zone),
                available=tuple(_parts(lines, zones)),
            )
        )
    return tuple(found)


def busy_periods(found: Iterable[Availability], window: Window, *, zone: tzinfo, limit: int) -> list[Period]:
    """Return the time that is busy by availability alone, clipped to ``window``, without overlaps.

    Args:
        found: in any order; of equal ranks the later one decides.
        window: what is asked for.
        zone: for times without one.
        limit: most instances of available parts.

    Raises:
        TooManyInstances: there are more.
    """
    periods: list[Period] = []
    for each in sorted(found, key=lambda one: -one.rank):
        start, end = max(each.span.start, window.start), min(each.span.end, window.end)
        if start >= end:
            continue
        free: list[tuple[datetime, datetime]] = []
        for part in each.available:
            found_in = expand(part, zone=zone, window=Window(start=start, end=end), limit=limit)
            free += [(one.start, one.end) for one in found_in.occurrences]
            if len(free) > limit:
                raise TooManyInstances("The time range holds too many instances; ask for a shorter one.")
        below = [piece for period in periods for piece in _without(period, [(start, end)])]
        periods = below + list(_without((start, end, each.busy), sorted(free)))
    return sorted(periods)


def _without(period: Period, holes: Sequence[tuple[datetime, datetime]]) -> Iterator[Period]:
    """Yield what is left of a period; ``holes`` are sorted by start."""
    start, end, busy = period
    for hole_start, hole_end in holes:
        if hole_end <= start or hole_start >= end:
            continue
        if hole_start > start:
            yield start, hole_start, busy
        start = max(start, hole_end)
    if start < end:
        yield start, end, busy


def _rank(lines: LineComponent) -> int:
    word = lines.word("PRIORITY")
    return int(word) if word.isdecimal() and 1 <= int(word) <= 9 else _LOWEST


def _span(component: Component, meant: dict[str, Component], zone: tzinfo) -> Window:
    start = _instant(component, "DTSTART", meant, zone)
    end = _instant(component, "DTEND", meant, zone)
    for duration in values_of(component, "DURATION"):
        if start is None or end is not None:
            raise InvalidCalendarObject("it needs DTSTART and excludes DTEND", property_name="DURATION")
        end = start + duration.dt
    if start is not None and end is not None and end <= start:
        raise InvalidCalendarObject("an availability ends after it starts", property_name="DTEND")
    return Window(start=max(start or FIRST, FIRST), end=min(end or LAST, LAST))


def _instant(component: Component, name: str, meant: dict[str, Component], zone: tzinfo) -> datetime | None:
    values = values_of(component, name)
    if not values:
        return None
    value = values[0]
    moment = getattr(value, "dt", None)
    if not isinstance(moment, datetime):
        # RFC 7953 §3.1: a date alone, or anything else, is no end of an availability.
        raise InvalidCalendarObject("an availability is bounded by times, not dates", property_name=name)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    tzid = value.params.get("TZID") if value.params else None
    return to_instant(moment, (resolve_tzid(str(tzid), meant) if tzid else None) or zone)


def _parts(lines: LineComponent, zones: Sequence[LineComponent]) -> Iterator[ParsedObject]:
    """Yield the AVAILABLE parts as events, a part with its overrides as one."""
    by_uid: dict[str, list[LineComponent]] = {}
    for child in lines.children:
        if child.name == "AVAILABLE":
            by_uid.setdefault(child.first("UID") or "", []).append(child)
    if len(by_uid) > MAX_PARTS:
        raise InvalidCalendarObject(f"an availability has at most {MAX_PARTS} AVAILABLE components")
    for same in by_uid.values():
        body = [b"BEGIN:VCALENDAR\r\n"]
        for zone in zones:
            body += _lines(zone, zone.name)
        for one in same:
            body += _lines(one, "VEVENT")
        body.append(b"END:VCALENDAR\r\n")
        data = b"".join(body)
        yield parse_object(data, max_bytes=len(data))


def _lines(tree: LineComponent, name: str) -> Iterator[bytes]:
    yield fold(f"BEGIN:{name}")
    for own, line in tree.lines:
        if own not in {"TRANSP", "STATUS"} or name != "VEVENT":
            yield fold(line)
    for child in tree.children:
        yield from _lines(child, child.name)
    yield fold(f"END:{name}")
