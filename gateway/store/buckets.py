"""Request budgets that all nodes share: a token bucket per provider account or project (engine.md §3.5)."""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.database import Transaction
from gateway.store.links import clock_ms
from gateway.store.schema_sync import token_bucket


def draw(tx: Transaction, name: str, *, wanted: int, per_minute: float, capacity: float) -> tuple[int, int]:
    """Take up to ``wanted`` tokens; return (how many, milliseconds until there is one again)."""
    query = select(token_bucket).where(token_bucket.c.name == name)
    if tx.is_postgresql:
        query = query.with_for_update()
    now = clock_ms(tx)
    row = tx.execute(query).one_or_none()
    if row is None:
        try:
            with tx.savepoint():
                tx.execute(insert(token_bucket).values(name=name, tokens=capacity, filled_at=now))
        except IntegrityError:  # another node was first
            pass
        row = tx.execute(query).one()
    tokens = min(capacity, row.tokens + max(0, now - row.filled_at) * per_minute / 60_000)
    taken = min(wanted, int(tokens))
    tx.execute(
        update(token_bucket).where(token_bucket.c.name == name).values(tokens=tokens - taken, filled_at=now)
    )
    wait_ms = 0 if taken else int((1 - tokens) * 60_000 / per_minute) + 1
    return taken, wait_ms


def empty(tx: Transaction, name: str) -> None:
    """Note that the provider says the budget is used up, whatever we had counted."""
    tx.execute(
        update(token_bucket).where(token_bucket.c.name == name).values(tokens=0.0, filled_at=clock_ms(tx))
    )
