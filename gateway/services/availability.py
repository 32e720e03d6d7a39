"""Busy time of an account that lets us see no events, only when it is taken (free/busy).

The spans of one such calendar stand under two names: what is near, asked for at every poll, and what is far,
asked for a few times a day. Both overlap, so that nothing falls between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.model import Busy, Window, from_epoch_s, to_epoch_s
from gateway.providers.contract import BusySpan
from gateway.services.sync_busy import report_clashes
from gateway.services.sync_context import RunContext, held
from gateway.store import busy as busy_store
from gateway.store import links as link_store
from gateway.store.database import Transaction

_MARK = "calgate:free/busy:"
NEAR, FAR = "calgate:near", "calgate:far"
_NEAR = timedelta(days=60)
_BACK = timedelta(days=1)
_FAR_EVERY = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be asked for now, by the name it is kept under, and the cursor that follows."""

    parts: dict[str, Window]
    cursor: str


def is_cursor(cursor: str | None) -> bool:
    """Return whether a link's cursor says that only free/busy could be read the last time."""
    return cursor is not None and cursor.startswith(_MARK)


def ask(cursor: str | None, *, end: datetime, now: datetime) -> Ask:
    """Return what a run asks for: near always, far up to ``end`` where that was long ago."""
    near = Window(start=now - _BACK, end=min(now + _NEAR, end))
    asked = from_epoch_s(int(cursor.removeprefix(_MARK))) if cursor and is_cursor(cursor) else None
    if near.end >= end or (asked is not None and timedelta() <= now - asked < _FAR_EVERY):
        return Ask(parts={NEAR: near}, cursor=cursor if asked and cursor else f"{_MARK}{to_epoch_s(now)}")
    far = Window(start=near.end, end=end)
    return Ask(parts={NEAR: near, FAR: far}, cursor=f"{_MARK}{to_epoch_s(now)}")


def is_shared(tx: Transaction, ctx: RunContext) -> bool:
    """Return whether copies of ours go to that very calendar, which free/busy cannot tell from its own."""
    return any(
        one.remote_calendar_id == ctx.link.remote_calendar_id and one.pushes
        for one in link_store.listing(tx, account_id=ctx.link.account_id)
    )


def take(
    tx: Transaction, ctx: RunContext, found: dict[str, Sequence[BusySpan]], *, cursor: str, now: datetime
) -> None:
    """Put what was told in the place of what was known; bookings here that meet new spans become tickets.

    Raises:
        LeaseLost: another worker has the link.
    """
    held(tx, ctx)
    for name in busy_store.remote_ids(tx, ctx.link.id) - {NEAR, FAR}:
        busy_store.drop(tx, ctx.link.id, name)  # of a time when events could be read
    for name, told in found.items():
        spans = [
            (to_epoch_s(one.start), to_epoch_s(one.end), Busy.BUSY) for one in told if one.end > one.start
        ]
        if busy_store.replace(tx, ctx.link.id, ctx.link.calendar_id, name, spans, title=None):
            report_clashes(tx, ctx, name, spans, now)
    link_store.change_held(tx, ctx.claim, {"cursor": cursor})
    ctx.count("busy", sum(map(len, found.values())))
