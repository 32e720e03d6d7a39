"""Rows of resources, each with its one calendar row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, delete, func, insert, literal, select, text, update

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
    to_epoch_s,
)
from gateway.store.database import Transaction
from gateway.store.schema import calendar, department, instance, principal, resource

# The zone is resolved in the database, so that every node and command uses the same default.
_ZONE = func.coalesce(
    resource.c.zone,
    select(instance.c.value).where(instance.c.key == "zone").scalar_subquery(),
    literal("UTC"),
).label("effective_zone")

# In the words of the partial indexes: SQLite uses them for nothing else, and SQLAlchemy would write "= 0".
IS_PERSONAL = text("resource.is_personal")
IS_SHARED = text("NOT resource.is_personal")

COLUMNS = (*resource.c, department.c.slug.label("department_slug"), _ZONE)


def query() -> Select[Any]:  # Any: the columns of COLUMNS
    """Return the query of whole resources; callers add conditions (and join ``calendar``)."""
    return select(*COLUMNS).select_from(
        resource.outerjoin(department, department.c.id == resource.c.department_id)
    )


def from_row(row: Any) -> Resource:  # Any: a row of SQLAlchemy
    """Return the value for a row of ``COLUMNS``."""
    return Resource(
        id=ResourceId(row.id),
        uuid=row.uuid,
        slug=row.slug,
        kind=ResourceKind(row.kind),
        name=row.name,
        zone=row.effective_zone,
        has_own_zone=row.zone is not None,
        is_personal=row.is_personal,
        owner_id=PrincipalId(row.owner_id) if row.owner_id is not None else None,
        color=row.color,
        location=row.location,
        capacity=row.capacity,
        seats=row.seats,
        opening_hours=row.opening_hours,
        email=row.email,
        department=row.department_slug,
        department_id=DepartmentId(row.department_id) if row.department_id is not None else None,
        description=row.description,
        policy=ConflictPolicy(row.policy),
        buffer_before_s=row.buffer_before_s,
        buffer_after_s=row.buffer_after_s,
    )


def add(
    tx: Transaction, *, horizon: Window, now: datetime, **fields: object
) -> tuple[ResourceId, CalendarId]:
    """Insert a resource and its empty calendar; the slug must be free.

    ``horizon`` is what the occurrence index covers; ``fields`` are columns of the table.
    """
    values = {
        "uuid": _fresh_uuid(tx),
        "is_personal": False,
        "capacity": 1,
        "buffer_before_s": 0,
        "buffer_after_s": 0,
        "created_at_utc": now,
        **fields,
    }
    resource_id = tx.execute(insert(resource).values(**values).returning(resource.c.id)).scalar_one()
    calendar_id = tx.execute(
        insert(calendar)
        .values(
            resource_id=resource_id,
            seq=0,
            min_seq=0,
            max_duration_s=0,
            components="VEVENT,VTODO,VJOURNAL",
            index_from=to_epoch_s(horizon.start),
            index_to=to_epoch_s(horizon.end),
        )
        .returning(calendar.c.id)
    ).scalar_one()
    return ResourceId(resource_id), CalendarId(calendar_id)


def _fresh_uuid(tx: Transaction) -> str:
    # The first eight digits tell resources of one name apart in a home, so they are unique as well.
    while True:
        uuid = str(uuid4())
        taken = select(resource.c.id).where(uuid_starts_with(uuid[:8]))
        if tx.execute(taken).first() is None:
            return uuid


def uuid_starts_with(digits: str) -> Any:  # Any: a condition of SQLAlchemy
    """Return the condition for resources whose uuid begins with eight digits, by the unique index."""
    return resource.c.uuid.between(f"{digits}-", f"{digits}-g")


def by_id(tx: Transaction, resource_id: ResourceId) -> Resource | None:
    """Return one resource."""
    row = tx.execute(query().where(resource.c.id == resource_id)).one_or_none()
    return from_row(row) if row else None


def by_slug(tx: Transaction, slug: str) -> Resource | None:
    """Return the shared resource with this slug."""
    found = query().where(resource.c.slug == slug, IS_SHARED)
    row = tx.execute(found).one_or_none()
    return from_row(row) if row else None


def personal(tx: Transaction, owner_id: PrincipalId, slug: str) -> Resource | None:
    """Return the calendar that this person has made under this slug."""
    found = query().where(resource.c.slug == slug, IS_PERSONAL, resource.c.owner_id == owner_id)
    row = tx.execute(found).one_or_none()
    return from_row(row) if row else None


def all_(tx: Transaction, *, kind: ResourceKind | None = None, with_personal: bool = True) -> list[Resource]:
    """Return resources, shared ones first, each part by slug."""
    found = query().order_by(resource.c.is_personal, resource.c.slug, resource.c.id)
    if kind is not None:
        found = found.where(resource.c.kind == kind.value)
    if not with_personal:
        found = found.where(IS_SHARED)
    return [from_row(row) for row in tx.execute(found)]


def owner_logins(tx: Transaction, resources: Sequence[Resource]) -> dict[PrincipalId, str]:
    """Return the logins of the owners of these resources."""
    ids = {each.owner_id for each in resources if each.owner_id is not None}
    if not ids:
        return {}
    rows = tx.execute(select(principal.c.id, principal.c.login).where(principal.c.id.in_(ids)))
    return {PrincipalId(row.id): row.login for row in rows}


def calendar_of(tx: Transaction, found: Resource) -> Calendar:
    """Return the calendar of a resource."""
    row = tx.execute(select(calendar).where(calendar.c.resource_id == found.id)).one()
    return Calendar(
        id=CalendarId(row.id),
        resource=found,
        seq=row.seq,
        min_seq=row.min_seq,
        max_duration_s=row.max_duration_s,
        components=tuple(row.components.split(",")),
    )


def calendar_ids_without_zone(tx: Transaction) -> list[tuple[ResourceId, CalendarId]]:
    """Return the calendars whose times follow the instance default."""
    found = (
        select(resource.c.id, calendar.c.id.label("calendar_id"))
        .join(calendar, calendar.c.resource_id == resource.c.id)
        .where(resource.c.zone.is_(None))
        .order_by(calendar.c.id)
    )
    return [(ResourceId(row.id), CalendarId(row.calendar_id)) for row in tx.execute(found)]


def update_fields(tx: Transaction, resource_id: ResourceId, **fields: object) -> None:
    """Change columns of one resource."""
    if fields:
        tx.execute(update(resource).where(resource.c.id == resource_id).values(**fields))


def remove(tx: Transaction, resource_id: ResourceId) -> None:
    """Delete a resource with its calendar, objects, feeds' places and grants."""
    tx.execute(delete(resource).where(resource.c.id == resource_id))
