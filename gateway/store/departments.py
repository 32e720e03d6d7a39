"""Rows of departments: several resources that get rights together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select

from gateway.domain.model import DepartmentId
from gateway.domain.people import Department
from gateway.store.database import Transaction
from gateway.store.schema import department


def _from_row(row: Any) -> Department:  # Any: a row of SQLAlchemy
    return Department(id=DepartmentId(row.id), slug=row.slug, name=row.name)


def add(tx: Transaction, *, slug: str, name: str) -> Department:
    """Insert a department; the slug must be free."""
    row = tx.execute(insert(department).values(slug=slug, name=name).returning(department.c.id)).one()
    return Department(id=DepartmentId(row.id), slug=slug, name=name)


def by_slug(tx: Transaction, slug: str) -> Department | None:
    """Return one department."""
    row = tx.execute(select(department).where(department.c.slug == slug)).one_or_none()
    return _from_row(row) if row else None


def all_(tx: Transaction) -> list[Department]:
    """Return all departments, by slug."""
    return [_from_row(row) for row in tx.execute(select(department).order_by(department.c.slug))]


def remove(tx: Transaction, department_id: DepartmentId) -> None:
    """Delete a department with its grants; its resources stay, without one."""
    tx.execute(delete(department).where(department.c.id == department_id))
