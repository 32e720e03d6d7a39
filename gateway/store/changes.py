"""The change log: one line per change, numbered without gaps per calendar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, delete, func, insert, select

from gateway.domain.model import CalendarId, Change
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import change

_INSERT = insert(change)
_INSERT_ONE = Hot(_INSERT, [column.name for column in change.c])
MASKED = "masked:"  # begins the etag of a tombstone whose object was not public; who made it follows

_OF_HREF = [change.c.calendar_id == bindparam("calendar_id"), change.c.href == bindparam("href")]
# The maximum comes from the index by href; ORDER BY seq would walk the whole log backwards.
_NEWEST = Hot(
    select(change.c.op, change.c.etag).where(
        *_OF_HREF,
        change.c.seq == select(func.max(change.c.seq)).where(*_OF_HREF).correlate(None).scalar_subquery(),
    )
)


def _newest_of_href() -> Any:  # Any: a scalar subquery of SQLAlchemy
    """Return the number of the newest line of the same href.

    As a maximum and not as "there is a newer one": for that SQLite walks the log by number, from each of its
    lines to the end, and a hundred thousand changes took minutes.
    """
    newer = change.alias()
    same = and_(newer.c.calendar_id == change.c.calendar_id, newer.c.href == change.c.href)
    return select(func.max(newer.c.seq)).where(same).correlate(change).scalar_subquery()


_SINCE_ALL = (
    select(
        change.c.calendar_id,
        change.c.seq,
        change.c.href,
        change.c.uid,
        change.c.op,
        change.c.etag,
        change.c.origin,
        change.c.at_utc,
    )
    .where(change.c.calendar_id == bindparam("calendar_id"), change.c.seq > bindparam("after"))
    .where(change.c.seq == _newest_of_href())
    .order_by(change.c.seq)
)
_PRUNE = delete(change).where(
    change.c.calendar_id == bindparam("calendar_id"), change.c.seq < _newest_of_href()
)
_COUNT_DELETED = (
    select(func.count())
    .select_from(change)
    .where(
        change.c.calendar_id == bindparam("calendar_id"),
        change.c.seq > bindparam("seq"),
        change.c.op == "delete",
    )
)
_SINCE = Hot(_SINCE_ALL)
_SINCE_CUT = Hot(_SINCE_ALL.limit(bindparam("most", type_=BigInteger)))


def was_masked(tx: Transaction, calendar_id: CalendarId, href: str) -> bool | None:
    """Return whether the object that had ``href`` last was not public; None where none is known."""
    row = _NEWEST.one(tx, calendar_id=calendar_id, href=href)
    return None if row is None else (row[1] or "").startswith(MASKED)


def append(tx: Transaction, changes: Sequence[Change]) -> None:
    """Write lines whose numbers ``calendars.bump`` has just given out in this transaction."""
    rows = [
        {
            "calendar_id": one.calendar_id,
            "seq": one.seq,
            "href": one.href,
            "uid": one.uid,
            "op": one.op,
            "etag": one.etag,
            "origin": one.origin,
            "at_utc": one.at_utc,
        }
        for one in changes
    ]
    if len(rows) == 1:
        _INSERT_ONE.run(tx, **rows[0])
    else:
        tx.execute(_INSERT, rows)


def since(tx: Transaction, calendar_id: CalendarId, seq: int, *, limit: int | None = None) -> list[Change]:
    """Return the newest line of each href that changed after ``seq``, oldest first.

    A cut-off answer ends at the number of its last line: what comes later has a higher one.
    """
    if limit is None:
        rows = _SINCE.rows(tx, calendar_id=calendar_id, after=seq)
    else:
        rows = _SINCE_CUT.rows(tx, calendar_id=calendar_id, after=seq, most=limit)
    return [
        Change(
            calendar_id=CalendarId(number),
            seq=line_seq,
            href=href,
            uid=uid,
            op=op,
            etag=etag,
            origin=origin,
            at_utc=at_utc,
        )
        for number, line_seq, href, uid, op, etag, origin, at_utc in rows
    ]


def newest_of(tx: Transaction, calendar_id: CalendarId, uid: str) -> Change | None:
    """Return the newest line about one UID, or None where nothing is on record."""
    query = select(change).where(change.c.calendar_id == calendar_id, change.c.uid == uid)
    row = tx.execute(query.order_by(change.c.seq.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Change(
        calendar_id=calendar_id,
        seq=row.seq,
        href=row.href,
        uid=row.uid,
        op=row.op,
        etag=row.etag,
        origin=row.origin,
        at_utc=row.at_utc,
    )


def newest_at(tx: Transaction, calendar_id: CalendarId) -> datetime | None:
    """Return when the calendar changed last, or None where nothing is on record."""
    query = select(change.c.at_utc).where(change.c.calendar_id == calendar_id).order_by(change.c.seq.desc())
    at_utc: datetime | None = tx.execute(query.limit(1)).scalar()
    return at_utc


def deleted_uids(tx: Transaction, calendar_id: CalendarId) -> list[str]:
    """Return the UIDs whose deletion is still in the log."""
    query = select(change.c.uid).where(change.c.calendar_id == calendar_id, change.c.op == "delete")
    return list(tx.execute(query.distinct()).scalars())


def count_deleted(tx: Transaction, calendar_id: CalendarId, *, after_seq: int) -> int:
    """Return how many deletions the log holds after a number."""
    total: int = tx.execute(_COUNT_DELETED, {"calendar_id": calendar_id, "seq": after_seq}).scalar_one()
    return total


def prune(tx: Transaction, calendar_id: CalendarId, *, before: datetime) -> int:
    """Drop lines that no reader needs and return the lowest number that a sync token may have.

    Lines superseded by a newer one of the same href go, and tombstones older than ``before``; the
    number of the youngest tombstone dropped is the new floor.
    """
    tx.execute(_PRUNE, {"calendar_id": calendar_id})
    old = and_(change.c.calendar_id == calendar_id, change.c.op == "delete", change.c.at_utc < before)
    floor = tx.execute(select(func.max(change.c.seq)).where(old)).scalar()
    if floor is None:
        return 0
    tx.execute(delete(change).where(old))
    return int(floor)
