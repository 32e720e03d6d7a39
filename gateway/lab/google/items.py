"""Events as answers show them: rendered in a zone, for one reader, as a stub when deleted."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway.lab.google import times
from gateway.lab.google.model import RANK

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.model import Calendar, Record, Version
    from gateway.lab.google.world import Google

_TIMES = ("start", "end", "originalStartTime")
_VEILED = (
    "kind",
    "etag",
    "id",
    "status",
    "start",
    "end",
    "recurringEventId",
    "originalStartTime",
    "iCalUID",
    "transparency",
    "eventType",
    "recurrence",
)


def stub(body: dict[str, Any], view: ZoneInfo, *, exception: bool) -> dict[str, Any]:
    """Return what is left of a deleted event in a list."""
    item = {"kind": "calendar#event", "id": body["id"], "status": "cancelled", "etag": body["etag"]}
    if exception and "recurringEventId" in body:
        item["recurringEventId"] = body["recurringEventId"]
        item["originalStartTime"] = times.rendered(body["originalStartTime"], view)
    return item


def shown(
    google: Google, call: Call, calendar: Calendar, version: Version, record: Record | None, view: ZoneInfo
) -> dict[str, Any]:
    """Return a whole event for the caller."""
    body = version.body
    item = {"kind": "calendar#event", **body}
    for name in _TIMES:
        if name in body:
            item[name] = times.rendered(body[name], view)
    account = call.account or ""
    if record is not None and account in record.reminders:
        item["reminders"] = record.reminders[account]
    else:
        item["reminders"] = {"useDefault": True}
    item["htmlLink"] = link(google, calendar, body["id"])
    if body.get("creator", {}).get("email") != account:
        item.pop("source", None)
    else:
        item["creator"] = {**body["creator"], "self": True}
    _attendees(item, call)
    private = body.get("visibility") in {"private", "confidential"}
    hidden = private and RANK[google.role(account, calendar)] < RANK["writer"]
    if hidden or google.veiled(call, calendar):
        item = {name: value for name, value in item.items() if name in _VEILED}
        item["visibility"] = "private"
    return item


def _attendees(item: dict[str, Any], call: Call) -> None:
    attendees = item.get("attendees")
    if attendees is None:
        return
    marked = [
        person | ({"self": True} if person.get("email") == call.account else {}) for person in attendees
    ]
    cap = int(call.one("maxAttendees", "0"))
    if cap and len(marked) > cap:
        item["attendeesOmitted"] = True
        marked = [person for person in marked if person.get("self")][:1]
    item["attendees"] = marked


def link(google: Google, calendar: Calendar, event_id: str) -> str:
    """Return the address of an event's page at the simulator."""
    code = base64.urlsafe_b64encode(f"{event_id} {calendar.id}".encode()).decode().rstrip("=")
    return f"{google.lab.base_url}/lab/google/event?eid={code}"
