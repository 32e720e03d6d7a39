"""What every change of a calendar object leaves behind: its number, its line in the log, its tombstone.

Call these under the calendar's lock; who may change what is decided in ``objects`` and ``relocation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.model import CalendarId, CalendarObject, Change, Classification, PrincipalId
from gateway.services.masks import CLASS_SEQ
from gateway.store import calendar_properties, deleted
from gateway.store import calendars as calendar_store
from gateway.store import changes as change_store
from gateway.store import links as link_store
from gateway.store import objects as object_store
from gateway.store.changes import MASKED
from gateway.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who writes: for people, the log and the rights to an object's text; it decides nothing else."""

    label: str
    principal_id: PrincipalId | None = None


def remove(tx: Transaction, stored: CalendarObject, *, origin: Origin, now: datetime) -> int:
    """Delete an object, leave its tombstone and return the tombstone's number."""
    seq = calendar_store.bump(tx, stored.calendar_id)
    deleted.keep(tx, stored.id, now=now)
    object_store.delete_one(tx, stored.id)
    log_gone(tx, stored, seq, origin=origin, now=now)
    return seq


def note_visibility(
    tx: Transaction, calendar_id: CalendarId, href: str, seq: int, classification: Classification
) -> None:
    """Note where a name that readers knew as public now stands for a masked object, or the other way.

    A reader of a masked view could not be told so by the newest line of the name alone.
    """
    was_masked = change_store.was_masked(tx, calendar_id, href)
    if was_masked is not None and was_masked != bool(classification):
        calendar_properties.put(tx, calendar_id, None, CLASS_SEQ, str(seq))


def log_gone(tx: Transaction, gone: CalendarObject, seq: int, *, origin: Origin, now: datetime) -> None:
    """Write the tombstone of an object.

    It remembers whether the object was masked, so that nobody learns the name of one.
    """
    mark = f"{MASKED}{gone.creator_id or 0}" if gone.classification else None
    log(tx, gone.calendar_id, seq, gone.href, gone.uid, op="delete", etag=mark, origin=origin, now=now)


def log(
    tx: Transaction,
    calendar_id: CalendarId,
    seq: int,
    href: str,
    uid: str,
    *,
    op: str,
    etag: str | None,
    origin: Origin,
    now: datetime,
) -> None:
    """Write one line of the log, ``op`` is put or delete, and wake who waits for changes."""
    line = Change(
        calendar_id=calendar_id,
        seq=seq,
        href=href,
        uid=uid,
        op=op,
        etag=etag,
        origin=origin.label,
        at_utc=now,
    )
    change_store.append(tx, [line])
    link_store.wake(tx, calendar_id)
