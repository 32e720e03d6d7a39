"""Calendars: the one row that numbers changes, and the resource it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, case, select, update

from gateway.domain.errors import NotFound
from gateway.domain.model import (
    Calendar,
    CalendarId,
    ConflictPolicy,
    DepartmentId,
    PrincipalId,
    Resource,
    ResourceId,
    ResourceKind,
    Window,
    from_epoch_s,
    to_epoch_s,
)
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import calendar, department, instance, resource
from gateway.store.sets import among, parameter

_EPOCH = select(instance.c.value).where(instance.c.key == "epoch").scalar_subquery().label("epoch")


QUERY = (  # of whole calendars; callers add conditions
    select(
        calendar.c.id.label("calendar_id"),
        calendar.c.seq,
        calendar.c.min_seq,
        calendar.c.max_duration_s,
        calendar.c.components,
        calendar.c.index_from,
        calendar.c.index_to,
        _EPOCH,
        resource,
        department.c.slug.label("department"),
    )
    .join_from(calendar, resource, calendar.c.resource_id == resource.c.id)
    .outerjoin(department, resource.c.department_id == department.c.id)
)
_MANY = {each: Hot(QUERY.where(among(calendar.c.id, "ids", is_postgresql=each))) for each in (False, True)}
_BY_ID = Hot(QUERY.where(calendar.c.id == bindparam("calendar_id")))
_BY_RESOURCE = QUERY.where(calendar.c.resource_id == bindparam("resource_id"))
_BY_IDS = QUERY.where(calendar.c.id.in_(bindparam("ids", expanding=True))).order_by(calendar.c.id)
# The resource is locked too: a row that is only joined would be read as it was before the wait.
_LOCKED = _BY_IDS.with_for_update(of=[calendar, resource], key_share=True)
_LOCKED_ONE = Hot(
    QUERY.where(calendar.c.id == bindparam("calendar_id")).with_for_update(
        of=[calendar, resource], key_share=True
    )
)
_LONGEST = bindparam("b_longest_s", type_=BigInteger)
_BUMP = Hot(
    update(calendar)
    .where(calendar.c.id == bindparam("b_id"))
    .values(
        seq=calendar.c.seq + bindparam("b_by", type_=BigInteger),
        max_duration_s=case(
            (calendar.c.max_duration_s < _LONGEST, _LONGEST), else_=calendar.c.max_duration_s
        ),
    )
    .returning(calendar.c.seq)
)


def resource_from_row(row: Row[tuple[object, ...]], default_zone: str) -> Resource:
    """Build the resource from a row with all columns of ``resource`` and the label ``department``."""
    return _resource(row._mapping, default_zone)  # noqa: SLF001 - SQLAlchemy's public name for access by column


def _resource(cell: Mapping[Any, Any], default_zone: str) -> Resource:
    return Resource(
        id=ResourceId(cell["id"]),
        uuid=cell["uuid"],
        slug=cell["slug"],
        kind=ResourceKind(cell["kind"]),
        name=cell["name"],
        zone=cell["zone"] or default_zone,
        has_own_zone=cell["zone"] is not None,
        is_personal=bool(cell["is_personal"]),
        owner_id=PrincipalId(cell["owner_id"]) if cell["owner_id"] is not None else None,
        color=cell["color"],
        location=cell["location"],
        capacity=cell["capacity"],
        seats=cell["seats"],
        opening_hours=cell["opening_hours"],
        email=cell["email"],
        department=cell["department"],
        department_id=DepartmentId(cell["department_id"]) if cell["department_id"] is not None else None,
        description=cell["description"],
        policy=ConflictPolicy(cell["policy"]),
        buffer_before_s=cell["buffer_before_s"],
        buffer_after_s=cell["buffer_after_s"],
        revision=cell["revision"],
        modified_at_utc=cell["modified_at_utc"],
    )


def calendar_from_row(row: Row[tuple[object, ...]], default_zone: str) -> Calendar:
    """Build the calendar from a row of this module's query."""
    return calendar_from_cells(row._mapping, default_zone)  # noqa: SLF001 - as above


def calendar_from_cells(
    cell: Mapping[Any, Any], default_zone: str
) -> Calendar:  # Any: each column's own type
    """Build the calendar from the values of a row of this module's query, by name."""
    return Calendar(
        id=CalendarId(cell["calendar_id"]),
        resource=_resource(cell, default_zone),
        epoch=cell["epoch"] or "",
        seq=cell["seq"],
        min_seq=cell["min_seq"],
        max_duration_s=cell["max_duration_s"],
        index=Window(start=from_epoch_s(cell["index_from"]), end=from_epoch_s(cell["index_to"])),
        components=tuple(cell["components"].split(",")),
    )


