"""The occurrence index: expanded spans per object, in whole epoch seconds.

Recurring objects are in it inside the calendar's index horizon, all others always. It is never
truncated: objects that are too dense were refused before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import Clash
from gateway.domain.model import Busy, Calendar, CalendarId, ObjectId, Occurrence, Window, to_epoch_s
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import busy_slot, calendar_object, occurrence, principal
from gateway.store.types import UtcDateTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One row of the index: epoch seconds, ``[start_ts, end_ts)``."""

    object_id: ObjectId
    start_ts: int
    end_ts: int
    recur_ts: int
    busy: Busy
    is_all_day: bool


_FROM = bindparam("start", type_=BigInteger)
_TO = bindparam("end", type_=BigInteger)
_LOW = bindparam("low", type_=BigInteger)  # no occurrence is longer than what lies between low and start
_IN_WINDOW = Hot(
    select(occurrence)
    .where(
        occurrence.c.calendar_id == bindparam("calendar_id"),
        occurrence.c.start_ts >= _LOW,
        occurrence.c.start_ts < _TO,
        or_(occurrence.c.end_ts > _FROM, occurrence.c.start_ts >= _FROM),
    )
    .order_by(occurrence.c.start_ts, occurrence.c.object_id, occurrence.c.recur_ts)
)
_TAKEN = Hot(
    select(occurrence.c.start_ts, occurrence.c.end_ts, occurrence.c.busy, occurrence.c.object_id)
    .where(
        occurrence.c.calendar_id == bindparam("calendar_id"),
        occurrence.c.start_ts >= _LOW,
        occurrence.c.start_ts < _TO,
        occurrence.c.end_ts > _FROM,
        occurrence.c.end_ts > occurrence.c.start_ts,
        occurrence.c.busy != int(Busy.FREE),
    )
    .order_by(occurrence.c.start_ts)
)
_BLOCKING = """
    SELECT DISTINCT o.start_ts, o.end_ts, o.object_id
    FROM {windows}
    JOIN occurrence AS o ON o.calendar_id = :calendar_id
        AND o.start_ts >= {start} - :longest AND o.start_ts < {end} AND o.end_ts > {start}
    JOIN calendar_object AS c ON c.id = o.object_id
    WHERE o.end_ts > o.start_ts AND o.busy <> {free} AND o.object_id <> :except_object
        AND (c.expires_at_utc IS NULL OR c.expires_at_utc > :now)
    ORDER BY o.start_ts, o.end_ts, o.object_id
"""


def _blocking(windows: str, start: str, end: str, *binds: BindParameter[Any]) -> Hot:
    query = _BLOCKING.format(windows=windows, start=start, end=end, free=int(Busy.FREE))
    return Hot(
        text(query).bindparams(
            bindparam("now", type_=UtcDateTime),
            bindparam("longest", type_=BigInteger),
            bindparam("calendar_id", type_=BigInteger),
            bindparam("except_object", type_=BigInteger),
            *binds,
        )
    )


# CROSS JOIN keeps SQLite from walking the whole calendar and looking up windows instead.
_BLOCKING_SQLITE = _blocking(
    "json_each(:windows) AS w CROSS", "(w.value ->> 0)", "(w.value ->> 1)", bindparam("windows")
)
_BLOCKING_POSTGRESQL = _blocking(
    "unnest(:starts, :ends) AS w (start_ts, end_ts)",
    "w.start_ts",
    "w.end_ts",
    bindparam("starts", type_=ARRAY(BigInteger)),
    bindparam("ends", type_=ARRAY(BigInteger)),
)
_INSERT = insert(occurrence)
_COLUMNS = [column.name for column in occurrence.c]
_INSERT_ONE = Hot(_INSERT, _COLUMNS)
_DELETE = Hot(delete(occurrence).where(occurrence.c.object_id == bindparam("object")))
_OF_OBJECT = Hot(select(occurrence).where(occurrence.c.object_id == bindparam("object")))
_RELEASE = delete(busy_slot).where(busy_slot.c.object_id == bindparam("object"))


