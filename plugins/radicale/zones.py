"""Time zones in properties and queries (RFC 4791 §5.2.2 and §9.8, RFC 7809 §5.2): by VTIMEZONE or by name."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import PRODID, write
from gateway.domain.errors import GatewayError, InvalidCalendarData
from gateway.domain.ical_reader import read, text_of
from gateway.domain.model import Calendar, Window
from gateway.domain.timezone import VTimezone, known_zone, vtimezone_lines
from gateway.services import Transaction, calendar_properties
from plugins.radicale.names import caldav, element, text
from plugins.radicale.problems import Problem
from plugins.radicale.view import View

ZONE, ZONE_ID = caldav("calendar-timezone"), caldav("calendar-timezone-id")
BAD_DATA, BAD_ID = "<C:valid-calendar-data/>", "<C:valid-timezone/>"


def by_id(name: str) -> ZoneInfo:
    """Return the zone of a name.

    Raises:
        Problem: 403 valid-timezone.
    """
    found = known_zone(name.strip())
    if found is None:
        raise Problem(403, "This time zone is not known here; use an IANA name.", BAD_ID)
    return found


def by_vtimezone(value: str) -> tzinfo:
    """Return the zone of a VCALENDAR with one VTIMEZONE; one that is known by name is the known one.

    Raises:
        Problem: 403 valid-calendar-data.
    """
    try:
        calendar = read(value.replace("\r\n", "\n").replace("\n", "\r\n").encode())
    except InvalidCalendarData as error:
        raise Problem(403, f"The time zone is not iCalendar: {error}", BAD_DATA) from None
    zones = [part for part in calendar.subcomponents if part.name == "VTIMEZONE"]
    tzid = text_of(zones[0], "TZID") if len(zones) == 1 == len(calendar.subcomponents) else None
    if not tzid:
        raise Problem(403, "A time zone is a VCALENDAR with one VTIMEZONE and nothing else.", BAD_DATA)
    known = known_zone(tzid) or known_zone(text_of(zones[0], "X-LIC-LOCATION") or "")
    if known is not None:
        return known
    try:
        return VTimezone(tzid, zones[0])
    except GatewayError:
        raise Problem(403, "The VTIMEZONE has no rules and an unknown name.", BAD_DATA) from None


def named(node: ET.Element) -> ZoneInfo:
    """Return the zone that one of the two properties is set to; its rules alone do not make a zone.

    Raises:
        Problem: 403 with the precondition of the property.
    """
    if node.tag == ZONE_ID:
        return by_id(node.text or "")
    found = by_vtimezone(node.text or "")
    if not isinstance(found, ZoneInfo):
        raise Problem(403, "The TZID is not known here; use an IANA name.", BAD_DATA)
    return found


def vtimezone_text(zone: str, calendar: Calendar) -> str:
    """Return a zone as a VCALENDAR with one VTIMEZONE, right for the index horizon, as character data."""
    index = calendar.index
    span = Window(start=datetime(max(1, index.start.year - 1), 1, 1, tzinfo=UTC), end=index.end)
    lines = vtimezone_lines(zone, ZoneInfo(zone), span)
    whole = write(["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODID}", *lines, "END:VCALENDAR"])
    return text(whole.decode())


def kept(zone: ZoneInfo, calendar: Calendar) -> dict[str, str]:
    """Return the two properties as a person keeps them."""
    return {
        ZONE: element(ZONE, vtimezone_text(zone.key, calendar)),
        ZONE_ID: element(ZONE_ID, text(zone.key)),
    }


def of_person(own: Mapping[str, str]) -> ZoneInfo | None:
    """Return the zone that a person has set, from what she keeps on the calendar."""
    value = own.get(ZONE_ID)
    return known_zone(value.partition(">")[2].partition("<")[0]) if value is not None else None


def of_query(root: ET.Element, view: View, tx: Transaction) -> tzinfo:
    """Return the zone in which a report reads times without one: its own, the person's, the calendar's.

    Raises:
        Problem: 403 where the report names one that is none.
    """
    by_name, by_text = root.findtext(caldav("timezone-id")), root.findtext(caldav("timezone"))
    if by_name:
        return by_id(by_name)
    if by_text:
        return by_vtimezone(by_text)
    calendars = ZoneInfo(view.entry.resource.zone)
    if not any(True for name in ("time-range", "expand") for _ in root.iter(caldav(name))):
        return calendars  # it asks for no time
    calendar_id = view.entry.calendar_id
    own = calendar_properties.of_person(tx, [calendar_id], view.principal).get(calendar_id, {})
    return of_person(own) or calendars
