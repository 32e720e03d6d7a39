"""Our marker: extended properties under one GUID of this project, invisible unless asked for (§6).

Trap: they are not in a delta, and come only with ``$expand`` and a filter. Trap: a person's copy of an event
may carry them too. So the note names the transactionId of its create: it cannot be changed, and a copy has
not got it. Trap: ids of properties are compared without regard to letter case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.providers.contract import ObjectKey, resource_hash

_GUID = "{6f1b7c52-3a0e-4d3c-9a6f-52c1d7a9e4b0}"
REF = f"String {_GUID} Name calgateRef"
"""Holds the hash of the UID; events can be filtered by it."""
PART = f"String {_GUID} Name calgatePart"
"""Which instance of an expanded series this event is; absent on anything else."""
NOTE = f"String {_GUID} Name calgateNote"
CALENDAR = f"String {_GUID} Name calgateCalendar"
PENDING = f"String {_GUID} Name calgatePending"
"""On a series of a person's own, without marker: its exceptions are still to be written; empty once done."""
_EVENTS = " or ".join(f"id eq '{name}'" for name in (REF, PART, NOTE, PENDING))
EXPAND = f"singleValueExtendedProperties($filter={_EVENTS})"
EXPAND_CALENDAR = f"singleValueExtendedProperties($filter=id eq '{CALENDAR}')"
MAX_NOTE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What our properties say, read without trust; empty texts stand for absent ones.

    Attributes:
        is_pending: the exceptions of the series are still to be written: new times have dropped them.
    """

    uid_hash: str = ""
    part: str = ""
    transaction: str = ""
    resource_hash: str = ""
    link: str = ""
    status: str = ""
    zone: str = ""
    guests_hash: str = ""
    is_pending: bool = False

    def is_genuine(self, event: Mapping[str, Any]) -> bool:
        """Return whether it was made for the event that carries it."""
        return bool(self.uid_hash and self.transaction) and event.get("transactionId") == self.transaction


def marker_for(
    key: ObjectKey,
    transaction: str,
    *,
    part: str = "",
    link: str | None,
    status: str,
    zone: str,
    guests: Iterable[str],
) -> Marker:
    """Return the marker of one event of ours."""
    return Marker(
        uid_hash=key.marker,
        part=part,
        transaction=transaction,
        resource_hash=resource_hash(key.resource_uuid),
        link=link or "",
        status=status,
        zone=zone,
        guests_hash=guests_hash(guests),
    )


def guests_hash(addresses: Iterable[str]) -> str:
    """Return a hash of the people we have put on an event; anybody else was added there."""
    text = "\n".join(sorted({address.lower() for address in addresses}))
    return hashlib.sha256(b"calgate:guests:" + text.encode()).hexdigest()[:32] if text else ""


def properties_of(marker: Marker) -> list[dict[str, str]]:
    """Return the marker as extended properties."""
    note = {
        "transaction": marker.transaction,
        "resource": marker.resource_hash,
        "link": marker.link,
        "status": marker.status,
        "zone": marker.zone,
        "guests": marker.guests_hash,
        "pending": "yes" if marker.is_pending else "",
    }
    text = json.dumps({name: value for name, value in note.items() if value}, separators=(",", ":"))
    found = [{"id": REF, "value": marker.uid_hash}, {"id": NOTE, "value": text}]
    return [*found, {"id": PART, "value": marker.part}] if marker.part else found


def pending_properties(*, is_pending: bool) -> list[dict[str, str]]:
    """Return the one property that a person's own series carries while we write to it."""
    return [{"id": PENDING, "value": "yes" if is_pending else ""}]


def read_marker(event: Mapping[str, Any]) -> Marker:
    """Read the extended properties of an event; anything that is not what we write counts as absent."""
    values = extended(event)
    try:
        note = json.loads(values.get(NOTE.lower(), "{}")[:MAX_NOTE])
    except (ValueError, RecursionError):
        note = {}

    def text(name: str) -> str:
        value = note.get(name) if isinstance(note, dict) else None
        return value if isinstance(value, str) else ""

    found = Marker(
        uid_hash=values.get(REF.lower(), ""),
        part=values.get(PART.lower(), ""),
        transaction=text("transaction"),
        resource_hash=text("resource"),
        link=text("link"),
        status=text("status"),
        zone=text("zone"),
        guests_hash=text("guests"),
    )
    is_pending = bool(text("pending")) if found.is_genuine(event) else bool(values.get(PENDING.lower()))
    return replace(found, is_pending=is_pending)


def extended(value: Mapping[str, Any]) -> dict[str, str]:
    """Return the extended properties of an event or calendar by their id in small letters."""
    entries = value.get("singleValueExtendedProperties")
    return {
        entry["id"].lower(): entry["value"]
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
        and isinstance(entry.get("id"), str)
        and isinstance(entry.get("value"), str)
    }


def filter_of(uid_hash: str) -> str:
    """Return the ``$filter`` that finds the events of one object; works on ``/events``, nowhere else (§6)."""
    return f"singleValueExtendedProperties/Any(ep: ep/id eq '{REF}' and ep/value eq '{uid_hash}')"


FILTER_PARTS = f"singleValueExtendedProperties/Any(ep: ep/id eq '{PART}' and ep/value ne null)"