def replace(
    tx: Transaction, calendar_id: CalendarId, object_id: ObjectId, spans: Iterable[Occurrence]
) -> None:
    """Put the occurrences of one object in the place of those it had.

    Most writes change a text and no time: then nothing is written.
    """
    rows = _rows(calendar_id, object_id, spans)
    there = _OF_OBJECT.rows(tx, object=object_id)
    if {tuple(row[name] for name in _COLUMNS) for row in rows} == set(there):
        return
    if there:
        _DELETE.run(tx, object=object_id)
    _insert(tx, rows)


def add(tx: Transaction, calendar_id: CalendarId, object_id: ObjectId, spans: Iterable[Occurrence]) -> None:
    """Insert the occurrences of an object that has none yet."""
    _insert(tx, _rows(calendar_id, object_id, spans))


def in_window(tx: Transaction, calendar: Calendar, window: Window) -> list[Span]:
    """Return the rows that meet ``window``, by start; a row without length counts at its instant."""
    return [_span(row) for row in _IN_WINDOW.rows(tx, **_bounds(calendar, window))]


def taken(tx: Transaction, calendar: Calendar, window: Window) -> list[tuple[int, int, int, int]]:
    """Return ``(start_ts, end_ts, busy, object_id)`` of what takes time in ``window``, by start."""
    return _TAKEN.rows(tx, **_bounds(calendar, window))


def blocking(
    tx: Transaction,
    calendar: Calendar,
    windows: Sequence[tuple[int, int]],
    *,
    except_object: ObjectId | None,
    now: datetime,
) -> list[tuple[int, int, ObjectId]]:
    """Return ``(start_ts, end_ts, object_id)`` of what takes time in any of ``windows``, by start.

    Free spans, spans without length and holds whose time is over at ``now`` do not count. However many
    windows there are, it is one statement that looks each of them up in the index.

    Args:
        tx: a transaction.
        calendar: the calendar; for the length of its longest occurrence.
        windows: ``(start_ts, end_ts)``, in any order, overlapping or not.
        except_object: whose spans do not count.
        now: the current instant.
    """
    wanted: dict[str, object] = {
        "calendar_id": calendar.id,
        "longest": calendar.max_duration_s,
        "now": now,
        "except_object": except_object or 0,
    }
    if tx.is_postgresql:
        wanted |= {"starts": [start for start, _ in windows], "ends": [end for _, end in windows]}
        rows = _BLOCKING_POSTGRESQL.rows(tx, **wanted)
    else:
        rows = _BLOCKING_SQLITE.rows(tx, **wanted, windows=json.dumps(windows))
    return [(start, end, ObjectId(object_id)) for start, end, object_id in rows]


def clear_calendar(tx: Transaction, calendar_id: CalendarId) -> None:
    """Empty the index of one calendar."""
    tx.execute(delete(occurrence).where(occurrence.c.calendar_id == calendar_id))
    tx.execute(delete(busy_slot).where(busy_slot.c.calendar_id == calendar_id))


def guard(
    tx: Transaction,
    calendar_id: CalendarId,
    object_id: ObjectId,
    spans: Sequence[Occurrence],
    *,
    is_strict: bool,
    is_new: bool = False,
) -> None:
    """Lay the belt under the conflict check: PostgreSQL refuses overlapping slots by itself (rules.md).

    Args:
        tx: the write's own transaction.
        calendar_id: the calendar.
        object_id: whose slots are put in the place of those it had.
        spans: what it takes; free spans are left out, spans of the object that meet are merged.
        is_strict: False where the write stands in spite of a clash; the clashing slots stay unguarded.
        is_new: the object has no slots yet.

    Raises:
        Clash: two writes took one slot although both checks passed.
    """
    if not tx.is_postgresql:
        return  # the one writer of SQLite needs no belt
    if not is_new:
        release(tx, object_id)
    rows = [
        {"calendar_id": calendar_id, "object_id": object_id, "start_ts": start, "end_ts": end}
        for start, end in _merged(spans)
    ]
    if not rows:
        return
    if not is_strict:
        tx.execute(postgresql_insert(busy_slot).on_conflict_do_nothing(), rows)
        return
    try:
        tx.execute(insert(busy_slot), rows)
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == "23P01":
            raise Clash([]) from error
        raise


