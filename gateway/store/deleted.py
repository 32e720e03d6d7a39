"""Calendar objects that were deleted here while a link had a copy of them: kept for undo, for 30 days.

Only they are kept: a calendar without links forgets what is deleted at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, insert, select

from gateway.domain.model import CalendarId, ObjectId, ObjectKind
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import calendar_object
from gateway.store.schema_sync import deleted_object, link, mapping
from gateway.store.types import UtcDateTime

_COPIED = ("calendar_id", "uid", "href", "ical", "kind", "expires_at_utc")
_HAS_COPY = exists().where(
    link.c.calendar_id == calendar_object.c.calendar_id,
    mapping.c.link_id == link.c.id,
    mapping.c.uid == calendar_object.c.uid,
)
_KEEP = Hot(
    insert(deleted_object).from_select(
        [*_COPIED, "deleted_at_utc"],
        select(*(calendar_object.c[name] for name in _COPIED), bindparam("now", type_=UtcDateTime)).where(
            calendar_object.c.id == bindparam("object_id"), _HAS_COPY
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedObject:
    """An object as it was when it was deleted."""

    ical: bytes = field(repr=False)
    href: str
    kind: ObjectKind
    expires_at_utc: datetime | None


def keep(tx: Transaction, object_id: ObjectId, *, now: datetime) -> None:
    """Keep an object that is about to be deleted, if a link has a copy of it."""
    _KEEP.run(tx, object_id=object_id, now=now)


def find(tx: Transaction, calendar_id: CalendarId, uid: str, *, until: datetime) -> DeletedObject | None:
    """Return an object as it was when it was last deleted before an instant; None where it was not kept."""
    query = (
        select(deleted_object)
        .where(
            deleted_object.c.calendar_id == calendar_id,
            deleted_object.c.uid == uid,
            deleted_object.c.deleted_at_utc <= until,
        )
        .order_by(deleted_object.c.id.desc())
        .limit(1)
    )
    row = tx.execute(query).first()
    if row is None:
        return None
    return DeletedObject(
        ical=bytes(row.ical), href=row.href, kind=ObjectKind(row.kind), expires_at_utc=row.expires_at_utc
    )


def forget(tx: Transaction, *, before: datetime) -> int:
    """Forget what was deleted before an instant; return how many objects."""
    count: int = tx.execute(delete(deleted_object).where(deleted_object.c.deleted_at_utc < before)).rowcount
    return count
