"""Who would be mailed: fills the invitation outbox and counts against the invitation limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.model import Calendar
    from gateway.lab.google.series import Found
    from gateway.lab.google.world import Google


def _guests(body: dict[str, Any], account: str) -> list[str]:
    return [
        person["email"] for person in body.get("attendees", []) if person.get("email") not in {account, None}
    ]


def _wish(google: Google, call: Call) -> str | None:
    """Return why mail leaves, or None when none does."""
    updates = call.one("sendUpdates")
    if updates in {"all", "externalOnly"}:
        return f"sendUpdates={updates}"
    if call.flag("sendNotifications"):
        return "sendNotifications=true"
    if not updates and "sendNotifications" not in call.query and google.lab.settings.mail_when_unsaid:
        return "sendUpdates not given"
    return None


def _post(google: Google, call: Call, event_id: str, to: list[str], why: str) -> None:
    google.lab.outbox.put(
        at=google.stamp(),
        account=call.account or "",
        operation=call.operation or "",
        event_id=event_id,
        to=to,
        why=why,
    )


def on_write(
    google: Google, call: Call, calendar: Calendar, event_id: str, new: dict[str, Any], old: dict[str, Any]
) -> None:
    """Mail guests of a new or changed event; raises Refusal 403 for a service account or a spent limit."""
    account = call.account or ""
    guests = sorted({*_guests(new, calendar.id), *_guests(old, calendar.id)} - {account})
    if not guests:
        return
    if call.token is not None and call.token.service and _guests(new, calendar.id):
        raise Refusal(
            403,
            "forbiddenForServiceAccounts",
            "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.",
            domain="calendar",
        )
    settings = google.lab.settings
    why = _wish(google, call)
    fresh = set(_guests(new, calendar.id)) - set(_guests(old, calendar.id))
    if fresh and (why or settings.silent_attendees_count):
        spent = google.state.invitations.get(account, 0) + len(fresh)
        if spent > settings.invitation_limit:
            raise Refusal(403, "quotaExceeded", "Calendar usage limits exceeded.", domain="usageLimits")
        google.state.invitations[account] = spent
    if why:
        _post(google, call, event_id, guests, why)


def on_delete(google: Google, call: Call, calendar: Calendar, found: Found) -> None:
    """Mail guests of a deleted event."""
    guests = _guests(found.body, calendar.id)
    why = _wish(google, call)
    if guests and why:
        _post(google, call, found.id, guests, why)
