"""Rooms of calendars: title, description, place and zone of a calendar, its creation and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.core.zones import zone
from gateway.lab.google.event_rules import cleaned, merged
from gateway.lab.google.model import RANK

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.model import Calendar
    from gateway.lab.google.world import Google

_SUMMARY_CAP = 254
_IGNORED = {
    "id",
    "kind",
    "etag",
    "dataOwner",
    "conferenceProperties",
    "autoAcceptInvitations",
    "labelProperties",
    "workingHours",
}


def shown(calendar: Calendar) -> dict[str, Any]:
    """Return a calendar as answers show it."""
    item = {
        "kind": "calendar#calendar",
        "etag": calendar.etag,
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        "dataOwner": calendar.owner,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
    for name in ("description", "location"):
        if getattr(calendar, name):
            item[name] = getattr(calendar, name)
    return item


def get(google: Google, call: Call) -> dict[str, Any]:
    """calendars.get."""
    return shown(google.calendar(call, call.path_args["calendarId"], "freeBusyReader"))


def _zone_name(body: dict[str, Any], default: str) -> str:
    name = str(body.get("timeZone") or default)
    if zone(name) is None:
        raise Refusal(400, "invalid", "Invalid Value", location="timeZone")
    return name


def insert(google: Google, call: Call) -> dict[str, Any]:
    """calendars.insert: also puts the calendar into its creator's list; limited per account."""
    account = call.account or ""
    body = cleaned(call.body)
    if not body["summary"].strip():
        raise Refusal(400, "required", "Missing title.", location="summary")
    zone_name = _zone_name(body, "UTC")
    made = google.state.created_calendars.get(account, 0)
    if made >= google.lab.settings.new_calendars:
        raise Refusal(403, "quotaExceeded", "Calendar usage limits exceeded.", domain="usageLimits")
    google.state.created_calendars[account] = made + 1
    client_id = call.token.client_id if call.token else ""
    calendar = google.new_calendar(
        account, body["summary"].strip()[:_SUMMARY_CAP], zone_name, client_id=client_id
    )
    calendar.description = body.get("description", "")
    calendar.location = body.get("location", "")
    return shown(calendar)


def _change(google: Google, call: Call, *, whole: bool) -> dict[str, Any]:
    calendar = google.calendar(call, call.path_args["calendarId"], "owner")
    wanted = call.headers.get("if-match")
    if wanted and wanted not in {"*", calendar.etag} and not google.lab.settings.ignore_if_match:
        raise Refusal(412, "conditionNotMet", "Precondition Failed", location="If-Match")
    changes = {name: value for name, value in (call.body or {}).items() if name not in _IGNORED}
    old = {} if whole else shown(calendar)
    body = merged(old, changes)
    if not str(body.get("summary", "")).strip():
        raise Refusal(400, "required", "Missing title.", location="summary")
    calendar.zone = _zone_name(body, calendar.zone)
    calendar.summary = body["summary"].strip()[:_SUMMARY_CAP]
    calendar.description = body.get("description", "")
    calendar.location = body.get("location", "")
    calendar.etag = google.etag()
    for account, entries in google.state.lists.items():
        if calendar.id in entries and not entries[calendar.id].deleted:
            google.list_entry(account, calendar.id)
    return shown(calendar)


def patch(google: Google, call: Call) -> dict[str, Any]:
    """calendars.patch."""
    return _change(google, call, whole=False)


def update(google: Google, call: Call) -> dict[str, Any]:
    """calendars.update."""
    return _change(google, call, whole=True)


def delete(google: Google, call: Call) -> None:
    """calendars.delete: secondary calendars only."""
    calendar = google.calendar(call, call.path_args["calendarId"], "owner")
    if calendar.primary:
        raise Refusal(
            400, "cannotDeletePrimaryCalendar", "A primary calendar cannot be deleted.", domain="calendar"
        )
    google.forget_calendar(calendar)


def clear(google: Google, call: Call) -> None:
    """calendars.clear: the primary calendar only."""
    calendar = google.calendar(call, call.path_args["calendarId"], "owner")
    if not calendar.primary or RANK[google.role(call.account or "", calendar)] < RANK["owner"]:
        raise Refusal(400, "invalid", "Only a primary calendar can be cleared.", location="calendarId")
    for record in list(calendar.events.values()):
        if not record.now.deleted:
            google.put(calendar, record.id, {**record.now.body, "status": "cancelled"}, deleted=True)


ROOMS = {
    "calendar.calendars.get": get,
    "calendar.calendars.insert": insert,
    "calendar.calendars.patch": patch,
    "calendar.calendars.update": update,
    "calendar.calendars.delete": delete,
    "calendar.calendars.clear": clear,
}
