"""Rows of app passwords: one per client, found by the SHA-256 of the secret."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, or_, select, update

from gateway.domain.model import Principal, PrincipalId
from gateway.domain.people import AppPassword
from gateway.store import principals
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import app_password, principal

_FIND = Hot(
    select(*principals.COLUMNS)
    .join(app_password, app_password.c.principal_id == principal.c.id)
    .where(app_password.c.secret_hash == bindparam("secret_hash"), app_password.c.revoked_at_utc.is_(None))
)


def add(tx: Transaction, principal_id: PrincipalId, *, label: str, secret_hash: bytes, now: datetime) -> int:
    """Insert an app password and return its id."""
    row = tx.execute(
        insert(app_password)
        .values(principal_id=principal_id, label=label, secret_hash=secret_hash, created_at_utc=now)
        .returning(app_password.c.id)
    ).one()
    number: int = row.id
    return number


def find_principal(tx: Transaction, secret_hash: bytes) -> Principal | None:
    """Return whose unrevoked app password has this hash."""
    row = _FIND.one(tx, secret_hash=secret_hash)
    return principals.from_cells(row) if row else None


def of_principal(tx: Transaction, principal_id: PrincipalId) -> list[AppPassword]:
    """Return all app passwords of a person, revoked ones too, oldest first."""
    query = (
        select(app_password, principal.c.login)
        .join(principal, principal.c.id == app_password.c.principal_id)
        .where(app_password.c.principal_id == principal_id)
        .order_by(app_password.c.id)
    )
    return [
        AppPassword(
            id=row.id,
            login=row.login,
            label=row.label,
            created_at_utc=row.created_at_utc,
            last_used_at_utc=row.last_used_at_utc,
            revoked_at_utc=row.revoked_at_utc,
        )
        for row in tx.execute(query)
    ]


def revoke(tx: Transaction, principal_id: PrincipalId, password_id: int, *, now: datetime) -> bool:
    """Revoke one app password of this person; return False where she has no such valid one."""
    changed = tx.execute(
        update(app_password)
        .where(
            app_password.c.id == password_id,
            app_password.c.principal_id == principal_id,
            app_password.c.revoked_at_utc.is_(None),
        )
        .values(revoked_at_utc=now)
    )
    return bool(changed.rowcount)


def record_use(tx: Transaction, secret_hash: bytes, *, now: datetime, unless_since: datetime) -> None:
    """Note the last use, unless one after ``unless_since`` is noted already."""
    tx.execute(
        update(app_password)
        .where(
            app_password.c.secret_hash == secret_hash,
            or_(app_password.c.last_used_at_utc.is_(None), app_password.c.last_used_at_utc < unless_since),
        )
        .values(last_used_at_utc=now)
    )
