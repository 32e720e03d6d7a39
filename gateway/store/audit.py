"""The audit table: who changed what. Never titles, attendees or secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from gateway.domain.people import AuditEntry
from gateway.store.database import Transaction
from gateway.store.schema import audit


def record(
    tx: Transaction,
    *,
    now: datetime,
    actor: str,
    action: str,
    target_kind: str,
    target: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Add one line in the transaction of the change itself."""
    tx.execute(
        insert(audit).values(
            at_utc=now,
            actor=actor[:255],
            action=action,
            target_kind=target_kind,
            target=target[:255],
            detail=dict(detail or {}),
        )
    )


def newest(tx: Transaction, *, limit: int = 100, target: tuple[str, str] | None = None) -> list[AuditEntry]:
    """Return the newest lines first; ``target`` is (kind, name)."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if target is not None:
        query = query.where(audit.c.target_kind == target[0], audit.c.target == target[1])
    return [
        AuditEntry(
            at_utc=row.at_utc,
            actor=row.actor,
            action=row.action,
            target_kind=row.target_kind,
            target=row.target,
            detail=row.detail,
        )
        for row in tx.execute(query)
    ]


def prune(tx: Transaction, *, before: datetime) -> int:
    """Delete lines older than ``before``; return how many."""
    count: int = tx.execute(delete(audit).where(audit.c.at_utc < before)).rowcount
    return count
