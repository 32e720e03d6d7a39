"""Rows of resources, each with its one calendar row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, delete, insert, select, text, update

from gateway.domain.model import (
    COMPONENTS,
    CalendarId,
    PrincipalId,
    Resource,
    ResourceId,
    ResourceKind,
    Window,
    to_epoch_s,
)
from gateway.store.calendars import resource_from_row
from gateway.store.database import Transaction
from gateway.store.schema import calendar, department, principal, resource

# In the words of the partial indexes: SQLite uses them for nothing else, and SQLAlchemy would write "= 0".
IS_PERSONAL = text("resource.is_personal")
IS_SHARED = text("NOT resource.is_personal")

COLUMNS = (*resource.c, department.c.slug.label("department"))


def query() -> Select[Any]:  # Any: the columns of COLUMNS
    """Return the query of whole resources; callers add conditions (and join ``calendar``)."""
    return select(*COLUMNS).select_from(
        resource.outerjoin(department, department.c.id == resource.c.department_id)
    )


def from_row(tx: Transaction, row: Any) -> Resource:  # Any: a row of SQLAlchemy
    """Return the value for a row of ``COLUMNS``."""
    return resource_from_row(row, tx.default_zone)


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
        "revision": 0,
        "modified_at_utc": now,
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
            components=",".join(COMPONENTS),
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
    return resource.c.uuid.between(*uuid_bounds(digits))


def uuid_bounds(digits: str) -> tuple[str, str]:
    """Return between which values the uuids lie that begin with eight digits."""
    return f"{digits}-", f"{digits}-g"


def by_id(tx: Transaction, resource_id: ResourceId) -> Resource | None:
    """Return one resource."""
    row = tx.execute(query().where(resource.c.id == resource_id)).one_or_none()
    return from_row(tx, row) if row else None


def by_uuid(tx: Transaction, resource_uuid: str) -> Resource | None:
    """Return one resource, or None."""
    row = tx.execute(query().where(resource.c.uuid == resource_uuid)).one_or_none()
    return from_row(tx, row) if row is not None else None


def by_slug(tx: Transaction, slug: str) -> Resource | None:
    """Return the shared resource with this slug."""
    found = query().where(resource.c.slug == slug, IS_SHARED)
    row = tx.execute(found).one_or_none()
    return from_row(tx, row) if row else None


def personal(tx: Transaction, owner_id: PrincipalId, slug: str) -> Resource | None:
    """Return the calendar that this person has made under this slug."""
    found = query().where(resource.c.slug == slug, IS_PERSONAL, resource.c.owner_id == owner_id)
    row = tx.execute(found).one_or_none()
    return from_row(tx, row) if row else None


def all_(tx: Transaction, *, kind: ResourceKind | None = None, with_personal: bool = True) -> list[Resource]:
    """Return resources, shared ones first, each part by slug."""
    found = query().order_by(resource.c.is_personal, resource.c.slug, resource.c.id)
    if kind is not None:
        found = found.where(resource.c.kind == kind.value)
    if not with_personal:
        found = found.where(IS_SHARED)
    return [from_row(tx, row) for row in tx.execute(found)]


def owner_logins(tx: Transaction, resources: Sequence[Resource]) -> dict[PrincipalId, str]:
    """Return the logins of the owners of these resources."""
    ids = {each.owner_id for each in resources if each.owner_id is not None}
    if not ids:
        return {}
    rows = tx.execute(select(principal.c.id, principal.c.login).where(principal.c.id.in_(ids)))
    return {PrincipalId(row.id): row.login for row in rows}


def ids_without_zone(tx: Transaction) -> list[ResourceId]:
    """Return the resources whose times follow the instance default."""
    found = select(resource.c.id).where(resource.c.zone.is_(None)).order_by(resource.c.id)
    return [ResourceId(row) for row in tx.execute(found).scalars()]


def update_fields(tx: Transaction, resource_id: ResourceId, **fields: object) -> None:
    """Change columns of one resource."""
    if fields:
        tx.execute(update(resource).where(resource.c.id == resource_id).values(**fields))


def touch(tx: Transaction, resource_ids: Sequence[ResourceId], *, now: datetime) -> None:
    """Note that what feeds say of these resources has changed."""
    tx.execute(
        update(resource)
        .where(resource.c.id.in_(resource_ids))
        .values(revision=resource.c.revision + 1, modified_at_utc=now)
    )


def remove(tx: Transaction, resource_id: ResourceId) -> None:
    """Delete a resource with its calendar, objects, feeds' places and grants."""
    tx.execute(delete(resource).where(resource.c.id == resource_id))
