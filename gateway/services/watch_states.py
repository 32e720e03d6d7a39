"""What is known of push subscriptions, and what a message from one leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.link_model import LinkId
from gateway.providers.contract import Signal, Watch
from gateway.store import watches
from gateway.store.database import Transaction

_TRY_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownWatch:
    """The subscription of a link.

    Attributes:
        watch: None while none is known to exist.
        heard_at_utc: when its last genuine message came; None for never.
    """

    watch: Watch | None
    renew_at_utc: datetime
    heard_at_utc: datetime | None = None

    def is_silent(self, *, since: datetime | None) -> bool:
        """Return whether it has said nothing since then, although there was something to say."""
        return self.watch is not None and since is not None and (self.heard_at_utc or since) <= since


def of_link(tx: Transaction, link_id: LinkId) -> KnownWatch | None:
    """Return the subscription of a link, or None."""
    row = watches.of_link(tx, link_id)
    if row is None:
        return None
    memo = row["memo"]
    watch = None
    if memo.get("resource"):
        watch = Watch(
            id=row["channel_id"],
            resource=memo["resource"],
            calendar_id=memo["calendar_id"],
            expires_at_utc=row["expires_at_utc"],
        )
    return KnownWatch(watch=watch, renew_at_utc=row["renew_at_utc"], heard_at_utc=row["heard_at_utc"])


Before = dict[str, Any]


def begin(tx: Transaction, link_id: LinkId, *, watch_id: str, secret: str, now: datetime) -> Before | None:
    """Know a channel before it exists, so that its first message is not taken for a forged one.

    Returns what was known before, for ``refused``.
    """
    before = watches.of_link(tx, link_id)
    watches.save(
        tx,
        link_id,
        channel_id=watch_id,
        secret=secret,
        memo={},
        expires_at_utc=now,
        renew_at_utc=now,
    )
    return before


def made(tx: Transaction, link_id: LinkId, watch: Watch, *, secret: str, now: datetime) -> None:
    """Keep a subscription that the provider has granted."""
    watches.save(
        tx,
        link_id,
        channel_id=watch.id,
        secret=secret,
        memo={"resource": watch.resource, "calendar_id": watch.calendar_id},
        expires_at_utc=watch.expires_at_utc,
        renew_at_utc=watch.renew_at_utc(now),
    )


def renewed(tx: Transaction, link_id: LinkId, watch: Watch, *, now: datetime) -> None:
    """Keep a subscription that was prolonged: its id and secret stay."""
    watches.renew(tx, link_id, expires_at_utc=watch.expires_at_utc, renew_at_utc=watch.renew_at_utc(now))


def refused(tx: Transaction, link_id: LinkId, *, before: Before | None, now: datetime) -> None:
    """Try again in a while; polling goes on meanwhile, and ``before`` goes on telling while it lives."""
    if before is not None and before["memo"].get("resource") and before["expires_at_utc"] > now:
        watches.put_back(tx, before, again_at_utc=now + _TRY_AGAIN)
    else:
        watches.refuse(tx, link_id, again_at_utc=now + _TRY_AGAIN)


def heard(tx: Transaction, signals: Sequence[Signal], *, now: datetime) -> int:
    """Make links due for a pull; return how many messages were genuine."""
    return sum(
        watches.heard(
            tx,
            channel_id=one.watch_id,
            secret=one.secret,
            is_gone=one.is_gone,
            must_renew=one.must_renew,
            now=now,
        )
        for one in signals
    )
