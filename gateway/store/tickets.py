"""Conflict tickets: disagreements that wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

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


def open_for_link(
    tx: Transaction,
    calendar_id: CalendarId,
    *,
    link_uuid: str,
    uid: str,
    remote_id: str | None,
    reason: str,
    theirs: bytes | None,
    fields: Sequence[str],
    now: datetime,
) -> int:
    """Keep a disagreement with a provider for a person; an open one of the same kind is updated."""
    known = [
        conflict_ticket.c.calendar_id == calendar_id,
        conflict_ticket.c.object_uid == uid,
        conflict_ticket.c.link_uuid == link_uuid,
        conflict_ticket.c.reason == reason,
        conflict_ticket.c.state == "open",
    ]
    values: dict[str, Any] = {"theirs": theirs, "fields": list(fields), "remote_id": remote_id}
    found = tx.execute(
        update(conflict_ticket).where(*known).values(**values).returning(conflict_ticket.c.id)
    ).scalar_one_or_none()
    if found is not None:
        return int(found)
    at = int(now.timestamp() * 1_000_000)
    statement = insert(conflict_ticket).values(
        calendar_id=calendar_id,
        object_uid=uid,
        other_uid=f"link:{link_uuid}:{reason}",
        start_ts=at,
        end_ts=at,
        reason=reason,
        state="open",
        created_at_utc=now,
        link_uuid=link_uuid,
        **values,
    )
    return int(tx.execute(statement.returning(conflict_ticket.c.id)).scalar_one())


def close_for_link(
    tx: Transaction, *, link_uuid: str, uid: str, reasons: Sequence[str], resolution: str, now: datetime
) -> int:
    """Close tickets whose cause is gone by itself; return how many."""
    closed = tx.execute(
        update(conflict_ticket)
        .where(
            conflict_ticket.c.link_uuid == link_uuid,
            conflict_ticket.c.object_uid == uid,
            conflict_ticket.c.reason.in_(list(reasons)),
            conflict_ticket.c.state == "open",
        )
        .values(state="resolved", resolution=resolution, resolved_at_utc=now, theirs=None)
    )
    count: int = closed.rowcount
    return count


def listing(
    tx: Transaction, *, calendar_id: CalendarId | None = None, is_open: bool = True, limit: int = 200
) -> list[dict[str, Any]]:
    """Return tickets, the newest first."""
    query = select(conflict_ticket).order_by(conflict_ticket.c.id.desc()).limit(limit)
    if calendar_id is not None:
        query = query.where(conflict_ticket.c.calendar_id == calendar_id)
    if is_open:
        query = query.where(conflict_ticket.c.state == "open")
    return [dict(row._mapping) for row in tx.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name


def get(tx: Transaction, ticket_id: int) -> dict[str, Any] | None:
    """Return one ticket, or None."""
    row = tx.execute(select(conflict_ticket).where(conflict_ticket.c.id == ticket_id)).one_or_none()
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public name


def resolve(tx: Transaction, ticket_id: int, *, resolution: str, actor: str, now: datetime) -> bool:
    """Close a ticket; False where it was closed already."""
    closed = tx.execute(
        update(conflict_ticket)
        .where(conflict_ticket.c.id == ticket_id, conflict_ticket.c.state == "open")
        .values(
            state="resolved",
            resolution=resolution,
            resolved_by=actor[:255],
            resolved_at_utc=now,
            theirs=None,
        )
    )
    return bool(closed.rowcount)
