"""Rooms of the calendar list: what one account sees of calendars, their colours, its sync tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.google import palette
from gateway.lab.google.event_rules import cleaned, merged
from gateway.lab.google.model import RANK, ListEntry
from gateway.lab.google.pages import Pager, Row, bound, read_sync_token

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.world import Google

_RGB = re.compile(r"#[0-9a-fA-F]{6}")


def shown(google: Google, account: str, entry: ListEntry) -> dict[str, Any]:
    """Return a list entry as answers show it; a removed one as a stub."""
    calendar = google.state.calendars[entry.calendar_id]
    item: dict[str, Any] = {"kind": "calendar#calendarListEntry", "etag": entry.etag, "id": calendar.id}
    if entry.deleted:
        return item | {"deleted": True}
    item |= {
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        "colorId": entry.color_id,
        "backgroundColor": entry.background or palette.CALENDAR[entry.color_id],
        "foregroundColor": entry.foreground or palette.CALENDAR_INK,
        "accessRole": google.role(account, calendar),
        "defaultReminders": entry.reminders,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
        "dataOwner": calendar.owner,
    }
    optional = {
        "description": calendar.description,
        "location": calendar.location,
        "summaryOverride": entry.summary_override,
        "selected": entry.selected,
        "hidden": entry.hidden,
        "primary": calendar.primary and calendar.owner == account,
        "notificationSettings": {"notifications": entry.notifications} if entry.notifications else None,
    }
    return item | {name: value for name, value in optional.items() if value}


def _entry(google: Google, call: Call) -> ListEntry:
    calendar = google.calendar(call, call.path_args["calendarId"], "freeBusyReader")
    entry = google.state.lists.get(call.account or "", {}).get(calendar.id)
    if entry is None or entry.deleted:
        raise Refusal(404, "notFound", "Not Found")
    return entry


def get(google: Google, call: Call) -> dict[str, Any]:
    """calendarList.get."""
    return shown(google, call.account or "", _entry(google, call))


def list_entries(google: Google, call: Call) -> dict[str, Any]:
    """calendarList.list."""
    account = call.account or ""
    pager = Pager(google, call, account)
    newest = google.state.list_seq.get(account, 0)
    since: int | None = None
    if call.one("syncToken"):
        if "minAccessRole" in call.query:
            raise Refusal(
                400, "invalid", "Sync token cannot be used with minAccessRole.", location="minAccessRole"
            )
        free = frozenset({"showDeleted", "showHidden"})
        since = read_sync_token(google, call, account, floor=0, newest=newest, free=free)["seq"]
    snapshot = pager.carried.setdefault("snapshot", newest)
    rows: list[Row[ListEntry]] = []
    for entry in google.state.lists.get(account, {}).values():
        role = google.role(account, google.state.calendars[entry.calendar_id])
        if since is not None:
            wanted = entry.seq > since
        else:
            wanted = (
                (not entry.deleted or call.flag("showDeleted"))
                and (not entry.hidden or call.flag("showHidden"))
                and RANK[role] >= RANK[call.one("minAccessRole", "none")]
            )
        if wanted:
            rows.append(((entry.calendar_id,), entry.calendar_id, entry))
    page, answer = pager.cut(rows)
    if "nextPageToken" not in answer:
        answer["nextSyncToken"] = google.seal(
            {
                "scope": [account, account],
                "seq": snapshot,
                "at_s": google.lab.clock.true_s(),
                "bound": bound(call, without=frozenset({"showDeleted", "showHidden"})),
            }
        )
    answer |= {"kind": "calendar#calendarList", "etag": f'"p{newest}"'}
    answer["items"] = [shown(google, account, entry) for _key, _id, entry in page]
    return answer


def insert(google: Google, call: Call) -> dict[str, Any]:
    """calendarList.insert: subscribe to an existing calendar."""
    body = cleaned(call.body)
    calendar = google.calendar(call, body["id"], "freeBusyReader")
    entry = google.list_entry(call.account or "", calendar.id)
    entry.hidden = False
    return _write(google, call, entry, body)


def _change(google: Google, call: Call, *, whole: bool) -> dict[str, Any]:
    entry = _entry(google, call)
    wanted = call.headers.get("if-match")
    if wanted and wanted not in {"*", entry.etag} and not google.lab.settings.ignore_if_match:
        raise Refusal(412, "conditionNotMet", "Precondition Failed", location="If-Match")
    old = {} if whole else shown(google, call.account or "", entry)
    changes = call.body or {}
    body = merged(old, changes)
    google.list_entry(call.account or "", entry.calendar_id)
    return _write(google, call, entry, body, colors=changes)


def _write(
    google: Google,
    call: Call,
    entry: ListEntry,
    body: dict[str, Any],
    *,
    colors: dict[str, Any] | None = None,
) -> dict[str, Any]:
    entry.summary_override = body.get("summaryOverride", "")
    entry.hidden = body.get("hidden", False)
    entry.selected = body.get("selected", True)
    entry.reminders = body.get("defaultReminders", [])
    entry.notifications = body.get("notificationSettings", {}).get("notifications", [])
    _colour(call, entry, body if colors is None else colors)
    return shown(google, call.account or "", entry)


def _colour(call: Call, entry: ListEntry, wanted: dict[str, Any]) -> None:
    """RGB fields count only with colorRgbFormat=true, and only both together (official)."""
    if call.flag("colorRgbFormat"):
        background, foreground = wanted.get("backgroundColor"), wanted.get("foregroundColor")
        if background is None and foreground is None:
            return
        for name, value in (("backgroundColor", background), ("foregroundColor", foreground)):
            if not isinstance(value, str) or not _RGB.fullmatch(value):
                raise Refusal(
                    400, "invalid", f"Invalid value for {name}: both colours as #rrggbb.", location=name
                )
        entry.background, entry.foreground = str(background).lower(), str(foreground).lower()
        entry.color_id = palette.nearest(entry.background)
    elif wanted.get("colorId"):
        if wanted["colorId"] not in palette.CALENDAR:
            raise Refusal(400, "invalid", "Invalid Value", location="colorId")
        entry.color_id, entry.background, entry.foreground = wanted["colorId"], "", ""


def patch(google: Google, call: Call) -> dict[str, Any]:
    """calendarList.patch."""
    return _change(google, call, whole=False)


def update(google: Google, call: Call) -> dict[str, Any]:
    """calendarList.update."""
    return _change(google, call, whole=True)


def delete(google: Google, call: Call) -> None:
    """calendarList.delete: unsubscribe; an owned primary calendar stays."""
    entry = _entry(google, call)
    if google.state.calendars[entry.calendar_id].owner == call.account:
        raise Refusal(400, "invalid", "The data owner cannot unsubscribe.", location="calendarId")
    google.list_entry(call.account or "", entry.calendar_id).deleted = True


ROOMS = {
    "calendar.calendarList.get": get,
    "calendar.calendarList.list": list_entries,
    "calendar.calendarList.insert": insert,
    "calendar.calendarList.patch": patch,
    "calendar.calendarList.update": update,
    "calendar.calendarList.delete": delete,
}
