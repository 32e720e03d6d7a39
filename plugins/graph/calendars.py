"""Calendars of a mailbox (§5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.providers.contract import Access, CalendarLook, RemoteCalendar
from gateway.providers.errors import BadAnswer, CalendarMissing, Forbidden, NotFound, VersionConflict
from plugins.graph.client import GraphClient
from plugins.graph.errors import TAKEN_NAME
from plugins.graph.items import valid
from plugins.graph.quirks.colors import nearest_color, shade_of
from plugins.graph.quirks.markers import CALENDAR, EXPAND_CALENDAR, extended
from plugins.graph.quirks.texts import one_line

_TRIES = 20


async def list_calendars(client: GraphClient) -> list[RemoteCalendar]:
    """Return the calendars of the mailbox, shared ones where the permission includes them."""
    found: dict[str, RemoteCalendar] = {}
    query = {"$top": "100", "$expand": EXPAND_CALENDAR}
    async for page in client.pages(f"{client.root}/calendars", query):
        found |= {entry["id"]: _calendar(entry) for entry in valid(page["value"])}
    return list(found.values())


async def get_calendar(client: GraphClient, calendar_id: str) -> RemoteCalendar:
    """Return one calendar; ``primary`` is the default one.

    Raises:
        CalendarMissing: gone, or out of reach.
    """
    return _calendar(await _entry(client, calendar_id))


async def _entry(client: GraphClient, calendar_id: str) -> Mapping[str, Any]:
    path = f"{client.root}/calendar" if calendar_id == "primary" else client.calendar(calendar_id)
    try:
        return await client.call("GET", path, query={"$expand": EXPAND_CALENDAR})
    except NotFound as error:
        raise CalendarMissing(code=error.code) from None


async def create_calendar(client: GraphClient, look: CalendarLook) -> RemoteCalendar:
    """Create a calendar with our marker, which also keeps the zone: calendars there have none.

    Trap: a name is taken once per mailbox (§5). A calendar of that name may be another resource's, so it is
    never taken over; the new one gets a number.
    """
    name, color = look.name or "Calgate", nearest_color(look.color)
    body: dict[str, Any] = {"color": color} if color else {}
    body["singleValueExtendedProperties"] = [_note(look.zone)]
    made = await _named(client, "POST", f"{client.root}/calendars", name, body)
    if not valid([made]):
        raise BadAnswer("Microsoft created a calendar without naming it.", maybe_applied=True)
    return await get_calendar(client, str(made["id"]))


async def change_calendar(client: GraphClient, calendar_id: str, look: CalendarLook) -> RemoteCalendar:
    """Change name, zone or colour; there is no description."""
    color = nearest_color(look.color)
    body: dict[str, Any] = {"color": color} if color else {}
    if look.zone:
        body["singleValueExtendedProperties"] = [_note(look.zone)]
    try:
        if look.name or body:
            await _named(client, "PATCH", client.calendar(calendar_id), look.name, body)
    except NotFound as error:
        raise CalendarMissing(code=error.code) from None
    return await get_calendar(client, calendar_id)


async def _named(
    client: GraphClient, method: str, path: str, name: str | None, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    for number in range(1, _TRIES + 1):
        named = {"name": one_line(name if number == 1 else f"{name} ({number})")} if name else {}
        try:
            return await client.call(method, path, json={**body, **named})
        except VersionConflict as error:
            if error.code != TAKEN_NAME:
                raise
    raise Forbidden(
        "Too many calendars of this name are there already; choose another name.", code=TAKEN_NAME
    )


async def delete_calendar(client: GraphClient, calendar_id: str) -> None:
    """Delete a calendar of our own. Trap: never the default one, and never one that we did not make (§5)."""
    try:
        entry = await _entry(client, calendar_id)
        if CALENDAR.lower() not in extended(entry) or entry.get("isDefaultCalendar") is not False:
            raise Forbidden("Only calendars that were made here can be deleted at Microsoft.", code="notOurs")
        await client.call("DELETE", client.calendar(calendar_id))
    except NotFound:
        return


def _note(zone: str | None) -> dict[str, str]:
    return {"id": CALENDAR, "value": json.dumps({"zone": zone} if zone else {})}


def _zone(entry: Mapping[str, Any]) -> str | None:
    try:
        note = json.loads(extended(entry).get(CALENDAR.lower(), "{}"))
    except (ValueError, RecursionError):
        return None
    zone = note.get("zone") if isinstance(note, dict) else None
    return zone if isinstance(zone, str) else None


def _calendar(entry: Mapping[str, Any]) -> RemoteCalendar:
    name = entry.get("id")
    if not isinstance(name, str) or not name:
        raise BadAnswer("Microsoft answered with a calendar without an id.")
    title = entry.get("name")
    is_mine, can_edit = entry.get("canShare") is True, entry.get("canEdit") is True
    is_default = entry.get("isDefaultCalendar") is True
    return RemoteCalendar(
        id=name,
        name=title if isinstance(title, str) and title else name,
        access=Access.OWN if is_mine and can_edit else Access.WRITE if can_edit else Access.READ,
        zone=_zone(entry),
        color=shade_of(entry.get("color"), entry.get("hexColor")),
        is_primary=is_default,
        is_deletable=is_mine and not is_default and entry.get("isRemovable") is not False,
    )
