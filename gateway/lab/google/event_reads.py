"""Rooms that read single events and instances: get, instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.google import items, series, times
from gateway.lab.google.model import Version
from gateway.lab.google.pages import Pager, cut_s

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.world import Google


def get(google: Google, call: Call) -> dict[str, Any]:
    """events.get: a deleted event answers 200 with status cancelled."""
    calendar = google.calendar(call, call.path_args["calendarId"], "freeBusyReader")
    found = series.find(google, calendar, call.path_args["eventId"])
    if found is None:
        raise Refusal(404, "notFound", "Not Found")
    version = Version(seq=0, at_s=0.0, body=found.body, deleted=found.deleted)
    view = google.view(call, calendar)
    if found.deleted:
        version.body = {**found.body, "status": "cancelled"}
    return items.shown(google, call, calendar, version, found.record or found.master, view)


def instances(google: Google, call: Call) -> dict[str, Any]:
    """events.instances: the occurrences of one series, exceptions in their place."""
    calendar = google.calendar(call, call.path_args["calendarId"], "freeBusyReader")
    master = calendar.events.get(call.path_args["eventId"])
    if master is None or master.now.deleted:
        raise Refusal(404, "notFound", "Not Found")
    view = google.view(call, calendar)
    after = times.instant(call.one("timeMin")) if call.one("timeMin") else None
    before = times.instant(call.one("timeMax")) if call.one("timeMax") else None
    pager = Pager(google, call, calendar.id)
    cut = cut_s(google, calendar)
    stored = {
        record.id: version
        for record in series.exceptions(calendar, master.id)
        if (version := record.as_of(at_s=cut)) is not None
    }
    if not series.is_master(master.now.body):
        raise Refusal(400, "invalid", "This event is not recurring.", location="eventId")
    found = series.expanded(google, master, master.now, stored, after, before)
    rows = []
    for event_id, version in found:
        body = version.body
        if version.deleted and not call.flag("showDeleted"):
            continue
        if not series.overlaps(body, after, before, calendar.zone):
            continue
        wanted = call.one("originalStart")
        if wanted and not _same_start(body["originalStartTime"], wanted):
            continue
        key = times.as_instant(times.stored(body["originalStartTime"]), view).timestamp()
        rows.append(((key, event_id), event_id, version))
    page, answer = pager.cut(rows)
    answer |= envelope(google, call, calendar)
    answer["items"] = [
        items.stub(version.body, view, exception=True) | {"status": "cancelled"}
        if version.deleted
        else items.shown(google, call, calendar, version, calendar.events.get(event_id) or master, view)
        for _key, event_id, version in page
    ]
    return answer


def _same_start(value: dict[str, Any], wanted: str) -> bool:
    if "date" in value:
        return bool(value["date"] == wanted[:10])
    try:
        return times.instant(value["dateTime"]) == times.instant(wanted)
    except (ValueError, TypeError):
        return False


def envelope(google: Google, call: Call, calendar: Any) -> dict[str, Any]:
    """Return the fields that every page of events carries."""
    entry = google.state.lists.get(call.account or "", {}).get(calendar.id)
    fields = {
        "kind": "calendar#events",
        "etag": calendar.etag,
        "summary": calendar.summary,
        "updated": google.stamp(),
        "timeZone": call.one("timeZone") or calendar.zone,
        "accessRole": google.role(call.account or "", calendar),
        "defaultReminders": entry.reminders if entry else [],
    }
    return fields | ({"description": calendar.description} if calendar.description else {})


ROOMS = {"calendar.events.get": get, "calendar.events.instances": instances}
