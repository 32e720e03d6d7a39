"""Colour, order, name and other properties that each person sets on a calendar for herself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.domain.model import CalendarId, Principal
from gateway.services.person_properties import check_amount
from gateway.store import calendar_properties as store
from gateway.store.database import Transaction


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
        TooMuchToKeep: a name or value is too long, or there are too many; nothing was changed.
    """
    have = of_person(tx, [calendar_id], principal).get(calendar_id, {})
    check_amount(have, changes)
    for name, value in changes.items():
        if value is None:
            store.remove(tx, calendar_id, principal.id, name)
        else:
            store.put(tx, calendar_id, principal.id, name, value)
