"""Whether an object meets the filter of a calendar-query (RFC 4791 §9.7-9.9), slow and exact.

Text is matched on the lines of the object, time on its computed instances.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property

from gateway.domain.content_lines import strip_controls
from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.line_tree import LineComponent, parameter, read_tree, split
from gateway.domain.model import Window
from gateway.domain.recurrence import Instance, iter_instances
from gateway.domain.timezone import known_zone, to_instant
from plugins.radicale.calendar_data import by_component
from plugins.radicale.filters import CompFilter, ParamFilter, PropFilter, TextMatch
from plugins.radicale.times import FIRST, LAST, TimeRange

_RECURRING = ("VEVENT", "VTODO", "VJOURNAL")
_LIMIT = 2000  # instances looked at for one answer; more means that there are some
_ALARM_REACH = timedelta(days=400)  # alarms further from their event than that are not looked for
_SECOND = timedelta(seconds=1)
_STEP = re.compile(
    r"([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?"
)
_TIME = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


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


def matches(subject: Subject, wanted: CompFilter) -> bool:
    """Return whether an object meets the filter of its VCALENDAR."""
    if wanted.is_not_defined:
        return False
    return _meets(subject, subject.tree, wanted, parent=None)


def _meets(subject: Subject, tree: LineComponent, wanted: CompFilter, parent: LineComponent | None) -> bool:
    """Return whether this very component meets all conditions of a comp-filter of its name."""
    if wanted.range is not None and not _in_range(subject, tree, wanted.range, parent):
        return False
    if not all(_prop_meets(subject, tree, prop) for prop in wanted.props):
        return False
    return all(_any_child(subject, tree, child) for child in wanted.comps)


def _any_child(subject: Subject, tree: LineComponent, wanted: CompFilter) -> bool:
    named = [child for child in tree.children if child.name == wanted.name]
    if wanted.is_not_defined:
        return not named
    return any(_meets(subject, child, wanted, tree) for child in named)


# -- properties -------------------------------------------------------------------------------------


def _prop_meets(subject: Subject, tree: LineComponent, wanted: PropFilter) -> bool:
    lines = list(tree.every(wanted.name))
    if wanted.is_not_defined:
        return not lines
    return any(_line_meets(subject, line, wanted) for line in lines)


def _line_meets(subject: Subject, line: str, wanted: PropFilter) -> bool:
    parameters, value = split(line)
    if wanted.range is not None:
        instant = instant_of(value, parameters, subject.zone)
        window = wanted.range.window
        if instant is None or not window.start <= instant < window.end:
            return False
    if wanted.text is not None and not text_meets(unescaped(value), wanted.text):
        return False
    return all(_param_meets(parameters, param) for param in wanted.params)


def _param_meets(parameters: str, wanted: ParamFilter) -> bool:
    value = parameter(parameters, wanted.name)
    if wanted.is_not_defined:
        return value is None
    if value is None:
        return False
    return wanted.text is None or text_meets(value, wanted.text)


def text_meets(value: str, wanted: TextMatch) -> bool:
    """Return whether a text holds (or, negated, does not hold) the wanted part."""
    found = folded(wanted.value, wanted.collation) in folded(value, wanted.collation)
    return found is not wanted.is_negated


def folded(value: str, collation: str) -> str:
    """Return a text as a collation compares it."""
    if collation == "i;octet":
        return value
    if collation == "i;unicode-casemap":
        return value.casefold()
    return value.encode().lower().decode()  # bytes.lower touches ASCII letters only


def unescaped(value: str) -> str:
    """Return the TEXT value of a line as people read it."""
    if "\\" in value:
        value = re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)
    return strip_controls(value)


def instant_of(value: str, parameters: str, zone: tzinfo) -> datetime | None:
    """Return the instant of a date or date with time, None where it is none."""
    match = _TIME.fullmatch(value.strip().upper())
    if match is None:
        return None
    try:
        wall = datetime.strptime(match[1] + (match[2] or "000000"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - wall clock
    except ValueError:
        return None
    if match[3]:
        return wall.replace(tzinfo=UTC)
    tzid = parameter(parameters, "TZID")
    return to_instant(wall, (known_zone(tzid) if tzid else None) or zone)


# -- time -------------------------------------------------------------------------------------------


def _in_range(subject: Subject, tree: LineComponent, wanted: TimeRange, parent: LineComponent | None) -> bool:
    if tree.name == "VALARM" and parent is not None:
        return _alarm_in_range(subject, tree, wanted.window, parent)
    if tree.name not in _RECURRING:
        return False
    if tree.name == "VTODO" and not _recurs(subject):
        return _task_in_range(subject, tree, wanted)
    if tree.first("DTSTART") is None and tree.name == "VJOURNAL":
        return False
    try:
        found = _instances(subject, wanted.window)
    except TooManyInstances:
        return True  # there are instances, more than need to be looked at
    return any(subject.components[id(one.component)] is tree for one in found)


def _instances(subject: Subject, window: Window) -> list[Instance]:
    return iter_instances(subject.parsed, zone=subject.zone, window=window, limit=_LIMIT)


def _recurs(subject: Subject) -> bool:
    master = subject.parsed.master
    return bool(subject.parsed.overrides) or (master is not None and ("RRULE" in master or "RDATE" in master))


def _task_in_range(subject: Subject, tree: LineComponent, wanted: TimeRange) -> bool:
    """Return whether a task meets a range: the table of RFC 4791 §9.9."""
    window = wanted.window
    start, due = _of(subject, tree, "DTSTART"), _of(subject, tree, "DUE")
    completed, created = _of(subject, tree, "COMPLETED"), _of(subject, tree, "CREATED")
    duration = _duration(tree)
    if start is not None and duration is not None:
        end = start + duration
        return window.start <= end and (window.end > start or window.end >= end)
    if start is not None and due is not None:
        return (window.start < due or window.start <= start) and (window.end > start or window.end >= due)
    if start is not None:
        return window.start <= start < window.end
    if due is not None:
        return window.start < due <= window.end
    if completed is not None and created is not None:
        early, late = sorted((created, completed))
        return window.start <= late and window.end >= early
    if completed is not None:
        return window.start <= completed <= window.end
    return created is None or window.end > created


def _of(subject: Subject, tree: LineComponent, name: str) -> datetime | None:
    line = tree.first(name)
    if line is None:
        return None
    parameters, value = split(line)
    tzid = parameter(parameters, "TZID")
    own = subject.parsed.zones.get(tzid) if tzid else None
    if own is not None:
        return instant_of(value, "", own)
    return instant_of(value, parameters, subject.parsed.floating_zone or subject.zone)


def _duration(tree: LineComponent) -> timedelta | None:
    line = tree.first("DURATION")
    return step_of(split(line)[1]) if line is not None else None


def step_of(value: str) -> timedelta | None:
    """Return a DURATION value (RFC 5545 §3.3.6), None where it is none."""
    match = _STEP.fullmatch(value.strip().upper())
    if match is None:
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -span if match[1] == "-" else span


def _alarm_in_range(subject: Subject, alarm: LineComponent, window: Window, parent: LineComponent) -> bool:
    """Return whether an alarm goes off in a range, at one instance of its component."""
    trigger = alarm.first("TRIGGER")
    if trigger is None:
        return False
    parameters, value = split(trigger)
    repeats = _repeats(alarm)
    absolute = instant_of(value, parameters, UTC)
    if absolute is not None:
        return _rings(absolute, repeats, window)
    step = step_of(value)
    if step is None or abs(step) > _ALARM_REACH:
        return False
    is_end = (parameter(parameters, "RELATED") or "").upper() == "END"
    around = Window(
        start=max(FIRST, _shifted(window.start, -_ALARM_REACH)),
        end=min(LAST, _shifted(window.end, _ALARM_REACH)),
    )
    try:
        found = _instances(subject, around)
    except TooManyInstances:
        return True
    return any(
        _rings((one.end if is_end else one.start) + step, repeats, window)
        for one in found
        if subject.components[id(one.component)] is parent
    )


def _repeats(alarm: LineComponent) -> Sequence[timedelta]:
    count, every = alarm.word("REPEAT"), _duration(alarm)
    if not count.isdigit() or every is None:
        return (timedelta(),)
    return tuple(every * number for number in range(min(int(count), 100) + 1))


def _rings(first: datetime, repeats: Sequence[timedelta], window: Window) -> bool:
    return any(window.start <= first + step < window.end for step in repeats)


def _shifted(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant + by
    except OverflowError:
        return LAST if by > timedelta() else FIRST
