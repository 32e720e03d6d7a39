"""Busy periods of conflict calendars: never objects, gone with their link (rules.md, Providers)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, delete, insert, select

from gateway.domain.link_model import LinkId
from gateway.domain.model import Busy, CalendarId
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema_sync import busy_period

_WITHIN = Hot(
    select(busy_period)
    .where(
        busy_period.c.calendar_id == bindparam("calendar_id"),
        busy_period.c.end_ts > bindparam("start", type_=BigInteger),
        busy_period.c.start_ts < bindparam("end", type_=BigInteger),
    )
    .order_by(busy_period.c.start_ts)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyPeriod:
    """One span of an event at a provider: epoch seconds, ``[start_ts, end_ts)``."""

    link_id: LinkId
    remote_id: str
    start_ts: int
    end_ts: int
    busy: Busy
    title: str | None = None


def replace(
    tx: Transaction,
    link_id: LinkId,
    calendar_id: CalendarId,
    remote_id: str,
    spans: Sequence[tuple[int, int, Busy]],
    *,
    title: str | None,
) -> bool:
    """Put the spans of one remote event in the place of those it had; return whether they differ."""
    rows = sorted({(start, end): busy for start, end, busy in spans}.items())
    query = select(busy_period).where(busy_period.c.link_id == link_id, busy_period.c.remote_id == remote_id)
    known = sorted(((row.start_ts, row.end_ts), Busy(row.busy), row.title) for row in tx.execute(query))
    if known == [(span, busy, title) for span, busy in rows]:
        return False
    drop(tx, link_id, remote_id)
    if rows:
        tx.execute(
            insert(busy_period),
            [
                {
                    "link_id": link_id,
                    "remote_id": remote_id,
                    "start_ts": start,
                    "end_ts": end,
                    "calendar_id": calendar_id,
                    "busy": int(busy),
                    "title": title,
                }
                for (start, end), busy in rows
            ],
        )
    return True


def drop(tx: Transaction, link_id: LinkId, remote_id: str) -> None:
    """Forget one remote event."""
    tx.execute(
        delete(busy_period).where(busy_period.c.link_id == link_id, busy_period.c.remote_id == remote_id)
    )


def remote_ids(tx: Transaction, link_id: LinkId) -> set[str]:
    """Return the remote events that have periods."""
    query = select(busy_period.c.remote_id).where(busy_period.c.link_id == link_id).distinct()
    return set(tx.execute(query).scalars())


def within(tx: Transaction, calendar_id: CalendarId, start_ts: int, end_ts: int) -> list[BusyPeriod]:
    """Return the periods of every link of a calendar that meet ``[start_ts, end_ts)``, by start."""
    found = _WITHIN.cells(tx, calendar_id=calendar_id, start=start_ts, end=end_ts)
    return [
        BusyPeriod(
            link_id=LinkId(cell["link_id"]),
            remote_id=cell["remote_id"],
            start_ts=cell["start_ts"],
            end_ts=cell["end_ts"],
            busy=Busy(cell["busy"]),
            title=cell["title"],
        )
        for cell in found
    ]


def clear(tx: Transaction, link_id: LinkId) -> None:
    """Forget every period of a link."""
    tx.execute(delete(busy_period).where(busy_period.c.link_id == link_id))
