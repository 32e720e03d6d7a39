"""Recurrence sets: which instances a calendar object has in a window (RFC 5545 §3.8.4.4, §3.8.5).

Rules run on the wall clock of DTSTART (``rrule``); instants are made at the end, one by one, so a series
keeps its hour over changes of summer time. The work for one object is bounded by a budget of steps, whatever
its rules say; nothing is ever truncated: too many is an error.
"""

from __future__ import annotations

import bisect
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

from icalendar.cal.component import Component
from icalendar.prop import vDuration

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import text_of, values_of
from gateway.domain.model import Busy, Occurrence, Window
from gateway.domain.rrule import Budget, Rule, Trail, read_rule, until_wall_clock, walk
from gateway.domain.timezone import to_instant, to_wall_clock

_ZERO = timedelta()
_DAY = timedelta(days=1)
_FIRST = datetime(1, 1, 2)  # noqa: DTZ001 - wall clock
_LAST = datetime(9999, 12, 30)  # noqa: DTZ001 - wall clock
_MIDNIGHT = time()
_IN_TIME = operator.itemgetter(0, 1)
_ENDS = {"VEVENT": "DTEND", "VTODO": "DUE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance with the component that describes it.

    Attributes:
        start: aware UTC.
        end: aware UTC; equal to ``start`` where the component has no extent.
        recurrence_id: instant at which the rule placed it; None for an object that does not recur.
        local_start: the start as it is written: a date, or a wall clock with its time zone.
        local_end: the same for the end; a date is exclusive.
    """

    start: datetime
    end: datetime
    recurrence_id: datetime | None
    is_all_day: bool
    busy: Busy
    component: Component = field(repr=False)
    local_start: date
    local_end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """The occurrences of one object that overlap a window, sorted by start.

    Attributes:
        first_start: no instance starts before it; None where the object has no time at all.
        last_end: no instance ends after it; None where it is endless or reaches beyond the window.
        steps: what it cost (``rrule.Budget``).
    """

    occurrences: tuple[Occurrence, ...]
    first_start: datetime | None
    last_end: datetime | None
    steps: int = 0


def expand(obj: ParsedObject, *, zone: tzinfo, window: Window, limit: int) -> Expansion:
    """Compute the occurrences of an object in a window.

    Args:
        obj: the calendar object.
        zone: zone of the resource: for dates, floating times and unknown TZIDs.
        window: only what overlaps it is returned.
        limit: most instances that may lie in the window.

    Raises:
        TooManyInstances: more than ``limit``, or the rules cost too many steps.
    """
    series = _Series(obj, zone, window, limit)
    rows = series.rows()
    return Expansion(
        occurrences=tuple(
            Occurrence(
                start=row.start,
                end=row.end,
                recurrence_id=row.recurrence_id,
                busy=row.face.busy,
                is_all_day=row.face.moment.is_date,
            )
            for row in rows
        ),
        first_start=series.first_start,
        last_end=series.last_end,
        steps=series.budget.steps,
    )


def iter_instances(obj: ParsedObject, *, zone: tzinfo, window: Window, limit: int) -> list[Instance]:
    """Compute the instances of an object in a window, each with its component; see ``expand``."""
    return [
        Instance(
            start=row.start,
            end=row.end,
            recurrence_id=row.recurrence_id,
            is_all_day=row.face.moment.is_date,
            busy=row.face.busy,
            component=row.face.component,
            local_start=row.local(row.start),
            local_end=row.local(row.end),
        )
        for row in _Series(obj, zone, window, limit).rows()
    ]


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
class _Moment:
    """A value of a DATE or DATE-TIME property with the zone it is meant in."""

    wall: datetime
    zone: tzinfo
    is_date: bool

    @property
    def instant(self) -> datetime:
        return to_instant(self.wall, self.zone)


class _Face:
    """What one component gives its instances: start, extent, busy."""

    __slots__ = ("busy", "component", "days", "moment", "rest")

    def __init__(self, component: Component, moment: _Moment, days: int, rest: timedelta) -> None:
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
            return _LAST.replace(tzinfo=UTC)


class _Row(NamedTuple):
    """One instance while it is computed."""

    start: datetime
    end: datetime
    recurrence_id: datetime | None
    face: _Face

    def local(self, instant: datetime) -> date:
        """Return an instant of it as it is written: a date, or a wall clock with its zone."""
        zoned = instant.astimezone(self.face.moment.zone)
        return zoned.date() if self.face.moment.is_date else zoned


class _Series:
    """The computation for one object and one window."""

    def __init__(self, obj: ParsedObject, zone: tzinfo, window: Window, limit: int) -> None:
        self.obj = obj
        self.zone = zone
        self.floating_zone = obj.floating_zone or zone
        self.window = window
        self.limit = limit
        self.budget = Budget()
        self.first_start: datetime | None = None
        self.last_end: datetime | None = None
        self._found: list[_Row] = []
        self._is_open = False

    def rows(self) -> list[_Row]:
        """Return the instances that overlap the window, sorted."""
        master = self._face(self.obj.master) if self.obj.master is not None else None
        overridden: set[datetime] = set()
        ranges: list[tuple[datetime, _Face, timedelta]] = []
        for component in self.obj.overrides:
            self._override(component, master, overridden, ranges)
        if master is not None:
            ranges.sort(key=lambda entry: entry[0])
            self._master(master, overridden, ranges)
        if self._is_open:
            self.last_end = None
        self._found.sort(key=_IN_TIME)
        return self._found

    def _keep(self, face: _Face, start: datetime, end: datetime, recurrence_id: datetime | None) -> None:
        """Note one instance; keep it if it overlaps the window."""
        if self.first_start is None or start < self.first_start:
            self.first_start = start
        if self.last_end is None or end > self.last_end:
            self.last_end = end
        window = self.window
        if start < window.end and (end > window.start or (start == end and start >= window.start)):
            self._found.append(_Row(start, end, recurrence_id, face))
            if len(self._found) > self.limit:
                raise TooManyInstances(
                    f"There are more than {self.limit} instances between {window.start:%Y-%m-%d} and "
                    f"{window.end:%Y-%m-%d}; make the rule less frequent."
                )

    # -- reading

    def _moment(self, value: Any) -> _Moment:
        return self._moment_of(value.dt, value.params.get("TZID") if value.params else None)

    def _moment_of(self, moment: date, tzid: Any) -> _Moment:
        if not isinstance(moment, datetime):
            return _Moment(datetime.combine(moment, _MIDNIGHT), self.zone, True)
        if moment.tzinfo is not None:
            return _Moment(moment.replace(tzinfo=None), UTC, False)
        if not isinstance(tzid, str):
            return _Moment(moment, self.floating_zone, False)
        return _Moment(moment, self.obj.zones.get(tzid) or self.zone, False)

    def _face(self, component: Component) -> _Face | None:
        """Return what a component says about time, or None where it says nothing (a task without dates)."""
        starts = values_of(component, "DTSTART")
        ends = values_of(component, _ENDS.get(str(component.name), "-"))
        if not starts:
            return _Face(component, self._moment(ends[0]), 0, _ZERO) if ends else None
        start = self._moment(starts[0])
        if ends:
            end = self._moment(ends[0])
            if start.is_date:
                return _Face(component, start, max(1, (end.wall - start.wall).days), _ZERO)
            return _Face(component, start, 0, max(_ZERO, end.instant - start.instant))
        durations = values_of(component, "DURATION")
        if durations:
            days, rest = _nominal(durations[0])
            if start.is_date:
                return _Face(component, start, max(1, days + (1 if rest else 0)), _ZERO)
            return _Face(component, start, days, rest)
        return _Face(component, start, 1 if start.is_date else 0, _ZERO)

    @staticmethod
    def _like(name: _Moment, start: _Moment) -> _Moment:
        """Return a date or time that names an instance in the value type of the series."""
        if name.is_date == start.is_date:
            return name
        return _Moment(datetime.combine(name.wall, start.wall.time()), start.zone, start.is_date)

    # -- overrides

    def _override(
        self,
        component: Component,
        master: _Face | None,
        overridden: set[datetime],
        ranges: list[tuple[datetime, _Face, timedelta]],
    ) -> None:
        self.budget.spend()
        value = values_of(component, "RECURRENCE-ID")[0]
        name = self._moment(value)
        if master is not None:
            name = self._like(name, master.moment)
        recurrence_id = name.instant
        face = self._face(component) or _Face(component, name, 0, _ZERO)
        overridden.add(recurrence_id)
        start = face.moment.instant
        self._keep(face, start, face.end(face.moment.wall, start), recurrence_id)
        if master is not None and str(value.params.get("RANGE", "")).upper() == "THISANDFUTURE":
            named = name.wall if name.is_date else to_wall_clock(recurrence_id, master.moment.zone)
            ranges.append((recurrence_id, face, face.moment.wall - _base_wall(named, face)))

    # -- the master

    def _master(
        self, face: _Face, overridden: set[datetime], ranges: Sequence[tuple[datetime, _Face, timedelta]]
    ) -> None:
        component, moment = face.component, face.moment
        if not any(values_of(component, name) for name in ("RRULE", "RDATE")):
            start = moment.instant
            if start not in overridden and start not in self._excluded(component, face):
                recurs = bool(self.obj.overrides)
                self._keep(face, start, face.end(moment.wall, start), start if recurs else None)
            return
        excluded = self._excluded(component, face)
        low, high = self._reach(face, ranges)
        if component_rules := _rules(component, "EXRULE"):
            excluded.update(
                start
                for rule in component_rules
                for _, start in self._rule_starts(rule, face, low, high, None)
            )
        begins = [entry[0] for entry in ranges]
        seen = overridden | excluded
        for wall, start, end in self._starts(face, low, high):
            if start in seen:
                continue
            seen.add(start)
            index = bisect.bisect_right(begins, start) - 1 if begins else -1
            if index < 0:
                self._keep(face, start, end or face.end(wall, start), start)
                continue
            _, later, shift = ranges[index]
            moved = _base_wall(wall, later) + shift
            instant = to_instant(moved, later.moment.zone)
            self._keep(later, instant, later.end(moved, instant), start)

    def _reach(
        self, face: _Face, ranges: Sequence[tuple[datetime, _Face, timedelta]]
    ) -> tuple[datetime, datetime]:
        """Return the wall clocks between which starts can matter to the window."""
        extent = max((f.extent for f in (face, *(later for _, later, _ in ranges))), default=_ZERO)
        back = max((shift for _, _, shift in ranges), default=_ZERO)
        ahead = min((shift for _, _, shift in ranges), default=_ZERO)
        zone = face.moment.zone
        return (
            _minus(to_wall_clock(self.window.start, zone), extent + max(back, _ZERO) + 2 * _DAY),
            _minus(to_wall_clock(self.window.end, zone), min(ahead, _ZERO) - 2 * _DAY),
        )

    def _starts(
        self, face: _Face, low: datetime, high: datetime
    ) -> Iterator[tuple[datetime, datetime, datetime | None]]:
        """Yield (wall clock, instant, own end) of DTSTART, every RDATE and every start the rules make."""
        moment = face.moment
        start = moment.instant
        self._bound(start, face.end(moment.wall, start))
        yield moment.wall, start, None
        for entry in values_of(face.component, "RDATE"):
            tzid = entry.params.get("TZID") if entry.params else None
            self.budget.spend(len(entry.dts))
            for item in entry.dts:
                yield self._rdate(item.dt, tzid, face)
        for rule in _rules(face.component, "RRULE"):
            for wall, instant in self._rule_starts(rule, face, low, high, face):
                yield wall, instant, None

    def _rdate(self, value: Any, tzid: Any, face: _Face) -> tuple[datetime, datetime, datetime | None]:
        end: datetime | None = None
        if isinstance(value, tuple):
            first = self._moment_of(value[0], tzid)
            instant = first.instant
            if isinstance(value[1], timedelta):
                end = instant + value[1]
            else:
                end = self._moment_of(value[1], tzid).instant
        else:
            first = self._moment_of(value, tzid)
            instant = first.instant
        if face.moment.is_date:
            wall = datetime.combine(first.wall, _MIDNIGHT)
            return wall, to_instant(wall, face.moment.zone), None
        if first.is_date:
            wall = datetime.combine(first.wall, face.moment.wall.time())
            return wall, to_instant(wall, face.moment.zone), None
        wall = first.wall if first.zone is face.moment.zone else to_wall_clock(instant, face.moment.zone)
        return wall, instant, max(end, instant) if end is not None else None

    def _rule_starts(
        self, rule: Rule, face: _Face, low: datetime, high: datetime, bounded: _Face | None
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield (wall clock, instant) of the starts of one rule; ``bounded`` notes where it ends."""
        moment, zone = face.moment, face.moment.zone
        until: datetime | None = None
        if rule.until is not None:
            last = until_wall_clock(rule.until, is_date=moment.is_date)
            if isinstance(rule.until, datetime) and rule.until.tzinfo is not None and not moment.is_date:
                until = rule.until
            high = min(high, last)
        trail = Trail()
        for wall in walk(rule, moment.wall, low=low, high=high, budget=self.budget, trail=trail):
            instant = to_instant(wall, zone)
            if until is not None and instant > until:
                break
            yield wall, instant
        if bounded is None:
            return
        if rule.until is not None:
            last_start = until or to_instant(
                min(until_wall_clock(rule.until, is_date=moment.is_date), _LAST), zone
            )
        elif trail.is_exhausted:
            last_start = to_instant(trail.last or low, zone)
        else:
            self._is_open = True
            return
        self._bound(last_start, last_start + bounded.extent if last_start.year < 9000 else last_start)

    def _bound(self, start: datetime, end: datetime) -> None:
        if self.first_start is None or start < self.first_start:
            self.first_start = start
        if self.last_end is None or end > self.last_end:
            self.last_end = end

    def _excluded(self, component: Component, face: _Face) -> set[datetime]:
        """Return the instants of EXDATE.

        A date in a timed series excludes what starts at the series' time of that day, as in clients that use
        ical.js; the RFC leaves it open.
        """
        excluded: set[datetime] = set()
        for entry in values_of(component, "EXDATE"):
            self.budget.spend(len(entry.dts))
            tzid = entry.params.get("TZID") if entry.params else None
            for item in entry.dts:
                if isinstance(item.dt, date):
                    moment = self._moment_of(item.dt, tzid)
                    excluded.add(self._like(moment, face.moment).instant)
        return excluded


def _rules(component: Component, name: str) -> list[Rule]:
    return [read_rule(recur, property_name=name) for recur in values_of(component, name)]


def _minus(wall: datetime, span: timedelta) -> datetime:
    try:
        return min(max(wall - span, _FIRST), _LAST)
    except OverflowError:
        return _FIRST if span > _ZERO else _LAST


def _base_wall(wall: datetime, face: _Face) -> datetime:
    """Return what a shift is added to: the series' own wall clock, so that the new hour is kept all year."""
    return datetime.combine(wall, _MIDNIGHT) if face.moment.is_date else wall


def _nominal(value: Any) -> tuple[int, timedelta]:
    """Return the nominal days and the exact rest of a DURATION (RFC 5545 §3.3.6)."""
    whole: timedelta = value.dt
    date_part, _, _ = str(getattr(value, "raw", "")).upper().lstrip("+").partition("T")
    days = 0
    if len(date_part) > 1:
        days = vDuration.from_ical(date_part).days  # type: ignore[no-untyped-call]  # icalendar has no types here
    return days, max(_ZERO, whole - timedelta(days=days))
