"""What Exchange makes of an event that a client sends: checks, read-only fields, defaults, rewritten text."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import html, patterns, times

if TYPE_CHECKING:
    from gateway.lab.microsoft.world import Microsoft

READ_ONLY = frozenset(
    {
        "id",
        "changeKey",
        "createdDateTime",
        "lastModifiedDateTime",
        "bodyPreview",
        "hasAttachments",
        "iCalUId",
        "isCancelled",
        "isDraft",
        "isOrganizer",
        "onlineMeeting",
        "onlineMeetingUrl",
        "organizer",
        "originalEndTimeZone",
        "originalStart",
        "originalStartTimeZone",
        "responseStatus",
        "seriesMasterId",
        "type",
        "webLink",
        "cancelledOccurrences",
        "exceptionOccurrences",
        "instances",
        "calendar",
        "attachments",
        "extensions",
    }
)
FIELDS = frozenset(
    {
        "subject",
        "body",
        "start",
        "end",
        "isAllDay",
        "recurrence",
        "showAs",
        "sensitivity",
        "importance",
        "categories",
        "location",
        "locations",
        "attendees",
        "isReminderOn",
        "reminderMinutesBeforeStart",
        "responseRequested",
        "allowNewTimeProposals",
        "hideAttendees",
        "isOnlineMeeting",
        "onlineMeetingProvider",
        "transactionId",
        "singleValueExtendedProperties",
        "multiValueExtendedProperties",
    }
)
SUBJECT_CAP = 255
_PROPERTY = re.compile(
    r"(String|Integer|Boolean|Double|SystemTime|Binary|Long|Float|Short|CLSID|Currency|ApplicationTime)"
    r" (\{[0-9a-fA-F-]{36}\} (Name .+|Id 0x[0-9a-fA-F]+)|0x[0-9a-fA-F]+)"
)
_GUID = re.compile(r"\{[0-9a-fA-F-]{36}\}")
_DAY = timedelta(days=1)


def _bad(text: str, code: str = "ErrorInvalidRequest") -> Refusal:
    return Refusal(400, code, f"Your request can't be completed. {text}")


def defaults() -> dict[str, Any]:
    """Return the stored form of an event about which nothing was said: the reminder is on."""
    return {
        "subject": "",
        "body": "",
        "isAllDay": False,
        "showAs": "busy",
        "sensitivity": "normal",
        "importance": "normal",
        "categories": [],
        "location": {"displayName": "", "locationType": "default"},
        "locations": [],
        "attendees": [],
        "isReminderOn": True,
        "reminderMinutesBeforeStart": 15,
        "responseRequested": True,
        "allowNewTimeProposals": True,
        "hideAttendees": False,
        "isOnlineMeeting": False,
        "onlineMeetingProvider": "unknown",
    }


def property_id(text: str) -> str:
    """Return an extended property's id as it is stored: the GUID in small letters; raises Refusal 400."""
    if not _PROPERTY.fullmatch(text):
        raise _bad(f"{text[:80]!r} is not the id of an extended property.", "ErrorInvalidProperty")
    return _GUID.sub(lambda match: match[0].lower(), text)


