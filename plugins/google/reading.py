"""Google's JSON to calendar objects. Pure; believes nothing about types.

The JSON is first written as iCalendar and then takes the same way as our own objects (``flatten``), so that
both sides are compared in one spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import escape_text, quote_parameter, write
from gateway.domain.errors import InvalidInput
from gateway.domain.ical import parse_object
from gateway.domain.timezone import known_zone
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Flat, Key, at_instant
from gateway.providers.flat.object_reader import zone_name
from gateway.providers.flat.write_ical import property_line
from plugins.google.flatten import flatten
from plugins.google.quirks.markers import Marker, read_marker
from plugins.google.quirks.texts import one_line, to_plain, without_link

Event = Mapping[str, Any]
MAX_BYTES = 1024 * 1024
MAX_OVERRIDES = 4000
_NAMES = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)[;:]", re.IGNORECASE)
_PARTSTAT = {"accepted": "ACCEPTED", "declined": "DECLINED", "tentative": "TENTATIVE"}
_UTC = ZoneInfo("UTC")


class Odd(ValueError):
    """The event cannot be understood; the text says why, without its content."""


class Untakeable(Odd):
    """The event is understood, and cannot be kept here; the text says why, without its content."""


# What our own objects are told when they go out is no reason for somebody else's event.
_WHY = {
    "noOccurrence": "it takes place at no time",
    "ruleBeyondGoogle": "its rule is one that Google does not document, and makes too many dates to list",
    "mixedDates": "its list of dates mixes days and times",
}


def text(event: Event, name: str) -> str:
    """Return a text field; empty where absent.

    Raises:
        Odd: it is something else.
    """
    value = event.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Odd(f"the field {name} has the wrong type")
    return value


def objects(event: Event, name: str) -> list[Event]:
    """Return a list of objects; empty where absent; entries of other types are left out."""
    value = event.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def member(event: Event, name: str) -> Event:
    """Return an object; empty where absent or of another type."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def marker_of_event(event: Event) -> Marker:
    """Return what our private properties say."""
    return read_marker(member(member(event, "extendedProperties"), "private"))


def moment(value: Event, where: str, *, recurs: bool = False) -> At:
    """Read an EventDateTime.

    Raises:
        Odd: neither date nor time, both, no zone, or an unknown zone where one matters.
    """
    day, time = value.get("date"), value.get("dateTime")
    if (day is None) == (time is None):
        raise Odd(f"{where} has neither a date nor a time, or both")
    try:
        if day is not None:
            return At(date.fromisoformat(day))
        when = datetime.fromisoformat(str(time).upper()).replace(microsecond=0)
    except (TypeError, ValueError):
        raise Odd(f"{where} cannot be read") from None
    name = value.get("timeZone")
    zone = known_zone(name) if isinstance(name, str) else None
    if zone is None and name is not None and (recurs or when.tzinfo is None):
        # Never read as UTC (behaviours.md 22): the series would move with the seasons.
        raise Odd(f"{where} names a time zone that nobody knows")
    if when.tzinfo is None:
        if zone is None:
            raise Odd(f"{where} has neither an offset nor a zone")
        return At(when, zone_name(zone)).settled()
    try:
        # Trap: answers are rendered in the calendar's zone: the instant counts, not the text (§4).
        return at_instant(when.astimezone(UTC), zone_name(zone) if zone else "UTC")
    except OverflowError:
        raise Odd(f"{where} cannot be read") from None


def key_of(exception: Event) -> Key:
    """Return which instance an exception names: the one stable key of it (§4)."""
    return moment(member(exception, "originalStartTime"), "originalStartTime").key


