"""Rows of people: who can sign in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, update

from gateway.domain.model import Principal, PrincipalId
from gateway.domain.people import PasswordRecord
from gateway.store.database import Transaction
from gateway.store.schema import principal, resource

_AT_ONCE = 500  # bound values of one statement
COLUMNS = (
    principal.c.id,
    principal.c.uuid,
    principal.c.login,
    principal.c.name,
    principal.c.email,
    principal.c.is_admin,
    principal.c.password_hash.is_not(None).label("has_password"),
)


def from_row(row: Any) -> Principal:  # Any: a row of SQLAlchemy
    """Return the value for a row of ``COLUMNS``."""
    return Principal(
        id=PrincipalId(row.id),
        uuid=row.uuid,
        login=row.login,
        name=row.name,
        email=row.email,
        is_admin=row.is_admin,
        has_password=bool(row.has_password),
    )


def from_cells(cells: tuple[Any, ...]) -> Principal:  # Any: each column's own type
    """Return the value for the cells of ``COLUMNS``."""
    number, uuid, login, name, email, is_admin, has_password = cells
    return Principal(
        id=PrincipalId(number),
        uuid=uuid,
        login=login,
        name=name,
        email=email,
        is_admin=bool(is_admin),
        has_password=bool(has_password),
    )


def add(
    tx: Transaction, *, login: str, name: str, email: str | None, is_admin: bool, now: datetime
) -> Principal:
    """Insert a person; the login must be free and normal."""
    uuid = str(uuid4())
    row = tx.execute(
        insert(principal)
        .values(
            uuid=uuid,
            login=login,
            name=name,
            email=email,
            is_admin=is_admin,
            password_version=0,
            created_at_utc=now,
        )
        .returning(principal.c.id)
    ).one()
    return Principal(
        id=PrincipalId(row.id), uuid=uuid, login=login, name=name, email=email, is_admin=is_admin
    )


def by_login(tx: Transaction, login: str) -> Principal | None:
    """Return the person with this normal login."""
    row = tx.execute(select(*COLUMNS).where(principal.c.login == login)).one_or_none()
    return from_row(row) if row else None


def by_id(tx: Transaction, principal_id: PrincipalId) -> Principal | None:
    """Return the person with this id."""
    row = tx.execute(select(*COLUMNS).where(principal.c.id == principal_id)).one_or_none()
    return from_row(row) if row else None


def all_(tx: Transaction) -> list[Principal]:
    """Return everybody, by login."""
    return [from_row(row) for row in tx.execute(select(*COLUMNS).order_by(principal.c.login))]


def update_fields(tx: Transaction, principal_id: PrincipalId, **fields: object) -> None:
    """Change columns of one person."""
    tx.execute(update(principal).where(principal.c.id == principal_id).values(**fields))


def set_password_hash(tx: Transaction, principal_id: PrincipalId, password_hash: str | None) -> None:
    """Store a new argon2id hash and raise the version, so that caches drop the old one at once."""
    tx.execute(
        update(principal)
        .where(principal.c.id == principal_id)
        .values(password_hash=password_hash, password_version=principal.c.password_version + 1)
    )


def password_record(tx: Transaction, login: str) -> PasswordRecord | None:
    """Return what sign-in needs, in one indexed read."""
    query = select(*COLUMNS, principal.c.password_hash, principal.c.password_version)
    row = tx.execute(query.where(principal.c.login == login)).one_or_none()
    if row is None:
        return None
    return PasswordRecord(principal=from_row(row), hash=row.password_hash, version=row.password_version)


def count_owned(tx: Transaction, principal_id: PrincipalId) -> int:
    """Return how many calendars this person has made herself."""
    query = select(func.count()).where(resource.c.owner_id == principal_id, resource.c.is_personal)
    count: int = tx.execute(query).scalar_one()
    return count


def remove(tx: Transaction, principal_id: PrincipalId) -> None:
    """Delete a person with her personal calendars, app passwords, feeds and grants."""
    tx.execute(delete(resource).where(resource.c.owner_id == principal_id, resource.c.is_personal))
    tx.execute(delete(principal).where(principal.c.id == principal_id))


def addresses_of(tx: Transaction, ids: Iterable[PrincipalId]) -> dict[PrincipalId, str]:
    """Return the mail addresses of people, of those who have one."""
    wanted = sorted(set(ids))
    found: dict[PrincipalId, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(principal.c.id, principal.c.email).where(
            principal.c.id.in_(wanted[start : start + _AT_ONCE]), principal.c.email.is_not(None)
        )
        found |= {PrincipalId(row.id): row.email for row in tx.execute(query)}
    return found


def names_of_addresses(tx: Transaction, addresses: Iterable[str]) -> dict[str, str]:
    """Return the names of the people who have these mail addresses, by lower-case address."""
    wanted = sorted({each.lower() for each in addresses})
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(func.lower(principal.c.email), principal.c.name).where(
            func.lower(principal.c.email).in_(wanted[start : start + _AT_ONCE])
        )
        found |= {row[0]: row[1] for row in tx.execute(query)}
    return found
