"""A resource as the server gave it, and the item that the engine sees. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.errors import InvalidInput
from gateway.domain.ical import unknown_zone_told
from gateway.domain.line_edit import drop, events, to_bytes, tree_of
from gateway.domain.line_tree import LineComponent, parameter, split
from gateway.providers.contract import Removed, Unreadable, Upsert
from plugins.caldav.mapping import arranged, readable, version_of
from plugins.caldav.quirks.markers import GUESTS, OURS, copy_of, guests_hash, guests_of

Item = Upsert | Removed | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One resource of a calendar: its decoded name, its ETag as written (empty: none), its bytes."""

    name: str
    etag: str
    body: bytes = field(repr=False)


def item_of(remote: Remote, addresses: frozenset[str] = frozenset()) -> Item:
    """Return what the engine is told; ``addresses`` are those of the account's own person."""
    if b"BEGIN:VEVENT" not in remote.body.upper() and b"BEGIN:VCALENDAR" in remote.body.upper():
        return Removed(remote_id=remote.name)  # tasks and notes are nothing to us
    try:
        reason = unknown_zone_told(readable(remote.body))
        tree = tree_of(remote.body)
    except (InvalidInput, ValueError) as error:
        reason = str(error) if isinstance(error, InvalidInput) else "it is no calendar object"
    if reason is not None:
        return Unreadable(remote_id=remote.name, version=f"etag:{remote.etag}"[:200], reason=reason)
    own = copy_of(tree, remote.name)
    version = version_of(remote.body)
    invited, declined = has_guests(tree, addresses), _is_declined(tree, addresses)
    for component in events(tree):
        drop(component, OURS)
        if own is not None:
            # What a server adds to a copy, or a person's own alarm on it, is no edit of it.
            component.lines = [pair for pair in component.lines if not pair[0].startswith("X-")]
            component.children = []
    return Upsert(
        remote_id=remote.name,
        version=version,
        ical=to_bytes(arranged(tree)),
        marker=own.marker if own is not None else None,
        resource_hash=own.resource_hash if own is not None else "",
        guests=invited,
        is_declined=declined,
    )


def has_guests(tree: LineComponent, addresses: frozenset[str]) -> bool:
    """Return whether a change would be told to people whom we have not put there ourselves.

    A person who is her own only guest is none; an invitation by somebody else always counts: deleting it
    is an answer to its organizer.
    """
    people = [each for each in guests_of(tree) if each.strip().lower() not in addresses]
    if not people:
        hosts = [split(line)[1].strip().lower() for one in events(tree) for line in one.every("ORGANIZER")]
        return bool(guests_of(tree)) and any(host not in addresses for host in hosts)
    ours = {split(line)[1] for one in events(tree) if (line := one.first(GUESTS)) is not None}
    return guests_hash(people) not in ours


def _is_declined(tree: LineComponent, addresses: frozenset[str]) -> bool:
    own = [
        parameter(split(line)[0], "PARTSTAT")
        for one in events(tree)
        for line in one.every("ATTENDEE")
        if split(line)[1].strip().lower() in addresses
    ]
    return bool(own) and all((word or "").upper() == "DECLINED" for word in own)
