"""Implicit scheduling (RFC 6638 §3.2): whom the server would mail for a PUT or a DELETE.

The organizer's object invites, updates and cancels; an attendee's object replies. A switch says whether
guests without an organizer are mailed too, as some servers do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.lab.caldav.lines import Line, components

if TYPE_CHECKING:
    from gateway.lab.caldav.model import Person

_CLIENTS_OWN = {"CLIENT", "NONE"}


def mailings(
    person: Person, before: str | None, after: str | None, *, bare: bool, reply: bool = True
) -> list[tuple[str, list[str]]]:
    """Return (why, addresses) of every message that a change of one object causes.

    Args:
        person: whose calendar it lies in.
        before: the object as it was, None for a new one.
        after: the object as it is, None for a deleted one.
        bare: guests of an object without organizer are mailed as well.
        reply: False where the request says ``Schedule-Reply: F`` (§8.1): it holds back replies only.
    """
    own = f"mailto:{person.address}".lower()
    was, now = _people(before), _people(after)
    organizer = _organizer(after) or _organizer(before)
    if not organizer and not bare:
        return []
    if organizer and organizer != own:
        changed = own in was and was.get(own) != now.get(own)
        return [("REPLY", [organizer])] if changed and reply else []
    guests = {address for address in now if address != own}
    lost = {address for address in was if address != own} - guests
    found = []
    if guests and _content(before) != _content(after):
        found.append(("REQUEST", sorted(guests)))
    if lost:
        found.append(("CANCEL", sorted(lost)))
    return found


def _people(body: str | None) -> dict[str, str]:
    """Return addresses and answers of the guests whom the server serves."""
    return {
        line[2].lower(): line[1].get("PARTSTAT", "NEEDS-ACTION")
        for lines in components(body or "")
        for line in lines
        if line[0] == "ATTENDEE" and line[1].get("SCHEDULE-AGENT", "SERVER").upper() not in _CLIENTS_OWN
    }


def _organizer(body: str | None) -> str:
    for lines in components(body or ""):
        for line in lines:
            if line[0] == "ORGANIZER" and line[1].get("SCHEDULE-AGENT", "SERVER").upper() not in _CLIENTS_OWN:
                return line[2].lower()
    return ""


def _content(body: str | None) -> list[list[Line]]:
    return [
        sorted((line for line in lines if line[0] not in {"DTSTAMP", "LAST-MODIFIED", "CREATED"}), key=str)
        for lines in components(body or "")
    ]
