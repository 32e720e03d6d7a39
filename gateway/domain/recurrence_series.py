"""The computation of one series: where its instances lie in a window (RFC 5545 §3.8.4.4, §3.8.5).

Rules run on the wall clock of DTSTART (``rrule``); instants are made at the end, one by one, so a series
keeps its hour over changes of summer time. The work for one object is bounded by a budget of steps, whatever
its rules say; nothing is ever truncated: too many is an error.
"""

from __future__ import annotations

import bisect
import operator
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from icalendar.cal.component import Component

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import values_of
from gateway.domain.model import Window
from gateway.domain.recurrence_faces import LAST_WALL, MIDNIGHT, Face, Faces, base_wall, like
from gateway.domain.rrule import Budget, Rule, Trail, read_rule, until_wall_clock, walk
from gateway.domain.timezone import to_instant, to_wall_clock

_ZERO = timedelta()
_DAY = timedelta(days=1)
_FIRST_WALL = datetime(1, 1, 2)  # noqa: DTZ001 - wall clock
_IN_TIME = operator.itemgetter(0, 1)


class Row(NamedTuple):
    """One instance while it is computed."""

    start: datetime
    end: datetime
    recurrence_id: datetime | None
    face: Face

    def local(self, instant: datetime) -> date:
        """Return an instant of it as it is written: a date, or a wall clock with its zone."""
        zoned = instant.astimezone(self.face.moment.zone)
        return zoned.date() if self.face.moment.is_date else zoned


class _Range(NamedTuple):
    """What an override with RANGE=THISANDFUTURE does to the instances from its own on."""

    begin: datetime
    face: Face
    shift: timedelta


