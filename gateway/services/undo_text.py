"""How the log keeps an object that a run has replaced or deleted here, so that undo can put it back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.model import CalendarObject, ObjectKind
from gateway.store.deleted import DeletedObject

UNDO_LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An object as it was here."""

    ical: bytes = field(repr=False)
    href: str
    kind: ObjectKind
    expires_at_utc: datetime | None


def pack(stored: CalendarObject | DeletedObject) -> bytes:
    """Return an object with what its text does not say: one line of JSON, then its bytes."""
    head = {"href": stored.href, "kind": stored.kind.value}
    if stored.expires_at_utc is not None:
        head["expires"] = stored.expires_at_utc.isoformat()
    return json.dumps(head).encode() + b"\n" + stored.ical


def unpack(kept: bytes) -> Kept:
    """Return what ``pack`` has kept."""
    line, _, ical = kept.partition(b"\n")
    head = json.loads(line)
    expires = head.get("expires")
    return Kept(
        ical=ical,
        href=head["href"],
        kind=ObjectKind(head["kind"]),
        expires_at_utc=datetime.fromisoformat(expires) if expires else None,
    )
