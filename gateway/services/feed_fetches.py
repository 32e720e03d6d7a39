"""The freshness ledger of feeds: fetches as they were counted, and what is forgotten after a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.feed_spec import Feed
from gateway.domain.model import FeedId
from gateway.store import feeds as store
from gateway.store.database import Transaction

_MAX_SEQS_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """So many fetches of one feed by one family of clients with one outcome.

    Attributes:
        seqs: sequence of each calendar that was served, joined by commas.
    """

    feed_id: int
    client: str
    status: int
    seqs: str
    fetches: int


def note(tx: Transaction, fetches: Sequence[Fetch], *, now: datetime) -> None:
    """Write counted fetches under one instant."""
    store.note_fetches(
        tx,
        [
            {
                "feed_id": each.feed_id,
                "at_utc": now,
                "client": each.client,
                "status": each.status,
                "seqs": each.seqs[:_MAX_SEQS_CHARS],
                "fetches": each.fetches,
            }
            for each in fetches
        ],
    )


def prune(tx: Transaction, *, before: datetime) -> int:
    """Forget fetches before an instant; return how many lines went."""
    return store.prune_fetches(tx, before=before)


def last_fetches(tx: Transaction, feeds: Sequence[Feed]) -> dict[FeedId, datetime]:
    """Return when each feed was last fetched, those never fetched left out."""
    return store.last_fetches(tx, [feed.id for feed in feeds])