def get(tx: Transaction, calendar_id: CalendarId) -> Calendar:
    """Return the calendar as it is now, without locking it.

    Raises:
        NotFound: there is no such calendar.
    """
    found = _BY_ID.cells(tx, calendar_id=calendar_id)
    if not found:
        raise NotFound("The calendar is gone.")
    return calendar_from_cells(found[0], tx.default_zone)


def many(tx: Transaction, calendar_ids: Iterable[CalendarId]) -> dict[CalendarId, Calendar]:
    """Return calendars by id, without locking them; one that has gone is missing."""
    cells = _MANY[tx.is_postgresql].cells(tx, ids=parameter(tx, calendar_ids))
    found = [calendar_from_cells(each, tx.default_zone) for each in cells]
    return {one.id: one for one in found}


def of_resource(tx: Transaction, resource_id: ResourceId) -> Calendar:
    """Return the calendar of a resource.

    Raises:
        NotFound: there is no such resource.
    """
    row = tx.execute(_BY_RESOURCE, {"resource_id": resource_id}).one_or_none()
    if row is None:
        raise NotFound("The resource is gone.")
    return calendar_from_row(row, tx.default_zone)


def all_ids(tx: Transaction) -> list[CalendarId]:
    """Return the ids of all calendars in order."""
    return [CalendarId(row) for row in tx.execute(select(calendar.c.id).order_by(calendar.c.id)).scalars()]


def ids_with_other_horizon(tx: Transaction, horizon: Window) -> list[CalendarId]:
    """Return the calendars whose occurrence index does not cover exactly ``horizon``."""
    start, end = to_epoch_s(horizon.start), to_epoch_s(horizon.end)
    query = select(calendar.c.id).where((calendar.c.index_from != start) | (calendar.c.index_to != end))
    return [CalendarId(row) for row in tx.execute(query.order_by(calendar.c.id)).scalars()]


def lock(tx: Transaction, *calendar_ids: CalendarId) -> dict[CalendarId, Calendar]:
    """Lock calendars in id order until the transaction ends, and return them as they are under the lock.

    SQLite's write transaction is the lock already. A missing calendar is missing in the answer.
    """
    if len(calendar_ids) == 1:
        statement = _LOCKED_ONE if tx.is_postgresql else _BY_ID
        only = statement.cells(tx, calendar_id=calendar_ids[0])
        found = [calendar_from_cells(cells, tx.default_zone) for cells in only]
    else:
        rows = tx.execute(_LOCKED if tx.is_postgresql else _BY_IDS, {"ids": list(calendar_ids)}).all()
        found = [calendar_from_row(row, tx.default_zone) for row in rows]
    return {one.id: one for one in found}


def bump(tx: Transaction, calendar_id: CalendarId, *, by: int = 1, longest_s: int = 0) -> int:
    """Raise the sequence by ``by`` and return its new value; remember the longest occurrence.

    The row lock that this takes makes the order of numbers the order of commits.
    """
    seq: int = _BUMP.rows(tx, b_id=calendar_id, b_by=by, b_longest_s=longest_s)[0][0]
    return seq


def set_index(tx: Transaction, calendar_id: CalendarId, horizon: Window) -> None:
    """Record the span that the occurrence index covers."""
    tx.execute(
        update(calendar)
        .where(calendar.c.id == calendar_id)
        .values(index_from=to_epoch_s(horizon.start), index_to=to_epoch_s(horizon.end))
    )


def set_min_seq(tx: Transaction, calendar_id: CalendarId, min_seq: int) -> None:
    """Refuse sync tokens below ``min_seq`` from now on."""
    tx.execute(update(calendar).where(calendar.c.id == calendar_id).values(min_seq=min_seq))


def raise_longest(tx: Transaction, calendar_id: CalendarId, longest_s: int) -> None:
    """Remember a longer occurrence that no change brought, but the horizon."""
    bump(tx, calendar_id, by=0, longest_s=longest_s)


def set_longest(tx: Transaction, calendar_id: CalendarId, longest_s: int) -> None:
    """Record the length of the longest occurrence after the index was built anew."""
    tx.execute(update(calendar).where(calendar.c.id == calendar_id).values(max_duration_s=longest_s))


def set_components(tx: Transaction, calendar_id: CalendarId, components: tuple[str, ...]) -> None:
    """Record which components a calendar takes."""
    tx.execute(update(calendar).where(calendar.c.id == calendar_id).values(components=",".join(components)))
