"""Departments: rights given on a department hold for each of its resources."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.errors import NotFound
from gateway.domain.people import Department, check_slug
from gateway.services.principals import OPERATOR
from gateway.store import audit
from gateway.store import departments as store
from gateway.store.database import Transaction


def ensure(tx: Transaction, slug: str, *, now: datetime, actor: str = OPERATOR) -> Department:
    """Return the department, made at its first use."""
    check_slug(slug)
    if (known := store.by_slug(tx, slug)) is not None:
        return known
    audit.record(tx, now=now, actor=actor, action="department.add", target_kind="department", target=slug)
    return store.add(tx, slug=slug, name=slug)


def get(tx: Transaction, slug: str) -> Department:
    """Return one department.

    Raises:
        NotFound: no resource was ever put into such a department.
    """
    if (known := store.by_slug(tx, slug)) is None:
        raise NotFound(
            f"There is no department {slug[:80]!r}; put a resource into it with"
            " `calgate resource set SLUG --department NAME`."
        )
    return known


def list_(tx: Transaction) -> list[Department]:
    """Return all departments."""
    return store.all_(tx)
