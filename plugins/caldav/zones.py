"""Time zones of a copy: each TZID has its VTIMEZONE (RFC 4791 §4.1), floating times get the link's zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import quote_parameter
from gateway.domain.line_edit import events
from gateway.domain.line_tree import LineComponent, parameter, split, text_value
from gateway.domain.model import Window
from gateway.domain.timezone import known_zone, to_instant, vtimezone_lines
from plugins.caldav.lines import TIMES, tzid

_FLOATING = re.compile(r"[0-9]{8}T[0-9]{6}")
_UNTIL = re.compile(r"(UNTIL=)([0-9]{8}T[0-9]{6})(?=;|$)")
_YEAR = re.compile(r"(?:^|[,:/=;])([0-9]{4})[0-9]{4}")
_AHEAD = 30


def anchored(component: LineComponent, zone: str) -> None:
    """Give floating times a zone; dates stay dates. An UNTIL then is an instant (RFC 5545 §3.3.10)."""
    place = known_zone(zone) or ZoneInfo("UTC")
    start = component.first("DTSTART")
    own = known_zone(tzid(start) or "") if start is not None else None
    lines = []
    for name, line in component.lines:
        if name in TIMES:
            line = _placed(name, line, place.key)
        elif name in {"RRULE", "EXRULE"} and start is not None and "T" in split(start)[1]:
            line = _UNTIL.sub(lambda found: found[1] + _instant(found[2], own or place), line)
        lines.append((name, line))
    component.lines = lines


def _placed(name: str, line: str, zone: str) -> str:
    head, value = split(line)
    if parameter(head, "TZID") is not None or (parameter(head, "VALUE") or "").upper() == "DATE":
        return line
    floats = [bool(_FLOATING.fullmatch(part.strip().partition("/")[0])) for part in value.split(",")]
    return f"{name};TZID={quote_parameter(zone)}{head}:{value}" if floats and all(floats) else line


def _instant(text: str, zone: ZoneInfo) -> str:
    moment = to_instant(datetime.strptime(text, "%Y%m%dT%H%M%S"), zone)  # noqa: DTZ007 - a wall clock
    return f"{moment:%Y%m%dT%H%M%SZ}"


def with_zones(calendar: LineComponent) -> None:
    """Give every TZID in use its definition: our own for names that are known, else the file's."""
    used = sorted(
        {name for one in events(calendar) for key, line in one.lines if key in TIMES and (name := tzid(line))}
    )
    theirs = {
        text_value(line).strip(): child
        for child in calendar.children
        if child.name == "VTIMEZONE" and (line := child.first("TZID"))
    }
    span = _span(calendar)
    made = [_definition(name, theirs, span) for name in used]
    others = [child for child in calendar.children if child.name != "VTIMEZONE"]
    calendar.children = [child for child in made if child is not None] + others


def _definition(name: str, theirs: dict[str, LineComponent], span: Window) -> LineComponent | None:
    zone = known_zone(name)
    if zone is None:
        return theirs.get(name)
    return tree_of_lines(vtimezone_lines(name, zone, span))


def tree_of_lines(lines: list[str]) -> LineComponent:
    """Return the one component that unfolded lines make up."""
    root = LineComponent("")
    stack = [root]
    for line in lines:
        name, _, value = line.partition(":")
        if name == "BEGIN":
            child = LineComponent(value)
            stack[-1].children.append(child)
            stack.append(child)
        elif name == "END":
            stack.pop()
        else:
            stack[-1].lines.append((line.partition(":")[0].partition(";")[0].upper(), line))
    return root.children[0]


def _span(calendar: LineComponent) -> Window:
    """Return the years that a copy names, and some ahead where it may recur beyond them."""
    years = [
        int(year)
        for one in events(calendar)
        for name, line in one.lines
        if name in TIMES or name == "RRULE"
        for year in _YEAR.findall(line)
    ] or [2000]
    first, last = max(min(years), 1900), min(max(years), 2200)
    if any(one.first("RRULE") for one in events(calendar)):
        last = max(last, first + _AHEAD)
    return Window(
        start=datetime(first, 1, 1, tzinfo=UTC), end=datetime(max(first, last) + 1, 1, 1, tzinfo=UTC)
    )
