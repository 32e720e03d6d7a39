"""A stored object as busy time only: no text of it is left, and its UID is not its own."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.domain.model import CalendarObject, ObjectKind, Window
from gateway.domain.projection import Stamp, busy_object

_ZONES_UNTIL = timedelta(days=3660)


@lru_cache(maxsize=512)
def mask_object(stored: CalendarObject, uid: str, zone: str) -> bytes:
    """Return the object as busy time; equal bytes while the object and the zone of its resource stay."""
    stamp = Stamp(
        created_at_utc=stored.created_at_utc,
        modified_at_utc=stored.modified_at_utc,
        sequence=stored.revision,
    )
    return busy_object(
        stored,
        uid=uid,
        stamp=stamp,
        zone=ZoneInfo(zone),
        window=Window(start=stored.created_at_utc, end=stored.modified_at_utc + _ZONES_UNTIL),
        is_hold=stored.kind is ObjectKind.HOLD,
    )
