"""Request budgets of accounts, shared by every node through the database."""

from __future__ import annotations

from gateway.domain.link_model import AccountId
from gateway.store import buckets
from gateway.store.database import Transaction

# Saved up at most. With the ten that a process draws ahead, no minute, wherever it begins, has more requests
# than the 600 that Google allows; and a long first sync still takes hardly longer than they do.
_BURST = 15.0


def draw(tx: Transaction, account_id: AccountId, *, wanted: int, per_minute: float) -> tuple[int, int]:
    """Take requests from the budget of an account; return (how many, milliseconds to wait if none)."""
    return buckets.draw(
        tx,
        f"account:{account_id}",
        wanted=wanted,
        per_minute=per_minute,
        capacity=max(_BURST, per_minute / 40),
    )
