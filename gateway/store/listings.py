"""Listings of whole calendars as text that the database puts together: one row, however many objects.

Ten thousand rows cost Python more than the query, and each of them takes the interpreter's lock anew, so
that a listing would hold up everybody else. Here a listing is one step inside the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import BigInteger, BindParameter, Text, bindparam, text

from gateway.domain.model import CalendarId, PrincipalId
from gateway.store.database import Transaction
from gateway.store.hot import Hot

Field = Literal["href", "etag", "component", "data"]  # data: calendar data, not for ``joined``

# Hrefs of these characters stand in a URL and in XML as they are.
_PLAIN_SQLITE = "href NOT GLOB '*[^-A-Za-z0-9_.~!$()*+,=:@]*'"
_PLAIN_POSTGRESQL = "href ~ '^[-A-Za-z0-9_.~!$()*+,=\\:@]*$'"
_HIDDEN = """ AND id NOT IN (
    SELECT id FROM calendar_object
    WHERE calendar_id = :calendar_id AND classification > 0 AND (creator_id IS NULL OR creator_id <> :viewer)
)"""


def joined(
    tx: Transaction,
    calendar_id: CalendarId,
    literals: Sequence[str],
    fields: Sequence[Field],
    *,
    viewer: PrincipalId | None,
) -> tuple[str, list[int]]:
    """Return the text of all plain objects, one after another, and the ids of the others.

    Args:
        tx: any transaction.
        calendar_id: the calendar.
        literals: what stands before, between and behind the fields of one object; one more than fields.
        fields: columns whose values stand in between as they are.
        viewer: whom private objects of others are masked for; they are not plain. None: nobody.

    Returns:
        The text, and the ids of objects whose name needs escapes or that are masked.
    """
    statement = _statement(tuple(fields), is_postgresql=tx.is_postgresql, is_masked=viewer is not None)
    wanted: dict[str, object] = {f"literal_{number}": part for number, part in enumerate(literals)}
    if viewer is not None:
        wanted["viewer"] = viewer
    found = statement.one(tx, calendar_id=calendar_id, **wanted)
    whole, others = found if found is not None else (None, None)
    return whole or "", [int(number) for number in others.split(",")] if others else []


@lru_cache(maxsize=64)
def _statement(fields: tuple[Field, ...], *, is_postgresql: bool, is_masked: bool) -> Hot:
    parts = [":literal_0"]
    for number, name in enumerate(fields, 1):
        parts += [name, f":literal_{number}"]
    one = " || ".join(parts)
    plain = (_PLAIN_POSTGRESQL if is_postgresql else _PLAIN_SQLITE) + (_HIDDEN if is_masked else "")
    join = "string_agg" if is_postgresql else "group_concat"
    query = f"""
        SELECT {join}(CASE WHEN {plain} THEN {one} END, ''),
               {join}(CASE WHEN NOT ({plain}) THEN CAST(id AS TEXT) END, ',')
        FROM calendar_object WHERE calendar_id = :calendar_id
    """  # noqa: S608 - fields are names of columns, everything else is a parameter
    binds: list[BindParameter[Any]] = [
        bindparam(f"literal_{number}", type_=Text) for number in range(len(fields) + 1)
    ]
    if is_masked:
        binds.append(bindparam("viewer", type_=BigInteger))
    return Hot(text(query).bindparams(bindparam("calendar_id", type_=BigInteger), *binds))
