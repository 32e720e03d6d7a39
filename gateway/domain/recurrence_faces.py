"""The faces of a series: what each of its components says about time and about free/busy.

A face is read once from a component and then lends its extent to every instance that the component
describes. Which instances there are is the subject of ``recurrence_series``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from icalendar.cal.component import Component
from icalendar.prop import vDuration

from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import text_of, values_of
from gateway.domain.model import Busy
from gateway.domain.timezone import to_instant

MIDNIGHT = time()
LAST_WALL = datetime(9999, 12, 30)  # noqa: DTZ001 - wall clock
_ZERO = timedelta()
_ENDS = {"VEVENT": "DTEND", "VTODO": "DUE"}


def busy_of(component: Component) -> Busy:
    """Return how a component counts in free/busy; cancelled and transparent ones are free."""
    if component.name != "VEVENT":
        return Busy.FREE
    status = (text_of(component, "STATUS") or "").upper()
    outlook = (text_of(component, "X-MICROSOFT-CDO-BUSYSTATUS") or "").upper()
    if status == "CANCELLED" or outlook in {"FREE", "WORKINGELSEWHERE"}:
        return Busy.FREE
    if (text_of(component, "TRANSP") or "").upper() == "TRANSPARENT":
        return Busy.FREE
    if outlook == "OOF":
        return Busy.UNAVAILABLE
    return Busy.TENTATIVE if "TENTATIVE" in {status, outlook} else Busy.BUSY


@dataclass(frozen=True, slots=True)
class Moment:
    """A value of a DATE or DATE-TIME property with the zone it is meant in.

    Attributes:
        wall: naive wall clock in ``zone``; midnight for a date.
    """

    wall: datetime
    zone: tzinfo
    is_date: bool

    @property
    def instant(self) -> datetime:
        """Return the instant that is meant, in UTC."""
        return to_instant(self.wall, self.zone)


class Face:
    """What one component gives its instances: start, extent, busy.

    Attributes:
        days: nominal days of the extent, on the wall clock.
        rest: what the extent has beyond them, exact.
    """

    __slots__ = ("busy", "component", "days", "moment", "rest")

    def __init__(self, component: Component, moment: Moment, days: int, rest: timedelta) -> None:
        self.component = component
        self.moment = moment
        self.days = days
        self.rest = rest
        self.busy = busy_of(component)

    @property
    def extent(self) -> timedelta:
        """Return an upper bound of the duration."""
        return timedelta(days=self.days + 1) + self.rest if self.days else self.rest

    def end(self, wall: datetime, start: datetime) -> datetime:
        """Return the end of the instance that starts at ``wall``, which is the instant ``start``."""
        try:
            if self.days:
                return to_instant(wall + timedelta(days=self.days), self.moment.zone) + self.rest
            return start + self.rest
        except OverflowError:
            return LAST_WALL.replace(tzinfo=UTC)


class Faces:
    """Reads the moments and faces of one object.

    Args:
        obj: the calendar object, with the zones that it defines.
        zone: zone of the resource: for dates, unknown TZIDs and floating times (those of an object that
            names a zone for them lie in that one).
    """

    __slots__ = ("_floating_zone", "_zone", "_zones")

    def __init__(self, obj: ParsedObject, zone: tzinfo) -> None:
        self._zone = zone
        self._floating_zone = obj.floating_zone or zone
        self._zones = obj.zones

    def moment(self, value: Any) -> Moment:  # Any: icalendar's value types have no common base
        """Return what a property with one date or time says."""
        return self.moment_of(value.dt, value.params.get("TZID") if value.params else None)

    def moment_of(self, moment: date, tzid: Any) -> Moment:
        """Return one date or time of a property whose TZID parameter is ``tzid``; no text means none."""
        if not isinstance(moment, datetime):
            return Moment(datetime.combine(moment, MIDNIGHT), self._zone, True)
        if moment.tzinfo is not None:
            return Moment(moment.replace(tzinfo=None), UTC, False)
        if not isinstance(tzid, str):
            return Moment(moment, self._floating_zone, False)
        return Moment(moment, self._zones.get(tzid) or self._zone, False)

    def face(self, component: Component) -> Face | None:
        """Return what a component says about time, or None where it says nothing (a task without dates)."""
        starts = values_of(component, "DTSTART")
        ends = values_of(component, _ENDS.get(str(component.name), "-"))
        if not starts:
            return Face(component, self.moment(ends[0]), 0, _ZERO) if ends else None
        start = self.moment(starts[0])
        if ends:
            end = self.moment(ends[0])
            if start.is_date:
                return Face(component, start, max(1, (end.wall - start.wall).days), _ZERO)
            return Face(component, start, 0, max(_ZERO, end.instant - start.instant))
        durations = values_of(component, "DURATION")
        if durations:
            days, rest = _nominal(durations[0])
            if start.is_date:
                return Face(component, start, max(1, days + (1 if rest else 0)), _ZERO)
            return Face(component, start, days, rest)
        return Face(component, start, 1 if start.is_date else 0, _ZERO)


def like(name: Moment, start: Moment) -> Moment:
    """Return a date or time that names an instance in the value type of the series."""
    if name.is_date == start.is_date:
        return name
    return Moment(datetime.combine(name.wall, start.wall.time()), start.zone, start.is_date)


def base_wall(wall: datetime, face: Face) -> datetime:
    """Return what a shift is added to: the series' own wall clock, so that the new hour is kept all year."""
    return datetime.combine(wall, MIDNIGHT) if face.moment.is_date else wall


def _nominal(value: Any) -> tuple[int, timedelta]:
    """Return the nominal days and the exact rest of a DURATION (RFC 5545 §3.3.6)."""
    whole: timedelta = value.dt
    date_part, _, _ = str(getattr(value, "raw", "")).upper().lstrip("+").partition("T")
    days = 0
    if len(date_part) > 1:
        days = vDuration.from_ical(date_part).days  # type: ignore[no-untyped-call]  # icalendar has no types here
    return days, max(_ZERO, whole - timedelta(days=days))
