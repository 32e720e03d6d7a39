"""Where a feed cannot hand on a rule as it is: feeds in UTC, and EXRULE, which no client knows any more."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from icalendar.cal.component import Component

from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.line_tree import HasIcal
from gateway.domain.model import Window
from gateway.domain.projection import Projected, ProjectedComponent, Stamp, component_lines, utc_text
from gateway.domain.projection_times import TimeLines, excluded_line
from gateway.domain.recurrence import expand, iter_instances

MAX_INSTANCES = 20_000
_END_NAMES = {"VEVENT": "DTEND", "VTODO": "DUE"}


def is_zoned(projected: Projected) -> bool:
    """Return whether any component has times in a zone other than UTC."""
    return any(
        part.time.start is not None and part.time.start.zone not in (None, UTC)
        for part in projected.components
    )


def utc_instances(
    projected: Projected,
    stored: HasIcal,
    window: Window,
    stamp: Stamp,
    *,
    is_shown: Callable[[ProjectedComponent], bool],
) -> list[str]:
    """Return an object as single components in UTC, one for each instance in the window.

    A rule in UTC would leave its hour with summer time, so a series is written out. Each instance has the
    series' UID with the instant of its recurrence id behind it.
    """
    parsed = parse_object(stored.ical, max_bytes=len(stored.ical))
    instances = iter_instances(parsed, zone=projected.times.zone, window=window, limit=MAX_INSTANCES)
    lines: list[str] = []
    for instance in instances:
        part = projected.components[_place(parsed, instance.component)]
        if not is_shown(part):
            continue
        uid = projected.uid
        if instance.recurrence_id is not None:
            uid = f"{uid}_{utc_text(instance.recurrence_id)}"
        end_name = _END_NAMES.get(part.name)
        if instance.is_all_day:
            time = [f"DTSTART;VALUE=DATE:{_day(instance.local_start)}"]
            if end_name is not None:
                time.append(f"{end_name};VALUE=DATE:{_day(instance.local_end)}")
        else:
            time = [f"DTSTART:{utc_text(instance.start)}"]
            if end_name is not None and instance.end > instance.start:
                time.append(f"{end_name}:{utc_text(instance.end)}")
        lines += component_lines(_with_time(part, time), uid=uid, stamp=stamp)
    return lines


def without_exrule(projected: Projected, stored: HasIcal, window: Window) -> Projected:
    """Return the object with what its EXRULE excludes in the window as EXDATE."""
    master = projected.components[0]
    parsed = parse_object(stored.ical, max_bytes=len(stored.ical))
    if parsed.master is None or master.time.start is None or "EXRULE" not in parsed.master:
        return projected
    plain = copy.copy(parsed.master)
    OrderedDict.pop(plain, "EXRULE")
    bare = replace(parsed, master=plain, components=(plain, *parsed.overrides))
    zone = projected.times.zone
    wanted, all_ = (
        {
            one.recurrence_id
            for one in expand(each, zone=zone, window=window, limit=MAX_INSTANCES).occurrences
            if one.recurrence_id is not None
        }
        for each in (parsed, bare)
    )
    lines = excluded_line(master.time.start, sorted(all_ - wanted), projected.times)
    first = replace(master, time=replace(master.time, lines=(*master.time.lines, *lines)))
    return replace(projected, components=(first, *projected.components[1:]))


def _place(parsed: ParsedObject, component: Component) -> int:
    return next(place for place, each in enumerate(parsed.components) if each is component)


def _with_time(part: ProjectedComponent, lines: list[str]) -> ProjectedComponent:
    return replace(
        part, time=TimeLines(lines=tuple(lines), is_all_day=part.time.is_all_day, start=part.time.start)
    )


def _day(value: datetime | object) -> str:
    return f"{value:%Y%m%d}"
