"""jCal (RFC 7265): an accepted calendar object as JSON, for reading; what is stored is always iCalendar."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from icalendar.cal.component import Component

from gateway.domain.ical_reader import read
from gateway.domain.line_tree import LineComponent, read_tree, split

MEDIA_TYPE = "application/calendar+json"


@dataclass(frozen=True, slots=True)
class _Bytes:
    ical: bytes = field(repr=False)


def to_jcal(ical: bytes) -> bytes:
    """Return the jCal of one iCalendar object that was accepted, as UTF-8.

    Raises:
        InvalidCalendarData: it is no iCalendar.
    """
    tree = _node(read(ical), read_tree(_Bytes(ical)))  # the reader bounds the depth
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _property(name: str, item: Any) -> list[Any]:  # Any: icalendar's value types, and JSON
    try:
        found: list[Any] = item.to_jcal(name)
        json.dumps(found)
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
        # A value that is none of its type is kept as it is (RFC 7265 §5.1).
        return [name, {}, "unknown", str(item)]
    return found


def _node(component: Component, lines: LineComponent) -> list[Any]:  # Any: JSON
    properties: list[Any] = []
    for name, value in component.items():
        items = value if isinstance(value, list) else [value]
        written = list(lines.every(str(name).upper()))
        for place, item in enumerate(items):
            found = _property(str(name).lower(), item)
            if found[2] == "duration" and len(written) == len(items):
                # PT24H is no P1D where the clock is changed (RFC 5545 §3.3.6), and icalendar makes it one.
                found[3] = split(written[place])[1].strip()
            properties.append(found)
    below = lines.children
    if len(below) != len(component.subcomponents):
        below = [LineComponent("")] * len(component.subcomponents)
    children = [_node(child, own) for child, own in zip(component.subcomponents, below, strict=True)]
    return [str(component.name).lower(), properties, children]
