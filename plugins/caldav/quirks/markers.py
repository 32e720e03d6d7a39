"""How a copy of ours is known: by its UID, and by a property where a server gives it another UID.

A person's duplicate gets a new UID from her client and may keep our properties: so the property names the
resource it was written to, and counts only there. Servers that drop X- properties leave the UID.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.line_edit import events
from gateway.domain.line_tree import LineComponent, split
from gateway.providers.contract import ObjectKey, resource_hash

COPY = "X-CALGATE-COPY"
GUESTS = "X-CALGATE-GUESTS"
OURS = (COPY, GUESTS)
MAX_GENERATIONS = 3
_UID = re.compile(r"calgate-([A-Za-z0-9_-]{43})-([0-9a-f]{32})-([0-9a-f]{16})(?:-[0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What a genuine copy says about itself."""

    marker: str
    resource_hash: str


def copy_uid(key: ObjectKey, generation: int = 0) -> str:
    """Return the UID of a copy; two resources of one calendar never share one (RFC 4791 §4.1).

    A server that keeps deleted objects (a trash bin) may refuse their UIDs: the next generation is taken.
    """
    instance = hashlib.sha256(b"calgate:instance:" + key.instance_id.encode()).hexdigest()[:16]
    uid = f"calgate-{key.marker}-{resource_hash(key.resource_uuid)}-{instance}"
    return f"{uid}-{generation}" if generation else uid


def copy_name(key: ObjectKey, generation: int = 0) -> str:
    """Return the name of its resource: the same for every repetition, in letters that every server keeps."""
    return f"calgate-{hashlib.sha256(copy_uid(key, generation).encode()).hexdigest()[:40]}.ics"


def copy_of(tree: LineComponent, name: str) -> Copy | None:
    """Return what a resource says, None where it is not our own genuine copy."""
    for component in events(tree):
        own = _UID.fullmatch(_value(component, "UID"))
        named, _, place = _value(component, COPY).partition(" ")
        found = own or (_UID.fullmatch(named) if place == name else None)
        if found is not None:
            return Copy(marker=found[1], resource_hash=found[2])
    return None


def properties(key: ObjectKey, name: str, guests: Iterable[str]) -> dict[str, str]:
    """Return our properties for a copy."""
    found = {COPY: f"{copy_uid(key)} {name}"}
    digest = guests_hash(guests)
    return found | ({GUESTS: digest} if digest else {})


def guests_hash(addresses: Iterable[str]) -> str:
    """Return a hash of the people we have put on an event; anybody else was added there."""
    text = "\n".join(sorted({address.strip().lower() for address in addresses}))
    return hashlib.sha256(b"calgate:guests:" + text.encode()).hexdigest()[:32] if text else ""


def guests_of(tree: LineComponent) -> list[str]:
    """Return the addresses of the people who are invited."""
    return [split(line)[1] for component in events(tree) for line in component.every("ATTENDEE")]


def _value(component: LineComponent, name: str) -> str:
    line = component.first(name)
    return split(line)[1].strip() if line is not None else ""
