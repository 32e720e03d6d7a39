"""Events as answers show them: rendered in the preferred zone, without extended properties unless asked."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gateway.lab.microsoft import html, times, zones
from gateway.lab.microsoft.prefer import Wish

if TYPE_CHECKING:
    from gateway.lab.microsoft.model import Calendar, Item, Version
    from gateway.lab.microsoft.world import Microsoft

_PLAIN = (
    "subject",
    "importance",
    "sensitivity",
    "isAllDay",
    "categories",
    "reminderMinutesBeforeStart",
    "isReminderOn",
    "responseRequested",
    "allowNewTimeProposals",
    "hideAttendees",
    "showAs",
    "location",
    "locations",
    "isOnlineMeeting",
    "onlineMeetingProvider",
)


def etag(version: Version) -> str:
    """Return the etag of an item's version."""
    return f'W/"{version.change_key}"'


def event_id(microsoft: Microsoft, item: Item, day: str, *, immutable: bool) -> str:
    """Return an event's id in the form that a call prefers."""
    return microsoft.ids.item(item.key, item.generation, immutable=immutable, day=day)


def link(microsoft: Microsoft, item: Item) -> str:
    """Return the address of an event's page at the simulator."""
    code = microsoft.ids.item(item.key, item.generation, immutable=True)
    return f"{microsoft.lab.base_url}/lab/microsoft/event?itemid={quote(code, safe='')}"


def uid(item: Item, day: str) -> str:
    """Return iCalUId; it differs per occurrence (M)."""
    digest = hashlib.sha256(f"{item.key} {day}".encode()).hexdigest().upper()
    middle = day.replace("-", "") if day else "00000000"
    return f"040000008200E00074C5B7101A82E008{middle}{digest[:48]}"


def _zone_name(microsoft: Microsoft, stored: dict[str, str]) -> str:
    name = stored["name"]
    return zones.windows_name(name) if microsoft.lab.settings.windows_zone_names else name


def kind_of(body: dict[str, Any], day: str) -> str:
    """Return singleInstance, seriesMaster, occurrence or exception."""
    if day:
        return str(body["type"])
    return "seriesMaster" if body.get("recurrence") else "singleInstance"


SKETCHED = frozenset(
    {*_PLAIN, "start", "end", "type", "lastModifiedDateTime", "singleValueExtendedProperties"}
)


def sketch(version: Version, body: dict[str, Any], day: str) -> dict[str, Any]:
    """Return what filters and orders mostly look at, in UTC: cheaper than the whole event."""
    all_day = bool(body["isAllDay"])
    return {
        **{name: body[name] for name in _PLAIN},
        "start": times.rendered(body["start"], UTC, "UTC", all_day=all_day),
        "end": times.rendered(body["end"], UTC, "UTC", all_day=all_day),
        "type": kind_of(body, day),
        "lastModifiedDateTime": times.stamp(datetime.fromtimestamp(version.at_s, UTC)),
        "singleValueExtendedProperties": body.get("singleValueExtendedProperties") or [],
    }


def stub(
    microsoft: Microsoft, item: Item, version: Version, body: dict[str, Any], day: str, wish: Wish
) -> dict[str, Any]:
    """Return an occurrence as a delta shows it."""
    all_day = bool(body["isAllDay"])
    return {
        "@odata.type": "#microsoft.graph.event",
        "@odata.etag": etag(version),
        "id": event_id(microsoft, item, day, immutable=wish.immutable),
        "seriesMasterId": event_id(microsoft, item, "", immutable=wish.immutable),
        "type": kind_of(body, day),
        "start": times.rendered(body["start"], wish.zone, wish.zone_name, all_day=all_day),
        "end": times.rendered(body["end"], wish.zone, wish.zone_name, all_day=all_day),
    }


def shown(
    microsoft: Microsoft,
    calendar: Calendar,
    item: Item,
    version: Version,
    body: dict[str, Any],
    day: str,
    wish: Wish,
) -> dict[str, Any]:
    """Return a whole event; extended properties are left in for ``odata`` to show or drop."""
    all_day = bool(body["isAllDay"])
    owner = microsoft.state.mailboxes[calendar.owner]
    organizer = {"emailAddress": {"name": owner.name, "address": owner.email}}
    foreign = body.get("organizer")
    content = html.as_text(body["body"]) if wish.text else body["body"]
    result: dict[str, Any] = {
        "@odata.etag": etag(version),
        "id": event_id(microsoft, item, day, immutable=wish.immutable),
        "createdDateTime": times.stamp(datetime.fromtimestamp(item.created_at_s, UTC)),
        "lastModifiedDateTime": times.stamp(datetime.fromtimestamp(version.at_s, UTC)),
        "changeKey": version.change_key,
        "originalStartTimeZone": _zone_name(microsoft, body["start"]),
        "originalEndTimeZone": _zone_name(microsoft, body["end"]),
        "iCalUId": uid(item, day),
        "bodyPreview": html.preview(body["body"]),
        "body": {"contentType": "text" if wish.text else "html", "content": content},
        "hasAttachments": False,
        "isCancelled": False,
        "isDraft": False,
        "isOrganizer": foreign is None,
        "organizer": foreign or organizer,
        "onlineMeeting": None,
        "onlineMeetingUrl": None,
        "type": kind_of(body, day),
        "seriesMasterId": event_id(microsoft, item, "", immutable=wish.immutable) if day else None,
        "webLink": link(microsoft, item),
        "responseStatus": {
            "response": "organizer" if foreign is None else "notResponded",
            "time": "0001-01-01T00:00:00Z",
        },
        "attendees": body["attendees"],
        "start": times.rendered(body["start"], wish.zone, wish.zone_name, all_day=all_day),
        "end": times.rendered(body["end"], wish.zone, wish.zone_name, all_day=all_day),
        "recurrence": _recurrence(microsoft, body) if not day else None,
        "transactionId": body.get("transactionId"),
    }
    result |= {name: body[name] for name in _PLAIN}
    if day:
        result["originalStart"] = body["originalStart"]
    for name in ("singleValueExtendedProperties", "multiValueExtendedProperties"):
        if body.get(name):
            result[name] = body[name]
    return result


def _recurrence(microsoft: Microsoft, body: dict[str, Any]) -> dict[str, Any] | None:
    recurrence = body.get("recurrence")
    if not recurrence:
        return None
    span = dict(recurrence["range"])
    if microsoft.lab.settings.windows_zone_names:
        span["recurrenceTimeZone"] = zones.windows_name(span["recurrenceTimeZone"])
    return {"pattern": recurrence["pattern"], "range": span}


def removed(microsoft: Microsoft, item: Item, day: str, wish: Wish) -> dict[str, Any]:
    """Return what a delta says of something that is gone, or outside its window."""
    return {
        "@odata.type": "#microsoft.graph.event",
        "id": event_id(microsoft, item, day, immutable=wish.immutable),
        "@removed": {"reason": "deleted"},
    }
