"""Reading one object whole: an event, a series with exceptions and deletions, an expanded series."""

from __future__ import annotations

from typing import Any

from gateway.providers.errors import BadAnswer, NotFound
from plugins.graph.client import GraphClient
from plugins.graph.instances import read_instances
from plugins.graph.items import group_of, read_group_id, remote_of_parts, valid
from plugins.graph.quirks.markers import EXPAND, filter_of, read_marker
from plugins.graph.reading import Event, Odd, Remote, cancelled_day, zone_of_series

# Trap: both lists come only with $select, and then everything else must be named too (§7).
_FIELDS = (
    "id,type,subject,body,start,end,isAllDay,originalStartTimeZone,originalEndTimeZone,recurrence,showAs,"
    "sensitivity,categories,location,attendees,isOrganizer,isCancelled,responseStatus,transactionId,iCalUId,"
    "seriesMasterId,lastModifiedDateTime,createdDateTime,onlineMeeting,isOnlineMeeting,"
    "cancelledOccurrences,exceptionOccurrences"
)
_WHOLE = {"$select": _FIELDS, "$expand": f"exceptionOccurrences,{EXPAND}"}
MAX_PARTS = 2000


async def read_object(client: GraphClient, calendar_id: str, remote_id: str) -> Remote | None:
    """Return an object as it is now; None where it is not there.

    Raises:
        Odd: a series of which not everything can be told.
    """
    group = read_group_id(remote_id)
    if group is not None:
        return remote_of_parts(await read_parts(client, calendar_id, remote_id, group[1]))
    event = await client.get(calendar_id, remote_id)
    if event is None:
        return None
    if not valid([event]):
        raise BadAnswer("Microsoft answered with an event without an id.")
    return await whole(client, calendar_id, event)


async def whole(client: GraphClient, calendar_id: str, event: Event) -> Remote | None:
    """Return what belongs to an event that was read with its marker; None where it has gone meanwhile."""
    if event.get("type") != "seriesMaster":
        return Remote(event=event, marker=read_marker(event))
    try:
        master = await client.call("GET", client.event(calendar_id, str(event["id"])), query=_WHOLE)
    except NotFound:
        return None
    exceptions, cancelled = master.get("exceptionOccurrences", []), master.get("cancelledOccurrences", [])
    if not isinstance(exceptions, list) or not isinstance(cancelled, list):
        raise BadAnswer("Microsoft did not tell the exceptions of a series.")
    marker = read_marker(master)
    is_unnamed = master.get("isAllDay") is not True and not zone_of_series(master, marker)
    return Remote(
        event=master,
        marker=marker,
        exceptions=tuple(valid(exceptions)),
        cancelled=tuple(_days(cancelled)),
        instances=await read_instances(client, calendar_id, master) if is_unnamed else None,
    )


def _days(names: list[Any]) -> list[str]:
    try:
        return sorted({cancelled_day(name) for name in names})
    except Odd as error:
        raise BadAnswer(f"Microsoft's series cannot be read: {error}.") from None


async def read_parts(
    client: GraphClient, calendar_id: str, group: str, uid_hash: str
) -> list[dict[str, Any]]:
    """Return the single events of an expanded series."""
    return [event for event in await marked(client, calendar_id, uid_hash) if group_of(event) == group]


async def marked(client: GraphClient, calendar_id: str, uid_hash: str) -> list[dict[str, Any]]:
    """Return the events that carry the marker of an object, in whatever shape."""
    query = {"$filter": filter_of(uid_hash), "$expand": EXPAND, "$top": "250"}
    found: dict[str, dict[str, Any]] = {}
    async for page in client.pages(client.events(calendar_id), query):
        found |= {event["id"]: event for event in valid(page["value"])}
        if len(found) > MAX_PARTS:
            raise BadAnswer("Microsoft lists far more events under one marker than there can be.")
    return list(found.values())
