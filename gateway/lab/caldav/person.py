"""What a person does in her calendar with another client: add, edit, delete, invite."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from gateway.lab.caldav import lines
from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from gateway.lab.caldav.model import Calendar
    from gateway.lab.caldav.world import Dav

BY_HAND = "caldav.person"
_GUEST = "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:guest@example.net\r\n"


def add(dav: Dav, calendar: Calendar, *properties: str, name: str = "") -> str:
    """Add an event with these lines; returns its name."""
    uid = str(uuid.uuid4()).upper()
    name = name or f"{uid}.ics"
    body = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Example//Phone//EN",
            "BEGIN:VEVENT",
            f"UID:{uid}",
            "DTSTAMP:20260101T000000Z",
            *properties,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )
    dav.put(calendar, name, body, operation=BY_HAND)
    return name


def change(dav: Dav, calendar: Calendar, name: str, **properties: str) -> None:
    """Set properties (whole lines) of the first component; the rest stays as it is."""
    found = calendar.resources.get(name)
    if found is None:
        raise Refusal(404, "notFound", "There is no such object.")
    head, mark, tail = found.body.partition("BEGIN:VEVENT")
    for key, line in properties.items():
        wanted = key.upper().replace("_", "-")
        pattern = re.compile(rf"^{wanted}[;:][^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n", re.MULTILINE)
        inner, end, rest = tail.partition("END:VEVENT")
        inner = pattern.sub("", inner) + (f"{line}\r\n" if line else "")
        tail = inner + end + rest
    dav.put(calendar, name, head + mark + tail, operation=BY_HAND)


def _any(calendar: Calendar, name: str) -> str:
    if name in calendar.resources:
        return name
    if not calendar.resources:
        raise Refusal(404, "notFound", "there is no event")
    return next(reversed(calendar.resources))


def edit_any(dav: Dav, calendar: Calendar, name: str) -> None:
    """Edit the title of an event, of the one at hand if it is there."""
    name = _any(calendar, name)
    title = lines.text(next(lines.components(calendar.resources[name].body)), "SUMMARY")
    change(dav, calendar, name, summary=f"SUMMARY:{title.removesuffix(' (edited by hand)')} (edited by hand)")


def delete_any(dav: Dav, calendar: Calendar, name: str) -> None:
    """Delete an event."""
    dav.delete(calendar, _any(calendar, name), operation=BY_HAND)


def invite_any(dav: Dav, calendar: Calendar, name: str) -> None:
    """Invite a guest to an event; the invitation is the person's own mail and no entry of the outbox."""
    name = _any(calendar, name)
    kept = len(dav.lab.outbox.entries)
    owner = dav.person(calendar.owner)
    change(dav, calendar, name, organizer=f"ORGANIZER:mailto:{owner.address}", attendee=_GUEST.rstrip())
    del dav.lab.outbox.entries[kept:]
