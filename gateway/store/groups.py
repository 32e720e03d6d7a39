"""Rows of groups of people and their members."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import delete, insert, select

from gateway.domain.model import GroupId, PrincipalId
from gateway.domain.people import Group
from gateway.store.database import Transaction
from gateway.store.schema import group_member, people_group, principal


def add(tx: Transaction, *, slug: str, name: str) -> Group:
    """Insert a group; the slug must be free."""
    row = tx.execute(insert(people_group).values(slug=slug, name=name).returning(people_group.c.id)).one()
    return Group(id=GroupId(row.id), slug=slug, name=name)


def by_slug(tx: Transaction, slug: str) -> Group | None:
    """Return one group with its members."""
    row = tx.execute(select(people_group).where(people_group.c.slug == slug)).one_or_none()
    if row is None:
        return None
    query = (
        select(principal.c.login)
        .join(group_member, group_member.c.principal_id == principal.c.id)
        .where(group_member.c.group_id == row.id)
        .order_by(principal.c.login)
    )
    members = tuple(tx.execute(query).scalars())
    return Group(id=GroupId(row.id), slug=row.slug, name=row.name, members=members)


def all_(tx: Transaction) -> list[Group]:
    """Return all groups with their members, by slug."""
    query = (
        select(group_member.c.group_id, principal.c.login)
        .join(principal, principal.c.id == group_member.c.principal_id)
        .order_by(principal.c.login)
    )
    members: dict[int, list[str]] = defaultdict(list)
    for row in tx.execute(query):
        members[row.group_id].append(row.login)
    return [
        Group(id=GroupId(row.id), slug=row.slug, name=row.name, members=tuple(members[row.id]))
        for row in tx.execute(select(people_group).order_by(people_group.c.slug))
    ]


def add_member(tx: Transaction, group_id: GroupId, principal_id: PrincipalId) -> bool:
    """Put a person into a group; return False where she was in it."""
    known = select(group_member).where(
        group_member.c.group_id == group_id, group_member.c.principal_id == principal_id
    )
    if tx.execute(known).first():
        return False
    tx.execute(insert(group_member).values(group_id=group_id, principal_id=principal_id))
    return True


def remove_member(tx: Transaction, group_id: GroupId, principal_id: PrincipalId) -> bool:
    """Take a person out of a group; return False where she was not in it."""
    gone = tx.execute(
        delete(group_member).where(
            group_member.c.group_id == group_id, group_member.c.principal_id == principal_id
        )
    )
    return bool(gone.rowcount)


def remove(tx: Transaction, group_id: GroupId) -> None:
    """Delete a group with its memberships and grants."""
    tx.execute(delete(people_group).where(people_group.c.id == group_id))
