"""Conflict tickets: disagreements that wait for a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select

from gateway.domain.model import CalendarId
from gateway.store.database import Transaction
from gateway.store.schema import calendar_object, conflict_ticket


def open_one(
    tx: Transaction,
    calendar_id: CalendarId,
    *,
    object_ids: tuple[int, int],
    start_ts: int,
    end_ts: int,
    reason: str,
    now: datetime,
) -> int:
    """Open a ticket for two objects that meet at ``start_ts``; return 0 where there is one already."""
    rows = tx.execute(
        select(calendar_object.c.id, calendar_object.c.uid).where(calendar_object.c.id.in_(object_ids))
    ).all()
    if len(rows) != len(object_ids):
        return 0
    uids = sorted(row.uid for row in rows)
    known = conflict_ticket.c.calendar_id == calendar_id
    known &= conflict_ticket.c.object_uid == uids[0]
    known &= conflict_ticket.c.other_uid == uids[1]
    known &= conflict_ticket.c.start_ts == start_ts
    if tx.execute(select(conflict_ticket.c.id).where(known)).first() is not None:
        return 0
    tx.execute(
        insert(conflict_ticket).values(
            calendar_id=calendar_id,
            object_uid=uids[0],
            other_uid=uids[1],
            start_ts=start_ts,
            end_ts=end_ts,
            reason=reason,
            state="open",
            created_at_utc=now,
        )
    )
    return 1
