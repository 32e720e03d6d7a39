"""Graph's JSON to calendar objects. Pure; believes nothing about types.

The JSON is first written as iCalendar and then takes the same way as our own objects (``flatten``), so that
both sides are compared in one spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import escape_text, quote_parameter, write
from gateway.domain.errors import InvalidInput
from gateway.domain.ical import parse_object
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Flat, at_instant
from gateway.providers.flat.object_reader import Manner
from gateway.providers.flat.write_ical import property_line
from plugins.graph.flatten import flatten
from plugins.graph.patterns import read_pattern
from plugins.graph.quirks import zones
from plugins.graph.quirks.markers import Marker
from plugins.graph.quirks.texts import one_line, tidy, without_link
from plugins.graph.rule_ends import until_of

Event = Mapping[str, Any]
MAX_BYTES = 1024 * 1024
MAX_OVERRIDES = 4000
THEIRS = Manner(line=one_line, text=tidy, guests=True, has_extras=True)
_FRACTION = re.compile(r"\.\d+")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)$")
_PARTSTAT = {"accepted": "ACCEPTED", "declined": "DECLINED", "tentativelyAccepted": "TENTATIVE"}
_SHOW_AS = {
    "free": ("TRANSP:TRANSPARENT",),
    "tentative": ("STATUS:TENTATIVE",),
    "busy": (),
    "oof": ("X-MICROSOFT-CDO-BUSYSTATUS:OOF",),
    "workingElsewhere": ("TRANSP:TRANSPARENT", "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE"),
    # Trap: what is not known takes time; never free (§10).
    "unknown": (),
}
_UTC = ZoneInfo("UTC")


class Odd(ValueError):
    """The event cannot be understood; the text says why, without its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One object there.

    Attributes:
        event: a single event, or the master of a series.
        marker: of that event.
        exceptions: changed occurrences of the series.
        cancelled: original dates of its deleted occurrences.
        parts: the single events of a series that Outlook cannot hold, each with its marker.
        instances: of a series whose time zone nobody knows, some months of them; None: not asked for.
    """

    event: Event = field(repr=False)
    marker: Marker
    exceptions: Sequence[Event] = field(default=(), repr=False)
    cancelled: Sequence[str] = ()
    parts: Sequence[tuple[Event, Marker]] = field(default=(), repr=False)
    instances: Sequence[Event] | None = field(default=None, repr=False)

    @property
    def recurs(self) -> bool:
        """Return whether it is a series there."""
        return self.event.get("type") == "seriesMaster"


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


def member(event: Event, name: str) -> Event:
    """Return an object; empty where absent or of another type."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def objects(event: Event, name: str) -> list[Event]:
    """Return a list of objects; empty where absent; entries of other types are left out."""
    value = event.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def instant_of(value: object, where: str) -> datetime:
    """Read a date and time with up to seven digits of fractions, in UTC unless it says otherwise.

    Raises:
        Odd: it is none.
    """
    try:
        when = datetime.fromisoformat(_FRACTION.sub("", str(value)).upper())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Odd(f"{where} cannot be read") from None


def edge(event: Event, name: str, zone: str) -> At:
    """Return start or end. Every call asks for UTC; the event's own zone stands beside it (§4, §6).

    Trap: all-day events are midnights in UTC whatever the zone: dates, never shifted (§6).

    Raises:
        Odd: it is missing, or in a zone that was not asked for.
    """
    value = member(event, name)
    if event.get("isAllDay") is True:
        return At(_day(value.get("dateTime"), name))
    if value.get("timeZone") not in {"UTC", None} and zones.zone_of(value.get("timeZone")) != "UTC":
        raise Odd(f"{name} is not in the time zone that was asked for")
    return at_instant(instant_of(value.get("dateTime"), name), zone)


def _day(value: object, where: str) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Odd(f"{where} cannot be read") from None


