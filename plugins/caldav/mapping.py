"""``project``, and the form in which objects of a server are compared. Pure.

A CalDAV server keeps iCalendar, so nothing is translated: people and what is not for this calendar are left
out, times get their zones, lines one spelling.
"""

from __future__ import annotations

import hashlib

from gateway.domain.content_lines import PRODID, escape_text
from gateway.domain.errors import InvalidInput
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.line_edit import drop, events, put, to_bytes, tree_of
from gateway.domain.line_tree import LineComponent
from gateway.providers.contract import Presentation, Reminders
from gateway.providers.errors import Rejected
from plugins.caldav.lines import ordered, recurrence, tzid
from plugins.caldav.zones import anchored, with_zones

MAX_BYTES = 10 * 1024 * 1024
_PEOPLE = ("ATTENDEE", "ORGANIZER", "REQUEST-STATUS", "SCHEDULE-AGENT")
_STAMPS = frozenset({"DTSTAMP", "CREATED", "LAST-MODIFIED", "PRODID"})
_NO_STAMP = "DTSTAMP:19700101T000000Z"


def project(ical: bytes, presentation: Presentation) -> bytes:
    """Return what would survive the round trip; see ``Provider.project``.

    Raises:
        Rejected: no event, or not readable.
    """
    try:
        parsed = parse_object(ical, max_bytes=MAX_BYTES)
    except InvalidInput as error:
        raise Rejected(f"This object cannot be read: {error}", code="unreadable") from None
    if parsed.component != "VEVENT":
        raise Rejected(
            "Only events are copied to CalDAV calendars; tasks and notes stay here.", code="notAnEvent"
        )
    tree = tree_of(ical)
    mixed = [component for component in events(tree) if _is_mixed(component)]
    for component in events(tree):
        _ours(component, presentation)
    copy = to_bytes(arranged(tree))
    if mixed and not _is_readable(copy):
        # A floating end beside a start in a zone may lie before it: then it takes no time, here and there.
        for component in mixed:
            drop(component, ("DTEND",))
        copy = to_bytes(arranged(tree))
    return copy


def _is_mixed(component: LineComponent) -> bool:
    start, end = component.first("DTSTART") or "", component.first("DTEND") or ""
    return bool(end) and bool(tzid(start) or start.endswith("Z")) and not (tzid(end) or end.endswith("Z"))


def _is_readable(ical: bytes) -> bool:
    try:
        readable(ical)
    except InvalidInput:
        return False
    return True


def _ours(component: LineComponent, presentation: Presentation) -> None:
    component.lines = [(name, line) for name, line in component.lines if not name.startswith("X-")]
    drop(component, ("REQUEST-STATUS",) if presentation.guests else _PEOPLE)
    anchored(component, presentation.zone)
    if presentation.reminders is not Reminders.KEEP:
        component.children = []
    if component.first("DTSTAMP") is None:
        put(component, "DTSTAMP", _NO_STAMP)
    if presentation.back_link and component.first("URL") is None:
        put(component, "URL", f"URL:{presentation.back_link}")


def arranged(tree: LineComponent) -> LineComponent:
    """Return a calendar in the form in which two are compared: the master first, zones of its own."""
    found = sorted((ordered(one) for one in events(tree)), key=recurrence)
    zones = [child for child in tree.children if child.name == "VTIMEZONE"]
    head = [("VERSION", "VERSION:2.0"), ("PRODID", f"PRODID:{PRODID}")]
    head += [(name, line) for name, line in tree.lines if name == "X-WR-TIMEZONE"]
    calendar = LineComponent("VCALENDAR", head, [*zones, *found])
    with_zones(calendar)
    return calendar


def with_lines(ical: bytes, lines: dict[str, str]) -> bytes:
    """Return an object whose components carry these properties; a value is TEXT."""
    tree = tree_of(ical)
    for component in events(tree):
        for name, value in lines.items():
            put(component, name, f"{name}:{escape_text(value)}")
    return to_bytes(tree)


def readable(ical: bytes) -> ParsedObject:
    """Return what a server gave.

    Raises:
        InvalidInput: it is no calendar object; the line is named.
    """
    return parse_object(ical, max_bytes=MAX_BYTES)


def version_of(ical: bytes) -> str:
    """Return a digest of everything that can be edited: servers change stamps and ETags by themselves."""
    tree = arranged(tree_of(ical))
    for component in [tree, *events(tree)]:
        component.lines = [pair for pair in component.lines if pair[0] not in _STAMPS]
    return hashlib.sha256(to_bytes(tree)).hexdigest()[:32]
