"""Grants: who gets which level on what, on which faces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.model import Level
from gateway.domain.people import Grant, GrantSubject, GrantTarget, check_faces
from gateway.services import departments, groups, resources
from gateway.services import principals as people
from gateway.services.principals import OPERATOR
from gateway.store import audit
from gateway.store import grants as store
from gateway.store.database import Transaction


def add(
    tx: Transaction,
    level: Level,
    *,
    login: str | None = None,
    group: str | None = None,
    resource: str | None = None,
    department: str | None = None,
    faces: Sequence[str] = (),
    now: datetime,
    actor: str = OPERATOR,
) -> Grant:
    """Grant a level to a person or group on a resource or department; the same pair again is changed.

    No ``faces`` means every face.

    Raises:
        InvalidInput: not exactly one subject and one target, or an unknown face.
        NotFound: one of the ends does not exist.
    """
    subject = _subject(tx, login, group)
    target = _target(tx, resource, department)
    grant_id, is_new = store.put(tx, subject, target, level=level, faces=check_faces(tuple(faces)), now=now)
    if (grant := store.by_id(tx, grant_id)) is None:
        raise NotFound
    _audit(tx, now, actor, "grant.add" if is_new else "grant.set", grant)
    return grant


def list_(tx: Transaction, *, resource: str | None = None, department: str | None = None) -> list[Grant]:
    """Return all grants, or those on one resource or department."""
    if resource is None and department is None:
        return store.all_(tx)
    return store.on_target(tx, _target(tx, resource, department))


def remove(tx: Transaction, grant_id: int, *, now: datetime, actor: str = OPERATOR) -> Grant:
    """Take a grant back.

    Raises:
        NotFound: there is no such grant.
    """
    grant = store.by_id(tx, grant_id)
    if grant is None or not store.remove(tx, grant_id):
        raise NotFound(f"There is no grant {grant_id}; see `calgate grant list`.")
    _audit(tx, now, actor, "grant.remove", grant)
    return grant


def _subject(tx: Transaction, login: str | None, group: str | None) -> GrantSubject:
    if login is not None and group is None:
        return GrantSubject(principal_id=people.get(tx, login).id)
    if group is not None and login is None:
        return GrantSubject(group_id=groups.get(tx, group).id)
    raise InvalidInput("Grant to one person or to one group.")


def _target(tx: Transaction, resource: str | None, department: str | None) -> GrantTarget:
    if resource is not None and department is None:
        return GrantTarget(resource_id=resources.get(tx, resource).id)
    if department is not None and resource is None:
        return GrantTarget(department_id=departments.get(tx, department).id)
    raise InvalidInput("Grant on one resource or on one department.")


def _audit(tx: Transaction, now: datetime, actor: str, action: str, grant: Grant) -> None:
    audit.record(
        tx,
        now=now,
        actor=actor,
        action=action,
        target_kind="department" if grant.department else "resource",
        target=grant.department or grant.resource or "",
        detail={
            "to": grant.login or f"group {grant.group}",
            "level": grant.level.word,
            "faces": list(grant.faces),
        },
    )