def to_flat(
    master: Event,
    exceptions: Sequence[Event],
    *,
    uid: str,
    alone: bool = False,
) -> Flat:
    """Return an event, or a series with its exceptions, in our spelling.

    Trap: all-day events are dates without a zone (§11): they stay dates, and whoever asks for instants takes
    the zone of the calendar.

    Args:
        master: the event.
        exceptions: its exceptions, cancelled ones included.
        uid: UID to give it; the event's own where empty.
        alone: an exception whose series is not there: read it as a single event.

    Raises:
        Odd: it cannot be understood.
    """
    uid = uid or text(master, "iCalUID") or text(master, "id")
    recurs = not alone and bool(master.get("recurrence"))
    start = moment(member(master, "start"), "start", recurs=recurs)
    end = moment(member(master, "end"), "end", recurs=recurs)
    if end.instant < start.instant or end.is_date != start.is_date:
        raise Odd("the event ends before it starts")
    link = marker_of_event(master).link
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Google//EN"]
    rules = _recurrence(master) if recurs else []
    cancelled: list[str] = []
    overrides: list[str] = []
    if len(exceptions) > MAX_OVERRIDES:
        raise Odd(f"the series has more than {MAX_OVERRIDES} exceptions")
    for exception in exceptions if recurs else ():
        name = moment(member(exception, "originalStartTime"), "originalStartTime")
        if text(exception, "status") == "cancelled":
            # Trap: of a cancelled exception only id, series and original start are sure (§4).
            cancelled.append(property_line("EXDATE", name))
            continue
        first = moment(member(exception, "start"), "start")
        last = moment(member(exception, "end"), "end")
        overrides += _lines(exception, uid, first, last, link, [property_line("RECURRENCE-ID", name)])
    lines += _lines(master, uid, start, end, link, rules + cancelled)
    lines += [*overrides, "END:VCALENDAR"]
    data = write(lines)
    if len(data) > MAX_BYTES:
        raise Odd(f"it is larger than {MAX_BYTES} bytes")
    try:
        obj = parse_object(data, max_bytes=MAX_BYTES)
        return flatten(obj, zone=_UTC, guests=True, alarms=False)
    except Rejected as error:
        raise Untakeable(_WHY.get(error.code or "", str(error))) from None
    except InvalidInput as error:
        raise Odd(str(error)) from None


def _lines(event: Event, uid: str, start: At, end: At, link: str, extra: Sequence[str]) -> list[str]:
    marker = marker_of_event(event)
    lines = ["BEGIN:VEVENT", f"UID:{escape_text(uid)}", f"DTSTAMP:{_stamp(event)}"]
    lines += [property_line("DTSTART", start), property_line("DTEND", end), *extra]
    description = without_link(to_plain(text(event, "description")), link)
    for name, value in (
        ("SUMMARY", one_line(text(event, "summary"))),
        ("DESCRIPTION", description),
        ("LOCATION", one_line(text(event, "location"))),
    ):
        if value:
            lines.append(f"{name}:{escape_text(value)}")
    visibility = event.get("visibility")
    if visibility not in {None, "default", "public"}:
        # An unknown word counts as private: nothing may become visible by a mistake.
        lines.append(f"CLASS:{'CONFIDENTIAL' if visibility == 'confidential' else 'PRIVATE'}")
    is_free = event.get("transparency") == "transparent"
    if marker.status == "CANCELLED" and is_free:
        lines.append("STATUS:CANCELLED")
    else:
        lines += ["STATUS:TENTATIVE"] if event.get("status") == "tentative" else []
        lines += ["TRANSP:TRANSPARENT"] if is_free else []
    lines += _attendees(event)
    lines.append("END:VEVENT")
    return lines


def _attendees(event: Event) -> list[str]:
    lines = []
    for person in objects(event, "attendees"):
        address, name = person.get("email"), person.get("displayName")
        if not isinstance(address, str) or "@" not in address or not address.isprintable():
            continue
        common = f";CN={quote_parameter(one_line(name))}" if isinstance(name, str) and name.strip() else ""
        status = _PARTSTAT.get(str(person.get("responseStatus")), "NEEDS-ACTION")
        lines.append(f"ATTENDEE{common};PARTSTAT={status}:mailto:{address}")
    return lines


def _recurrence(master: Event) -> list[str]:
    value = master.get("recurrence")
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise Odd("the recurrence has the wrong type")
    for line in value:
        if not _NAMES.match(line) or not line.isprintable():
            raise Odd("the recurrence holds a line that is no rule and no date")
    return list(value)


def _stamp(event: Event) -> str:
    value = event.get("updated")
    try:
        when = datetime.fromisoformat(value.upper()) if isinstance(value, str) else None
        if when is None or when.tzinfo is None:
            return "19700101T000000Z"
        return f"{when.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    except (ValueError, OverflowError):
        return "19700101T000000Z"
