"""Calendar objects without their text: what listings and reports need of many objects at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, Text, and_, bindparam, func, or_, select

from gateway.domain.model import CalendarId, to_epoch_s
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import calendar_object

_BATCH = 500
_COLUMNS = (
    calendar_object.c.id,
    calendar_object.c.href,
    calendar_object.c.uid,
    calendar_object.c.component,
    calendar_object.c.etag,
    calendar_object.c.size_bytes,
    calendar_object.c.seq,
    calendar_object.c.classification,
    calendar_object.c.creator_id,
    calendar_object.c.is_recurring,
)


_TAGS = Hot(
    select(calendar_object.c.uid, calendar_object.c.etag, calendar_object.c.seq).where(
        calendar_object.c.calendar_id == bindparam("calendar_id"),
        calendar_object.c.component == bindparam("component"),
    )
)
_UIDS = select(calendar_object.c.id).where(calendar_object.c.calendar_id == bindparam("calendar_id"))
_LOWER = func.lower(calendar_object.c.uid)
_UID_PARTS = Hot(_UIDS.where(func.instr(_LOWER, bindparam("part", type_=Text)) > 0))
_UID_PARTS_POSTGRESQL = Hot(_UIDS.where(func.strpos(_LOWER, bindparam("part", type_=Text)) > 0))


class Summary(NamedTuple):
    """One object; a plain tuple, as listings hold tens of thousands of them."""

    id: int
    href: str
    uid: str
    component: str
    etag: str
    size_bytes: int
    seq: int
    classification: int
    creator_id: int | None
    is_recurring: bool
    modified_at_utc: datetime | None = None
    created_at_utc: datetime | None = None


def listing(tx: Transaction, calendar_id: CalendarId, *, with_times: bool = False) -> list[Summary]:
    """Return every object of a calendar, by href."""
    return _read(tx, _query(calendar_id, with_times).order_by(calendar_object.c.href))


def after(
    tx: Transaction, calendar_id: CalendarId, seq: int, *, limit: int, with_times: bool = False
) -> list[Summary]:
    """Return the objects whose last change has a number above ``seq``, by that number."""
    query = _query(calendar_id, with_times).where(calendar_object.c.seq > seq)
    return _read(tx, query.order_by(calendar_object.c.seq, calendar_object.c.id).limit(limit))


def by_hrefs(
    tx: Transaction, calendar_id: CalendarId, hrefs: Iterable[str], *, with_times: bool = False
) -> list[Summary]:
    """Return the objects that are there, in no particular order."""
    wanted = list(dict.fromkeys(hrefs))
    found: list[Summary] = []
    for start in range(0, len(wanted), _BATCH):
        part = calendar_object.c.href.in_(wanted[start : start + _BATCH])
        found += _read(tx, _query(calendar_id, with_times).where(part))
    return found


def by_ids(tx: Transaction, calendar_id: CalendarId, ids: Iterable[int]) -> list[Summary]:
    """Return the objects that are there, in no particular order."""
    wanted = list(ids)
    found: list[Summary] = []
    for start in range(0, len(wanted), _BATCH):
        part = calendar_object.c.id.in_(wanted[start : start + _BATCH])
        found += _read(tx, _query(calendar_id, False).where(part))
    return found


def names(tx: Transaction, calendar_id: CalendarId, *, component: str) -> list[tuple[str, str]]:
    """Return (UID, href) of every object of one kind."""
    query = select(calendar_object.c.uid, calendar_object.c.href).where(
        calendar_object.c.calendar_id == calendar_id, calendar_object.c.component == component
    )
    return [(row.uid, row.href) for row in tx.execute(query)]


def tags(tx: Transaction, calendar_id: CalendarId, *, component: str) -> list[tuple[str, str, int]]:
    """Return (UID, entity tag, number of the last change) of every object of one kind."""
    return _TAGS.rows(tx, calendar_id=calendar_id, component=component)


def private(tx: Transaction, calendar_id: CalendarId) -> list[Summary]:
    """Return the objects that are not public, by their own index."""
    return _read(tx, _query(calendar_id, False).where(calendar_object.c.classification > 0))


def matching(
    tx: Transaction,
    calendar_id: CalendarId,
    *,
    component: str | None = None,
    uid_part: str | None = None,
    is_recurring: bool | None = None,
    ends_after: datetime | None = None,
    starts_before: datetime | None = None,
) -> list[Summary]:
    """Return the objects that could match a query, by href: never fewer than do match.

    Args:
        tx: any transaction.
        calendar_id: the calendar.
        component: VEVENT, VTODO or VJOURNAL.
        uid_part: part of the UID; ASCII letters in any case.
        is_recurring: only those, or only the others.
        ends_after: leaves out what is over before, as far as bounds are known.
        starts_before: leaves out what begins later, as far as bounds are known.
    """
    query = _query(calendar_id, False).order_by(calendar_object.c.href)
    if component is not None:
        query = query.where(calendar_object.c.component == component)
    if uid_part is not None:
        query = query.where(func.lower(calendar_object.c.uid).contains(uid_part.lower(), autoescape=True))
    if is_recurring is not None:
        query = query.where(calendar_object.c.is_recurring.is_(is_recurring))
    if ends_after is not None:
        end = calendar_object.c.last_end
        query = query.where(or_(end.is_(None), end >= to_epoch_s(ends_after)))
    if starts_before is not None:
        start = calendar_object.c.first_start
        query = query.where(or_(start.is_(None), start <= to_epoch_s(starts_before)))
    return _read(tx, query)


def ids_with_uid_part(tx: Transaction, calendar_id: CalendarId, part: str) -> list[int]:
    """Return the ids of objects whose UID holds an ASCII text, letters in any case, by their index."""
    found = _UID_PARTS_POSTGRESQL if tx.is_postgresql else _UID_PARTS
    return [row[0] for row in found.rows(tx, calendar_id=calendar_id, part=part.lower())]


def count(tx: Transaction, calendar_id: CalendarId) -> int:
    """Return how many objects a calendar holds."""
    query = select(func.count()).where(and_(calendar_object.c.calendar_id == calendar_id))
    total: int = tx.execute(query).scalar_one()
    return total


def total_bytes(tx: Transaction, calendar_ids: Sequence[CalendarId]) -> int:
    """Return how many bytes the objects of these calendars take."""
    if not calendar_ids:
        return 0
    query = select(func.coalesce(func.sum(calendar_object.c.size_bytes), 0))
    return int(tx.execute(query.where(calendar_object.c.calendar_id.in_(calendar_ids))).scalar_one())


def _query(calendar_id: CalendarId, with_times: bool) -> Select[Any]:  # Any: the columns' types
    times = (calendar_object.c.modified_at_utc, calendar_object.c.created_at_utc)
    columns = (*_COLUMNS, *times) if with_times else _COLUMNS
    return select(*columns).where(calendar_object.c.calendar_id == calendar_id)


def _read(tx: Transaction, query: Select[Any]) -> list[Summary]:  # Any: the columns' types
    return [Summary(*row) for row in tx.execute(query)]
