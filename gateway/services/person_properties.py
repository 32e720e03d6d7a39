"""Properties that a person sets for herself on calendar objects and on her home; nobody else sees them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.domain.errors import InvalidInput
from gateway.domain.model import ObjectId, Principal
from gateway.store import person_properties as store
from gateway.store.database import Transaction
from gateway.store.person_properties import copy_object, of_object, of_objects, of_person

__all__ = [
    "change_home",
    "change_object",
    "check_amount",
    "copy_object",
    "of_object",
    "of_objects",
    "of_person",
]

MAX_NAME_CHARS = 255
MAX_VALUE_CHARS = 16 * 1024
MAX_LARGE_CHARS = 256 * 1024  # calendar data inside a property
MAX_PROPERTIES = 100
MAX_ON_OBJECTS = 20_000  # of one person, on all objects together


class TooMuchToKeep(InvalidInput):
    """A property's name or value is too long, or there are too many of them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(
            f"A person's properties have at most {MAX_VALUE_CHARS} characters each and are at most"
            f" {MAX_PROPERTIES}."
        )


def check_amount(
    have: Mapping[str, str], changes: Mapping[str, str | None], *, large: frozenset[str] = frozenset()
) -> None:
    """Refuse more than is kept; ``large`` names properties that hold calendar data.

    Raises:
        TooMuchToKeep: with the properties that are too many or too long.
    """
    long = tuple(
        name
        for name, value in changes.items()
        if len(name) > MAX_NAME_CHARS
        or len(value or "") > (MAX_LARGE_CHARS if name in large else MAX_VALUE_CHARS)
    )
    added = tuple(name for name, value in changes.items() if value is not None and name not in have)
    if long:
        raise TooMuchToKeep(long)
    if added and len(have) + len(added) > MAX_PROPERTIES:
        raise TooMuchToKeep(added)


def change_object(
    tx: Transaction, object_id: ObjectId, principal: Principal, changes: Mapping[str, str | None]
) -> None:
    """Set or, by None, forget properties of a person on an object.

    Raises:
        TooMuchToKeep: nothing was changed.
    """
    have = of_object(tx, object_id, principal.id)
    check_amount(have, changes)
    added = tuple(name for name, value in changes.items() if value is not None and name not in have)
    if added and store.count_on_objects(tx, principal.id) + len(added) > MAX_ON_OBJECTS:
        raise TooMuchToKeep(added)
    store.change_object(tx, object_id, principal.id, changes)


def change_home(
    tx: Transaction,
    principal: Principal,
    changes: Mapping[str, str | None],
    *,
    large: frozenset[str] = frozenset(),
) -> None:
    """Set or, by None, forget properties of a person on her home.

    Raises:
        TooMuchToKeep: nothing was changed.
    """
    check_amount(of_person(tx, principal.id), changes, large=large)
    store.change_person(tx, principal.id, changes)
