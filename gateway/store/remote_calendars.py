"""Rows of calendars at providers, one by one; what an account lists is in ``accounts``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from gateway.domain.link_model import AccountId, Direction, Link
from gateway.store.accounts import save_calendar as save
from gateway.store.database import Transaction
from gateway.store.schema import calendar, resource
from gateway.store.schema_sync import account, link, remote_calendar

__all__ = ["change", "get", "ids_before", "remove_unlinked", "resolve", "resources_beside", "same", "save"]


def get(tx: Transaction, row_id: int) -> dict[str, Any] | None:
    """Return one row, held until the transaction ends, or None."""
    query = select(remote_calendar).where(remote_calendar.c.id == row_id)
    if tx.is_postgresql:
        query = query.with_for_update()
    row = tx.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def same(tx: Transaction, row_id: int) -> list[int]:
    """Return the rows of one calendar, whichever account reaches it, held until the transaction ends."""
    query = select(remote_calendar.c.id).where(_is_same(row_id)).order_by(remote_calendar.c.id)
    if tx.is_postgresql:
        query = query.with_for_update()
    return list(tx.execute(query).scalars())


def resources_beside(tx: Transaction, one: Link) -> list[str]:
    """Return the uuids of the other resources whose links write to the remote calendar of a link."""
    rows = select(remote_calendar.c.id).where(_is_same(one.remote_calendar_id))
    query = (
        select(resource.c.uuid)
        .join(calendar, calendar.c.resource_id == resource.c.id)
        .join(link, link.c.calendar_id == calendar.c.id)
        .where(
            link.c.remote_calendar_id.in_(rows),
            link.c.calendar_id != one.calendar_id,
            link.c.direction != Direction.PULL.value,
        )
    )
    return list(tx.execute(query).scalars())


def _is_same(row_id: int) -> ColumnElement[bool]:
    """Return the condition for rows of the calendar of a row: its own, or of its place at its provider."""
    this, of = remote_calendar.alias(), account.alias()
    place = select(this.c.place).where(this.c.id == row_id).scalar_subquery()
    provider = (
        select(of.c.provider)
        .join(this, this.c.account_id == of.c.id)
        .where(this.c.id == row_id)
        .scalar_subquery()
    )
    accounts = select(account.c.id).where(account.c.provider == provider)
    return or_(
        remote_calendar.c.id == row_id,
        and_(remote_calendar.c.place == place, remote_calendar.c.account_id.in_(accounts)),
    )


def ids_before(tx: Transaction, account_id: AccountId, row_id: int) -> frozenset[str]:
    """Return the remote ids of an account's calendars that were known before a row was made."""
    query = select(remote_calendar.c.remote_id).where(
        remote_calendar.c.account_id == account_id, remote_calendar.c.id < row_id
    )
    return frozenset(tx.execute(query).scalars())


def change(tx: Transaction, row_id: int, values: Mapping[str, Any]) -> None:
    """Change columns of one row."""
    tx.execute(update(remote_calendar).where(remote_calendar.c.id == row_id).values(**values))


def resolve(tx: Transaction, row_id: int, remote_id: str, values: Mapping[str, Any]) -> int:
    """Give a row its remote id; a row that a listing has brought for it takes its place."""
    row = get(tx, row_id)
    if row is None:
        return row_id
    known = tx.execute(
        select(remote_calendar.c.id).where(
            remote_calendar.c.account_id == row["account_id"],
            remote_calendar.c.remote_id == remote_id,
            remote_calendar.c.id != row_id,
        )
    ).scalar_one_or_none()
    if known is None:
        change(tx, row_id, {"remote_id": remote_id, **values})
        return row_id
    change(tx, known, {"is_ours": True, **values})
    tx.execute(update(link).where(link.c.remote_calendar_id == row_id).values(remote_calendar_id=known))
    tx.execute(delete(remote_calendar).where(remote_calendar.c.id == row_id))
    return int(known)


def remove_unlinked(tx: Transaction, row_id: int) -> None:
    """Delete a row that no link stands on."""
    linked = select(link.c.id).where(link.c.remote_calendar_id == row_id).exists()
    tx.execute(delete(remote_calendar).where(remote_calendar.c.id == row_id, ~linked))
