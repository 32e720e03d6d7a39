"""Facts about the whole instance: the epoch of sync tokens, the default zone, the canary."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy import bindparam, delete, func, insert, select, update

from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import instance

_EPOCH = "epoch"
_GET = Hot(select(instance.c.value).where(instance.c.key == bindparam("key")))
_ZONE = "zone"


def get(tx: Transaction, key: str) -> str | None:
    """Return one fact, or None."""
    row = _GET.one(tx, key=key)
    return None if row is None else str(row[0])


def put(tx: Transaction, key: str, value: str) -> None:
    """Store one fact."""
    changed = tx.execute(update(instance).where(instance.c.key == key).values(value=value))
    if not changed.rowcount:
        tx.execute(insert(instance).values(key=key, value=value))


def drop(tx: Transaction, key: str) -> None:
    """Forget one fact."""
    tx.execute(delete(instance).where(instance.c.key == key))


def epoch(tx: Transaction) -> str:
    """Return the epoch; sync tokens of another epoch are refused. Empty before the first start."""
    return get(tx, _EPOCH) or ""


def new_epoch(tx: Transaction) -> str:
    """Begin a new epoch: every sync token given out before is refused from now on."""
    value = secrets.token_hex(6)
    put(tx, _EPOCH, value)
    return value


def default_zone(tx: Transaction) -> str | None:
    """Return the zone that resources without one were last served with; None before the first start."""
    return get(tx, _ZONE)


def set_default_zone(tx: Transaction, zone: str) -> None:
    """Store the zone of resources that have none; their occurrence index must be rebuilt by the caller."""
    put(tx, _ZONE, zone)


def clock(tx: Transaction) -> datetime:
    """Return what the clock of the PostgreSQL server says."""
    told: datetime = tx.execute(select(func.clock_timestamp())).scalar_one()
    return told.astimezone(UTC)
