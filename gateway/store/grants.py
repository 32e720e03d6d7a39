"""Rows of grants: a level for a person or group on a resource or department."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, insert, or_, select, true, update

from gateway.domain.model import Calendar, Level, PrincipalId, Resource, ResourceId
from gateway.domain.people import Grant, GrantSubject, GrantTarget
from gateway.store import calendars, resources
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import (
    department,
    group_member,
    people_group,
    principal,
    resource,
    resource_grant,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """What the rights need of one grant, by database ids."""

    resource_id: int | None
    department_id: int | None
    level: Level
    faces: tuple[str, ...]


def put(
    tx: Transaction,
    subject: GrantSubject,
    target: GrantTarget,
    *,
    level: Level,
    faces: tuple[str, ...],
    now: datetime,
) -> tuple[int, bool]:
    """Insert a grant or change the one between the same two; return its id and whether it is new."""
    _lock(tx, target)
    found = select(resource_grant.c.id).where(_same(subject, target))
    number: int | None = tx.execute(found).scalar_one_or_none()
    if number is not None:
        tx.execute(
            update(resource_grant)
            .where(resource_grant.c.id == number)
            .values(level=int(level), faces=list(faces))
        )
        return number, False
    added: int = tx.execute(
        insert(resource_grant)
        .values(
            principal_id=subject.principal_id,
            group_id=subject.group_id,
            resource_id=target.resource_id,
            department_id=target.department_id,
            level=int(level),
            faces=list(faces),
            created_at_utc=now,
        )
        .returning(resource_grant.c.id)
    ).scalar_one()
    return added, True


def _lock(tx: Transaction, target: GrantTarget) -> None:
    # Two nodes granting the same at once would otherwise both insert. On SQLite the write itself is the lock.
    table = resource if target.resource_id is not None else department
    number = target.resource_id if target.resource_id is not None else target.department_id
    tx.execute(select(table.c.id).where(table.c.id == number).with_for_update())


def _same(subject: GrantSubject, target: GrantTarget) -> Any:  # Any: a condition of SQLAlchemy
    # Comparison with None becomes IS NULL.
    return and_(
        resource_grant.c.principal_id == subject.principal_id,
        resource_grant.c.group_id == subject.group_id,
        resource_grant.c.resource_id == target.resource_id,
        resource_grant.c.department_id == target.department_id,
    )


def all_(tx: Transaction, *conditions: Any) -> list[Grant]:  # Any: conditions of SQLAlchemy
    """Return grants with the names of their two ends, oldest first; a personal calendar as LOGIN/SLUG."""
    owner = principal.alias("owner")
    query = (
        select(
            resource_grant.c.id,
            resource_grant.c.level,
            resource_grant.c.faces,
            principal.c.login,
            people_group.c.slug.label("group_slug"),
            resource.c.slug,
            resource.c.is_personal,
            owner.c.login.label("owner_login"),
            department.c.slug.label("department_slug"),
        )
        .outerjoin(principal, principal.c.id == resource_grant.c.principal_id)
        .outerjoin(people_group, people_group.c.id == resource_grant.c.group_id)
        .outerjoin(resource, resource.c.id == resource_grant.c.resource_id)
        .outerjoin(owner, owner.c.id == resource.c.owner_id)
        .outerjoin(department, department.c.id == resource_grant.c.department_id)
        .where(*conditions or (true(),))
        .order_by(resource_grant.c.id)
    )
    return [
        Grant(
            id=row.id,
            level=Level(row.level),
            faces=tuple(row.faces),
            login=row.login,
            group=row.group_slug,
            resource=f"{row.owner_login}/{row.slug}" if row.is_personal else row.slug,
            department=row.department_slug,
        )
        for row in tx.execute(query)
    ]


def by_id(tx: Transaction, grant_id: int) -> Grant | None:
    """Return one grant."""
    found = all_(tx, resource_grant.c.id == grant_id)
    return found[0] if found else None


def on_target(tx: Transaction, target: GrantTarget) -> list[Grant]:
    """Return the grants on one resource or department."""
    return all_(
        tx,
        resource_grant.c.resource_id == target.resource_id,
        resource_grant.c.department_id == target.department_id,
    )


def remove(tx: Transaction, grant_id: int) -> bool:
    """Delete a grant; return False where there is none."""
    return bool(tx.execute(delete(resource_grant).where(resource_grant.c.id == grant_id)).rowcount)


# -- what a person may see --------------------------------------------------------------------------


def _is_for(principal_id: PrincipalId) -> Any:  # Any: a condition of SQLAlchemy
    groups = select(group_member.c.group_id).where(group_member.c.principal_id == principal_id)
    return or_(resource_grant.c.principal_id == principal_id, resource_grant.c.group_id.in_(groups))


_PRINCIPAL: Any = bindparam("principal")  # Any: stands where an id stands
_OF_PRINCIPAL = select(
    resource_grant.c.resource_id,
    resource_grant.c.department_id,
    resource_grant.c.level,
    resource_grant.c.faces,
).where(_is_for(_PRINCIPAL))
_OF_PRINCIPAL_ON = _OF_PRINCIPAL.where(
    or_(
        resource_grant.c.resource_id.in_(bindparam("resources", expanding=True)),
        resource_grant.c.department_id.in_(bindparam("departments", expanding=True)),
    )
)
_RESOURCE: Any = bindparam("resource")  # Any: stands where an id stands
_DEPARTMENT: Any = bindparam("department")
_OF_PRINCIPAL_ON_ONE = Hot(
    _OF_PRINCIPAL.where(
        or_(resource_grant.c.resource_id == _RESOURCE, resource_grant.c.department_id == _DEPARTMENT)
    )
)


def of_principal(
    tx: Transaction, principal_id: PrincipalId, *, resources_only: Sequence[Resource] | None = None
) -> list[GrantRow]:
    """Return a person's own and her groups' grants, only those that touch ``resources_only`` if given."""
    rows: Iterable[Sequence[Any]]  # Any: each column's own type
    if resources_only is None:
        rows = tx.execute(_OF_PRINCIPAL, {"principal": principal_id})
    elif len(resources_only) == 1:
        only = resources_only[0]
        # -1 is no department's number.
        rows = _OF_PRINCIPAL_ON_ONE.rows(
            tx, principal=principal_id, resource=only.id, department=only.department_id or -1
        )
    else:
        wanted = {
            "principal": principal_id,
            "resources": [each.id for each in resources_only],
            "departments": [each.department_id for each in resources_only if each.department_id is not None],
        }
        rows = tx.execute(_OF_PRINCIPAL_ON, wanted)
    return [
        GrantRow(resource_id=resource_id, department_id=department_id, level=Level(level), faces=tuple(faces))
        for resource_id, department_id, level, faces in rows
    ]


def reachable(tx: Transaction, principal_id: PrincipalId) -> list[Calendar]:
    """Return the calendar of every resource that a person owns or has any grant on, in one statement."""
    granted = select(resource_grant.c.resource_id).where(
        _is_for(principal_id), resource_grant.c.resource_id.is_not(None)
    )
    departments = select(resource_grant.c.department_id).where(
        _is_for(principal_id), resource_grant.c.department_id.is_not(None)
    )
    owned = select(resource.c.id).where(resource.c.owner_id == principal_id)
    inside = select(resource.c.id).where(resource.c.department_id.in_(departments))
    # One branch per index: PostgreSQL walks the whole table for OR over subqueries.
    return _with_calendars(tx, resource.c.id.in_(owned.union(granted, inside)))


def candidates(
    tx: Transaction, principal_id: PrincipalId, *, slug: str, base: str | None, digits: str | None
) -> list[Calendar]:
    """Return the few calendars that ``slug`` could mean in this person's home, in one statement.

    ``base`` and ``digits`` are the two parts of a slug of the form ``base--digits``.
    """
    if digits is None:
        found = _BY_SLUG.cells(tx, principal=principal_id, slug=slug)
    else:
        low, high = resources.uuid_bounds(digits)
        found = _BY_ALIAS.cells(tx, principal=principal_id, slug=slug, base=base, low=low, high=high)
    return [calendars.calendar_from_cells(cells, tx.default_zone) for cells in found]


def one(tx: Transaction, resource_id: ResourceId) -> list[Calendar]:
    """Return the calendar of a resource, or nothing."""
    return _with_calendars(tx, resource.c.id == resource_id)


def _with_calendars(tx: Transaction, condition: Any) -> list[Calendar]:  # Any: SQLAlchemy's
    found = tx.execute(_where(condition))
    return [calendars.calendar_from_row(row, tx.default_zone) for row in found]


def _where(condition: Any) -> Select[Any]:  # Any: SQLAlchemy's
    return calendars.QUERY.where(condition).order_by(resource.c.id)


def _could_be(*conditions: Any) -> Select[Any]:  # Any: SQLAlchemy's
    # One branch per index: OR over different columns would walk the whole table.
    first, *others = (select(resource.c.id).where(each) for each in conditions)
    return _where(resource.c.id.in_(first.union(*others)))


_SLUG: Any = bindparam("slug")  # Any: stands where a text stands
_BASE: Any = bindparam("base")
_IS_OWN = and_(resources.IS_PERSONAL, resource.c.owner_id == _PRINCIPAL)
_IS_SHARED = and_(resources.IS_SHARED, resource.c.slug == _SLUG)
_BY_SLUG = Hot(_could_be(and_(_IS_OWN, resource.c.slug == _SLUG), _IS_SHARED))
_BY_ALIAS = Hot(
    _could_be(
        and_(_IS_OWN, or_(resource.c.slug == _SLUG, resource.c.slug == _BASE)),
        _IS_SHARED,
        and_(resource.c.uuid.between(bindparam("low"), bindparam("high")), resource.c.slug == _BASE),
    )
)
