"""A slow, obvious evaluator of calendar-query filters, written from RFC 4791 §9.7-9.9 and RFC 5545.

It shares no line with the product: it reads iCalendar by itself, and finds recurrences by asking every day of
seven years whether a rule means it. It knows only what ``filter_strategies`` writes.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

C = "{urn:ietf:params:xml:ns:caldav}"
BEFORE_ALL, AFTER_ALL = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
LAST_DAY = date(2033, 1, 1)  # every third year, twice without it; what recurs later is not looked for
DAY = timedelta(days=1)


@dataclass
class Prop:
    name: str
    params: dict[str, str]
    value: str


@dataclass
class Comp:
    name: str
    props: list[Prop] = field(default_factory=list)
    comps: list[Comp] = field(default_factory=list)

    def get(self, name: str) -> Prop | None:
        return next((prop for prop in self.props if prop.name == name), None)


def read(ical: str) -> Comp:
    """Return the VCALENDAR of a text."""
    top = Comp("")
    stack = [top]
    for line in re.sub(r"\r?\n[ \t]", "", ical).splitlines():
        if not line:
            continue
        head = re.match(r'([A-Z-]+)((?:;[A-Z-]+=(?:"[^"]*"|[^;:"]*))*):(.*)', line)
        assert head is not None, line
        name, params, value = head.groups()
        if name == "BEGIN":
            stack.append(Comp(value))
            stack[-2].comps.append(stack[-1])
        elif name == "END":
            stack.pop()
        else:
            found = re.findall(r';([A-Z-]+)=("[^"]*"|[^;:"]*)', params)
            stack[-1].props.append(Prop(name, {key: text.strip('"') for key, text in found}, value))
    return top.comps[0]


# -- times ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class When:
    """A date, or a wall clock with its zone."""

    wall: datetime
    zone: ZoneInfo
    is_date: bool

    @property
    def instant(self) -> datetime:
        return self.wall.replace(tzinfo=self.zone).astimezone(UTC)

    def on(self, day: date) -> When:
        """Return the same hour of another day."""
        return When(datetime.combine(day, self.wall.time()), self.zone, self.is_date)


def _day(value: str) -> date:
    return datetime.strptime(value, "%Y%m%d").date()  # noqa: DTZ007 - a date


def when(prop: Prop | None, zone: ZoneInfo) -> When | None:
    if prop is None:
        return None
    value = prop.value
    if "T" not in value:
        return When(datetime.combine(_day(value), time()), zone, True)
    wall = datetime.strptime(value.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall clock
    if value.endswith("Z"):
        return When(wall, ZoneInfo("UTC"), False)
    return When(wall, ZoneInfo(prop.params["TZID"]) if "TZID" in prop.params else zone, False)


def duration(value: str) -> tuple[int, timedelta]:
    """Return (nominal days, exact rest) of a DURATION, both with its sign."""
    found = re.fullmatch(r"(-?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", value)
    assert found is not None, value
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    sign = -1 if found[1] else 1
    return sign * (7 * weeks + days), sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)


def exact(value: str) -> timedelta:
    days, rest = duration(value)
    return timedelta(days=days) + rest


def starts(master: Comp, zone: ZoneInfo) -> Iterator[When]:
    """Yield every start that DTSTART, RRULE, RDATE and EXDATE of a component mean (RFC 5545 §3.8.5)."""
    first = when(master.get("DTSTART"), zone)
    if first is None:
        return
    found = {first.wall: first}
    if (rule := master.get("RRULE")) is not None:
        for one in _by_rule(first, dict(part.split("=") for part in rule.value.split(";"))):
            found[one.wall] = one
    for prop in master.props:
        if prop.name == "RDATE":
            extra = when(prop, zone)
            assert extra is not None
            found.setdefault(extra.wall, extra)
    out = {
        excluded.instant for prop in master.props if prop.name == "EXDATE" and (excluded := when(prop, zone))
    }
    seen: set[datetime] = set()
    for one in found.values():
        if one.instant not in out and one.instant not in seen:
            seen.add(one.instant)
            yield one


def _by_rule(first: When, rule: dict[str, str]) -> Iterator[When]:
    interval = int(rule.get("INTERVAL", "1"))
    left = int(rule["COUNT"]) if "COUNT" in rule else None
    day = first.wall.date()
    while day < LAST_DAY and left != 0:
        if _is_meant(day, first.wall.date(), rule["FREQ"], interval, rule.get("BYDAY", "")):
            one = first.on(day)
            if "UNTIL" in rule and not _is_until(one, rule["UNTIL"]):
                return
            left = None if left is None else left - 1
            yield one
        day += DAY


def _is_meant(day: date, first: date, freq: str, interval: int, by_day: str) -> bool:
    if freq == "DAILY":
        return (day - first).days % interval == 0
    if freq == "WEEKLY":
        monday, first_monday = day - day.weekday() * DAY, first - first.weekday() * DAY
        weekdays = [
            ("MO", "TU", "WE", "TH", "FR", "SA", "SU").index(name) for name in by_day.split(",") if name
        ]
        if (monday - first_monday).days // 7 % interval:
            return False
        return day.weekday() in (weekdays or [first.weekday()])
    months = (day.year - first.year) * 12 + day.month - first.month
    if freq == "MONTHLY":
        return day.day == first.day and months % interval == 0
    assert freq == "YEARLY"
    return (day.day, day.month) == (first.day, first.month) and (day.year - first.year) % interval == 0


def _is_until(one: When, until: str) -> bool:
    if "T" not in until:
        return one.wall.date() <= _day(until)
    return one.instant <= datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def instances(calendar: Comp, comp: Comp, zone: ZoneInfo) -> list[When]:
    """Return the starts of the instances that this very component describes."""
    identity = when(comp.get("RECURRENCE-ID"), zone)
    if identity is not None:
        return [when(comp.get("DTSTART"), zone) or identity]
    moved = {
        name.instant
        for other in calendar.comps
        if other.name == comp.name and (name := when(other.get("RECURRENCE-ID"), zone)) is not None
    }
    return [one for one in starts(comp, zone) if one.instant not in moved]


def end_of(comp: Comp, start: When, zone: ZoneInfo) -> datetime | None:
    """Return where an instance ends, None where the component does not say."""
    own = when(comp.get("DTSTART"), zone)
    last = when(comp.get("DTEND") or comp.get("DUE"), zone)
    if last is not None and own is not None:
        if start.is_date:
            days = (last.wall.date() - own.wall.date()).days
            return When(start.wall + timedelta(days=days), start.zone, True).instant
        return start.instant + (last.instant - own.instant)
    if (length := comp.get("DURATION")) is not None:
        days, rest = duration(length.value)
        return When(start.wall + timedelta(days=days), start.zone, start.is_date).instant + rest
    return None


# -- RFC 4791 §9.9 -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    start: datetime
    end: datetime

    @classmethod
    def of(cls, node: ET.Element) -> Range:
        def read_one(name: str, missing: datetime) -> datetime:
            value = node.get(name)
            return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if value else missing

        return cls(read_one("start", BEFORE_ALL), read_one("end", AFTER_ALL))


def event_overlaps(comp: Comp, start: When, zone: ZoneInfo, wanted: Range) -> bool:
    begins, ends = start.instant, end_of(comp, start, zone)
    if ends is not None and ends > begins:
        return wanted.start < ends and wanted.end > begins
    if ends is None and start.is_date:
        midnight = When(start.wall + DAY, start.zone, True).instant
        return wanted.start < midnight and wanted.end > begins
    return wanted.start <= begins and wanted.end > begins


def todo_overlaps(comp: Comp, start: When | None, zone: ZoneInfo, wanted: Range) -> bool:
    lo, hi = wanted.start, wanted.end
    if start is not None:
        begins = start.instant
        ends = end_of(comp, start, zone)
        if ends is None:
            return lo <= begins and hi > begins
        if comp.get("DURATION") is not None:
            return lo <= ends and (hi > begins or hi >= ends)
        return (lo < ends or lo <= begins) and (hi > begins or hi >= ends)
    due, completed, created = (when(comp.get(name), zone) for name in ("DUE", "COMPLETED", "CREATED"))
    if due is not None:
        return lo < due.instant and hi >= due.instant
    if completed is not None and created is not None:
        one, other = created.instant, completed.instant
        return (lo <= one or lo <= other) and (hi >= one or hi >= other)
    if completed is not None:
        return lo <= completed.instant and hi >= completed.instant
    if created is not None:
        return hi > created.instant
    return True


def journal_overlaps(start: When, wanted: Range) -> bool:
    if start.is_date:
        midnight = When(start.wall + DAY, start.zone, True).instant
        return wanted.start < midnight and wanted.end > start.instant
    return wanted.start <= start.instant and wanted.end > start.instant


def alarm_rings(alarm: Comp, comp: Comp, calendar: Comp, zone: ZoneInfo, wanted: Range) -> bool:
    trigger = alarm.get("TRIGGER")
    assert trigger is not None
    if trigger.params.get("VALUE") == "DATE-TIME":
        absolute = when(trigger, zone)
        assert absolute is not None
        first_rings = [absolute.instant]
    else:
        first_rings = []
        for start in instances(calendar, comp, zone):
            begins, ends = start.instant, end_of(comp, start, zone)
            if ends is None:
                ends = When(start.wall + DAY, start.zone, True).instant if start.is_date else begins
            anchor = ends if trigger.params.get("RELATED") == "END" else begins
            first_rings.append(anchor + exact(trigger.value))
    repeat, pause = alarm.get("REPEAT"), alarm.get("DURATION")
    times = int(repeat.value) if repeat is not None and pause is not None else 0
    step = exact(pause.value) if pause is not None else timedelta()
    return any(
        wanted.start <= ring + number * step < wanted.end
        for ring in first_rings
        for number in range(times + 1)
    )


def overlaps(calendar: Comp, parent: Comp, comp: Comp, zone: ZoneInfo, wanted: Range) -> bool:
    if comp.name == "VALARM":
        return alarm_rings(comp, parent, calendar, zone, wanted)
    found = instances(calendar, comp, zone)
    if comp.name == "VEVENT":
        return any(event_overlaps(comp, start, zone, wanted) for start in found)
    if comp.name == "VJOURNAL":
        return any(journal_overlaps(start, wanted) for start in found)
    assert comp.name == "VTODO"
    if when(comp.get("DTSTART"), zone) is None:
        return todo_overlaps(comp, None, zone, wanted)
    return any(todo_overlaps(comp, start, zone, wanted) for start in found)


# -- RFC 4791 §9.7 -------------------------------------------------------------------------------------


def is_match(ical: str, filter_: ET.Element, zone: ZoneInfo) -> bool:
    """Return whether an object meets a CALDAV:filter."""
    calendar = read(ical)
    (outer,) = filter_
    return comp_matches(calendar, Comp("", comps=[calendar]), outer, zone)


def comp_matches(calendar: Comp, scope: Comp, wanted: ET.Element, zone: ZoneInfo) -> bool:
    named = [comp for comp in scope.comps if comp.name == wanted.get("name")]
    if wanted.find(f"{C}is-not-defined") is not None:
        return not named
    return any(_one_comp_matches(calendar, scope, comp, wanted, zone) for comp in named)


def _one_comp_matches(calendar: Comp, scope: Comp, comp: Comp, wanted: ET.Element, zone: ZoneInfo) -> bool:
    for node in wanted:
        if node.tag == f"{C}time-range" and not overlaps(calendar, scope, comp, zone, Range.of(node)):
            return False
        if node.tag == f"{C}prop-filter" and not prop_matches(comp, node, zone):
            return False
        if node.tag == f"{C}comp-filter" and not comp_matches(calendar, comp, node, zone):
            return False
    return True


def prop_matches(comp: Comp, wanted: ET.Element, zone: ZoneInfo) -> bool:
    named = [prop for prop in comp.props if prop.name == wanted.get("name")]
    if wanted.find(f"{C}is-not-defined") is not None:
        return not named
    return any(_one_prop_matches(prop, wanted, zone) for prop in named)


def _one_prop_matches(prop: Prop, wanted: ET.Element, zone: ZoneInfo) -> bool:
    for node in wanted:
        if node.tag == f"{C}text-match":
            value = re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], prop.value)
            if not text_matches(value, node):
                return False
        if node.tag == f"{C}time-range":
            moment, span = when(prop, zone), Range.of(node)
            assert moment is not None
            if not span.start <= moment.instant < span.end:
                return False
        if node.tag == f"{C}param-filter":
            value_ = prop.params.get(node.get("name", ""))
            if node.find(f"{C}is-not-defined") is not None:
                if value_ is not None:
                    return False
            elif value_ is None or not all(text_matches(value_, text) for text in node):
                return False
    return True


def text_matches(value: str, node: ET.Element) -> bool:
    collation = node.get("collation", "i;ascii-casemap")
    is_in = _collated(node.text or "", collation) in _collated(value, collation)
    return is_in != (node.get("negate-condition") == "yes")


def _collated(text: str, collation: str) -> str:
    if collation == "i;octet":
        return text
    if collation == "i;ascii-casemap":
        return "".join(chr(ord(char) - 32) if "a" <= char <= "z" else char for char in text)
    titled = "".join(char.title() if len(char.title()) == 1 else char for char in text)
    return unicodedata.normalize("NFKD", titled)
