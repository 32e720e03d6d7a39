"""Rooms that change events: insert, import, patch, update, delete, move, quickAdd."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.core.zones import zone
from gateway.lab.google import event_rules, items, mail, series, times

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.model import Calendar, Record
    from gateway.lab.google.series import Found
    from gateway.lab.google.world import Google

_B32 = "0123456789abcdefghijklmnopqrstuv"
_TIGHT = {"default": 0, "public": 0, "private": 1, "confidential": 2}


def insert(google: Google, call: Call) -> dict[str, Any]:
    """events.insert."""
    calendar = google.calendar(call, call.path_args["calendarId"], "writer")
    body = event_rules.cleaned(call.body)
    if "id" in body and "iCalUID" in body:
        raise Refusal(400, "invalid", "Only one of id and iCalUID may be given.", location="iCalUID")
    event_id = _chosen_id(google, calendar, body)
    if body.get("eventType", "default") not in event_rules.EVENT_TYPES:
        raise Refusal(400, "invalid", "Invalid event type.", location="eventType")
    return _created(google, call, calendar, event_id, body)


def _chosen_id(google: Google, calendar: Calendar, body: dict[str, Any]) -> str:
    event_id = body.get("id")
    if event_id is None:
        return "".join(secrets.choice(_B32) for _ in range(26))
    if google.lab.settings.accept_any_id:
        return str(event_id)
    if not event_rules.EVENT_ID.fullmatch(event_id):
        raise Refusal(400, "invalid", "Invalid resource id value.", location="id")
    if event_id in calendar.events:
        raise Refusal(409, "duplicate", "The requested identifier already exists.")
    return str(event_id)


def _created(
    google: Google, call: Call, calendar: Calendar, event_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    reminders = body.pop("reminders", None)
    checked = event_rules.checked_reminders(reminders) if reminders is not None else None
    for name in (*event_rules.READ_ONLY, "organizer", "id", "etag"):
        body.pop(name, None)
    _conference(call, body, {})
    event = event_rules.normalised(google, calendar, body)
    event["iCalUID"] = body.get("iCalUID") or f"{event_id}@google.com"
    event["created"] = event["updated"] = google.stamp()
    event["creator"] = {"email": call.account}
    event["organizer"] = organizer(calendar)
    event.setdefault("sequence", 0)
    mail.on_write(google, call, calendar, event_id, event, {})
    record = google.put(calendar, event_id, event)
    if checked is not None:
        record.reminders[call.account or ""] = checked
    return _answer(google, call, calendar, record)


def organizer(calendar: Calendar) -> dict[str, Any]:
    """Return the organizer that events of a calendar get."""
    person = {"email": calendar.id, "self": True}
    return person if calendar.primary else person | {"displayName": calendar.summary}


def _conference(call: Call, body: dict[str, Any], old: dict[str, Any]) -> None:
    if call.one("conferenceDataVersion", "0") != "1":
        body.pop("conferenceData", None)
        if "conferenceData" in old and call.verb == "PATCH":
            body["conferenceData"] = old["conferenceData"]
    if not call.flag("supportsAttachments"):
        body.pop("attachments", None)
        if "attachments" in old and call.verb == "PATCH":
            body["attachments"] = old["attachments"]
    if call.one("eventLabelVersion", "0") == "1":
        body.pop("colorId", None)
    else:
        body.pop("eventLabelId", None)


def import_(google: Google, call: Call) -> dict[str, Any]:
    """events.import: a private copy, never mailed; the same iCalUID updates."""
    calendar = google.calendar(call, call.path_args["calendarId"], "writer")
    body = event_rules.cleaned(call.body)
    if body.get("eventType", "default") != "default":
        raise Refusal(400, "invalid", "Invalid event type.", location="eventType")
    known = next(
        (
            record
            for record in calendar.events.values()
            if record.now.body.get("iCalUID") == body["iCalUID"] and "recurringEventId" not in record.now.body
        ),
        None,
    )
    event_id = known.id if known else "_" + "".join(secrets.choice(_B32) for _ in range(40))
    reminders = body.pop("reminders", None)
    chosen = body.get("organizer")
    for name in (*event_rules.READ_ONLY, "id", "etag"):
        body.pop(name, None)
    _conference(call, body, {})
    event = event_rules.normalised(google, calendar, body)
    event["created"] = known.now.body.get("created", google.stamp()) if known else google.stamp()
    event["updated"] = google.stamp()
    event["creator"] = {"email": call.account}
    event["organizer"] = chosen or organizer(calendar)
    event.setdefault("sequence", 0)
    if chosen and chosen.get("email") != calendar.id:
        event["privateCopy"] = True
    record = google.put(calendar, event_id, event)
    if reminders is not None:
        record.reminders[call.account or ""] = event_rules.checked_reminders(reminders)
    return _answer(google, call, calendar, record)


def _target(google: Google, call: Call) -> tuple[Calendar, Found]:
    calendar = google.calendar(call, call.path_args["calendarId"], "writer")
    found = series.find(google, calendar, call.path_args["eventId"])
    if found is None:
        raise Refusal(404, "notFound", "Not Found")
    wanted = call.headers.get("if-match")
    if wanted and wanted != "*" and not google.lab.settings.ignore_if_match and wanted != found.body["etag"]:
        raise Refusal(412, "conditionNotMet", "Precondition Failed", location="If-Match")
    return calendar, found


def patch(google: Google, call: Call) -> dict[str, Any]:
    """events.patch."""
    calendar, found = _target(google, call)
    changes = {name: value for name, value in (call.body or {}).items() if name not in event_rules.READ_ONLY}
    changes.pop("id", None)
    old = {name: value for name, value in found.body.items() if name not in {"etag", "updated"}}
    body = event_rules.merged(old, changes)
    if not google.lab.settings.patch_needs_null:
        for name in ("start", "end"):
            if isinstance(changes.get(name), dict) and {"date", "dateTime"} <= set(body[name]):
                body[name] = event_rules.cleaned(changes[name])
    return _changed(google, call, calendar, found, body, changes)


def update(google: Google, call: Call) -> dict[str, Any]:
    """events.update: what is not sent is gone."""
    calendar, found = _target(google, call)
    body = event_rules.cleaned(call.body)
    for name in (*event_rules.READ_ONLY, "id", "etag"):
        body.pop(name, None)
    kept = (
        "created",
        "creator",
        "organizer",
        "iCalUID",
        "recurringEventId",
        "originalStartTime",
        "privateCopy",
    )
    body |= {name: found.body[name] for name in kept if name in found.body}
    body.setdefault("sequence", found.body.get("sequence", 0))
    body.setdefault("eventType", found.body.get("eventType", "default"))
    return _changed(google, call, calendar, found, body, body)


def _changed(
    google: Google,
    call: Call,
    calendar: Calendar,
    found: Found,
    body: dict[str, Any],
    changes: dict[str, Any],
) -> dict[str, Any]:
    old = found.body
    asked = set(changes)
    if found.deleted and changes.get("status", "cancelled") == "cancelled":
        raise Refusal(410, "deleted", "Resource has been deleted")
    if found.deleted and not google.lab.settings.allow_revival:
        raise Refusal(403, "forbidden", "Forbidden")
    if changes.get("eventType", old.get("eventType")) != old.get("eventType"):
        raise Refusal(400, "invalid", "The event type cannot be changed.", location="eventType")
    if changes.get("status") == "cancelled":
        remove(google, call, calendar, found)
        record = calendar.events[found.id]
        return _answer(google, call, calendar, record)
    reminders = body.pop("reminders", None)
    checked = (
        event_rules.checked_reminders(reminders) if "reminders" in asked and reminders is not None else None
    )
    _conference(call, body, old)
    instance = found.master is not None
    event = event_rules.normalised(google, calendar, event_rules.cleaned(body), instance=instance)
    moved = any(event.get(name) != old.get(name) for name in ("start", "end", "recurrence"))
    if moved and google.lab.settings.revision_bumps:
        event["sequence"] = max(old.get("sequence", 0) + 1, event.get("sequence", 0))
    only_reminders = asked == {"reminders"}
    event["updated"] = old["updated"] if only_reminders else google.stamp()
    if instance and found.master is not None:
        _tighten(google, calendar, found.master, event, old)
    mail.on_write(google, call, calendar, found.id, event, old)
    record = google.put(calendar, found.id, event)
    if found.record is None and found.master is not None:
        record.reminders = dict(found.master.reminders)
    if checked is not None:
        record.reminders[call.account or ""] = checked
    elif "reminders" in asked:
        record.reminders.pop(call.account or "", None)
    if moved and not instance and series.is_master(old):
        drop_exceptions(google, calendar, found.id, event)
    return _answer(google, call, calendar, record)


def _tighten(
    google: Google, calendar: Calendar, master: Record, event: dict[str, Any], old: dict[str, Any]
) -> None:
    """Visibility of one instance: tightening tightens the series, loosening is ignored (official)."""
    new, before = event.get("visibility", "default"), old.get("visibility", "default")
    if _TIGHT[new] < _TIGHT[before]:
        event["visibility"] = before
    elif _TIGHT[new] > _TIGHT[master.now.body.get("visibility", "default")]:
        google.put(calendar, master.id, {**master.now.body, "visibility": new, "updated": google.stamp()})


def drop_exceptions(google: Google, calendar: Calendar, master_id: str, event: dict[str, Any]) -> None:
    """Throw exceptions away after the times of their master changed."""
    for record in series.exceptions(calendar, master_id):
        if google.lab.settings.drop_exceptions == "rekeyed" and series.is_master(event):
            key = record.id.removeprefix(f"{master_id}_")
            moment = series.key_instant(key)
            day = timedelta(days=1)
            if any(
                start.key == key for start in series.starts(google, event, moment - day, moment + day, 50)
            ):
                continue
        google.put(
            calendar, record.id, {**record.now.body, "status": "cancelled"}, deleted=True, dropped=True
        )


def delete(google: Google, call: Call) -> None:
    """events.delete."""
    calendar, found = _target(google, call)
    if found.deleted:
        raise Refusal(410, "deleted", "Resource has been deleted")
    remove(google, call, calendar, found)


def remove(google: Google, call: Call, calendar: Calendar, found: Found) -> None:
    """Delete an event, a series with its exceptions, or one occurrence."""
    mail.on_delete(google, call, calendar, found)
    body = {name: value for name, value in found.body.items() if name != "etag"}
    google.put(calendar, found.id, body | {"status": "cancelled", "updated": google.stamp()}, deleted=True)
    if found.master is None:
        for record in series.exceptions(calendar, found.id):
            google.put(
                calendar, record.id, {**record.now.body, "status": "cancelled"}, deleted=True, dropped=True
            )


def move(google: Google, call: Call) -> dict[str, Any]:
    """events.move: the organizer changes, the id stays."""
    source, found = _target(google, call)
    target = google.calendar(call, call.one("destination"), "writer")
    if found.deleted:
        raise Refusal(404, "notFound", "Not Found")
    if found.master is not None or found.body.get("eventType", "default") != "default":
        raise Refusal(
            400, "invalid", "Only whole events of the default type can be moved.", location="eventId"
        )
    if found.body["organizer"]["email"] != source.id:
        raise Refusal(403, "forbiddenForNonOrganizer", "Only the organizer can do this.", domain="calendar")
    record = relocate(google, source, target, found.id)
    mail.on_write(google, call, target, found.id, record.now.body, found.body)
    return _answer(google, call, target, record)


def relocate(google: Google, source: Calendar, target: Calendar, event_id: str) -> Record:
    """Carry an event with its exceptions from one calendar to another; raises Refusal 409."""
    occupied = target.events.get(event_id)
    if occupied is not None and not occupied.now.deleted:
        raise Refusal(409, "duplicate", "The requested identifier already exists.")
    for old in [source.events[event_id], *series.exceptions(source, event_id)]:
        body = {**old.now.body, "updated": google.stamp()}
        new = google.put(target, old.id, body | {"organizer": organizer(target)}, deleted=old.now.deleted)
        new.reminders = dict(old.reminders)
        google.put(source, old.id, body | {"status": "cancelled"}, deleted=True, dropped=old.id != event_id)
    return target.events[event_id]


def quick_add(google: Google, call: Call) -> dict[str, Any]:
    """events.quickAdd: a one-hour event at the next full hour (assumption: the real one reads the text)."""
    calendar = google.calendar(call, call.path_args["calendarId"], "writer")
    info = zone(calendar.zone)
    start = (
        (google.lab.clock.now() + timedelta(hours=1))
        .replace(minute=0, second=0, microsecond=0)
        .astimezone(info)
    )
    body = {
        "summary": call.one("text"),
        "start": times.write(start),
        "end": times.write(start + timedelta(hours=1)),
    }
    return _created(google, call, calendar, _chosen_id(google, calendar, body), body)


def _answer(google: Google, call: Call, calendar: Calendar, record: Record) -> dict[str, Any]:
    return items.shown(google, call, calendar, record.now, record, google.view(call, calendar))


ROOMS = {
    "calendar.events.insert": insert,
    "calendar.events.import": import_,
    "calendar.events.patch": patch,
    "calendar.events.update": update,
    "calendar.events.delete": delete,
    "calendar.events.move": move,
    "calendar.events.quickAdd": quick_add,
}