def release(tx: Transaction, object_id: ObjectId) -> None:
    """Take an object's slots out of the belt."""
    if tx.is_postgresql:
        tx.execute(_RELEASE, {"object": object_id})


def _bounds(calendar: Calendar, window: Window) -> dict[str, object]:
    start = to_epoch_s(window.start)
    return {
        "calendar_id": calendar.id,
        "start": start,
        "end": to_epoch_s(window.end),
        "low": start - calendar.max_duration_s,
    }


def creators(
    tx: Transaction, calendar_id: CalendarId, spans: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], str]:
    """Return the name of who made the object of each span ``(start_ts, end_ts)``, where it is known."""
    query = (
        select(occurrence.c.start_ts, occurrence.c.end_ts, principal.c.name)
        .join(calendar_object, calendar_object.c.id == occurrence.c.object_id)
        .join(principal, principal.c.id == calendar_object.c.creator_id)
        .where(occurrence.c.calendar_id == calendar_id, occurrence.c.busy != int(Busy.FREE))
        .where(
            or_(*(and_(occurrence.c.start_ts == start, occurrence.c.end_ts == end) for start, end in spans))
        )
    )
    if not spans:
        return {}
    return {(row.start_ts, row.end_ts): row.name for row in tx.execute(query)}


def count(tx: Transaction, calendar_id: CalendarId) -> int:
    """Return how many rows a calendar has in the index."""
    query = select(func.count()).select_from(occurrence).where(occurrence.c.calendar_id == calendar_id)
    total: int = tx.execute(query).scalar_one()
    return total


def _merged(spans: Sequence[Occurrence]) -> list[tuple[int, int]]:
    taken = sorted(
        (to_epoch_s(span.start), to_epoch_s(span.end))
        for span in spans
        if span.busy.blocks and span.end > span.start
    )
    merged: list[tuple[int, int]] = []
    for start, end in taken:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return merged


def _insert(tx: Transaction, rows: list[dict[str, object]]) -> None:
    if len(rows) == 1:
        _INSERT_ONE.run(tx, **rows[0])
    elif rows:
        tx.execute(_INSERT, rows)


def _rows(
    calendar_id: CalendarId, object_id: ObjectId, spans: Iterable[Occurrence]
) -> list[dict[str, object]]:
    """Return the rows of an object; of two at the same place the last."""
    rows = (_row(calendar_id, object_id, span) for span in spans)
    return list({(row["start_ts"], row["recur_ts"]): row for row in rows}.values())


def _row(calendar_id: CalendarId, object_id: ObjectId, span: Occurrence) -> dict[str, object]:
    start = to_epoch_s(span.start)
    return {
        "calendar_id": calendar_id,
        "start_ts": start,
        "object_id": object_id,
        "recur_ts": to_epoch_s(span.recurrence_id) if span.recurrence_id is not None else start,
        "end_ts": to_epoch_s(span.end),
        "busy": int(span.busy),
        "is_all_day": span.is_all_day,
    }


def _span(row: tuple[Any, ...]) -> Span:  # Any: each column's own type
    calendar_id, start_ts, object_id, recur_ts, end_ts, busy, is_all_day = row
    del calendar_id
    return Span(
        object_id=ObjectId(object_id),
        start_ts=start_ts,
        end_ts=end_ts,
        recur_ts=recur_ts,
        busy=Busy(busy),
        is_all_day=bool(is_all_day),
    )
