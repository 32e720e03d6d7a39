"""Colour, order, name and other properties that each person sets on a calendar for herself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.domain.errors import InvalidInput
from gateway.domain.model import CalendarId, Principal
from gateway.store import calendar_properties as store
from gateway.store.database import Transaction

MAX_NAME_CHARS = 255
MAX_VALUE_CHARS = 16 * 1024
MAX_PROPERTIES = 100


def of_person(
    tx: Transaction, calendar_ids: Sequence[CalendarId], principal: Principal
) -> dict[CalendarId, dict[str, str]]:
    """Return what a person has set on each of these calendars, by property name."""
    return store.of_person(tx, calendar_ids, principal.id) if calendar_ids else {}


def change(
    tx: Transaction, calendar_id: CalendarId, principal: Principal, changes: Mapping[str, str | None]
) -> None:
    """Set properties of a person on a calendar; None forgets one.

    Raises:
        InvalidInput: a name or value is too long, or there are too many; nothing was changed.
    """
    have = of_person(tx, [calendar_id], principal).get(calendar_id, {})
    kept = set(have) | {name for name, value in changes.items() if value is not None}
    if len(kept) > MAX_PROPERTIES:
        raise InvalidInput(f"A calendar keeps at most {MAX_PROPERTIES} properties of a person.")
    for name, value in changes.items():
        if len(name) > MAX_NAME_CHARS or len(value or "") > MAX_VALUE_CHARS:
            raise InvalidInput(f"A property's value has at most {MAX_VALUE_CHARS} characters.")
    for name, value in changes.items():
        if value is None:
            store.remove(tx, calendar_id, principal.id, name)
        else:
            store.put(tx, calendar_id, principal.id, name, value)
