"""Calendars of an account. Trap: title and zone belong to *calendars*, colour to *calendarList* (§3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.providers.contract import Access, CalendarLook, RemoteCalendar
from gateway.providers.errors import BadAnswer, CalendarMissing, Forbidden, NotFound, ProviderError
from plugins.google.client import GoogleClient, segment
from plugins.google.items import valid
from plugins.google.quirks.colors import ink_for, rgb

_ACCESS = {
    "freeBusyReader": Access.FREEBUSY,
    "reader": Access.READ,
    # May write, but not see or touch private events: not a target.
    "writerWithoutPrivateAccess": Access.READ,
    "writer": Access.WRITE,
    "owner": Access.OWN,
}
_SECONDARY = "@group.calendar.google.com"
_ROOM = "@resource.calendar.google.com"


async def list_calendars(client: GoogleClient) -> list[RemoteCalendar]:
    """Return the account's calendar list, hidden ones included; pages may overlap."""
    found: dict[str, RemoteCalendar] = {}
    query = {"maxResults": "250", "showHidden": "true"}
    async for page in client.pages("users/me/calendarList", query):
        for entry in valid(page.get("items", [])):
            if entry.get("deleted") is not True:
                calendar = _calendar(entry)
                found[calendar.id] = calendar
    return list(found.values())


async def get_calendar(client: GoogleClient, calendar_id: str) -> RemoteCalendar:
    """Return one calendar under whatever scopes there are.

    Raises:
        CalendarMissing: gone, or out of reach.
    """
    try:
        return _calendar(await client.call("GET", f"users/me/calendarList/{segment(calendar_id)}"))
    except (NotFound, Forbidden) as error:
        if calendar_id == "primary":
            # Trap: ``primary`` is an alias; only the real id is ever stored (§3).
            raise Forbidden(
                "Name the calendar by its id; the account's calendars may not be listed."
            ) from error
    try:
        # A calendar that is shared but not in the list, or scopes for events only: its list tells enough.
        head = await client.call("GET", client.events(calendar_id), query={"maxResults": "1"})
    except NotFound as error:
        raise CalendarMissing(code=error.code) from None
    return _calendar({**head, "id": calendar_id})


async def create_calendar(client: GoogleClient, look: CalendarLook) -> RemoteCalendar:
    """Create a secondary calendar; the id counts, so a colour that fails does not fail it.

    Trap: under ``calendar.app.created`` a lost id cannot be found again (§2): store it at once. Trap: about
        60
    new calendars close an account for hours (§10): never create to repair.
    """
    body = {"summary": look.name or "Calgate"}
    body |= {"timeZone": look.zone} if look.zone else {}
    body |= {"description": look.description} if look.description else {}
    made = await client.call("POST", "calendars", json=body)
    if not valid([made]):
        raise BadAnswer("Google created a calendar without naming it.", maybe_applied=True)
    entry: Mapping[str, Any] = {**made, "accessRole": "owner"}
    if look.color:
        try:
            entry = await _paint(client, str(made["id"]), look.color)
        except ProviderError:
            return _calendar(entry)
    return _calendar({**made, **entry})


async def change_calendar(client: GoogleClient, calendar_id: str, look: CalendarLook) -> RemoteCalendar:
    """Change what is not None."""
    fields = {"summary": look.name, "timeZone": look.zone, "description": look.description}
    body = {name: value for name, value in fields.items() if value is not None}
    try:
        if body:
            await client.call("PATCH", f"calendars/{segment(calendar_id)}", json=body)
        if look.color:
            await _paint(client, calendar_id, look.color)
    except NotFound as error:
        raise CalendarMissing(code=error.code) from None
    return await get_calendar(client, calendar_id)


async def delete_calendar(client: GoogleClient, calendar_id: str) -> None:
    """Delete a secondary calendar for everybody. Trap: never one that we did not create (§3)."""
    if not calendar_id.endswith(_SECONDARY):
        raise Forbidden("Only calendars that were made here can be deleted at Google.", code="notSecondary")
    try:
        await client.call("DELETE", f"calendars/{segment(calendar_id)}")
    except NotFound:
        return


async def _paint(client: GoogleClient, calendar_id: str, color: str) -> Mapping[str, Any]:
    """Set the colour. Trap: both colours, and only with ``colorRgbFormat=true`` (§3)."""
    if rgb(color) is None:
        return {}
    return await client.call(
        "PATCH",
        f"users/me/calendarList/{segment(calendar_id)}",
        query={"colorRgbFormat": "true"},
        json={"backgroundColor": color.lower(), "foregroundColor": ink_for(color)},
    )


def _calendar(entry: Mapping[str, Any]) -> RemoteCalendar:
    name = entry.get("id")
    if not isinstance(name, str) or not name:
        raise BadAnswer("Google answered with a calendar without an id.")

    def text(field: str) -> str | None:
        value = entry.get(field)
        return value if isinstance(value, str) and value else None

    access = _ACCESS.get(str(entry.get("accessRole")), Access.FREEBUSY)
    is_primary = entry.get("primary") is True
    return RemoteCalendar(
        id=name,
        place=name,
        name=text("summaryOverride") or text("summary") or name,
        access=access,
        zone=text("timeZone"),
        color=text("backgroundColor"),
        is_primary=is_primary,
        is_resource=name.endswith(_ROOM),
        is_deletable=access is Access.OWN and not is_primary and name.endswith(_SECONDARY),
    )
