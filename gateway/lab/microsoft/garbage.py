"""What spoils an event of Graph's: unknown words, wrong types, zones that nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core import garbage
from gateway.lab.microsoft.zones import CUSTOM

if TYPE_CHECKING:
    from gateway.lab.core.faults import Kind

_READS = {
    "graph.events.list",
    "graph.events.get",
    "graph.events.instances",
    "graph.calendarView.list",
    "graph.calendarView.delta",
}


def _unknown_zone(event: dict[str, Any]) -> None:
    event["start"]["timeZone"] = event["end"]["timeZone"] = "Mars/Olympus Mons Standard Time"


def _custom_zone(event: dict[str, Any]) -> None:
    event["originalStartTimeZone"] = event["originalEndTimeZone"] = CUSTOM


def _enum(event: dict[str, Any]) -> None:
    event["showAs"], event["sensitivity"], event["type"] = "levitating", "ultraviolet", "hologram"


def _types(event: dict[str, Any]) -> None:
    event["subject"], event["recurrence"], event["categories"] = {"text": 1}, "RRULE:FREQ=DAILY", None


def _huge(event: dict[str, Any]) -> None:
    event["body"] = {"contentType": "html", "content": garbage.HUGE}


def _markup(event: dict[str, Any]) -> None:
    event["subject"], event["body"] = garbage.HTML, {"contentType": "html", "content": garbage.HTML}


def garbage_kinds() -> list[Kind]:
    """Return the faults of unreadable answers."""
    changes: dict[str, tuple[str, garbage.Change]] = {
        "graph_garbage_zone": ("an event in a zone that nobody knows", _unknown_zone),
        "graph_garbage_custom_zone": (
            "an event whose own zone is tzone://Microsoft/Custom",
            _custom_zone,
        ),
        "graph_garbage_enum": ("an event with unknown words", _enum),
        "graph_garbage_types": ("an event with values of wrong types", _types),
        "graph_garbage_no_start": ("an event without start", garbage.no_start),
        "graph_garbage_backwards": ("an event that ends before it starts", garbage.backwards),
        "graph_garbage_huge": ("an event with a body of 5 MB", _huge),
        "graph_garbage_html": ("an event with active HTML", _markup),
    }
    return garbage.garbage_kinds("graph_garbage_", reads=_READS, listed="value", changes=changes)
