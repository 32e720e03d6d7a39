"""Groups of people: rights given to a group hold for each member."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.errors import AlreadyExists, NotFound
from gateway.domain.people import Group, check_slug
from gateway.services.principals import OPERATOR, check_name
from gateway.services.principals import get as get_person
from gateway.store import audit
from gateway.store import groups as store
from gateway.store.database import Transaction


def add(
    tx: Transaction, slug: str, *, name: str | None = None, now: datetime, actor: str = OPERATOR
) -> Group:
    """Add an empty group.

    Raises:
        AlreadyExists: the slug is taken.
    """
    check_slug(slug)
    if store.by_slug(tx, slug) is not None:
        raise AlreadyExists(f"There is already a group {slug}.")
    group = store.add(tx, slug=slug, name=check_name(name or slug))
    _audit(tx, now, actor, "group.add", slug)
    return group


def get(tx: Transaction, slug: str) -> Group:
    """Return one group with its members.

    Raises:
        NotFound: there is no such group.
    """
    if (group := store.by_slug(tx, slug)) is None:
        raise NotFound(f"There is no group {slug[:80]!r}; see `calgate group list`.")
    return group


def list_(tx: Transaction) -> list[Group]:
    """Return all groups with their members."""
    return store.all_(tx)


def add_member(tx: Transaction, slug: str, login: str, *, now: datetime, actor: str = OPERATOR) -> Group:
    """Put a person into a group; nothing happens where she is in it."""
    group, person = get(tx, slug), get_person(tx, login)
    if store.add_member(tx, group.id, person.id):
        _audit(tx, now, actor, "group.member.add", slug, person.login)
    return get(tx, slug)


def remove_member(tx: Transaction, slug: str, login: str, *, now: datetime, actor: str = OPERATOR) -> Group:
    """Take a person out of a group.

    Raises:
        NotFound: she is not in it.
    """
    group, person = get(tx, slug), get_person(tx, login)
    if not store.remove_member(tx, group.id, person.id):
        raise NotFound(f"{person.login} is not in the group {slug}.")
    _audit(tx, now, actor, "group.member.remove", slug, person.login)
    return get(tx, slug)


def remove(tx: Transaction, slug: str, *, now: datetime, actor: str = OPERATOR) -> None:
    """Remove a group with its grants; its members stay."""
    store.remove(tx, get(tx, slug).id)
    _audit(tx, now, actor, "group.remove", slug)


def _audit(
    tx: Transaction, now: datetime, actor: str, action: str, slug: str, login: str | None = None
) -> None:
    detail = {"login": login} if login else {}
    audit.record(tx, now=now, actor=actor, action=action, target_kind="group", target=slug, detail=detail)
