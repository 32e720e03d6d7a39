"""The time of a component as it goes out: DTSTART, end, rules and exceptions in one canonical form.

Everything that is no date, number or rule part is left behind, so nothing here can carry text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.domain.line_tree import LineComponent, parameter, split
from gateway.domain.rrule import until_wall_clock
from gateway.domain.timezone import to_instant
from gateway.domain.zone_book import Moment, ObjectTimes, at

_PARTS = (
    "FREQ",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
)
_PART_VALUE = re.compile(r"[0-9A-Z,+-]+")
_DURATION = re.compile(r"\+?P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?P<time>T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?")
_ENDS = {"VEVENT": "DTEND", "VTODO": "DUE"}
_MAX_LIST = 20  # values of one EXDATE or RDATE line; long lines are legal, but some clients read slowly


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLines:
    """What a component says about time."""

    lines: tuple[str, ...]
    is_all_day: bool
    start: Moment | None


def time_lines(component: LineComponent, times: ObjectTimes, master: Moment | None) -> TimeLines:
    """Return the canonical time lines of a component.

    Args:
        component: VEVENT, VTODO or VJOURNAL.
        times: reads the values.
        master: DTSTART of the master, whose form RECURRENCE-ID takes; None for the master itself and
            for overrides without one.

    Raises:
        ValueError: a value is unreadable.
    """
    first = component.first("DTSTART")
    start = times.of_line(first) if first is not None else None
    lines: list[str] = []
    own_id = component.first("RECURRENCE-ID")
    if own_id is not None:
        lines.append(_recurrence_id(own_id, times, master))
    if start is not None:
        lines.append(_line("DTSTART", start, times))
    lines += _end(component, start, times)
    if start is not None and own_id is None:
        lines += [_rule(line, start, times) for line in component.every("RRULE")]
        lines += _dates(component, "RDATE", start, times)
        lines += _dates(component, "EXDATE", start, times)
    return TimeLines(lines=tuple(lines), is_all_day=start is not None and start.zone is None, start=start)


def excluded_line(start: Moment, instants: Iterable[datetime], times: ObjectTimes) -> list[str]:
    """Return EXDATE lines for instants, in the form of DTSTART."""
    moments = [
        Moment(at(each, times.zone).text[:8], None) if start.zone is None else at(each, start.zone)
        for each in instants
    ]
    return _listed("EXDATE", "", moments, times)


def _line(name: str, moment: Moment, times: ObjectTimes) -> str:
    parameters, value = times.book.form(moment)
    return f"{name}{parameters}:{value}"


def _recurrence_id(line: str, times: ObjectTimes, master: Moment | None) -> str:
    parameters, value = split(line)
    moment = times.moment(value, parameters)
    if master is not None:
        moment = moment.like(master, times.zone)
    text = _line("RECURRENCE-ID", moment, times)
    if (parameter(parameters, "RANGE") or "").upper() == "THISANDFUTURE":
        text = text.replace("RECURRENCE-ID", "RECURRENCE-ID;RANGE=THISANDFUTURE", 1)
    return text


def _end(component: LineComponent, start: Moment | None, times: ObjectTimes) -> list[str]:
    name = _ENDS.get(component.name)
    line = component.first(name) if name is not None else None
    end = times.of_line(line) if line is not None else None
    if start is None:
        return [_line(str(name), end, times)] if end is not None else []
    duration = component.first("DURATION")
    if start.zone is None:
        return [_line(name, _day_end(start, end, duration), times)] if name is not None else []
    if name is not None and end is not None:
        if end.zone is not start.zone and end.instant(times.zone) <= start.instant(times.zone):
            return []
        return [_line(name, end, times)]
    if duration is None:
        return []
    value = split(duration)[1].strip().upper().lstrip("+")
    return [f"DURATION:{value}"] if _DURATION.fullmatch(value) and len(value) > 2 else []


def _day_end(start: Moment, end: Moment | None, duration: str | None) -> Moment:
    """Return the exclusive last day of an all-day component: without an end it lasts one day."""
    days = 1
    if end is not None:
        days = (datetime.strptime(end.text[:8], "%Y%m%d") - start.wall).days  # noqa: DTZ007 - a date
    elif duration is not None:
        found = _DURATION.fullmatch(split(duration)[1].strip().upper())
        if found is not None:
            days = int(found["weeks"] or 0) * 7 + int(found["days"] or 0)
            days += bool(found["time"] and re.search("[1-9]", found["time"]))
    return Moment((start.wall + timedelta(days=max(1, days))).strftime("%Y%m%d").zfill(8), None)


def _rule(line: str, start: Moment, times: ObjectTimes) -> str:
    """Return an RRULE with FREQ first, known parts only, and UNTIL in UTC where DTSTART has a zone."""
    given: dict[str, str] = {}
    for part in split(line)[1].strip().upper().split(";"):
        name, _, value = part.partition("=")
        if value and _PART_VALUE.fullmatch(value):
            given.setdefault(name, value)
    if "UNTIL" in given:
        given["UNTIL"] = _until(times.moment(given["UNTIL"], ""), given["UNTIL"], start)
    return "RRULE:" + ";".join(f"{name}={given[name]}" for name in _PARTS if name in given)


def _until(until: Moment, text: str, start: Moment) -> str:
    if start.zone is None:
        return text[:8]
    if text.endswith("Z"):
        return text
    last = until.wall if until.zone is not None else until_wall_clock(until.wall.date(), is_date=False)
    return at(to_instant(last, start.zone), UTC).text + "Z"


def _dates(component: LineComponent, name: str, start: Moment, times: ObjectTimes) -> list[str]:
    moments: list[Moment] = []
    periods: list[str] = []
    period_parameters = ""
    for line in component.every(name):
        parameters, values = split(line)
        for value in values.split(","):
            if not value.strip():
                continue
            if "/" in value:
                if name == "RDATE" and start.zone is not None:
                    period_parameters, period = _period(value, parameters, start, times)
                    periods.append(period)
                elif name == "RDATE":
                    moments.append(times.moment(value.partition("/")[0], parameters).like(start, times.zone))
                continue
            moments.append(times.moment(value, parameters).like(start, times.zone))
    lines = _listed(name, "", moments, times)
    lines += [f"RDATE;VALUE=PERIOD{period_parameters}:{period}" for period in periods]
    return lines


def _period(value: str, parameters: str, start: Moment, times: ObjectTimes) -> tuple[str, str]:
    first, _, last = value.partition("/")
    form, begin = times.book.form(times.moment(first, parameters).like(start, times.zone))
    last = last.strip().upper().lstrip("+")
    if last.startswith("P"):
        if not _DURATION.fullmatch(last):
            raise ValueError("this is no period")
        return form, f"{begin}/{last}"
    return form, f"{begin}/{times.book.form(times.moment(last, parameters).like(start, times.zone))[1]}"


def _listed(name: str, extra: str, moments: list[Moment], times: ObjectTimes) -> list[str]:
    forms = [times.book.form(moment) for moment in moments]
    return [
        f"{name}{extra}{forms[place][0]}:{','.join(value for _, value in forms[place : place + _MAX_LIST])}"
        for place in range(0, len(forms), _MAX_LIST)
    ]