def properties(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return extended properties after a write: named ones are set, null values removed, others stay."""
    kept = {item["id"]: item for item in old}
    for item in new:
        identifier = property_id(item.get("id", ""))
        if item.get("value") is None:
            kept.pop(identifier, None)
        else:
            kept[identifier] = {"id": identifier, "value": item["value"]}
    return list(kept.values())


def written(microsoft: Microsoft, old: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """Return the stored form after a write of some fields; raises Refusal 400.

    Args:
        microsoft: the provider.
        old: the stored form before, or ``defaults``.
        sent: what the client sent, already valid by type.
    """
    new = {name: value for name, value in sent.items() if name in FIELDS}
    body = {**old}
    for name in ("singleValueExtendedProperties", "multiValueExtendedProperties"):
        if name in new:
            body[name] = properties(old.get(name, []), new.pop(name) or [])
    if "body" in new:
        body["body"] = _text(microsoft, new.pop("body"))
    for name in ("start", "end"):
        if name in new:
            body[name] = times.read(new.pop(name), name)
    _place(body, new)
    body |= {name: value for name, value in new.items() if value is not None or name == "recurrence"}
    if microsoft.lab.settings.rewrite_text:
        body["subject"] = re.sub(r"[\r\n\t]+", " ", str(body.get("subject") or "")).strip()
    body["subject"] = str(body.get("subject") or "")[:SUBJECT_CAP]
    body["categories"] = list(dict.fromkeys(body["categories"]))
    _when(body)
    return body


def _text(microsoft: Microsoft, value: Any) -> str:
    if not value:
        return ""
    return html.normalised(
        str(value.get("content") or ""),
        is_html=str(value.get("contentType") or "text").lower() == "html",
        rewrite=microsoft.lab.settings.rewrite_text,
    )


def _place(body: dict[str, Any], new: dict[str, Any]) -> None:
    """Setting location replaces locations (M); the first of locations becomes location."""
    if "location" in new:
        place = new.pop("location") or {}
        name = str(place.get("displayName") or "").strip()
        body["location"] = {"displayName": name, "locationType": "default"}
        if name:
            body["location"] |= {"uniqueId": name, "uniqueIdType": "private"}
        body["locations"] = [body["location"]] if name else []
        new.pop("locations", None)
    elif new.get("locations") is not None:
        body["locations"] = new.pop("locations")
        first = body["locations"][0] if body["locations"] else {}
        body["location"] = {"displayName": "", "locationType": "default"} | first


def _when(body: dict[str, Any]) -> None:
    if "start" not in body or "end" not in body:
        raise _bad("start and end are required.")
    start, end = body["start"], body["end"]
    if body["isAllDay"]:
        midnight = start["local"].endswith("T00:00:00") and end["local"].endswith("T00:00:00")
        if not midnight or start["zone"] != end["zone"]:
            raise _bad(
                "The Event.Start and Event.End of an all-day event must be midnight of the same zone.",
                "ErrorInvalidRequest",
            )
        if times.day_of(end) - times.day_of(start) < _DAY:
            raise _bad("The duration of an all-day event must be at least 24 hours.")
    elif times.instant(end) < times.instant(start):
        raise _bad("The end must not lie before the start.", "ErrorPropertyValidationFailure")


def with_series(microsoft: Microsoft, body: dict[str, Any]) -> dict[str, Any]:
    """Check the recurrence of a body and let the start fit the pattern; raises Refusal 400."""
    recurrence = body.get("recurrence")
    if not recurrence:
        return {
            name: value
            for name, value in body.items()
            if name not in {"recurrence", "exceptions", "cancelled"}
        }
    checked = patterns.checked(recurrence, body["start"])
    first = patterns.fitted(microsoft.lab.engine, checked, body["start"])
    if first != times.day_of(body["start"]):
        if microsoft.lab.settings.misfit_start == "refuse":
            raise _bad("The start is no occurrence of the pattern.")
        length = times.length_of(body)
        start = {**body["start"], "local": first.isoformat() + body["start"]["local"][10:]}
        end = times.shifted(start, length, body["end"], all_day=bool(body["isAllDay"]))
        body = {**body, "start": start, "end": end}
        checked["range"]["startDate"] = first.isoformat()
    body = {**body, "recurrence": checked}
    _dense(microsoft, body)
    return {"exceptions": {}, "cancelled": [], **body}


def _dense(microsoft: Microsoft, body: dict[str, Any]) -> None:
    """Occurrences that overlap the next one are refused."""
    if not microsoft.lab.settings.occurrence_boundaries:
        return
    found = patterns.starts(microsoft.lab.engine, body, before=_soon(body), limit=15)
    length = times.length_of(body)
    for one, other in itertools.pairwise(found):
        if other.instant - one.instant < length:
            raise Refusal(
                400, "ErrorOccurrenceCrossingBoundary", "An occurrence overlaps the one that follows it."
            )


def _soon(body: dict[str, Any]) -> Any:
    return times.edge(body["start"], all_day=bool(body["isAllDay"])) + timedelta(days=3660)
