"""Accounts: sign-ins at providers with their sealed state, their calendars, and sign-ins that were begun."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from gateway.domain.link_model import Account, AccountId, AccountState
from gateway.domain.model import PrincipalId
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema_sync import account, oauth_state, remote_calendar
from gateway.store.sealed import Sealer
from gateway.store.sets import among, parameter

_BY_ID = Hot(select(account).where(account.c.id == bindparam("b_id")))
_MANY = {
    each: Hot(select(account).where(among(account.c.id, "ids", is_postgresql=each))) for each in (False, True)
}
_PURPOSE = "account"
_PENDING = "sign-in"


def account_from_row(row: Row[Any] | SimpleNamespace) -> Account:
    """Build the account from a whole row."""
    return Account(
        id=AccountId(row.id),
        uuid=row.uuid,
        owner_id=PrincipalId(row.owner_id) if row.owner_id is not None else None,
        provider=row.provider,
        subject=row.subject,
        label=row.label,
        kind=row.kind,
        state=AccountState(row.state),
        reason=row.reason,
        scopes=tuple(row.scopes),
        token_version=row.token_version,
        fails=row.fails,
        created_at_utc=row.created_at_utc,
        sealed=bytes(row.sealed),
    )


def seal_state(sealer: Sealer, account_uuid: str, state: bytes) -> bytes:
    """Return a sign-in state as it is stored: bound to its account."""
    return sealer.seal(_PURPOSE, account_uuid, base64.b64encode(state).decode())


def open_state(sealer: Sealer, found: Account) -> bytes:
    """Return the sign-in state of an account.

    Raises:
        CannotOpen: sealed with a key we do not have.
    """
    return base64.b64decode(sealer.open(_PURPOSE, found.uuid, found.sealed))


def get(tx: Transaction, account_id: AccountId) -> Account | None:
    """Return an account, or None."""
    for cells in _BY_ID.cells(tx, b_id=account_id):
        return account_from_row(SimpleNamespace(**cells))
    return None


def many(tx: Transaction, account_ids: Iterable[AccountId]) -> dict[AccountId, Account]:
    """Return accounts by id; one that has gone is missing."""
    cells = _MANY[tx.is_postgresql].cells(tx, ids=parameter(tx, account_ids))
    found = [account_from_row(SimpleNamespace(**each)) for each in cells]
    return {one.id: one for one in found}


def by_subject(tx: Transaction, provider: str, subject: str) -> Account | None:
    """Return the account of a provider's own id, or None."""
    query = select(account).where(account.c.provider == provider, account.c.subject == subject)
    row = tx.execute(query).one_or_none()
    return account_from_row(row) if row is not None else None


def by_uuid(tx: Transaction, prefix: str) -> list[Account]:
    """Return the accounts whose uuid begins so, two at most."""
    query = select(account).where(func.substr(account.c.uuid, 1, len(prefix)) == prefix)
    return [account_from_row(row) for row in tx.execute(query.limit(2))]


def listing(tx: Transaction, *, owner_id: PrincipalId | None = None) -> list[Account]:
    """Return accounts in the order they were connected."""
    query = select(account).order_by(account.c.id)
    if owner_id is not None:
        query = query.where(account.c.owner_id == owner_id)
    return [account_from_row(row) for row in tx.execute(query)]


def insert_one(tx: Transaction, values: Mapping[str, Any]) -> AccountId:
    """Insert an account and return its id."""
    defaults: dict[str, Any] = {"token_version": 1, "not_before": 0, "fails": 0, "config": {}, "reason": None}
    return AccountId(
        tx.execute(insert(account).values(**(defaults | dict(values))).returning(account.c.id)).scalar_one()
    )


def change(tx: Transaction, account_id: AccountId, values: Mapping[str, Any]) -> None:
    """Change columns of an account."""
    tx.execute(update(account).where(account.c.id == account_id).values(**values))


def store_state(tx: Transaction, account_id: AccountId, sealed: bytes, *, version: int) -> bool:
    """Store a new sign-in state over the one with ``version``; False where somebody was first."""
    changed = tx.execute(
        update(account)
        .where(account.c.id == account_id, account.c.token_version == version)
        .values(sealed=sealed, token_version=version + 1)
    )
    return bool(changed.rowcount)


def set_state(tx: Transaction, account_id: AccountId, state: AccountState, reason: str | None) -> bool:
    """Change the state of an account; False where it was in that state already."""
    changed = tx.execute(
        update(account)
        .where(account.c.id == account_id, account.c.state != state.value)
        .values(state=state.value, reason=reason)
    )
    return bool(changed.rowcount)


