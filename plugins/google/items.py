"""Events and series as the API gives them, grouped into what the engine knows as one object. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.providers.contract import RemoteKind, Removed, Unreadable, Upsert
from gateway.providers.flat.write_ical import to_ical
from plugins.google.quirks.markers import guests_hash
from plugins.google.reading import (
    Event,
    Odd,
    Untakeable,
    key_of,
    marker_of_event,
    member,
    objects,
    text,
    to_flat,
)

_KINDS = {"outOfOffice": RemoteKind.OUT_OF_OFFICE, "focusTime": RemoteKind.FOCUS}
_BLIND = {"freeBusyReader", "writerWithoutPrivateAccess", "reader"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One object there: an event, or the master of a series with its exceptions by id."""

    event: Event = field(repr=False)
    exceptions: Mapping[str, Event] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        """Return the id of the event or master."""
        return str(self.event.get("id", ""))

    @property
    def recurs(self) -> bool:
        """Return whether it is a series."""
        return bool(self.event.get("recurrence"))

    @property
    def is_cancelled(self) -> bool:
        """Return whether it is deleted."""
        return self.event.get("status") == "cancelled"

    @property
    def version(self) -> str:
        """Return the etag; of a series a hash over the etags of everything that belongs to it."""
        if not self.exceptions:
            return etag(self.event)
        parts = [
            etag(self.event),
            *(f"{name} {etag(self.exceptions[name])}" for name in sorted(self.exceptions)),
        ]
        return "series:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]

    @property
    def has_guests(self) -> bool:
        """Return whether people are invited whom we have not put there ourselves."""
        return any(invites(event) for event in (self.event, *self.exceptions.values()))


def etag(event: Event) -> str:
    """Return the etag of an event; empty where it has none that can be used."""
    value = event.get("etag")
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def invites(event: Event) -> bool:
    """Return whether an event has guests beyond those of our own marker."""
    if event.get("attendeesOmitted") is True:
        return True
    people = [
        str(person.get("email", ""))
        for person in objects(event, "attendees")
        if person.get("self") is not True and person.get("resource") is not True
    ]
    return bool(people) and guests_hash(people) != marker_of_event(event).guests_hash


def is_declined(event: Event) -> bool:
    """Return whether the account's own person has declined."""
    return any(
        person.get("self") is True and person.get("responseStatus") == "declined"
        for person in objects(event, "attendees")
    )


def item_of(
    remote: Remote, *, role: str = "", uid: str = "", alone: bool = False
) -> Upsert | Removed | Unreadable:
    """Return an object for the engine; one that cannot be understood is parked, never taken for deleted."""
    if remote.is_cancelled:
        return Removed(remote_id=remote.id)
    marker = marker_of_event(remote.event)
    genuine = marker.uid_hash if marker.is_genuine(remote.id) else None
    try:
        flat = to_flat(remote.event, list(remote.exceptions.values()), uid=uid, alone=alone)
    except Odd as error:
        return Unreadable(
            remote_id=remote.id,
            version=remote.version,
            reason=f"This event cannot be {_what(error)}: {str(error).rstrip('.')}.",
            marker=genuine,
        )
    return Upsert(
        remote_id=remote.id,
        version=remote.version,
        ical=to_ical(flat),
        memo=memo_of(remote),
        marker=genuine,
        resource_hash=marker.resource_hash if genuine else "",
        kind=_kind(remote.event, role),
        guests=remote.has_guests,
        is_declined=is_declined(remote.event),
    )


def _what(error: Odd) -> str:
    return "kept here" if isinstance(error, Untakeable) else "read"


def _kind(event: Event, role: str) -> RemoteKind:
    # Trap: who may only see times gets events without title (§7): that is no edit of ours.
    hidden = role == "freeBusyReader" or (
        role in _BLIND and event.get("visibility") in {"private", "confidential"} and "summary" not in event
    )
    if hidden:
        return RemoteKind.DETAILS_HIDDEN
    return _KINDS.get(str(event.get("eventType")), RemoteKind.BOOKING)


def memo_of(remote: Remote) -> bytes:
    """Return the note that comes back with the next write: etags and ids, no content."""
    marker = marker_of_event(remote.event)
    note: dict[str, Any] = {"etag": etag(remote.event), "guests": remote.has_guests}
    if marker.is_genuine(remote.id):
        note["ours"] = True
    if marker.guests_hash:
        note["invited"] = True
    if remote.recurs:
        note["series"] = True
    return json.dumps(note, separators=(",", ":"), sort_keys=True).encode()


def read_memo(memo: bytes) -> Mapping[str, Any]:
    """Read a memo back; a lost or strange one is empty: the plug-in then reads first."""
    try:
        value = json.loads(memo) if memo else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_exception(event: Event) -> bool:
    """Return whether an item is an exception of a series."""
    return isinstance(event.get("recurringEventId"), str)


def by_series(items: Iterable[Event]) -> dict[str, dict[str, Event]]:
    """Return exceptions by series and id; the last of several with one id wins."""
    found: dict[str, dict[str, Event]] = {}
    for item in items:
        if is_exception(item) and isinstance(item.get("id"), str):
            found.setdefault(str(item["recurringEventId"]), {})[str(item["id"])] = item
    return found


def valid(items: Sequence[object]) -> list[Event]:
    """Return the items that are objects with an id; nothing can be said about others."""
    return [
        item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"]
    ]


__all__ = [
    "Remote",
    "by_series",
    "etag",
    "invites",
    "is_exception",
    "item_of",
    "key_of",
    "member",
    "memo_of",
    "read_memo",
    "text",
    "valid",
]
