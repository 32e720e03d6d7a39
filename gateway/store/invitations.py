"""Invitations: one-time links by which people connect accounts; tokens and sessions are kept as hashes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from gateway.store.database import Transaction
from gateway.store.schema_sync import invitation


def add(tx: Transaction, values: dict[str, Any]) -> int:
    """Insert an invitation and return its id."""
    return int(tx.execute(insert(invitation).values(**values).returning(invitation.c.id)).scalar_one())


def by_token(tx: Transaction, token_hash: bytes, *, now: datetime) -> dict[str, Any] | None:
    """Return an invitation that can still be used, or None."""
    row = tx.execute(select(invitation).where(*_usable(token_hash, now))).one_or_none()
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public name


def use(
    tx: Transaction, token_hash: bytes, *, session_hash: bytes, ends_at_utc: datetime, now: datetime
) -> dict[str, Any] | None:
    """Use an invitation up: of two at once one gets it; None for the other, and for what is over."""
    row = tx.execute(
        update(invitation)
        .where(*_usable(token_hash, now))
        .values(state="waiting", session_hash=session_hash, session_ends_at_utc=ends_at_utc)
        .returning(invitation)
    ).one_or_none()
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public name


def by_session(tx: Transaction, session_hash: bytes, *, now: datetime) -> dict[str, Any] | None:
    """Return the invitation that a browser has opened, while its session lasts."""
    row = tx.execute(
        select(invitation).where(
            invitation.c.session_hash == session_hash,
            invitation.c.session_ends_at_utc > now,
            invitation.c.state != "withdrawn",
        )
    ).one_or_none()
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public name


def change(tx: Transaction, invitation_id: int, values: dict[str, Any]) -> None:
    """Change columns of an invitation."""
    tx.execute(update(invitation).where(invitation.c.id == invitation_id).values(**values))


def by_uuid(tx: Transaction, prefix: str) -> list[dict[str, Any]]:
    """Return the invitations whose uuid begins so."""
    return [one for one in listing(tx) if one["uuid"].startswith(prefix)]


def listing(tx: Transaction) -> list[dict[str, Any]]:
    """Return every invitation, the newest first."""
    rows = tx.execute(select(invitation).order_by(invitation.c.id.desc()))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def _usable(token_hash: bytes, now: datetime) -> tuple[Any, ...]:
    return (
        invitation.c.token_hash == token_hash,
        invitation.c.state == "invited",
        invitation.c.expires_at_utc > now,
    )
