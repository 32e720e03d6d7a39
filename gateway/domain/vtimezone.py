"""Time zones to VTIMEZONE (RFC 5545 §3.6.5), compact and right over a window.

Years with a steady rule become one observance with a RRULE; other changes stand one by one. RDATE is written
once per date: ical.js (Thunderbird) reads only the first value of a list.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.domain.model import Window

_ZERO = timedelta()
_STRIDE = timedelta(days=3)  # America/Recife had summer time for one week of 2000
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_SHORTEST_RULE = 3  # years


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What observances have in common."""

    kind: str
    offset_from: timedelta
    offset_to: timedelta
    name: str


def vtimezone_lines(tzid: str, zone: ZoneInfo, window: Window) -> list[str]:
    """Return the unfolded lines of a VTIMEZONE that is right over the window.

    Args:
        tzid: the TZID under which the file uses it.
        zone: the time zone.
        window: must begin before the first DTSTART that uses the TZID. The result is cached by its years.
    """
    return list(_vtimezone_lines(tzid, zone, window.start.year, window.end.year))


@lru_cache(maxsize=512)
def _vtimezone_lines(tzid: str, zone: ZoneInfo, first_year: int, last_year: int) -> tuple[str, ...]:
    first_year, last_year = max(first_year, 3), min(last_year, 9996)
    start = datetime(first_year - 1, 1, 1, tzinfo=UTC)
    begin = datetime(first_year, 1, 1, tzinfo=UTC) - timedelta(days=1)
    end = datetime(last_year + 1, 1, 2, tzinfo=UTC)
    changes = transitions(zone, start, end)
    local = start.astimezone(zone)
    before = local.utcoffset() or _ZERO
    groups: dict[_Key, list[datetime]] = {}
    if not changes or changes[0] > begin:
        key = _Key(kind=_kind(local), offset_from=before, offset_to=before, name=local.tzname() or "")
        groups[key] = [local.replace(tzinfo=None)]
    for instant in changes:
        local = instant.astimezone(zone)
        after = local.utcoffset() or _ZERO
        key = _Key(kind=_kind(local), offset_from=before, offset_to=after, name=local.tzname() or "")
        groups.setdefault(key, []).append((instant + before).replace(tzinfo=None))
        before = after
    lines = ["BEGIN:VTIMEZONE", f"TZID:{tzid}"]
    for key, onsets in groups.items():
        lines += _observances(key, onsets, last_year)
    return (*lines, "END:VTIMEZONE")


def _observances(key: _Key, onsets: list[datetime], last_year: int) -> list[str]:
    """Return the observances of one kind of change: rules for steady runs of years, dates for the rest."""
    lines: list[str] = []
    single: list[datetime] = []
    index = 0
    while index < len(onsets):
        length, ordinal = _steady_run(onsets[index:])
        if length < _SHORTEST_RULE:
            single.append(onsets[index])
            index += 1
            continue
        first, last = onsets[index], onsets[index + length - 1]
        rule = f"RRULE:FREQ=YEARLY;BYMONTH={first.month};BYDAY={ordinal}{_DAYS[first.weekday()]}"
        if last.year < last_year:
            rule += f";UNTIL={last - key.offset_from:%Y%m%dT%H%M%SZ}"
        lines += _observance(key, first, [rule])
        index += length
    if single:
        lines += _observance(key, single[0], [f"RDATE:{onset:%Y%m%dT%H%M%S}" for onset in single[1:]])
    return lines


def _observance(key: _Key, start: datetime, recurrence: list[str]) -> list[str]:
    return [
        f"BEGIN:{key.kind}",
        f"DTSTART:{start:%Y%m%dT%H%M%S}",
        *recurrence,
        f"TZOFFSETFROM:{_offset(key.offset_from)}",
        f"TZOFFSETTO:{_offset(key.offset_to)}",
        f"TZNAME:{key.name}",
        f"END:{key.kind}",
    ]


def _steady_run(onsets: list[datetime]) -> tuple[int, int]:
    """Return how many onsets from the first on, year after year, one BYDAY makes, and its ordinal."""
    first = onsets[0]
    ordinals = _ordinals(first)
    length = 1
    for onset in onsets[1:]:
        common = ordinals & _ordinals(onset)
        same = (onset.month, onset.weekday(), onset.time()) == (first.month, first.weekday(), first.time())
        if not (same and common and onset.year == first.year + length):
            break
        ordinals = common
        length += 1
    return length, min(ordinals)


def _ordinals(onset: datetime) -> set[int]:
    ordinals = {(onset.day - 1) // 7 + 1} - {5}
    if onset.day + 7 > calendar.monthrange(onset.year, onset.month)[1]:
        ordinals.add(-1)
    return ordinals


def _kind(local: datetime) -> str:
    return "DAYLIGHT" if (local.dst() or _ZERO) > _ZERO else "STANDARD"


def _offset(offset: timedelta) -> str:
    seconds = int(offset.total_seconds())
    sign = "-" if seconds < 0 else "+"
    hours, rest = divmod(abs(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{sign}{hours:02}{minutes:02}" + (f"{seconds:02}" if seconds else "")


def transitions(zone: tzinfo, start: datetime, end: datetime) -> list[datetime]:
    """Return the instants in ``(start, end]`` at which the offset of a zone changes, to the second.

    Changes that are less than three days apart and cancel each other out are not seen.
    """
    found: list[datetime] = []
    low, low_offset = start, start.astimezone(zone).utcoffset()
    while low < end:
        high = min(low + _STRIDE, end)
        high_offset = high.astimezone(zone).utcoffset()
        if high_offset != low_offset:
            left = low
            while high - left > timedelta(seconds=1):
                middle = (left + (high - left) / 2).replace(microsecond=0)
                if middle.astimezone(zone).utcoffset() == low_offset:
                    left = middle
                else:
                    high = middle
            high_offset = high.astimezone(zone).utcoffset()
            found.append(high)
        low, low_offset = high, high_offset
    return found
