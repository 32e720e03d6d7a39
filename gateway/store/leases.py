"""Leases: work that only one node does at a time.

Each claim raises the fencing token; whoever records results under a lease checks that her token is
still the newest, so a node that slept through its lease cannot overwrite its successor's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.database import Transaction
from gateway.store.schema import lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to do ``name`` until ``expires_at_utc``; ``token`` rises with each claim."""

    name: str
    owner: str
    token: int
    expires_at_utc: datetime


def claim(
    tx: Transaction,
    name: str,
    *,
    owner: str,
    now: datetime,
    lease_for: timedelta,
    unless_done_since: datetime | None = None,
) -> Lease | None:
    """Take the lease where it is free, expired or already ours; None where another node holds it.

    ``unless_done_since``: also None where the work was finished at or after that instant.
    """
    free = or_(lease.c.expires_at_utc <= now, lease.c.owner == owner)
    condition = [lease.c.name == name, free]
    if unless_done_since is not None:
        condition.append(or_(lease.c.done_at_utc.is_(None), lease.c.done_at_utc < unless_done_since))
    expires_at_utc = now + lease_for
    # One statement decides, so that of two nodes exactly one sees the row change.
    token = tx.execute(
        update(lease)
        .where(*condition)
        .values(owner=owner, token=lease.c.token + 1, expires_at_utc=expires_at_utc)
        .returning(lease.c.token)
    ).scalar_one_or_none()
    if token is None:
        if tx.execute(select(lease.c.name).where(lease.c.name == name)).first():
            return None
        try:
            with tx.connection.begin_nested():
                tx.execute(
                    insert(lease).values(name=name, owner=owner, token=1, expires_at_utc=expires_at_utc)
                )
        except IntegrityError:  # another node was first
            return None
        token = 1
    return Lease(name=name, owner=owner, token=token, expires_at_utc=expires_at_utc)


def renew(tx: Transaction, held: Lease, *, now: datetime, lease_for: timedelta) -> Lease | None:
    """Prolong a lease that is still ours; None where another node has taken it over."""
    expires_at_utc = now + lease_for
    changed = tx.execute(
        update(lease)
        .where(lease.c.name == held.name, lease.c.owner == held.owner, lease.c.token == held.token)
        .values(expires_at_utc=expires_at_utc)
    )
    if not changed.rowcount:
        return None
    return Lease(name=held.name, owner=held.owner, token=held.token, expires_at_utc=expires_at_utc)


def is_held(tx: Transaction, held: Lease) -> bool:
    """Return whether no later claim exists; PostgreSQL keeps it so until the transaction ends."""
    query = select(lease.c.name).where(lease.c.name == held.name, lease.c.token == held.token)
    return tx.execute(query.with_for_update()).first() is not None


def finish(tx: Transaction, held: Lease, *, now: datetime) -> bool:
    """Give the lease back with the work done; False where it was lost meanwhile."""
    changed = tx.execute(
        update(lease)
        .where(lease.c.name == held.name, lease.c.owner == held.owner, lease.c.token == held.token)
        .values(expires_at_utc=now, done_at_utc=now)
    )
    return bool(changed.rowcount)


def give_back(tx: Transaction, held: Lease, *, now: datetime) -> bool:
    """Give the lease back with the work undone; False where it was lost meanwhile."""
    return renew(tx, held, now=now, lease_for=timedelta()) is not None
