"""When components are: the time ranges of calendar-query (RFC 4791 §9.9), exact for every instance.

A component of a recurring object overlaps a range where one of the instances does that this very component
describes: overrides count where they are, and the master without what they have taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property

from gateway.domain import vavailability
from gateway.domain.date_bounds import FIRST, LAST
from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.line_tree import LineComponent, parameter, read_tree, split
from gateway.domain.model import Window
from gateway.domain.recurrence import Instance, expand, iter_instances
from gateway.domain.timezone import known_zone, to_instant
from plugins.radicale.calendar_data import by_component
from plugins.radicale.times import TimeRange

_RECURRING = ("VEVENT", "VTODO", "VJOURNAL")
_LIMIT = 20_000  # instances looked at in one stretch; more of them and one is taken to fit
_MAX_REPEATS = 1_000_000
_SECOND = timedelta(seconds=1)
_YEAR = timedelta(days=366)
_ALL_TIME = LAST - FIRST
_STEP = re.compile(
    r"([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?"
)
_TIME = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_Test = Callable[[Instance], bool]


@dataclass
class Subject:
    """One object under a filter; parsed only where the filter asks for it."""

    ical: bytes = field(repr=False)
    zone: tzinfo

    @cached_property
    def tree(self) -> LineComponent:
        """Return the lines."""
        return read_tree(self)

    @cached_property
    def parsed(self) -> ParsedObject:
        """Return the object with its meaning."""
        return parse_object(self.ical, max_bytes=len(self.ical))

    @cached_property
    def components(self) -> dict[int, LineComponent]:
        """Return the lines of each parsed component by its id."""
        return by_component(self.parsed, self.tree)

    @cached_property
    def first_start(self) -> datetime:
        """Return an instant before which no instance starts."""
        nothing = Window(start=FIRST, end=FIRST + _SECOND)
        return expand(self.parsed, zone=self.zone, window=nothing, limit=_LIMIT).first_start or FIRST


def in_range(subject: Subject, tree: LineComponent, wanted: TimeRange, parent: LineComponent | None) -> bool:
    """Return whether a component overlaps a range; ``parent`` is what it is nested in."""
    window = wanted.window
    if tree.name == "VALARM" and parent is not None:
        return _rings_in(subject, tree, window, parent)
    if tree.name == "VTODO":
        return _task_in(subject, tree, window)
    if tree.name == vavailability.NAME:
        return _availability_in(subject, tree, window)
    if tree.name not in _RECURRING or (tree.name == "VJOURNAL" and tree.first("DTSTART") is None):
        return False
    return _any_instance(subject, tree, window, lambda _one: True)


def _availability_in(subject: Subject, tree: LineComponent, window: Window) -> bool:
    """Return whether the span of a VAVAILABILITY meets a range (RFC 7953 §7.2.2)."""
    trees = [child for child in subject.tree.children if child.name == vavailability.NAME]
    found = vavailability.availabilities(subject.ical, zone=subject.zone)
    return any(one.meets(window) for one, lines in zip(found, trees, strict=True) if lines is tree)


def _any_instance(subject: Subject, tree: LineComponent, window: Window, fits: _Test) -> bool:
    """Return whether an instance that ``tree`` describes overlaps the window and fits."""
    parsed = subject.parsed
    for component in parsed.overrides:
        name = tree.first("RECURRENCE-ID")
        if subject.components[id(component)] is tree and name is not None and "RANGE=" not in name.upper():
            alone = replace(parsed, master=None, components=(component,), overrides=(component,))
            found = iter_instances(alone, zone=subject.zone, window=window, limit=_LIMIT)
            return any(map(fits, found))
    try:
        return any(
            subject.components[id(one.component)] is tree and fits(one)
            for stretch in _stretches(subject, window)
            for one in iter_instances(parsed, zone=subject.zone, window=stretch, limit=_LIMIT)
        )
    except TooManyInstances:
        return True


def _stretches(subject: Subject, window: Window) -> Iterator[Window]:
    """Yield a window in parts, each twice as long as the last: of many instances only a few are looked at."""
    start, length = window.start, _YEAR
    begins = max(start, subject.first_start)
    while start < window.end:
        end = min(window.end, _shifted(begins, length))
        if end <= start:
            return
        yield Window(start=start, end=end)
        start = begins = end
        length *= 2


# -- tasks ------------------------------------------------------------------------------------------


def _task_in(subject: Subject, tree: LineComponent, window: Window) -> bool:
    """Return whether a task overlaps a window: the table of RFC 4791 §9.9."""
    has_start, has_due = tree.first("DTSTART") is not None, tree.first("DUE") is not None
    has_length = step_of_line(tree.first("DURATION")) is not None
    if has_start or has_due or tree.first("RECURRENCE-ID") is not None:
        # Some rows count an end that touches the window, which a half-open one leaves out.
        wide = Window(start=_shifted(window.start, -_SECOND), end=_shifted(window.end, _SECOND))

        def fits(one: Instance) -> bool:
            start, end = one.start, one.end
            if has_start and has_length:
                return window.start <= end and (window.end > start or window.end >= end)
            if has_start and has_due:
                return (window.start < end or window.start <= start) and (
                    window.end > start or window.end >= end
                )
            if has_due:
                return window.start < start <= window.end
            return window.start <= start < window.end

        return _any_instance(subject, tree, wide, fits)
    completed, created = _of(subject, tree, "COMPLETED"), _of(subject, tree, "CREATED")
    if completed is not None and created is not None:
        early, late = sorted((created, completed))
        return window.start <= late and window.end >= early
    if completed is not None:
        return window.start <= completed <= window.end
    return created is None or window.end > created


def _of(subject: Subject, tree: LineComponent, name: str) -> datetime | None:
    line = tree.first(name)
    return next(iter(instants_of(subject, *split(line))), None) if line is not None else None


# -- alarms -----------------------------------------------------------------------------------------


def _rings_in(subject: Subject, alarm: LineComponent, window: Window, parent: LineComponent) -> bool:
    """Return whether an alarm goes off in a window, at one instance of its component."""
    trigger = alarm.first("TRIGGER")
    if trigger is None:
        return False
    parameters, value = split(trigger)
    count, pause = _repeats(alarm)
    absolute = instant_of(value, UTC)
    if absolute is not None:
        return _rings(absolute, count, pause, window)
    step = step_of(value)
    if step is None or parent.name not in _RECURRING:
        return False
    is_end = (parameter(parameters, "RELATED") or "").upper() == "END"

    def fits(one: Instance) -> bool:
        first = _shifted(one.end if is_end else one.start, step)
        return _rings(first, count, pause, window)

    # Instances whose alarm can ring in the window; a second more, as one may end where the window begins.
    around = Window(
        start=_shifted(_shifted(window.start, -step), -_product(count, pause) - _SECOND),
        end=_shifted(_shifted(window.end, -step), _SECOND),
    )
    return _any_instance(subject, parent, around, fits)


def _repeats(alarm: LineComponent) -> tuple[int, timedelta]:
    """Return how often an alarm repeats and after how long each time."""
    count, pause = alarm.word("REPEAT"), step_of_line(alarm.first("DURATION"))
    if not count.isdecimal() or pause is None or pause <= timedelta():
        return 0, timedelta()
    return min(int(count[:9]), _MAX_REPEATS), pause


def _product(count: int, pause: timedelta) -> timedelta:
    return count * pause if count * pause.total_seconds() < _ALL_TIME.total_seconds() else _ALL_TIME


def _rings(first: datetime, count: int, pause: timedelta, window: Window) -> bool:
    missed = -((first - window.start) // pause) if count and first < window.start else 0
    return missed <= count and window.start <= _shifted(first, missed * pause) < window.end


# -- values -----------------------------------------------------------------------------------------


def instants_of(subject: Subject, parameters: str, value: str) -> Iterator[datetime]:
    """Yield the instants of a property's dates and times; others are left out."""
    tzid = parameter(parameters, "TZID")
    zone: tzinfo = subject.zone
    if tzid:
        zone = subject.parsed.zones.get(tzid) or known_zone(tzid) or zone
    elif "T" in value and "Z" not in value:
        zone = subject.parsed.floating_zone or zone
    for one in value.split(","):
        instant = instant_of(one, zone)
        if instant is not None:
            yield instant


def instant_of(value: str, zone: tzinfo) -> datetime | None:
    """Return the instant of a date or date with time, None where it is none."""
    match = _TIME.fullmatch(value.strip().upper())
    if match is None:
        return None
    try:
        wall = datetime.strptime(match[1] + (match[2] or "000000"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - wall clock
    except ValueError:
        return None
    return wall.replace(tzinfo=UTC) if match[3] else to_instant(wall, zone)


def step_of_line(line: str | None) -> timedelta | None:
    """Return the value of a DURATION line."""
    return step_of(split(line)[1]) if line is not None else None


def step_of(value: str) -> timedelta | None:
    """Return a DURATION value (RFC 5545 §3.3.6), None where it is none."""
    match = _STEP.fullmatch(value.strip().upper())
    if match is None:
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -span if match[1] == "-" else span


def _shifted(instant: datetime, by: timedelta) -> datetime:
    try:
        return min(max(instant + by, FIRST), LAST)
    except OverflowError:
        return LAST if by > timedelta() else FIRST
