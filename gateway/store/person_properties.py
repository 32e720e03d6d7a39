"""Properties that a person has set for herself on calendar objects and on her home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, update

from gateway.domain.model import CalendarId, ObjectId, PrincipalId
from gateway.store.database import Transaction
from gateway.store.schema import calendar_object, object_property, principal_property


def of_objects(
    tx: Transaction, calendar_id: CalendarId, principal_id: PrincipalId
) -> dict[ObjectId, dict[str, str]]:
    """Return what a person has set on the objects of a calendar, by object and property name."""
    query = (
        select(object_property.c.object_id, object_property.c.name, object_property.c.value)
        .join(calendar_object, calendar_object.c.id == object_property.c.object_id)
        .where(object_property.c.principal_id == principal_id, calendar_object.c.calendar_id == calendar_id)
        .order_by(object_property.c.object_id, object_property.c.name)
    )
    found: dict[ObjectId, dict[str, str]] = {}
    for row in tx.execute(query):
        found.setdefault(ObjectId(row.object_id), {})[row.name] = row.value
    return found


def of_object(tx: Transaction, object_id: ObjectId, principal_id: PrincipalId) -> dict[str, str]:
    """Return what a person has set on one object, by property name."""
    return _read(tx, object_property, {"principal_id": principal_id, "object_id": object_id})


def count_on_objects(tx: Transaction, principal_id: PrincipalId) -> int:
    """Return how many properties a person has set on objects altogether."""
    query = select(func.count()).where(object_property.c.principal_id == principal_id)
    return int(tx.execute(query).scalar_one())


def of_person(tx: Transaction, principal_id: PrincipalId) -> dict[str, str]:
    """Return what a person has set on her home, by property name."""
    return _read(tx, principal_property, {"principal_id": principal_id})


def change_object(
    tx: Transaction, object_id: ObjectId, principal_id: PrincipalId, changes: Mapping[str, str | None]
) -> None:
    """Set or, by None, forget properties of a person on an object."""
    _change(tx, object_property, {"principal_id": principal_id, "object_id": object_id}, changes)


def change_person(tx: Transaction, principal_id: PrincipalId, changes: Mapping[str, str | None]) -> None:
    """Set or, by None, forget properties of a person on her home."""
    _change(tx, principal_property, {"principal_id": principal_id}, changes)


def copy_object(tx: Transaction, source_id: ObjectId, target_id: ObjectId, principal_id: PrincipalId) -> None:
    """Give an object what a person has set on another one, and nobody's anything else."""
    tx.execute(delete(object_property).where(object_property.c.object_id == target_id))
    change_object(tx, target_id, principal_id, of_object(tx, source_id, principal_id))


def _read(tx: Transaction, table: Table, key: Mapping[str, int]) -> dict[str, str]:
    query = select(table.c.name, table.c.value).where(*_is(table, key)).order_by(table.c.name)
    return {row.name: row.value for row in tx.execute(query)}


def _change(tx: Transaction, table: Table, key: Mapping[str, int], changes: Mapping[str, str | None]) -> None:
    for name, value in changes.items():
        mine = (*_is(table, key), table.c.name == name)
        if value is None:
            tx.execute(delete(table).where(*mine))
        elif not tx.execute(update(table).where(*mine).values(value=value)).rowcount:
            tx.execute(insert(table).values(**key, name=name, value=value))


def _is(table: Table, key: Mapping[str, int]) -> list[Any]:  # Any: conditions of SQLAlchemy
    return [table.c[column] == value for column, value in key.items()]
