"""Time zones for the recurrence engine: VTIMEZONE components made from zoneinfo, one line per transition.

Explicit transitions instead of rules: right for every zone and year that zoneinfo knows, also where the
offset follows no rule (Casablanca).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_STEP = timedelta(days=1)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo | None:
    """Return a zone by its IANA name, or None when there is no such zone."""
    if not name or name.startswith(("/", ".")) or ".." in name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _offset(value: timedelta) -> str:
    total = int(value.total_seconds())
    sign = "-" if total < 0 else "+"
    hours, rest = divmod(abs(total), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{sign}{hours:02}{minutes:02}" + (f"{seconds:02}" if seconds else "")


def _at(info: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(info).utcoffset() or timedelta()


def _transition(info: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _at(info, low)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if _at(info, middle) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@lru_cache(maxsize=256)
def vtimezone(name: str, first_year: int, last_year: int) -> str:
    """Return a VTIMEZONE with every transition between two years, both included; the zone must exist."""
    info = ZoneInfo(name)
    instant = datetime(max(first_year - 1, 1), 1, 1, tzinfo=UTC)
    end = datetime(min(last_year + 1, 9998), 12, 31, tzinfo=UTC)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}"]
    lines += _observance("STANDARD", instant.replace(tzinfo=None), _at(info, instant), _at(info, instant))
    while instant < end:
        following = instant + _STEP
        if _at(info, instant) != _at(info, following):
            moment = _transition(info, instant, following)
            before, after = _at(info, moment - timedelta(seconds=1)), _at(info, moment)
            kind = "DAYLIGHT" if after > before else "STANDARD"
            lines += _observance(kind, (moment + before).replace(tzinfo=None), before, after)
        instant = following
    return "\r\n".join([*lines, "END:VTIMEZONE"])


def _observance(kind: str, local: datetime, before: timedelta, after: timedelta) -> list[str]:
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{local:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset(before)}",
        f"TZOFFSETTO:{_offset(after)}",
        f"END:{kind}",
    ]
