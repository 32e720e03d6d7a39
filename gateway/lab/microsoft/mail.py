"""Who would be mailed: events with attendees fill the invitation outbox; there is no switch against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Calendar
    from gateway.lab.microsoft.world import Microsoft


def guests(body: dict[str, Any], owner: str) -> list[str]:
    """Return the addresses of an event's attendees, without its owner."""
    found = (str((person.get("emailAddress") or {}).get("address") or "") for person in body["attendees"])
    return sorted({address for address in found if address and address.lower() != owner})


def send(
    microsoft: Microsoft,
    call: Call,
    calendar: Calendar,
    event_id: str,
    bodies: list[dict[str, Any]],
    why: str,
) -> None:
    """Write down who would be mailed because of a write; nobody, when no version has guests."""
    to = sorted({address for body in bodies for address in guests(body, calendar.owner)})
    if to and not any(body.get("organizer") for body in bodies):
        microsoft.lab.outbox.put(
            at=microsoft.stamp(),
            account=calendar.owner,
            operation=call.operation or "",
            event_id=event_id,
            to=to,
            why=why,
        )
