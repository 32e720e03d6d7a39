"""Properties of a calendar that a person has set for herself, and marks that belong to the calendar."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from gateway.domain.model import CalendarId, PrincipalId
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import calendar_property

_EVERYBODY = 0
_OF_PERSON = Hot(
    select(calendar_property.c.name, calendar_property.c.value).where(
        calendar_property.c.calendar_id == bindparam("calendar_id"),
        calendar_property.c.principal_id == bindparam("principal_id"),
    )
)


def of_person(
    tx: Transaction, calendar_ids: Sequence[CalendarId], principal_id: PrincipalId
) -> dict[CalendarId, dict[str, str]]:
    """Return what a person has set on each of these calendars, by property name."""
    if len(calendar_ids) == 1:
        rows = _OF_PERSON.rows(tx, calendar_id=calendar_ids[0], principal_id=principal_id)
        return {calendar_ids[0]: {row[0]: row[1] for row in rows}} if rows else {}
    query = select(
        calendar_property.c.calendar_id, calendar_property.c.name, calendar_property.c.value
    ).where(
        calendar_property.c.calendar_id.in_(calendar_ids),
        calendar_property.c.principal_id == principal_id,
    )
    found: dict[CalendarId, dict[str, str]] = {}
    for row in tx.execute(query):
        found.setdefault(CalendarId(row.calendar_id), {})[row.name] = row.value
    return found


def put(
    tx: Transaction, calendar_id: CalendarId, principal_id: PrincipalId | None, name: str, value: str
) -> None:
    """Set one property, for one person or (None) as a mark of the calendar."""
    mine = _one(calendar_id, principal_id, name)
    if not tx.execute(update(calendar_property).where(*mine).values(value=value)).rowcount:
        tx.execute(
            insert(calendar_property).values(
                calendar_id=calendar_id, principal_id=principal_id or _EVERYBODY, name=name, value=value
            )
        )


def remove(tx: Transaction, calendar_id: CalendarId, principal_id: PrincipalId, name: str) -> None:
    """Forget one property of one person."""
    tx.execute(delete(calendar_property).where(*_one(calendar_id, principal_id, name)))


def mark(tx: Transaction, calendar_id: CalendarId, name: str) -> str | None:
    """Return a mark of the calendar itself."""
    query = select(calendar_property.c.value).where(*_one(calendar_id, None, name))
    value: str | None = tx.execute(query).scalar_one_or_none()
    return value


def _one(calendar_id: CalendarId, principal_id: PrincipalId | None, name: str):  # type: ignore[no-untyped-def]  # a tuple of SQLAlchemy conditions
    return (
        calendar_property.c.calendar_id == calendar_id,
        calendar_property.c.principal_id == (principal_id or _EVERYBODY),
        calendar_property.c.name == name,
    )
