"""What spoils an event of Google's: unknown words, wrong types, a zone that nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core import garbage

if TYPE_CHECKING:
    from gateway.lab.core.faults import Kind

_READS = {"calendar.events.list", "calendar.events.get", "calendar.events.instances"}


def _unknown_zone(event: dict[str, Any]) -> None:
    for name in ("start", "end"):
        if "dateTime" in event[name]:
            event[name]["timeZone"] = "Mars/Olympus_Mons"


def _enum(event: dict[str, Any]) -> None:
    event["eventType"], event["visibility"], event["transparency"] = "levitation", "ultraviolet", "misty"


def _types(event: dict[str, Any]) -> None:
    event["summary"], event["recurrence"] = {"text": 1}, "RRULE:FREQ=DAILY"
    event["extendedProperties"] = []


def _huge(event: dict[str, Any]) -> None:
    event["description"] = garbage.HUGE


def _markup(event: dict[str, Any]) -> None:
    event["description"] = event["summary"] = garbage.HTML


def garbage_kinds() -> list[Kind]:
    """Return the faults of unreadable answers."""
    changes: dict[str, tuple[str, garbage.Change]] = {
        "unknown_zone": ("an event in a zone that nobody knows", _unknown_zone),
        "garbage_enum": ("an event with unknown words", _enum),
        "garbage_types": ("an event with values of wrong types", _types),
        "garbage_no_start": ("an event without start", garbage.no_start),
        "garbage_backwards": ("an event that ends before it starts", garbage.backwards),
        "garbage_huge": ("an event with a description of 5 MB", _huge),
        "garbage_html": ("an event with active HTML", _markup),
    }
    return garbage.garbage_kinds("garbage_", reads=_READS, listed="items", changes=changes)
