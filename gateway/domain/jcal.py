"""jCal (RFC 7265): an accepted calendar object as JSON, for reading; what is stored is always iCalendar."""

from __future__ import annotations

import json
from typing import Any

from icalendar.cal.component import Component

from gateway.domain.ical_reader import read

MEDIA_TYPE = "application/calendar+json"


def to_jcal(ical: bytes) -> bytes:
    """Return the jCal of one iCalendar object, as UTF-8.

    Raises:
        InvalidCalendarData: it is no iCalendar.
    """
    tree = _node(read(ical))  # the reader bounds the depth
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _node(component: Component) -> list[Any]:  # Any: JSON
    properties = [
        _property(str(name).lower(), item)
        for name, value in component.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return [str(component.name).lower(), properties, [_node(child) for child in component.subcomponents]]


def _property(name: str, item: Any) -> list[Any]:  # Any: icalendar's value types, and JSON
    found: list[Any] = item.to_jcal(name)
    raw = getattr(item, "raw", None)
    if found[2] == "duration" and raw:
        # PT24H is no P1D where the clock is changed (RFC 5545 §3.3.6).
        found[3] = str(raw)
    return found
