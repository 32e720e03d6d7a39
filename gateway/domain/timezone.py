"""TZIDs to time zones; ``vtimezone`` is the way back.

Nothing here remembers what a VTIMEZONE means: the only cache is of IANA and Windows names, whose meaning
nobody can change. An unknown TZID is None, and the caller reports it; it is never UTC (behaviours.md 22).
"""

from __future__ import annotations

import bisect
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from icalendar.cal.component import Component

from gateway.domain.errors import GatewayError
from gateway.domain.ical_reader import text_of, values_of
from gateway.domain.rrule import Budget, read_rule, walk
from gateway.domain.vtimezone import vtimezone_lines
from gateway.domain.windows_zones import WINDOWS_TO_IANA

__all__ = [
    "VTimezone",
    "known_zone",
    "resolve_tzid",
    "to_instant",
    "to_wall_clock",
    "vtimezone_lines",
    "zone_or_default",
]

_ZERO = timedelta()
_DAY = timedelta(days=1)
_NAIVE_MIN = datetime(1, 1, 2)  # noqa: DTZ001 - wall clock
_NAIVE_MAX = datetime(9999, 12, 30)  # noqa: DTZ001 - wall clock


@lru_cache(maxsize=1)
def _iana_names() -> Mapping[str, str]:
    """Return the IANA names by their lower-case form."""
    return {name.lower(): name for name in zoneinfo.available_timezones()}


@lru_cache(maxsize=1)
def _windows_names() -> Mapping[str, str]:
    return {name.lower(): zone for name, zone in WINDOWS_TO_IANA.items()}


@lru_cache(maxsize=4096)
def known_zone(tzid: str) -> ZoneInfo | None:
    """Return the zone of an IANA or Windows name, however clients dress it up, or None.

    Taken are other letter cases, quotes, blanks, and prefixes such as ``/mozilla.org/20070129_1/``.
    """
    if len(tzid) > 200:
        return None
    name = tzid.strip().strip("\"'").strip()
    if name.lower().startswith("tzone://microsoft/"):
        name = name[len("tzone://microsoft/") :]
    names = _iana_names()
    bare = name.strip("/").lower().replace(" ", "_")
    parts = bare.split("/")
    candidates = ["/".join(parts[start:]) for start in range(max(0, len(parts) - 3), len(parts))]
    if not name.startswith("/"):
        candidates = [c for c in candidates if c == bare or "/" in c]
    found = names.get(bare) or next((names[c] for c in candidates if c in names), None)
    found = found or _windows_names().get(name.lower())
    return ZoneInfo(found) if found else None


def resolve_tzid(tzid: str, vtimezones: Mapping[str, Component]) -> tzinfo | None:
    """Return the time zone that a TZID means inside one calendar object, or None where nobody knows.

    A known IANA name wins over the object's own VTIMEZONE (clients shorten theirs to one year or leave
    history out), then Windows names (CLDR), then the object's VTIMEZONE, then its X-LIC-LOCATION.

    Args:
        tzid: value of the TZID parameter.
        vtimezones: the VTIMEZONE components of the same object by their TZID.
    """
    zone = known_zone(tzid)
    if zone is not None:
        return zone
    component = vtimezones.get(tzid)
    if component is None:
        return None
    try:
        return VTimezone(tzid, component)
    except GatewayError:
        location = text_of(component, "X-LIC-LOCATION")
        return known_zone(location) if location else None


def zone_or_default(name: str | None, default: str) -> ZoneInfo:
    """Return the zone called ``name``, or the one called ``default`` where the first is unknown or None.

    Raises:
        GatewayError: the default is unknown too.
    """
    zone = (known_zone(name) if name else None) or known_zone(default)
    if zone is None:
        raise GatewayError(f"There is no time zone {default}; use an IANA name such as Europe/Berlin.")
    return zone


def to_instant(wall_clock: datetime, zone: tzinfo) -> datetime:
    """Return the aware UTC instant of a naive wall clock (RFC 5545 §3.3.5).

    A time that a change to summer time skips is read with the offset before the change; of a time that
    occurs twice, the first is meant.
    """
    if zone is UTC:
        return wall_clock.replace(tzinfo=UTC)
    try:
        # combine() costs a fifth of replace(), and this runs once per instance.
        return datetime.combine(wall_clock, wall_clock.time(), zone).astimezone(UTC)
    except OverflowError:  # the first and the last day of the calendar
        return wall_clock.replace(tzinfo=UTC)


def to_wall_clock(instant: datetime, zone: tzinfo) -> datetime:
    """Return the naive wall clock of an aware instant in a zone."""
    try:
        return instant.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return instant.replace(tzinfo=None)