def to_flat(remote: Remote, *, uid: str) -> Flat:
    """Return an object of Outlook's in our spelling.

    Raises:
        Odd: it cannot be understood.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Microsoft//EN"]
    lines += _of_parts(remote, uid) if remote.parts else _of_event(remote, uid)
    data = write([*lines, "END:VCALENDAR"])
    if len(data) > MAX_BYTES:
        raise Odd(f"it is larger than {MAX_BYTES} bytes")
    try:
        obj = parse_object(data, max_bytes=MAX_BYTES)
        return flatten(obj, zone=_UTC, manner=THEIRS, horizon=None, is_theirs=True)
    except (InvalidInput, Rejected) as error:
        raise Odd(str(error)) from None


def _of_event(remote: Remote, uid: str) -> list[str]:
    event = remote.event
    if not remote.recurs:
        # A zone that nobody knows does not matter here: the instant is told in UTC.
        zone = zones.zone_of(event.get("originalStartTimeZone"), remote.marker.zone) or "UTC"
        start, end = edge(event, "start", zone), edge(event, "end", zone)
        return _lines(event, remote.marker, uid, start, end, [])
    zone, is_all_day = zone_of_series(event, remote.marker), event.get("isAllDay") is True
    if not zone and not is_all_day:
        return _of_instances(remote, uid)
    start, end = edge(event, "start", zone), edge(event, "end", zone)
    extra = [f"RRULE:{_rule(event, start)}"]
    extra += [property_line("EXDATE", _named(day, start)) for day in sorted(set(remote.cancelled))]
    lines = _lines(event, remote.marker, uid, start, end, extra)
    if len(remote.exceptions) > MAX_OVERRIDES:
        raise Odd(f"the series has more than {MAX_OVERRIDES} exceptions")
    for one in remote.exceptions:
        first, last = edge(one, "start", zone or "UTC"), edge(one, "end", zone or "UTC")
        original = instant_of(one.get("originalStart"), "originalStart")
        name = At(original.date()) if is_all_day else at_instant(original, zone)
        lines += _lines(one, remote.marker, uid, first, last, [property_line("RECURRENCE-ID", name)])
    return lines


def zone_of_series(event: Event, marker: Marker) -> str:
    """Return the IANA zone in which a series repeats; empty where nobody knows it."""
    span = member(member(event, "recurrence"), "range")
    named = span.get("recurrenceTimeZone") or event.get("originalStartTimeZone")
    return zones.zone_of(named, marker.zone) or ""


def _of_instances(remote: Remote, uid: str) -> list[str]:
    """Return a series in a zone that nobody knows as a list of instants.

    Its rule is never carried out in UTC (behaviours.md 22): the series would move with the seasons.
    """
    if remote.instances is None:
        raise Odd("the series names a time zone that nobody knows")
    master = remote.event
    rows = [(edge(one, "start", "UTC"), edge(one, "end", "UTC"), one) for one in remote.instances]
    rows.sort(key=lambda row: row[0].instant)
    # With no occurrence in these months only its first one is told, whose instant stands on the master.
    start, end = rows[0][:2] if rows else (edge(master, "start", "UTC"), edge(master, "end", "UTC"))
    names = [property_line("RDATE", first) for first, _, _ in rows[1:]]
    lines = _lines(master, remote.marker, uid, start, end, names)
    for first, last, one in rows:
        if one.get("type") == "exception" or last.instant - first.instant != end.instant - start.instant:
            lines += _lines(one, remote.marker, uid, first, last, [property_line("RECURRENCE-ID", first)])
    return lines


def _of_parts(remote: Remote, uid: str) -> list[str]:
    """Return single events as one list of dates; each keeps its own text."""
    rows = []
    for event, marker in remote.parts:
        zone = zones.zone_of(event.get("originalStartTimeZone"), marker.zone) or "UTC"
        rows.append((edge(event, "start", zone), edge(event, "end", zone), event, marker))
    rows.sort(key=lambda row: row[0].instant)
    start, end, event, marker = rows[0]
    names = [row[0] for row in rows[1:]]
    lines = _lines(event, marker, uid, start, end, [property_line("RDATE", name) for name in names])
    for first, last, one, own in rows[1:]:
        lines += _lines(one, own, uid, first, last, [property_line("RECURRENCE-ID", first)])
    return lines


def _rule(event: Event, start: At) -> str:
    recurrence = member(event, "recurrence")
    pattern, span = read_pattern(member(recurrence, "pattern")), member(recurrence, "range")
    if pattern is None:
        raise Odd("it repeats in a way that nobody knows")
    rrule, kind = pattern.rrule(), span.get("type")
    if kind == "noEnd":
        return rrule
    if kind == "numbered":
        count = span.get("numberOfOccurrences")
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise Odd("its number of occurrences cannot be read")
        return f"{rrule};COUNT={count}"
    if kind != "endDate":
        raise Odd("it ends in a way that nobody knows")
    return f"{rrule};UNTIL={until_of(_day(span.get('endDate'), 'endDate'), start)}"


def cancelled_day(name: object) -> str:
    """Return the original date of a deleted occurrence (``OID.<master>.<date>``).

    Raises:
        Odd: the name does not end in a date.
    """
    found = _DATE.search(name) if isinstance(name, str) else None
    if found is None:
        raise Odd("a deleted occurrence of the series has an unknown name")
    return found[1]


def _named(day: str, start: At) -> At:
    when = _day(day, "a deleted occurrence")
    if not isinstance(start.value, datetime):
        return At(when)
    return At(datetime.combine(when, start.value.time()), start.zone)


def _lines(event: Event, marker: Marker, uid: str, start: At, end: At, extra: Sequence[str]) -> list[str]:
    if end.is_date != start.is_date or end.instant < start.instant:
        raise Odd("the event ends before it starts")
    lines = ["BEGIN:VEVENT", f"UID:{escape_text(uid)}", f"DTSTAMP:{_stamp(event)}"]
    lines += [property_line("DTSTART", start), property_line("DTEND", end), *extra]
    for name, value in (
        ("SUMMARY", one_line(text(event, "subject"))),
        ("DESCRIPTION", without_link(_body(event), marker.link)),
        ("LOCATION", one_line(text(member(event, "location"), "displayName"))),
    ):
        if value:
            lines.append(f"{name}:{escape_text(value)}")
    sensitivity = event.get("sensitivity")
    if sensitivity not in {None, "normal"}:
        # An unknown word counts as private: nothing may become visible by a mistake.
        lines.append(f"CLASS:{'CONFIDENTIAL' if sensitivity == 'confidential' else 'PRIVATE'}")
    lines += _busy(event, marker)
    names = event.get("categories")
    words = [one_line(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    if any(words):
        lines.append("CATEGORIES:" + ",".join(escape_text(word) for word in words if word))
    return [*lines, *_attendees(event), "END:VEVENT"]


def _busy(event: Event, marker: Marker) -> Sequence[str]:
    show_as = event.get("showAs")
    if event.get("isCancelled") is True or (marker.status == "CANCELLED" and show_as == "free"):
        return ("STATUS:CANCELLED",)
    return _SHOW_AS.get(show_as, ()) if isinstance(show_as, str) else ()


def _body(event: Event) -> str:
    body = member(event, "body")
    if body.get("contentType") not in {"text", None}:
        raise Odd("its text is not the plain text that was asked for")
    return text(body, "content")


def _attendees(event: Event) -> list[str]:
    lines = []
    for person in objects(event, "attendees"):
        mail = member(person, "emailAddress")
        address, name = mail.get("address"), mail.get("name")
        if not isinstance(address, str) or "@" not in address or not address.isprintable():
            continue
        common = f";CN={quote_parameter(one_line(name))}" if isinstance(name, str) and name.strip() else ""
        status = _PARTSTAT.get(str(member(person, "status").get("response")), "NEEDS-ACTION")
        lines.append(f"ATTENDEE{common};PARTSTAT={status}:mailto:{address}")
    return lines


def _stamp(event: Event) -> str:
    try:
        return f"{instant_of(event.get('lastModifiedDateTime'), 'lastModifiedDateTime'):%Y%m%dT%H%M%SZ}"
    except Odd:
        return "19700101T000000Z"
