"""What the engine sees of events there: whole objects with version, memo and marker. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.providers.contract import ObjectKey, RemoteKind, Unreadable, Upsert, resource_hash
from gateway.providers.flat.write_ical import to_ical
from plugins.graph.quirks.markers import Marker, guests_hash, read_marker
from plugins.graph.reading import Event, Odd, Remote, member, objects, to_flat

_GROUP = "expanded"


def group_id(resource_hash: str, uid_hash: str) -> str:
    """Return the id under which the engine knows a series that is kept as single events."""
    return f"{_GROUP}:{resource_hash}:{uid_hash}"


def read_group_id(remote_id: str) -> tuple[str, str] | None:
    """Return (resource hash, UID hash) of such an id; None for the id of an event."""
    word, _, rest = remote_id.partition(":")
    resource, _, uid_hash = rest.partition(":")
    return (
        (resource, uid_hash)
        if word == _GROUP and uid_hash.replace("-", "").replace("_", "").isalnum()
        else None
    )


def group_of(event: Event) -> str | None:
    """Return the id of the expanded series that an event belongs to, or None."""
    marker = read_marker(event)
    if not marker.part or not marker.is_genuine(event):
        return None
    return group_id(marker.resource_hash, marker.uid_hash)


def remote_of_parts(events: Iterable[Event]) -> Remote | None:
    """Return an expanded series; of two events for one date the older one counts."""
    found: dict[str, tuple[Event, Marker]] = {}
    for event in sorted(events, key=lambda each: (str(each.get("createdDateTime")), str(each.get("id")))):
        marker = read_marker(event)
        found.setdefault(marker.part, (event, marker))
    parts = tuple(found[name] for name in sorted(found))
    return Remote(event=parts[0][0], marker=parts[0][1], parts=parts) if parts else None


def id_of(remote: Remote) -> str:
    """Return the id of an object for the engine."""
    if remote.parts:
        return group_id(remote.marker.resource_hash, remote.marker.uid_hash)
    return str(remote.event.get("id", ""))


def version_of(remote: Remote) -> str:
    """Return what changes with every change of anything that belongs to an object."""
    if remote.parts:
        return "expanded:" + _digest(f"{each['id']} {etag(each)}" for each, _ in remote.parts)
    if not remote.recurs:
        return etag(remote.event)
    names = (f"{one.get('id')} {etag(one)}" for one in remote.exceptions)
    return "series:" + _digest((etag(remote.event), *sorted(names), *sorted(remote.cancelled)))


def etag(event: Event) -> str:
    """Return the etag of an event; empty where it has none that can be used."""
    value = event.get("@odata.etag")
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def invites(event: Event, marker: Marker) -> bool:
    """Return whether people are invited whom we have not put there, or somebody else has invited us."""
    if event.get("isOrganizer") is False:
        return True
    people = [
        str(member(person, "emailAddress").get("address", "")) for person in objects(event, "attendees")
    ]
    return bool(people) and guests_hash(people) != marker.guests_hash


def has_guests(remote: Remote) -> bool:
    """Return whether writing to an object would reach people."""
    if remote.parts:
        return any(invites(event, marker) for event, marker in remote.parts)
    return any(invites(event, remote.marker) for event in (remote.event, *remote.exceptions))


def item_of(remote: Remote, *, uid: str = "") -> Upsert | Unreadable:
    """Return an object for the engine; one that cannot be understood is parked, never taken for deleted."""
    event, marker = remote.event, remote.marker
    genuine = marker.uid_hash if marker.is_genuine(event) else None
    name = id_of(remote)
    try:
        flat = to_flat(remote, uid=uid or str(event.get("iCalUId") or name))
    except Odd as error:
        return Unreadable(
            remote_id=name,
            version=version_of(remote),
            reason=f"This event cannot be read: {error}.",
            marker=genuine,
        )
    return Upsert(
        remote_id=name,
        version=version_of(remote),
        ical=to_ical(flat),
        memo=memo_of(remote),
        marker=genuine,
        resource_hash=marker.resource_hash if genuine else "",
        kind=_kind(event),
        guests=has_guests(remote),
        is_declined=member(event, "responseStatus").get("response") == "declined",
        is_unfinished=marker.is_pending,
    )


def _kind(event: Event) -> RemoteKind:
    # Trap: of somebody's private event in a shared calendar only the time is told: that is no edit of ours.
    hides = event.get("sensitivity") in {"private", "confidential"} and event.get("subject") is None
    return RemoteKind.DETAILS_HIDDEN if hides else RemoteKind.BOOKING


def memo_of(remote: Remote) -> bytes:
    """Return the note that comes back with the next write: etags and ids, no content."""
    event, marker = remote.event, remote.marker
    note: dict[str, Any] = {}
    if remote.recurs:
        note["series"] = True
    if has_guests(remote) or marker.guests_hash:
        note["guests"] = True
    if marker.is_genuine(event) and not remote.parts:
        note |= {"etag": etag(event), "transaction": marker.transaction}
    return json.dumps(note, separators=(",", ":"), sort_keys=True).encode()


def read_memo(memo: bytes) -> Mapping[str, Any]:
    """Read a memo back; a lost or strange one is empty: the plug-in then reads first."""
    try:
        value = json.loads(memo) if memo else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_copy(event: Event, key: ObjectKey) -> bool:
    """Return whether an event is a genuine copy of this object of ours."""
    marker = read_marker(event)
    return marker.is_genuine(event) and (marker.uid_hash, marker.resource_hash) == (
        key.marker,
        resource_hash(key.resource_uuid),
    )


def valid(items: Sequence[object]) -> list[dict[str, Any]]:
    """Return the items that are objects with an id; nothing can be said about others."""
    return [
        item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"]
    ]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]
