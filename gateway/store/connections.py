"""Administrators' connections: one sealed key each, and the accounts of the mailboxes that it acts for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from gateway.domain.link_model import AccountId
from gateway.store.database import Transaction
from gateway.store.schema_sync import account, connection, link, mailbox
from gateway.store.sealed import Sealer

_PURPOSE = "connection"


def seal(sealer: Sealer, connection_uuid: str, fields: Mapping[str, str]) -> bytes:
    """Return the fields of a sign-in as they are stored: bound to their connection."""
    return sealer.seal(_PURPOSE, connection_uuid, json.dumps(dict(fields)))


def open_fields(sealer: Sealer, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a connection.

    Raises:
        CannotOpen: sealed with a key we do not have.
    """
    found: dict[str, str] = json.loads(sealer.open(_PURPOSE, row["uuid"], bytes(row["sealed"])))
    return found


def add(tx: Transaction, values: dict[str, Any]) -> int:
    """Insert a connection and return its id."""
    return int(tx.execute(insert(connection).values(**values).returning(connection.c.id)).scalar_one())


def change(tx: Transaction, connection_id: int, values: dict[str, Any]) -> None:
    """Change columns of a connection."""
    tx.execute(update(connection).where(connection.c.id == connection_id).values(**values))


def listing(tx: Transaction) -> list[dict[str, Any]]:
    """Return every connection in the order they were made."""
    rows = tx.execute(select(connection).order_by(connection.c.id))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def remove(tx: Transaction, connection_id: int) -> None:
    """Delete a connection with the accounts of its mailboxes, their calendars and links."""
    ids = select(mailbox.c.account_id).where(mailbox.c.connection_id == connection_id)
    tx.execute(delete(account).where(account.c.id.in_(ids)))
    tx.execute(delete(connection).where(connection.c.id == connection_id))


def bind(tx: Transaction, connection_id: int, account_id: AccountId, *, address: str, now: datetime) -> None:
    """Note that an account belongs to a connection; one that is known was checked just now."""
    values = {"address": address, "checked_at_utc": now, "problem": None}
    changed = tx.execute(update(mailbox).where(mailbox.c.account_id == account_id).values(**values))
    if not changed.rowcount:
        tx.execute(insert(mailbox).values(account_id=account_id, connection_id=connection_id, **values))


def connection_of(tx: Transaction, account_id: AccountId) -> int | None:
    """Return the connection that an account belongs to, or None."""
    query = select(mailbox.c.connection_id).where(mailbox.c.account_id == account_id)
    found: int | None = tx.execute(query).scalar_one_or_none()
    return found


def checked(tx: Transaction, account_id: AccountId, *, problem: str | None, now: datetime) -> None:
    """Note how a mailbox answered."""
    tx.execute(
        update(mailbox).where(mailbox.c.account_id == account_id).values(problem=problem, checked_at_utc=now)
    )


def mailboxes(tx: Transaction, connection_id: int) -> list[dict[str, Any]]:
    """Return the mailboxes of a connection by address, with how many links each has."""
    links = (
        select(func.count()).select_from(link).where(link.c.account_id == mailbox.c.account_id)
    ).scalar_subquery()
    query = select(mailbox, links.label("links")).where(mailbox.c.connection_id == connection_id)
    rows = tx.execute(query.order_by(mailbox.c.address))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def rotate(tx: Transaction, sealer: Sealer, *, after_id: int, limit: int) -> tuple[int, int]:
    """Seal a batch of connections with the first key; return (last id, how many), (0, 0) at the end."""
    query = select(connection.c.id, connection.c.sealed).where(connection.c.id > after_id)
    rows = tx.execute(query.order_by(connection.c.id).limit(limit)).all()
    for row in rows:
        tx.execute(
            update(connection)
            .where(connection.c.id == row.id, connection.c.sealed == row.sealed)
            .values(sealed=sealer.rotate(bytes(row.sealed)))
        )
    return (int(rows[-1].id), len(rows)) if rows else (0, 0)
