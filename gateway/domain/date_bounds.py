"""The first and the last instant that a calendar holds (RFC 4791 §5.2.6-7), and the check of an object.

They leave two days on each side of what a computer's calendar can hold, so that no zone leads out of it. What
was stored without this check (imports, provider copies) is read as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from icalendar.cal.component import Component
from icalendar.prop import vBroken

from gateway.domain.errors import TooEarly, TooLate
from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import values_of
from gateway.domain.timezone import to_instant

FIRST = datetime(1, 1, 3, tzinfo=UTC)
LAST = datetime(9999, 12, 29, tzinfo=UTC)
# The properties that place a component in time. CREATED, DTSTAMP and their like say when somebody wrote it
# (Google writes year 0 there), and place nothing.
_PLACES = ("DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "RDATE", "EXDATE", "TRIGGER")


def check(parsed: ParsedObject) -> None:
    """Refuse an object that lies before ``FIRST`` or behind ``LAST``, in part or as a whole.

    Of a series every date that is written counts, and the end of each written start. An endless rule is
    welcome: it just ends with the calendar.

    Raises:
        TooEarly: with line and property.
        TooLate: with line and property.
    """
    for component in parsed.components:
        for name, line, instant in _instants(component, parsed):
            if instant is None or instant > LAST:
                raise TooLate(f"no date may lie after {LAST:%Y-%m-%d}", line=line, property_name=name)
            if instant < FIRST:
                raise TooEarly(
                    f"no date may lie before {FIRST.date().isoformat()}", line=line, property_name=name
                )


def _instants(
    component: Component, parsed: ParsedObject
) -> Iterator[tuple[str, int | None, datetime | None]]:
    """Yield each date with its property and line, None for one behind all calendars."""
    for name in _PLACES:
        for value in values_of(component, name):
            if isinstance(value, vBroken):  # of an alarm; it places nothing
                continue
            zone = parsed.zones.get((value.params or {}).get("TZID", ""), UTC)
            line = getattr(value, "line", None) or getattr(component, "line", None)
            for moment in _moments(value):
                for instant in _ends(moment, zone):
                    yield name, line, instant
    for value in values_of(component, "DURATION"):
        for start in values_of(component, "DTSTART"):
            zone = parsed.zones.get((start.params or {}).get("TZID", ""), UTC)
            line = getattr(value, "line", None)
            yield "DURATION", line, _after(_instant(start.dt, zone), value.dt)
    for child in component.subcomponents:
        yield from _instants(child, parsed)


def _moments(value: Any) -> list[Any]:  # Any: icalendar's value types
    entries = getattr(value, "dts", None)
    found = [value.dt] if entries is None else [entry.dt for entry in entries]
    return [one for one in found if isinstance(one, date | tuple)]


def _ends(moment: Any, zone: tzinfo) -> Iterator[datetime | None]:  # Any: as above
    """Yield the instant of a date, or both of a period."""
    if not isinstance(moment, tuple):
        yield _instant(moment, zone)
        return
    start, end = _instant(moment[0], zone), moment[1]
    yield start
    yield _after(start, end) if isinstance(end, timedelta) else _instant(end, zone)


def _instant(moment: date, zone: tzinfo) -> datetime:
    """Return a date or time as an instant; what has no zone is taken as it stands."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time.min, UTC)
    return moment.astimezone(UTC) if moment.tzinfo is not None else to_instant(moment, zone)


def _after(start: datetime, duration: Any) -> datetime | None:  # Any: as above
    try:
        return start + duration if isinstance(duration, timedelta) else start
    except OverflowError:
        return None
