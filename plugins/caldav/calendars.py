"""Calendars of an account: the collections of its homes; made, painted and removed where they are ours."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import PRODID, write
from gateway.domain.model import Window
from gateway.domain.timezone import known_zone, vtimezone_lines
from gateway.providers.addresses import target_of
from gateway.providers.contract import Access, CalendarLook, RemoteCalendar
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    Forbidden,
    NotFound,
    ProviderError,
    Rejected,
)
from plugins.caldav import xml
from plugins.caldav.client import DavClient
from plugins.caldav.hrefs import collection_path, is_plain, resolved
from plugins.caldav.multistatus import DAV, Member, members
from plugins.caldav.quirks.colors import color_here, color_there
from plugins.caldav.reading import CALENDAR, Reader

OURS = "calgate-"
_ALL = f"{DAV}all"
_WRITES = frozenset({f"{DAV}write", f"{DAV}write-content", f"{DAV}bind"})
_TZID = re.compile(r"^TZID(?:;[^:\r\n]*)?:([^\r\n]+)", re.MULTILINE)
_SPAN = Window(start=datetime(1990, 1, 1, tzinfo=UTC), end=datetime(2050, 1, 1, tzinfo=UTC))


async def list_calendars(client: DavClient, homes: tuple[str, ...]) -> list[RemoteCalendar]:
    """Return the calendars of all homes that take events."""
    found: dict[str, RemoteCalendar] = {}
    for home in homes:
        reply = await client.ask("PROPFIND", home, xml.calendar(), depth=1)
        for member in members(reply.tree):
            url = resolved(reply.url, member.href)
            path = collection_path(url) if url is not None else ""
            if is_plain(path) and CALENDAR in member.names(f"{DAV}resourcetype") and _takes_events(member):
                found[path] = _calendar(client, path, member)
    return list(found.values())


async def get_calendar(client: DavClient, calendar_id: str) -> RemoteCalendar:
    """Return one calendar.

    Raises:
        CalendarMissing: gone, or out of reach.
    """
    return _calendar(client, calendar_id, await Reader(client, calendar_id).properties())


async def create_calendar(client: DavClient, home: str, look: CalendarLook) -> RemoteCalendar:
    """Make a calendar under a name of our own; what it looks like never makes it fail."""
    path = f"{collection_path(home)}{OURS}{uuid.uuid4().hex}/"
    name = look.name or "Calgate"
    zone = _timezone(look.zone)
    color = color_there(look.color)
    try:
        await client.mkcalendar(path, xml.mkcalendar(xml.look(name, look.description, zone, color)))
    except (Rejected, BadAnswer, Forbidden):
        # Some servers refuse the whole request for one property that they do not keep.
        await client.mkcalendar(path, xml.mkcalendar(xml.look(name, None, None, None)))
        for prop in (xml.look(None, None, zone, None), xml.look(None, None, None, color)):
            try:
                await client.proppatch(path, xml.proppatch(prop))
            except ProviderError:
                continue
    made = await get_calendar(client, path)
    return RemoteCalendar(
        id=path,
        place=_place(client, path),
        name=name,
        access=Access.OWN,
        zone=made.zone or look.zone,
        color=made.color,
        is_deletable=True,
    )


async def change_calendar(client: DavClient, calendar_id: str, look: CalendarLook) -> RemoteCalendar:
    """Change what is not None; a colour or zone that the server does not keep is no failure."""
    reader = Reader(client, calendar_id)
    await reader.properties()
    if look.name is not None or look.description is not None:
        await _patch(client, calendar_id, look.name, look.description)
    for prop, value in (
        (xml.look(None, None, _timezone(look.zone), None), look.zone),
        (xml.look(None, None, None, color_there(look.color)), look.color),
    ):
        if value is not None:
            try:
                await client.proppatch(calendar_id, xml.proppatch(prop))
            except (Rejected, Forbidden):
                continue
    return _calendar(client, calendar_id, await reader.properties())


async def delete_calendar(client: DavClient, calendar_id: str) -> None:
    """Delete a calendar of ours; it goes with everything in it. Trap: never one that we did not make."""
    try:
        Reader(client, calendar_id)
    except CalendarMissing:
        return
    if not calendar_id.rstrip("/").rpartition("/")[2].startswith(OURS):
        raise Forbidden("Only calendars that were made here can be deleted there.", code="notOurs")
    try:
        await client.delete(calendar_id, {"Schedule-Reply": "F"})
    except NotFound:
        return


async def _patch(client: DavClient, path: str, name: str | None, description: str | None) -> None:
    reply = await client.proppatch(path, xml.proppatch(xml.look(name, description, None, None)))
    if reply.tree is None:
        return
    for propstat in reply.tree.iter(f"{DAV}propstat"):
        status = propstat.findtext(f"{DAV}status") or ""
        if " 2" not in status:
            raise Forbidden("The server does not let us rename this calendar.", code=status[:40])


def _takes_events(member: Member) -> bool:
    element = member.properties.get(f"{xml.CALENDAR}supported-calendar-component-set")
    names = {str(each.get("name", "")).upper() for each in element} if element is not None else set()
    return not names or "VEVENT" in names


def _access(member: Member) -> Access:
    if f"{DAV}current-user-privilege-set" not in member.properties:
        return Access.WRITE
    names = member.names(f"{DAV}current-user-privilege-set")
    if _ALL in names:
        return Access.OWN
    if names & _WRITES:
        return Access.WRITE
    return Access.READ if f"{DAV}read" in names else Access.FREEBUSY


def _calendar(client: DavClient, path: str, member: Member) -> RemoteCalendar:
    access = _access(member)
    ours = path.rstrip("/").rpartition("/")[2].startswith(OURS)
    found = _TZID.search(member.raw(f"{xml.CALENDAR}calendar-timezone") or "")
    zone = known_zone(found[1]) if found else None
    return RemoteCalendar(
        id=path,
        place=_place(client, path),
        name=member.text(f"{DAV}displayname") or path.rstrip("/").rpartition("/")[2] or path,
        access=access,
        zone=zone.key if zone else None,
        color=color_here(member.text(f"{xml.APPLE}calendar-color")),
        is_deletable=ours and access >= Access.WRITE,
    )


def _place(client: DavClient, path: str) -> str:
    """Return the address of a calendar; whoever else reaches it there has the same."""
    return target_of(client.home).origin + unquote(path)


def _timezone(name: str | None) -> str | None:
    """Return a zone as the property wants it (RFC 4791 §5.2.2)."""
    zone: ZoneInfo | None = known_zone(name) if name else None
    if zone is None:
        return None
    lines = vtimezone_lines(zone.key, zone, _SPAN)
    return write(["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODID}", *lines, "END:VCALENDAR"]).decode()
