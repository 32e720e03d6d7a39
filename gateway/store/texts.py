"""The text of many objects at once, as the driver gives it: for answers that carry calendar data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, BindParameter, Text, bindparam, text

from gateway.domain.model import Calendar, CalendarId, Window, to_epoch_s
from gateway.store.database import Transaction
from gateway.store.hot import Hot

_HEAD = "o.id, o.href, o.etag, o.component, o.classification, o.creator_id"
_COLUMNS = f"{_HEAD}, o.ical"
_BIG = BigInteger
# CROSS JOIN keeps SQLite from walking the whole calendar and looking up names instead.
_NAMED = """
    SELECT {columns} FROM {names}
    JOIN calendar_object AS o ON o.calendar_id = :calendar_id AND o.href = {name}
"""
_IN_WINDOW = """
    SELECT {columns} FROM calendar_object AS o
    WHERE o.component = :component AND o.id IN (
        SELECT object_id FROM occurrence
        WHERE calendar_id = :calendar_id AND start_ts >= :low AND start_ts < :end
            AND (end_ts > :start OR start_ts >= :start)
    )
"""


class TextRow(NamedTuple):
    """One object with its text, or without where it was not asked for; as many as an answer holds."""

    id: int
    href: str
    etag: str
    component: str
    classification: int
    creator_id: int | None
    ical: bytes = b""


def _hot(query: str, *binds: BindParameter[Any]) -> Hot:
    return Hot(text(query).bindparams(bindparam("calendar_id", type_=_BIG), *binds))


_BY_HREFS_SQLITE = _hot(
    _NAMED.format(columns=_HEAD, names="json_each(:hrefs) AS w CROSS", name="w.value"), bindparam("hrefs")
)
_BY_HREFS_POSTGRESQL = _hot(
    _NAMED.format(columns=_HEAD, names="unnest(:hrefs) AS w (href)", name="w.href"),
    bindparam("hrefs", type_=ARRAY(Text)),
)
_BETWEEN = _hot(
    _IN_WINDOW.format(columns=_HEAD),
    bindparam("component", type_=Text),
    *(bindparam(name, type_=_BIG) for name in ("low", "start", "end")),
)
_PAGE = _hot(
    f"SELECT {_COLUMNS} FROM calendar_object AS o"  # noqa: S608 - columns are fixed
    " WHERE o.calendar_id = :calendar_id AND o.href > :after ORDER BY o.href LIMIT :most",
    bindparam("after", type_=Text),
    bindparam("most", type_=_BIG),
)


_OF_IDS_SQLITE = _hot(
    "SELECT o.id, o.ical FROM json_each(:ids) AS w CROSS JOIN calendar_object AS o ON o.id = w.value"
    " WHERE o.calendar_id = :calendar_id",
    bindparam("ids"),
)
_OF_IDS_POSTGRESQL = _hot(
    "SELECT o.id, o.ical FROM calendar_object AS o WHERE o.id = ANY(:ids) AND o.calendar_id = :calendar_id",
    bindparam("ids", type_=ARRAY(BigInteger)),
)


def of_ids(tx: Transaction, calendar_id: CalendarId, ids: Iterable[int]) -> dict[int, bytes]:
    """Return the texts of objects by their ids."""
    numbers = list(ids)
    if not numbers:
        return {}
    if tx.is_postgresql:
        rows = _OF_IDS_POSTGRESQL.rows(tx, calendar_id=calendar_id, ids=numbers)
    else:
        rows = _OF_IDS_SQLITE.rows(tx, calendar_id=calendar_id, ids=json.dumps(numbers))
    return {number: bytes(ical) for number, ical in rows}


def by_hrefs(tx: Transaction, calendar_id: CalendarId, hrefs: Iterable[str]) -> list[TextRow]:
    """Return the objects that are there, without texts, in no particular order; each href stands once."""
    names = list(hrefs)
    if tx.is_postgresql:
        rows = _BY_HREFS_POSTGRESQL.rows(tx, calendar_id=calendar_id, hrefs=names)
    else:
        rows = _BY_HREFS_SQLITE.rows(tx, calendar_id=calendar_id, hrefs=json.dumps(names))
    return [TextRow(*row) for row in rows]


def between(tx: Transaction, calendar: Calendar, window: Window, *, component: str) -> list[TextRow]:
    """Return the objects that happen in a window inside the index horizon, in no particular order.

    Without their texts: see ``of_ids``.
    """
    start = to_epoch_s(window.start)
    rows = _BETWEEN.rows(
        tx,
        calendar_id=calendar.id,
        component=component,
        low=start - calendar.max_duration_s,
        start=start,
        end=to_epoch_s(window.end),
    )
    return [TextRow(*row) for row in rows]


def page(tx: Transaction, calendar_id: CalendarId, *, after_href: str, limit: int) -> list[TextRow]:
    """Return the objects that follow an href, by href."""
    rows = _PAGE.rows(tx, calendar_id=calendar_id, after=after_href, most=limit)
    return [TextRow(*row) for row in rows]
