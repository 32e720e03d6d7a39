"""What the person does in Outlook, without the API: makes, edits, moves, deletes, shares, takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.core.tokens import grant_key
from gateway.lab.microsoft import event_rules, event_writes, items, series
from gateway.lab.microsoft.model import guid
from gateway.lab.microsoft.series import GONE, Found

if TYPE_CHECKING:
    from gateway.lab.microsoft.model import Calendar, Item
    from gateway.lab.microsoft.world import Microsoft


def calendar_of(microsoft: Microsoft, email: str, name: str) -> Calendar:
    """Return a calendar of a mailbox by id, key or name; empty means the default one; raises Refusal 404."""
    if email not in microsoft.state.mailboxes:
        raise Refusal(404, "ErrorInvalidUser", f"No account {email}.")
    if not name:
        return microsoft.default_calendar(email)
    for calendar in microsoft.visible(email):
        if name in {calendar.key, calendar.name, microsoft.calendar_id(calendar, email)}:
            return calendar
    raise Refusal(404, "ErrorItemNotFound", f"{email} has no calendar {name!r}.")


def event_of(microsoft: Microsoft, event_id: str) -> Found:
    """Return an event, a series or an occurrence by its id, both forms; raises Refusal 400 or 404."""
    ref = microsoft.ids.read_item(event_id)
    calendar = microsoft.state.calendars.get(microsoft.state.where.get(ref.key, ""))
    item = calendar.items.get(ref.key) if calendar else None
    if calendar is None or item is None or item.now.deleted:
        raise Refusal(404, "ErrorItemNotFound", GONE)
    return series.named_day(microsoft, calendar, item, ref.day)


def insert(microsoft: Microsoft, calendar: Calendar, event: dict[str, Any]) -> Item:
    """Make an event as the person; ``organizer`` makes it an invitation from somebody else."""
    body = event_rules.written(microsoft, event_rules.defaults(), event)
    body = event_rules.with_series(microsoft, body)
    if event.get("organizer"):
        body["organizer"] = event["organizer"]
    return microsoft.put(calendar, guid(), body)


def edit(microsoft: Microsoft, event_id: str, changes: dict[str, Any]) -> Item:
    """Change an event, a series or an occurrence as the person."""
    found = event_of(microsoft, event_id)
    body = event_writes.apply(microsoft, found, changes)
    return microsoft.put(found.calendar, found.item.key, body)


def delete(microsoft: Microsoft, event_id: str) -> None:
    """Delete an event, a series or an occurrence as the person."""
    event_writes.remove(microsoft, event_of(microsoft, event_id))


def move(microsoft: Microsoft, event_id: str, target: Calendar) -> str:
    """Move an event to another calendar as the person; returns its new default id."""
    found = event_of(microsoft, event_id)
    item = event_writes.relocate(microsoft, found.calendar, target, found.item.key)
    return items.event_id(microsoft, item, "", immutable=False)


def bump(microsoft: Microsoft, found: Found) -> None:
    """Change nothing that a person sees, but the change key: Exchange's background processing."""
    microsoft.put(found.calendar, found.item.key, found.item.now.body)


def share(microsoft: Microsoft, calendar: Calendar, email: str, role: str) -> None:
    """Give another mailbox read or write access; none takes it away."""
    if role not in {"read", "write", "none"}:
        raise ValueError("role: read, write or none.")
    if role == "none":
        calendar.shares.pop(email, None)
    else:
        calendar.shares[email] = role
    microsoft.lab.state.changed()


def revoke(microsoft: Microsoft, email: str, client_id: str) -> None:
    """Withdraw what an account allowed a client, as on its page of apps."""
    microsoft.lab.tokens.revoke_grant(grant_key(email, client_id))