class VTimezone(tzinfo):
    """The zone that a VTIMEZONE component describes; transitions are computed as far as they are asked for.

    Raises (on construction):
        GatewayError: no usable observance.
    """

    def __init__(self, tzid: str, component: Component) -> None:
        self.tzid = tzid
        self._observances = [
            _Observance(sub) for sub in component.subcomponents if sub.name in ("STANDARD", "DAYLIGHT")
        ]
        if not self._observances:
            raise GatewayError("The VTIMEZONE has no observance.")
        self._until_year = 0
        self._starts: list[datetime] = []  # UTC, naive
        self._offsets: list[timedelta] = []
        try:
            first = min(self._observances, key=lambda o: o.start - o.offset_from)
        except OverflowError:
            raise GatewayError("The VTIMEZONE begins before all calendars.") from None
        self._before = first.offset_from

    def _reach(self, year: int) -> None:
        """Compute the transitions up to the end of a year."""
        if year <= self._until_year:
            return
        self._until_year = min(max(year + 5, self._until_year), 9998)
        budget = Budget()
        found: dict[datetime, timedelta] = {}
        for observance in self._observances:
            for onset in observance.onsets(self._until_year, budget):
                found[onset - observance.offset_from] = observance.offset_to
        self._starts = sorted(found)
        self._offsets = [found[start] for start in self._starts]

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """Return the offset at a wall clock; ``fold`` is honoured."""
        if moment is None:
            return self._before
        wall = moment.replace(tzinfo=None)
        self._reach(wall.year)
        # The last transition whose wall clock, seen from before it, is reached.
        index = bisect.bisect_right(self._starts, wall + _DAY)
        while index:
            before = self._offsets[index - 2] if index > 1 else self._before
            after = self._offsets[index - 1]
            start = self._starts[index - 1]
            boundary = start + (max(before, after) if not moment.fold else min(before, after))
            if wall >= boundary:
                return after
            index -= 1
        return self._before

    def fromutc(self, moment: datetime) -> datetime:
        """Return the wall clock of a UTC time that carries this zone."""
        wall = moment.replace(tzinfo=None)
        self._reach(wall.year)
        index = bisect.bisect_right(self._starts, wall)
        offset = self._offsets[index - 1] if index else self._before
        fold = 0
        if index and index <= len(self._starts):
            previous = self._offsets[index - 2] if index > 1 else self._before
            fold = int(wall + offset < self._starts[index - 1] + previous)
        return (wall + offset).replace(tzinfo=self, fold=fold)

    def dst(self, moment: datetime | None) -> timedelta | None:  # noqa: ARG002 - signature of tzinfo
        """Return None: what part of the offset is summer time does not matter here."""
        return None

    def tzname(self, moment: datetime | None) -> str:  # noqa: ARG002 - signature of tzinfo
        """Return the TZID."""
        return self.tzid

    def __repr__(self) -> str:
        return f"VTimezone({self.tzid!r})"


class _Observance:
    """One STANDARD or DAYLIGHT."""

    def __init__(self, component: Component) -> None:
        try:
            start = values_of(component, "DTSTART")[0].dt
            self.offset_from: timedelta = values_of(component, "TZOFFSETFROM")[0].td
            self.offset_to: timedelta = values_of(component, "TZOFFSETTO")[0].td
        except (IndexError, AttributeError) as error:
            raise GatewayError("The VTIMEZONE lacks a DTSTART or an offset.") from error
        self.start = _naive(start)
        self.rules = [read_rule(recur) for recur in values_of(component, "RRULE")]
        self.dates = [
            _naive(item.dt[0] if isinstance(item.dt, tuple) else item.dt)
            for entry in values_of(component, "RDATE")
            for item in entry.dts
        ]

    def onsets(self, until_year: int, budget: Budget) -> set[datetime]:
        """Return the wall clocks, by the offset before, at which this observance begins."""
        high = datetime(until_year, 12, 31, 23, 59, 59)  # noqa: DTZ001 - wall clock
        found = {self.start, *self.dates}
        for rule in self.rules:
            end = high
            if isinstance(rule.until, datetime) and rule.until.tzinfo is not None:
                end = min(end, (rule.until.astimezone(UTC)).replace(tzinfo=None) + self.offset_from)
            found.update(walk(rule, self.start, low=self.start, high=end, budget=budget))
        return {onset for onset in found if _NAIVE_MIN < onset < _NAIVE_MAX}


def _naive(value: Any) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - wall clock
    return value.replace(tzinfo=None)