class Series:
    """The computation for one object and one window.

    Attributes:
        first_start: once ``rows`` has run: no instance starts before it; None where there is no time at all.
        last_end: the same for the end; None where the series is endless or reaches beyond the window.
    """

    def __init__(self, obj: ParsedObject, zone: tzinfo, window: Window, limit: int) -> None:
        self.obj = obj
        self._faces = Faces(obj, zone)
        self.window = window
        self.limit = limit
        self.budget = Budget()
        self.first_start: datetime | None = None
        self.last_end: datetime | None = None
        self._found: list[Row] = []
        self._is_open = False

    def rows(self) -> list[Row]:
        """Return the instances that overlap the window, sorted."""
        master = self._faces.face(self.obj.master) if self.obj.master is not None else None
        overridden: set[datetime] = set()
        ranges: list[_Range] = []
        for component in self.obj.overrides:
            self._override(component, master, overridden, ranges)
        if master is not None:
            ranges.sort(key=operator.attrgetter("begin"))
            self._master(master, overridden, ranges)
        if self._is_open:
            self.last_end = None
        self._found.sort(key=_IN_TIME)
        return self._found

    def _keep(self, face: Face, start: datetime, end: datetime, recurrence_id: datetime | None) -> None:
        """Note one instance; keep it if it overlaps the window."""
        self._bound(start, end)
        window = self.window
        if start < window.end and (end > window.start or (start == end and start >= window.start)):
            self._found.append(Row(start, end, recurrence_id, face))
            if len(self._found) > self.limit:
                raise TooManyInstances(
                    f"There are more than {self.limit} instances between {window.start:%Y-%m-%d} and "
                    f"{window.end:%Y-%m-%d}; make the rule less frequent."
                )

    # -- overrides

    def _override(
        self,
        component: Component,
        master: Face | None,
        overridden: set[datetime],
        ranges: list[_Range],
    ) -> None:
        self.budget.spend()
        value = values_of(component, "RECURRENCE-ID")[0]
        name = self._faces.moment(value)
        if master is not None:
            name = like(name, master.moment)
        recurrence_id = name.instant
        face = self._faces.face(component) or Face(component, name, 0, _ZERO)
        overridden.add(recurrence_id)
        start = face.moment.instant
        self._keep(face, start, face.end(face.moment.wall, start), recurrence_id)
        if master is not None and str(value.params.get("RANGE", "")).upper() == "THISANDFUTURE":
            named = name.wall if name.is_date else to_wall_clock(recurrence_id, master.moment.zone)
            ranges.append(_Range(recurrence_id, face, face.moment.wall - base_wall(named, face)))

    # -- the master

    def _master(self, face: Face, overridden: set[datetime], ranges: Sequence[_Range]) -> None:
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
                for _, start in self._rule_starts(rule, face, low, high, bounds=False)
            )
        begins = [later.begin for later in ranges]
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
            moved = base_wall(wall, later) + shift
            instant = to_instant(moved, later.moment.zone)
            self._keep(later, instant, later.end(moved, instant), start)

    def _reach(self, face: Face, ranges: Sequence[_Range]) -> tuple[datetime, datetime]:
        """Return the wall clocks between which starts can matter to the window."""
        extent = max(f.extent for f in (face, *(later.face for later in ranges)))
        back = max((later.shift for later in ranges), default=_ZERO)
        ahead = min((later.shift for later in ranges), default=_ZERO)
        zone = face.moment.zone
        return (
            _minus(to_wall_clock(self.window.start, zone), extent + max(back, _ZERO) + 2 * _DAY),
            _minus(to_wall_clock(self.window.end, zone), min(ahead, _ZERO) - 2 * _DAY),
        )

    def _starts(
        self, face: Face, low: datetime, high: datetime
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
            for wall, instant in self._rule_starts(rule, face, low, high, bounds=True):
                yield wall, instant, None

    def _rdate(self, value: Any, tzid: Any, face: Face) -> tuple[datetime, datetime, datetime | None]:
        end: datetime | None = None
        if isinstance(value, tuple):
            first = self._faces.moment_of(value[0], tzid)
            instant = first.instant
            if isinstance(value[1], timedelta):
                end = _plus(instant, value[1])
            else:
                end = self._faces.moment_of(value[1], tzid).instant
        else:
            first = self._faces.moment_of(value, tzid)
            instant = first.instant
        if face.moment.is_date:
            wall = datetime.combine(first.wall, MIDNIGHT)
            return wall, to_instant(wall, face.moment.zone), None
        if first.is_date:
            wall = datetime.combine(first.wall, face.moment.wall.time())
            return wall, to_instant(wall, face.moment.zone), None
        wall = first.wall if first.zone is face.moment.zone else to_wall_clock(instant, face.moment.zone)
        return wall, instant, max(end, instant) if end is not None else None

    def _rule_starts(
        self, rule: Rule, face: Face, low: datetime, high: datetime, *, bounds: bool
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield (wall clock, instant) of the starts of one rule; with ``bounds``, note where they end."""
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
        if not bounds:
            return
        if rule.until is not None:
            last_start = until or to_instant(
                min(until_wall_clock(rule.until, is_date=moment.is_date), LAST_WALL), zone
            )
        elif trail.is_exhausted:
            last_start = to_instant(trail.last or low, zone)
        else:
            self._is_open = True
            return
        self._bound(last_start, _plus(last_start, face.extent))

    def _bound(self, start: datetime, end: datetime) -> None:
        """Widen what ``first_start`` and ``last_end`` say."""
        if self.first_start is None or start < self.first_start:
            self.first_start = start
        if self.last_end is None or end > self.last_end:
            self.last_end = end

    def _excluded(self, component: Component, face: Face) -> set[datetime]:
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
                    moment = self._faces.moment_of(item.dt, tzid)
                    excluded.add(like(moment, face.moment).instant)
        return excluded


def _rules(component: Component, name: str) -> list[Rule]:
    return [read_rule(recur, property_name=name) for recur in values_of(component, name)]


def _plus(instant: datetime, span: timedelta) -> datetime:
    try:
        return instant + span
    except OverflowError:
        return LAST_WALL.replace(tzinfo=UTC)


def _minus(wall: datetime, span: timedelta) -> datetime:
    try:
        return min(max(wall - span, _FIRST_WALL), LAST_WALL)
    except OverflowError:
        return _FIRST_WALL if span > _ZERO else LAST_WALL
