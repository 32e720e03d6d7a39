"""What the person does at the provider, without the API: edits, moves, deletes, shares less, revokes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Call
from gateway.lab.core.errors import Refusal
from gateway.lab.core.tokens import grant_key
from gateway.lab.google import event_rules, event_writes, series
from gateway.lab.google.event_writes import organizer

if TYPE_CHECKING:
    from gateway.lab.google.model import Calendar
    from gateway.lab.google.series import Found
    from gateway.lab.google.world import Google


def quiet_call(account: str, verb: str = "PATCH") -> Call:
    """Return a call that stands for an act of the person: never mailed."""
    return Call(
        door="person",
        verb=verb,
        path="/lab",
        query={"sendUpdates": ["none"]},
        headers={},
        raw=b"",
        operation="calendar.events.patch",
        account=account,
    )


def calendar_of(google: Google, calendar_id: str) -> Calendar:
    """Return a calendar by id, whoever may see it; raises Refusal 404."""
    calendar = google.state.calendars.get(calendar_id)
    if calendar is None or calendar.deleted:
        raise Refusal(404, "notFound", f"No calendar {calendar_id}.")
    return calendar


def event_of(google: Google, calendar: Calendar, event_id: str) -> Found:
    """Return an event, a series or an occurrence; raises Refusal 404."""
    found = series.find(google, calendar, event_id)
    if found is None:
        raise Refusal(404, "notFound", f"No event {event_id}.")
    return found


def insert(google: Google, account: str, calendar_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Make an event as the person; any event type may be made."""
    calendar = calendar_of(google, calendar_id)
    event_id = str(body.get("id") or secrets.token_hex(13))
    event = event_rules.normalised(google, calendar, event_rules.cleaned({**body, "id": event_id}))
    event |= {"created": google.stamp(), "updated": google.stamp(), "creator": {"email": account}}
    event |= {"organizer": organizer(calendar), "iCalUID": body.get("iCalUID") or f"{event_id}@google.com"}
    event.setdefault("sequence", 0)
    return google.put(calendar, event_id, event).now.body


def edit(google: Google, calendar_id: str, event_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Change an event as the person, as a PATCH would."""
    calendar = calendar_of(google, calendar_id)
    found = event_of(google, calendar, event_id)
    body = event_rules.merged({name: item for name, item in found.body.items() if name != "etag"}, changes)
    instance = found.master is not None
    event = event_rules.normalised(google, calendar, event_rules.cleaned(body), instance=instance)
    event["updated"] = google.stamp()
    moved = any(event.get(name) != found.body.get(name) for name in ("start", "end", "recurrence"))
    if moved:
        event["sequence"] = found.body.get("sequence", 0) + 1
    record = google.put(calendar, event_id, event)
    if moved and not instance and series.is_master(found.body):
        event_writes.drop_exceptions(google, calendar, event_id, event)
    return record.now.body


def delete(google: Google, account: str, calendar_id: str, event_id: str) -> None:
    """Delete an event, a series or an occurrence as the person."""
    calendar = calendar_of(google, calendar_id)
    found = event_of(google, calendar, event_id)
    if not found.deleted:
        event_writes.remove(google, quiet_call(account, "DELETE"), calendar, found)


def move(google: Google, calendar_id: str, event_id: str, target_id: str) -> None:
    """Move an event to another calendar as the person."""
    source, target = calendar_of(google, calendar_id), calendar_of(google, target_id)
    event_of(google, source, event_id)
    event_writes.relocate(google, source, target, event_id)


def bump(google: Google, calendar: Calendar, event_id: str) -> None:
    """Change nothing that a person sees, but the etag: a background job of the provider."""
    found = series.find(google, calendar, event_id)
    record = (found.record or found.master) if found else None
    if record is not None:
        google.put(
            calendar, record.id, record.now.body, deleted=record.now.deleted, dropped=record.now.dropped
        )


def revoke(google: Google, account: str, client_id: str) -> None:
    """Withdraw what an account allowed a client, as on the provider's page of connected apps."""
    google.lab.tokens.revoke_grant(grant_key(account, client_id))
