"""Busy time that VAVAILABILITY gives (RFC 7953 §4): the objects of a calendar, and what its owner has set."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from gateway.domain import vavailability
from gateway.domain.freebusy import Period
from gateway.domain.model import Calendar, Window
from gateway.domain.vavailability import Availability
from gateway.services.occurrence_index import MAX_EXPANDED
from gateway.store import objects as object_store
from gateway.store.database import Transaction


def busy_periods(
    tx: Transaction, calendar: Calendar, window: Window, *, of_owner: Iterable[Availability] = ()
) -> list[Period]:
    """Return the time that is busy because nobody is available in it, clipped to ``window``.

    ``of_owner`` is what the person whose calendar it is says of all her time: an object of the calendar
    decides where both have the same priority.

    Raises:
        TooManyInstances: the range holds more available parts than the cap.
    """
    zone = ZoneInfo(calendar.resource.zone)
    found = list(of_owner)
    for stored in object_store.availabilities(tx, calendar.id):
        found += vavailability.availabilities(stored.ical, zone=zone)
    if not found:
        return []
    return vavailability.busy_periods(found, window, zone=zone, limit=MAX_EXPANDED)
