"""Calendar objects: rows with the bytes as sent. Numbers and occurrences are the caller's business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, insert, or_, select, text, union_all, update

from gateway.domain.model import (
    CalendarId,
    CalendarObject,
    Classification,
    ObjectId,
    ObjectKind,
    PrincipalId,
    Window,
    to_epoch_s,
)
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import calendar_object

_BATCH = 500  # bound parameters per statement stay far below every limit
_IN_CALENDAR = select(calendar_object).where(calendar_object.c.calendar_id == bindparam("calendar_id"))
_BY_HREF = Hot(_IN_CALENDAR.where(calendar_object.c.href == bindparam("href")))
_BY_UID = Hot(_IN_CALENDAR.where(calendar_object.c.uid == bindparam("uid")))
# There are few holds in the whole instance; adding 0 keeps SQLite from walking the calendar for them.
_IS_OVER = and_(
    calendar_object.c.expires_at_utc <= bindparam("now"),
    calendar_object.c.calendar_id + 0 == bindparam("calendar_id"),
)
_EXPIRED = Hot(select(calendar_object).where(_IS_OVER))
_IDS = select(calendar_object.c.id).where(calendar_object.c.calendar_id == bindparam("calendar_id"))
_MET = Hot(
    select(calendar_object).where(
        # One branch per index: OR over different columns would walk the whole calendar.
        calendar_object.c.id.in_(
            union_all(
                _IDS.where(calendar_object.c.href == bindparam("href")),
                _IDS.where(calendar_object.c.uid == bindparam("uid")),
                select(calendar_object.c.id).where(_IS_OVER),
            )
        )
    )
)
_MANY = {
    name: _IN_CALENDAR.where(calendar_object.c[name].in_(bindparam("wanted", expanding=True)))
    for name in ("href", "uid", "id")
}
# In the words of the partial index: a bound value would not use it.
_AVAILABILITIES = Hot(
    _IN_CALENDAR.where(text("calendar_object.component = 'VAVAILABILITY'")).order_by(calendar_object.c.id)
)
_INSERT = Hot(
    insert(calendar_object).values(codec=0).returning(calendar_object.c.id),
    [column.name for column in calendar_object.c if column.name not in {"id", "codec"}],
)
_UPDATE = update(calendar_object).where(calendar_object.c.id == bindparam("b_id"))
_DELETE = Hot(delete(calendar_object).where(calendar_object.c.id == bindparam("b_id")))
# Every column that is named has its indexes written anew by SQLite, whatever its value: most writes change
# these alone, and the others only with all.
_TEXT_COLUMNS = ("etag", "ical", "size_bytes", "seq", "revision", "modified_at_utc")
_STEADY_COLUMNS = (
    "uid", "component", "kind", "classification", "expires_at_utc", "first_start", "last_end", "is_recurring",
)  # fmt: skip
_REWRITE_TEXT = Hot(_UPDATE, _TEXT_COLUMNS)
_REWRITE = Hot(_UPDATE, [*_TEXT_COLUMNS, *_STEADY_COLUMNS])


def object_from_row(row: Row[tuple[object, ...]]) -> CalendarObject:
    """Build the object from a row of the whole table."""
    return object_from_cells(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for access by column


def object_from_cells(cell: Mapping[Any, Any]) -> CalendarObject:  # Any: each column's own type
    """Build the object from the values of a row of the whole table, by name."""
    return CalendarObject(
        id=ObjectId(cell["id"]),
        calendar_id=CalendarId(cell["calendar_id"]),
        href=cell["href"],
        uid=cell["uid"],
        component=cell["component"],
        etag=cell["etag"],
        ical=bytes(cell["ical"]),
        seq=cell["seq"],
        kind=ObjectKind(cell["kind"]),
        classification=Classification(cell["classification"]),
        revision=cell["revision"],
        is_recurring=bool(cell["is_recurring"]),
        creator_id=PrincipalId(cell["creator_id"]) if cell["creator_id"] is not None else None,
        created_at_utc=cell["created_at_utc"],
        modified_at_utc=cell["modified_at_utc"],
        expires_at_utc=cell["expires_at_utc"],
        first_start=cell["first_start"],
        last_end=cell["last_end"],
    )


def by_href(tx: Transaction, calendar_id: CalendarId, href: str) -> CalendarObject | None:
    """Return one object, or None."""
    found = _BY_HREF.cells(tx, calendar_id=calendar_id, href=href)
    return object_from_cells(found[0]) if found else None


def by_uid(tx: Transaction, calendar_id: CalendarId, uid: str) -> CalendarObject | None:
    """Return one object, or None."""
    found = _BY_UID.cells(tx, calendar_id=calendar_id, uid=uid)
    return object_from_cells(found[0]) if found else None


def met_by_write(
    tx: Transaction, calendar_id: CalendarId, *, href: str, uid: str, now: datetime
) -> list[CalendarObject]:
    """Return what a write has to look at, in one statement: the href, the UID, and holds that are over."""
    found = _MET.cells(tx, calendar_id=calendar_id, href=href, uid=uid, now=now)
    return [object_from_cells(cells) for cells in found]


def by_hrefs(tx: Transaction, calendar_id: CalendarId, hrefs: Iterable[str]) -> Iterator[CalendarObject]:
    """Yield the objects that are there, in no particular order."""
    yield from _many(tx, calendar_id, "href", hrefs)


def by_uids(tx: Transaction, calendar_id: CalendarId, uids: Iterable[str]) -> Iterator[CalendarObject]:
    """Yield the objects that are there, in no particular order."""
    wanted = list(dict.fromkeys(uids))
    if len(wanted) == 1:
        yield from map(object_from_cells, _BY_UID.cells(tx, calendar_id=calendar_id, uid=wanted[0]))
        return
    yield from _many(tx, calendar_id, "uid", wanted)


def by_ids(tx: Transaction, calendar_id: CalendarId, ids: Iterable[int]) -> Iterator[CalendarObject]:
    """Yield the objects that are there, in no particular order."""
    yield from _many(tx, calendar_id, "id", ids)


def known_uids(tx: Transaction, calendar_id: CalendarId, uids: Iterable[str]) -> set[str]:
    """Return which of these UIDs a calendar has."""
    wanted = list(dict.fromkeys(uids))
    found: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        query = select(calendar_object.c.uid).where(
            calendar_object.c.calendar_id == calendar_id,
            calendar_object.c.uid.in_(wanted[start : start + _BATCH]),
        )
        found.update(tx.execute(query).scalars())
    return found


def listing(tx: Transaction, calendar_id: CalendarId) -> list[tuple[str, str]]:
    """Return ``(href, etag)`` of every object, by href; answered from an index without the text."""
    query = (
        select(calendar_object.c.href, calendar_object.c.etag)
        .where(calendar_object.c.calendar_id == calendar_id)
        .order_by(calendar_object.c.href)
    )
    return [(row.href, row.etag) for row in tx.execute(query)]


def uids(tx: Transaction, calendar_id: CalendarId) -> list[str]:
    """Return every UID of a calendar, in order; answered from an index."""
    query = select(calendar_object.c.uid).where(calendar_object.c.calendar_id == calendar_id)
    return list(tx.execute(query.order_by(calendar_object.c.uid)).scalars())


def uids_page(tx: Transaction, calendar_id: CalendarId, *, after_uid: str, limit: int) -> list[str]:
    """Return a page of UIDs in order, beginning behind ``after_uid``."""
    query = select(calendar_object.c.uid).where(
        calendar_object.c.calendar_id == calendar_id, calendar_object.c.uid > after_uid
    )
    return list(tx.execute(query.order_by(calendar_object.c.uid).limit(limit)).scalars())


def every(
    tx: Transaction, calendar_id: CalendarId, *, after_id: int = 0, limit: int = 500
) -> list[CalendarObject]:
    """Return a page of objects in the order of their ids, beginning behind ``after_id``."""
    query = (
        select(calendar_object)
        .where(calendar_object.c.calendar_id == calendar_id, calendar_object.c.id > after_id)
        .order_by(calendar_object.c.id)
        .limit(limit)
    )
    return [object_from_row(row) for row in tx.execute(query)]


def availabilities(tx: Transaction, calendar_id: CalendarId) -> list[CalendarObject]:
    """Return the VAVAILABILITY objects of a calendar, by id; their own index finds them."""
    return [object_from_cells(cells) for cells in _AVAILABILITIES.cells(tx, calendar_id=calendar_id)]


def recurring_in(tx: Transaction, calendar_id: CalendarId, window: Window) -> list[CalendarObject]:
    """Return the recurring objects whose span meets ``window``, whatever the index covers."""
    query = select(calendar_object).where(
        calendar_object.c.calendar_id == calendar_id,
        calendar_object.c.is_recurring,
        calendar_object.c.first_start < to_epoch_s(window.end),
        # An instance without length may stand exactly at the start of the window.
        or_(calendar_object.c.last_end.is_(None), calendar_object.c.last_end >= to_epoch_s(window.start)),
    )
    return [object_from_row(row) for row in tx.execute(query)]


def expired(tx: Transaction, calendar_id: CalendarId, now: datetime) -> list[CalendarObject]:
    """Return the holds of one calendar whose time is over."""
    return [object_from_cells(cells) for cells in _EXPIRED.cells(tx, calendar_id=calendar_id, now=now)]


def calendars_with_expired(tx: Transaction, now: datetime) -> list[CalendarId]:
    """Return the calendars that have holds whose time is over."""
    query = select(calendar_object.c.calendar_id).where(calendar_object.c.expires_at_utc <= now).distinct()
    return [CalendarId(row) for row in tx.execute(query).scalars()]


def insert_one(tx: Transaction, values: dict[str, object]) -> ObjectId:
    """Insert a row and return its id."""
    return ObjectId(_INSERT.rows(tx, **values)[0][0])


def update_one(tx: Transaction, object_id: ObjectId, values: dict[str, object]) -> None:
    """Change columns of a row in place."""
    tx.execute(_UPDATE, {**values, "b_id": object_id})


def rewrite(tx: Transaction, existing: CalendarObject, values: dict[str, object]) -> None:
    """Change every column of a row that follows from its content, and ``revision``."""
    is_steady = all(values[name] == getattr(existing, name) for name in _STEADY_COLUMNS)
    if is_steady:
        _REWRITE_TEXT.run(tx, b_id=existing.id, **{name: values[name] for name in _TEXT_COLUMNS})
    else:
        _REWRITE.run(tx, b_id=existing.id, **values)


def delete_one(tx: Transaction, object_id: ObjectId) -> None:
    """Delete a row; its occurrences go with it."""
    _DELETE.run(tx, b_id=object_id)


def _many(
    tx: Transaction, calendar_id: CalendarId, column: str, values: Iterable[object]
) -> Iterator[CalendarObject]:
    wanted: Sequence[object] = list(dict.fromkeys(values))
    for start in range(0, len(wanted), _BATCH):
        part = {"calendar_id": calendar_id, "wanted": wanted[start : start + _BATCH]}
        for row in tx.execute(_MANY[column], part):
            yield object_from_row(row)
