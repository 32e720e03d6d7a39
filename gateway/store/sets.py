"""Sets of ids as one parameter, so that a statement that asks for many is compiled once (``store.hot``)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, ColumnElement, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import bindparam

from gateway.store.database import Transaction


def among(column: Column[int], name: str, *, is_postgresql: bool) -> ColumnElement[bool]:
    """Return the condition that a column is one of the ids of the parameter ``name``."""
    if is_postgresql:
        return column == func.any(cast(bindparam(name), ARRAY(BigInteger)))
    each = func.json_each(bindparam(name)).table_valued("value")
    return column.in_(select(literal_column("value")).select_from(each))


def parameter(tx: Transaction, ids: Iterable[int]) -> str | list[int]:
    """Return the ids in the form that ``among`` takes."""
    wanted = list(dict.fromkeys(ids))
    return wanted if tx.is_postgresql else json.dumps(wanted)
