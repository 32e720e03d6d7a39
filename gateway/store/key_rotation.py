"""Rows with sealed secrets beside those of accounts, for sealing them anew."""

from __future__ import annotations

from sqlalchemy import select, update

from gateway.store import instance
from gateway.store.database import Transaction
from gateway.store.schema import feed
from gateway.store.sealed import Sealer

_FACTS = ("canary", "demo")


def rotate_feeds(tx: Transaction, sealer: Sealer, *, after_id: int, limit: int) -> tuple[int, int]:
    """Seal a batch of feed links anew; return (last id, how many), (0, 0) at the end."""
    query = select(feed.c.id, feed.c.secret_sealed).where(
        feed.c.id > after_id, feed.c.secret_sealed.is_not(None)
    )
    rows = tx.execute(query.order_by(feed.c.id).limit(limit)).all()
    for row in rows:
        sealed = sealer.rotate(bytes(row.secret_sealed))
        tx.execute(
            update(feed)
            .where(feed.c.id == row.id, feed.c.secret_sealed == row.secret_sealed)
            .values(secret_sealed=sealed)
        )
    return (int(rows[-1].id), len(rows)) if rows else (0, 0)


def rotate_facts(tx: Transaction, sealer: Sealer) -> int:
    """Seal the canary and the demo's ways in anew; return how many there are."""
    count = 0
    for key in _FACTS:
        sealed = instance.get(tx, key)
        if sealed is not None:
            instance.put(tx, key, sealer.rotate(sealed.encode("ascii")).decode("ascii"))
            count += 1
    return count
