"""Rooms that change events: create, patch, delete, and the answers to invitations."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer
from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import event_rules, items, mail, odata, prefer, series
from gateway.lab.microsoft.model import Calendar, Item, Mailbox, Version, guid

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.series import Found
    from gateway.lab.microsoft.world import Microsoft

_TIMES = ("start", "end", "isAllDay", "recurrence")
_TRANSACTION_CAP = 255
_OFFSET = re.compile(r"T.*(Z|[+-]\d\d:\d\d)$")
STALE = "Your request can't be completed. The change key passed in the request doesn't match the current one."


def create(microsoft: Microsoft, call: Call) -> Answer:
    """POST events."""
    box = microsoft.with_mailbox(call)
    calendar = microsoft.calendar(call, write=True)
    _ignored(microsoft, call)
    body = event_rules.written(microsoft, event_rules.defaults(), call.body)
    body = event_rules.with_series(microsoft, body)
    body["transactionId"] = call.body.get("transactionId")
    known = _known(microsoft, box, call.body)
    if known is not None:
        return _answer(microsoft, call, *known, status=201)
    key = guid()
    item = microsoft.put(calendar, key, body)
    _remember(microsoft, box, call.body, key)
    event_id = items.event_id(microsoft, item, "", immutable=True)
    mail.send(microsoft, call, calendar, event_id, [body], "created with attendees")
    return _answer(microsoft, call, calendar, item, item.now, body, "", status=201)


def _ignored(microsoft: Microsoft, call: Call) -> None:
    for name in sorted(set(call.body) & event_rules.READ_ONLY):
        microsoft.lab.journal.warning(call, f"the real service ignores the read-only field {name!r}")
    for name in ("start", "end"):
        text = str((call.body.get(name) or {}).get("dateTime", ""))
        if _OFFSET.search(text):
            microsoft.lab.journal.warning(call, f"{name}.dateTime carries an offset beside its zone")


def _same(body: dict[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


def _known(
    microsoft: Microsoft, box: Mailbox, sent: dict[str, Any]
) -> tuple[Calendar, Item, Version, dict[str, Any], str] | None:
    """Return the event that an equal request made before; raises Refusal 409 for another or a deleted one."""
    name, settings = sent.get("transactionId"), microsoft.lab.settings
    if not name or settings.ignore_transaction_id:
        return None
    if len(name) > _TRANSACTION_CAP:
        raise Refusal(400, "ErrorInvalidRequest", "transactionId is too long.")
    entry = box.transactions.get(name)
    age_s = microsoft.lab.clock.true_s() - entry["at_s"] if entry else 0.0
    if entry is None or 0 < settings.transaction_memory_s < age_s:
        return None
    calendar = microsoft.state.calendars.get(microsoft.state.where.get(entry["key"], ""))
    item = calendar.items.get(entry["key"]) if calendar else None
    if calendar is None or item is None or item.now.deleted or entry["body"] != _same(sent):
        raise Refusal(
            409,
            "ErrorDuplicateTransactionId",
            "Your request can't be completed. The TransactionId was already used to create another event.",
        )
    return calendar, item, item.now, item.now.body, ""


def _remember(microsoft: Microsoft, box: Mailbox, sent: dict[str, Any], key: str) -> None:
    if sent.get("transactionId"):
        box.transactions[sent["transactionId"]] = {
            "key": key,
            "body": _same(sent),
            "at_s": microsoft.lab.clock.true_s(),
        }


def _answer(
    microsoft: Microsoft,
    call: Call,
    calendar: Calendar,
    item: Item,
    version: Version,
    body: dict[str, Any],
    day: str,
    *,
    status: int = 200,
) -> Answer:
    wish = prefer.of(call)
    shown = items.shown(microsoft, calendar, item, version, body, day, wish)
    nothing = odata.expansion("")
    trimmed = odata.trimmed(shown, "", nothing, markers=microsoft.lab.settings.markers_always)
    headers = {"Location": f"{microsoft.root()}/users/{calendar.owner}/events/{shown['id']}"}
    return Answer(
        status=status,
        body={"@odata.context": f"{microsoft.root()}/$metadata#events/$entity", **trimmed},
        headers=headers if status == 201 else {},
    )


def _unchanged(microsoft: Microsoft, call: Call, found: Found) -> None:
    """Compare If-Match; raises Refusal 412."""
    wanted = call.headers.get("if-match", "").strip()
    if not wanted or wanted == "*" or microsoft.lab.settings.ignore_if_match:
        return
    if wanted.removeprefix("W/").strip('"') != found.version.change_key:
        raise Refusal(412, "ErrorIrresolvableConflict", STALE)


def patch(microsoft: Microsoft, call: Call) -> Answer:
    """PATCH an event, a series or an occurrence."""
    found = series.find(microsoft, call, write=True)
    _unchanged(microsoft, call, found)
    _ignored(microsoft, call)
    if found.body.get("organizer") and set(call.body) & {*_TIMES, "subject", "attendees", "location"}:
        raise Refusal(403, "ErrorAccessDenied", "Only the organizer can change this event.")
    if "transactionId" in call.body and call.body["transactionId"] != found.body.get("transactionId"):
        raise Refusal(400, "ErrorInvalidRequest", "transactionId cannot be changed.")
    new = apply(microsoft, found, call.body)
    event_id = items.event_id(microsoft, found.item, found.day, immutable=True)
    shown = series.occurrence(new, found.day) if found.day else new
    mail.send(microsoft, call, found.calendar, event_id, [found.body, shown], "changed with attendees")
    item = microsoft.put(found.calendar, found.item.key, new)
    return _answer(microsoft, call, found.calendar, item, item.now, shown, found.day)


def apply(microsoft: Microsoft, found: Found, sent: dict[str, Any]) -> dict[str, Any]:
    """Return the stored body of the item after a change; raises Refusal 400."""
    sent = {name: value for name, value in sent.items() if name not in event_rules.READ_ONLY}
    if found.day:
        return _with_exception(microsoft, found, sent)
    old = found.body
    sent = {name: value for name, value in sent.items() if name != "transactionId"}
    new = event_rules.written(microsoft, old, sent)
    settings = microsoft.lab.settings
    moved = any(new.get(name) != old.get(name) for name in ("start", "end", "isAllDay"))
    ruled = "recurrence" in sent and sent["recurrence"] is not None
    if moved and new.get("recurrence") and not ruled:
        span = {**new["recurrence"]["range"], "startDate": new["start"]["local"][:10]}
        new["recurrence"] = {**new["recurrence"], "range": span}
    wiped = (moved or "recurrence" in sent) and settings.wipe_exceptions and not settings.keep_exceptions
    if wiped and series.is_master(old):
        new |= {"exceptions": {}, "cancelled": []}
    return event_rules.with_series(microsoft, new)


def _with_exception(microsoft: Microsoft, found: Found, sent: dict[str, Any]) -> dict[str, Any]:
    if sent.get("recurrence"):
        raise Refusal(400, "ErrorCannotSetRecurrence", "An occurrence has no recurrence of its own.")
    sent = {name: value for name, value in sent.items() if name not in {"recurrence", "transactionId"}}
    master = found.item.now.body
    new = event_rules.written(microsoft, found.body, sent)
    if any(name in sent for name in ("start", "end", "isAllDay")):
        series.check_boundaries(microsoft, master, found.day, new)
    plain = series.occurrence({**master, "exceptions": {}}, found.day)
    exception = {name: value for name, value in new.items() if plain.get(name) != value and name != "type"}
    exception["type"] = "exception"
    return {**master, "exceptions": {**master["exceptions"], found.day: exception}}


def delete(microsoft: Microsoft, call: Call) -> None:
    """DELETE an event, a series or an occurrence."""
    found = series.find(microsoft, call, write=True)
    _unchanged(microsoft, call, found)
    event_id = items.event_id(microsoft, found.item, found.day, immutable=True)
    mail.send(microsoft, call, found.calendar, event_id, [found.body], "deleted with attendees")
    remove(microsoft, found)


def remove(microsoft: Microsoft, found: Found) -> None:
    """Delete an event, a series, or one occurrence of it."""
    body = found.item.now.body
    if not found.day:
        microsoft.put(found.calendar, found.item.key, body, deleted=True)
        microsoft.state.where.pop(found.item.key, None)
        return
    exceptions = {day: item for day, item in body["exceptions"].items() if day != found.day}
    cancelled = sorted({*body["cancelled"], found.day})
    microsoft.put(found.calendar, found.item.key, {**body, "exceptions": exceptions, "cancelled": cancelled})


def respond(microsoft: Microsoft, call: Call) -> Answer:
    """Accept, decline or tentativelyAccept an invitation; the organizer would be mailed."""
    found = series.find(microsoft, call, write=True)
    organizer = found.body.get("organizer")
    if organizer is None:
        raise Refusal(
            400, "ErrorInvalidRequest", "You can't respond to this meeting because you're the organizer."
        )
    if (call.body or {}).get("sendResponse", True):
        microsoft.lab.outbox.put(
            at=microsoft.stamp(),
            account=found.calendar.owner,
            operation=call.operation or "",
            event_id=call.path_args["event_id"],
            to=[str(organizer["emailAddress"]["address"])],
            why="answer to an invitation",
        )
    return Answer(status=202)


def cancel(microsoft: Microsoft, call: Call) -> Answer:
    """Cancel a meeting: guests would be mailed, the event is gone."""
    found = series.find(microsoft, call, write=True)
    if found.body.get("organizer") or not mail.guests(found.body, found.calendar.owner):
        raise Refusal(400, "ErrorInvalidRequest", "Only the organizer of a meeting can cancel it.")
    event_id = items.event_id(microsoft, found.item, found.day, immutable=True)
    mail.send(microsoft, call, found.calendar, event_id, [found.body], "cancelled")
    remove(microsoft, found)
    return Answer(status=202)


def relocate(microsoft: Microsoft, source: Calendar, target: Calendar, key: str) -> Item:
    """Carry an item to another calendar: its default id changes, its immutable id stays."""
    old = source.items[key]
    body, generation = old.now.body, old.generation
    microsoft.put(source, key, body, deleted=True)
    item = microsoft.put(target, key, body, generation=generation + 1)
    item.created_at_s = old.created_at_s
    return item


ROOMS = {
    "graph.events.create": create,
    "graph.events.patch": patch,
    "graph.events.delete": delete,
    "graph.events.permanentDelete": delete,
    "graph.events.accept": respond,
    "graph.events.decline": respond,
    "graph.events.tentativelyAccept": respond,
    "graph.events.cancel": cancel,
}