def remove(tx: Transaction, account_id: AccountId) -> None:
    """Delete an account with its calendars and links."""
    tx.execute(delete(account).where(account.c.id == account_id))


def rotate(tx: Transaction, sealer: Sealer, *, after_id: int, limit: int) -> tuple[int, int]:
    """Seal a batch of states with the first key; return (last id, how many), (0, 0) at the end."""
    query = select(account.c.id, account.c.sealed).where(account.c.id > after_id).order_by(account.c.id)
    rows = tx.execute(query.limit(limit)).all()
    for row in rows:
        sealed = sealer.rotate(bytes(row.sealed))
        # Guarded by the old bytes: a token that was refreshed meanwhile is newer and sealed anew anyway.
        tx.execute(
            update(account)
            .where(account.c.id == row.id, account.c.sealed == row.sealed)
            .values(sealed=sealed)
        )
    return (int(rows[-1].id), len(rows)) if rows else (0, 0)


# -- calendars of an account --------------------------------------------------------------------------


def save_calendar(tx: Transaction, account_id: AccountId, remote_id: str, values: Mapping[str, Any]) -> int:
    """Insert or change one remote calendar; return its row id."""
    key = (remote_calendar.c.account_id == account_id, remote_calendar.c.remote_id == remote_id)
    row_id = tx.execute(
        update(remote_calendar).where(*key).values(**values).returning(remote_calendar.c.id)
    ).scalar_one_or_none()
    if row_id is None:
        row_id = tx.execute(
            insert(remote_calendar)
            .values(**({"is_ours": False} | dict(values)), account_id=account_id, remote_id=remote_id)
            .returning(remote_calendar.c.id)
        ).scalar_one()
    return int(row_id)


def calendars(tx: Transaction, account_id: AccountId) -> list[dict[str, Any]]:
    """Return the known calendars of an account by name."""
    query = select(remote_calendar).where(remote_calendar.c.account_id == account_id)
    rows = tx.execute(query.order_by(remote_calendar.c.name, remote_calendar.c.id))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


# -- sign-ins that were begun -------------------------------------------------------------------------


def begin_sign_in(
    tx: Transaction,
    sealer: Sealer,
    *,
    state: str,
    provider: str,
    principal_id: PrincipalId,
    pending: str,
    terms_version: str,
    now: datetime,
    expires_at_utc: datetime,
) -> None:
    """Keep what is needed when the browser comes back; the state itself is stored as a hash."""
    tx.execute(delete(oauth_state).where(oauth_state.c.expires_at_utc <= now))
    digest = hashlib.sha256(state.encode()).digest()
    tx.execute(
        insert(oauth_state).values(
            state_hash=digest,
            provider=provider,
            principal_id=principal_id,
            sealed=sealer.seal(_PENDING, digest.hex(), pending),
            terms_version=terms_version,
            created_at_utc=now,
            expires_at_utc=expires_at_utc,
        )
    )


def take_sign_in(tx: Transaction, sealer: Sealer, *, state: str, now: datetime) -> dict[str, Any] | None:
    """Return what was kept under a state, once; None where it is unknown, over or used."""
    digest = hashlib.sha256(state.encode()).digest()
    row = tx.execute(
        update(oauth_state)
        .where(
            oauth_state.c.state_hash == digest,
            oauth_state.c.expires_at_utc > now,
            oauth_state.c.account_uuid.is_(None),
        )
        .values(account_uuid="")
        .returning(oauth_state)
    ).one_or_none()
    if row is None:
        return None
    found = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    found["pending"] = sealer.open(_PENDING, digest.hex(), bytes(row.sealed))
    return found


def note_sign_in(tx: Transaction, *, state: str, account_uuid: str) -> None:
    """Remember which account a sign-in led to, for the command that waits for it."""
    digest = hashlib.sha256(state.encode()).digest()
    tx.execute(
        update(oauth_state).where(oauth_state.c.state_hash == digest).values(account_uuid=account_uuid)
    )


def signed_in(tx: Transaction, *, state: str) -> str | None:
    """Return the uuid of the account that a sign-in led to; None while nobody has consented."""
    digest = hashlib.sha256(state.encode()).digest()
    query = select(oauth_state.c.account_uuid).where(oauth_state.c.state_hash == digest)
    return tx.execute(query).scalar_one_or_none() or None
