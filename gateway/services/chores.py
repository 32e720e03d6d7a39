"""Work that time brings: holds that are over, the moving horizon, forgotten tombstones, old audit lines.

Each chore is idempotent and works calendar by calendar in short transactions; a lease gives it
to one node at a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.domain.errors import NotFound
from gateway.services import changes, objects, occurrence_index
from gateway.services.limits import Limits
from gateway.services.undo_text import UNDO_LIFE
from gateway.store import audit, deleted, sync_log
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store.database import Database


def expire_holds(db: Database, *, now: datetime) -> int:
    """Delete the holds whose time is over; return how many."""
    total = 0
    for calendar_id in db.read(object_store.calendars_with_expired, now):
        try:
            total += db.write(objects.expire_holds_of, calendar_id, now=now)
        except NotFound:
            continue  # the calendar went away meanwhile
    return total


def move_horizons(db: Database, *, limits: Limits, now: datetime) -> int:
    """Bring every occurrence index to the horizon of today; return how many tickets that opened."""
    horizon = limits.horizon(now)
    unchecked = max(timedelta(), limits.index_future - limits.booking_window)
    opened = 0
    for calendar_id in db.read(calendar_store.ids_with_other_horizon, horizon):
        try:
            opened += db.write(
                occurrence_index.move_horizon, calendar_id, horizon=horizon, now=now, unchecked=unchecked
            )
        except NotFound:
            continue  # the calendar went away meanwhile
    return opened


def forget(db: Database, *, now: datetime, tombstones: timedelta, audit_lines: timedelta) -> int:
    """Prune the logs of calendars and links, what undo keeps, and the audit table; return its lost lines."""
    for calendar_id in db.read(calendar_store.all_ids):
        try:
            db.write(changes.prune, calendar_id, before=now - tombstones)
        except NotFound:
            continue  # the calendar went away meanwhile
    db.write(sync_log.prune, before=now - tombstones)
    db.write(sync_log.forget_texts, before=now - UNDO_LIFE)
    db.write(deleted.forget, before=now - UNDO_LIFE)
    pruned: int = db.write(audit.prune, before=now - audit_lines)
    return pruned
