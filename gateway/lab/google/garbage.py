"""Faults that spoil an answer: not JSON, wrong types, unknown words, impossible times, huge text."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer
from gateway.lab.core.faults import Kind, Scene

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call

READS = {"calendar.events.list", "calendar.events.get", "calendar.events.instances"}
_HTML = '<html><body onload="alert(1)"><table><tr><td>&nbsp;<script>alert(2)</script></td></tr></table>'


def _reads(call: Call) -> bool:
    return call.operation in READS


def _first(change: Callable[[dict[str, Any]], None]) -> Callable[[Scene, Answer], Answer]:
    """Spoil the first living event of an answer."""

    def after(_scene: Scene, answer: Answer) -> Answer:
        if answer.status != 200 or not isinstance(answer.body, dict):
            return answer
        body = copy.deepcopy(answer.body)
        for event in body.get("items", [body]):
            if event.get("start") and event.get("end"):
                change(event)
                break
        return Answer(status=200, body=body, headers=answer.headers, spoiled=True)

    return after


def _whole(payload: Any, content_type: str) -> Callable[[Scene, Answer], Answer]:
    def after(_scene: Scene, answer: Answer) -> Answer:
        return Answer(
            status=answer.status,
            body=payload,
            headers=answer.headers,
            content_type=content_type,
            spoiled=True,
        )

    return after


def _unknown_zone(event: dict[str, Any]) -> None:
    for name in ("start", "end"):
        if "dateTime" in event[name]:
            event[name]["timeZone"] = "Mars/Olympus_Mons"


def _unknown_enum(event: dict[str, Any]) -> None:
    event["eventType"], event["visibility"], event["transparency"] = "levitation", "ultraviolet", "misty"


def _wrong_types(event: dict[str, Any]) -> None:
    event["summary"], event["recurrence"] = {"text": 1}, "RRULE:FREQ=DAILY"
    event["extendedProperties"] = []


def garbage_kinds() -> list[Kind]:
    """Return the faults of unreadable answers."""

    def no_start(event: dict[str, Any]) -> None:
        del event["start"]

    def backwards(event: dict[str, Any]) -> None:
        event["start"], event["end"] = event["end"], event["start"]

    def huge(event: dict[str, Any]) -> None:
        event["description"] = "x" * 5_000_000

    def markup(event: dict[str, Any]) -> None:
        event["description"] = event["summary"] = _HTML

    changes: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
        "unknown_zone": ("an event in a zone that nobody knows", _unknown_zone),
        "garbage_enum": ("an event with unknown words", _unknown_enum),
        "garbage_types": ("an event with values of wrong types", _wrong_types),
        "garbage_no_start": ("an event without start", no_start),
        "garbage_backwards": ("an event that ends before it starts", backwards),
        "garbage_huge": ("an event with a description of 5 MB", huge),
        "garbage_html": ("an event with active HTML", markup),
    }
    kinds = [
        Kind(name=name, text=text, applies=_reads, after=_first(change))
        for name, (text, change) in changes.items()
    ]
    return [
        *kinds,
        Kind(
            name="garbage_not_json",
            text="200 with a login page instead of JSON",
            applies=_reads,
            after=_whole(b"<!doctype html><title>Sign in</title>", "text/html"),
        ),
        Kind(
            name="garbage_list",
            text="200 with a JSON list",
            applies=_reads,
            after=_whole([1, 2, 3], "application/json"),
        ),
        Kind(
            name="garbage_empty",
            text="200 with an empty body",
            applies=_reads,
            after=_whole(b"", "application/json"),
        ),
    ]
