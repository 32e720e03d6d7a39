"""Trap: Exchange has zones of its own; a Windows zone stands for many IANA ones, whose past differs (§13).

What is sent is the Windows name, and only where it means the same: in every year that matters the zone that
CLDR names for it has the offsets of ours. Otherwise a single event goes in UTC, and a series is written out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.domain.timezone import known_zone
from gateway.domain.windows_zones import WINDOWS_TO_IANA, windows_name_of

LAST_YEAR = 2037
_UTC_NAMES = {"UTC", "tzone://Microsoft/Utc", "Coordinated Universal Time"}


def graph_name(zone: str) -> str | None:
    """Return the name under which Exchange knows an IANA zone, or None."""
    return "UTC" if zone == "UTC" else windows_name_of(zone)


def fits(zone: str, first_year: int, last_year: int) -> bool:
    """Return whether Exchange's zone has the offsets of this one in all these years."""
    name = graph_name(zone)
    if name is None:
        return False
    if zone == "UTC":
        return True
    other = WINDOWS_TO_IANA[name]
    return other == zone or all(
        _same(zone, other, year) for year in range(first_year, min(last_year, LAST_YEAR) + 1)
    )


def zone_of(answered: object, ours: str = "") -> str | None:
    """Return the IANA zone that Exchange names; ``ours`` wins where it is one of those behind the name.

    None: nobody knows it (``tzone://Microsoft/Custom``); it is never read as UTC (behaviours.md 22).
    """
    if not isinstance(answered, str):
        return None
    if ours and answered in {ours, graph_name(ours)}:
        return ours
    if answered in _UTC_NAMES:
        return "UTC"
    known = known_zone(answered)
    return known.key if known is not None else None


@lru_cache(maxsize=4096)
def _same(one: str, other: str, year: int) -> bool:
    moment, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    first, second = ZoneInfo(one), ZoneInfo(other)
    while moment < end:
        if moment.astimezone(first).utcoffset() != moment.astimezone(second).utcoffset():
            return False
        moment += timedelta(hours=1)
    return True
