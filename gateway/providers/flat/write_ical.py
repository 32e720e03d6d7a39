"""``Flat`` to iCalendar bytes: always the same bytes for the same value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import PRODID, escape_text, quote_parameter, write
from gateway.domain.model import Window
from gateway.domain.timezone import vtimezone_lines
from gateway.providers.flat.model import At, Content, Flat, Key, Override, at_instant

_AHEAD = timedelta(days=366 * 12)


def to_ical(flat: Flat) -> bytes:
    """Return the object as one VCALENDAR with the zones it uses."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODID}"]
    for zone in sorted(_zones(flat)):
        lines += vtimezone_lines(zone, ZoneInfo(zone), _reach(flat))
    lines += _event(flat, flat.start, flat.end, flat.content, recurrence_lines(flat))
    for exception in flat.exceptions:
        name = property_line("RECURRENCE-ID", _named(flat, exception.key))
        lines += _event(flat, exception.start, exception.end, exception.content, [name])
    lines.append("END:VCALENDAR")
    return write(lines)


def _zones(flat: Flat) -> set[str]:
    spans: list[Flat | Override] = [flat, *flat.exceptions]
    names = {at.zone for each in spans for at in (each.start, each.end)}
    return names - {"", "UTC"}


def _reach(flat: Flat) -> Window:
    starts = [flat.start.instant, *(each.start.instant for each in flat.exceptions)]
    first = min(starts)
    last = max(starts) + _AHEAD if flat.recurs and max(starts).year < 9000 else max(starts)
    return Window(start=first, end=last)


def _named(flat: Flat, key: Key) -> At:
    """Return the key in the form in which the series is written."""
    return at_instant(key, flat.start.zone) if isinstance(key, datetime) else At(key)


def _event(flat: Flat, start: At, end: At, content: Content, extra: list[str]) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{escape_text(flat.uid)}"
    yield f"DTSTAMP:{flat.stamp}"
    yield property_line("DTSTART", start)
    yield property_line("DTEND", end)
    yield from extra
    for name, text in (
        ("SUMMARY", content.summary),
        ("DESCRIPTION", content.description),
        ("LOCATION", content.location),
    ):
        if text:
            yield f"{name}:{escape_text(text)}"
    if flat.visibility:
        yield f"CLASS:{flat.visibility}"
    if content.status:
        yield f"STATUS:{content.status}"
    if content.is_free:
        yield "TRANSP:TRANSPARENT"
    if content.away:
        yield f"X-MICROSOFT-CDO-BUSYSTATUS:{content.away}"
    if content.categories:
        yield "CATEGORIES:" + ",".join(map(escape_text, content.categories))
    for guest in content.guests:
        name = f";CN={quote_parameter(guest.name)}" if guest.name else ""
        yield f"ATTENDEE{name};PARTSTAT={guest.status}:mailto:{guest.address}"
    for method, minutes in content.alarms:
        yield from _alarm(method, minutes, content)
    yield "END:VEVENT"


def _alarm(method: str, minutes: int, content: Content) -> Iterator[str]:
    text = escape_text(content.summary) or "-"
    yield "BEGIN:VALARM"
    yield f"ACTION:{'EMAIL' if method == 'email' else 'DISPLAY'}"
    yield f"TRIGGER:-PT{minutes}M"
    yield f"DESCRIPTION:{text}"
    if method == "email":
        yield f"SUMMARY:{text}"
    yield "END:VALARM"


def recurrence_lines(flat: Flat) -> list[str]:
    """Return rules and dates of a series as content lines, in its zone."""
    lines = [f"RRULE:{rule}" for rule in flat.rules] + [f"EXRULE:{rule}" for rule in flat.exrules]
    # One value a line: ical.js reads only the first value of a list.
    lines += [property_line("RDATE", _named(flat, key)) for key in flat.rdates]
    lines += [property_line("EXDATE", _named(flat, key)) for key in flat.exdates]
    return lines


def property_line(name: str, at: At) -> str:
    """Return a property that holds one date or time."""
    if not isinstance(at.value, datetime):
        return f"{name};VALUE=DATE:{_compact(at)}"
    if at.zone == "UTC":
        return f"{name}:{_compact(at)}Z"
    return f"{name};TZID={quote_parameter(at.zone)}:{_compact(at)}"


def _compact(at: At) -> str:
    # isoformat fills up years before 1000, strftime does not.
    return at.value.isoformat().partition(".")[0].replace("-", "").replace(":", "")
