"""Trap: private properties lose keys over 44 characters and cut values over 1024, silently (§6).

They are also copied when a person duplicates an event, so the marker names the event it was made for: a copy
carries our marker under another id and is a person's own event. Never the marker alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.providers.contract import ObjectKey, resource_hash

UID = "calgate-uid"
EVENT = "calgate-event"
RESOURCE = "calgate-resource"
LINK = "calgate-link"
STATUS = "calgate-status"
GUESTS = "calgate-guests"
MAX_VALUE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What our private properties say, read without trust; empty texts stand for absent ones."""

    uid_hash: str = ""
    event_id: str = ""
    resource_hash: str = ""
    link: str = ""
    status: str = ""
    guests_hash: str = ""

    def is_genuine(self, event_id: str) -> bool:
        """Return whether it was made for the event that carries it."""
        return bool(self.uid_hash) and self.event_id == event_id


def guests_hash(addresses: Iterable[str]) -> str:
    """Return a hash of the people we have put on an event; anybody else was added there."""
    text = "\n".join(sorted({address.lower() for address in addresses}))
    return hashlib.sha256(b"calgate:guests:" + text.encode()).hexdigest()[:32] if text else ""


def private_properties(
    key: ObjectKey, event_id: str, *, link: str | None, status: str, guests: Iterable[str]
) -> dict[str, str | None]:
    """Return our properties for a PATCH or insert; None removes one (null in a PATCH)."""
    fits = link is not None and len(link) <= MAX_VALUE
    return {
        UID: key.marker,
        EVENT: event_id,
        RESOURCE: resource_hash(key.resource_uuid),
        LINK: link if fits else None,
        STATUS: status or None,
        GUESTS: guests_hash(guests) or None,
    }


def read_marker(properties: Mapping[str, object]) -> Marker:
    """Read the private properties of an event; anything that is not text counts as absent."""

    def text(name: str) -> str:
        value = properties.get(name)
        return value if isinstance(value, str) else ""

    return Marker(
        uid_hash=text(UID),
        event_id=text(EVENT),
        resource_hash=text(RESOURCE),
        link=text(LINK),
        status=text(STATUS),
        guests_hash=text(GUESTS),
    )
