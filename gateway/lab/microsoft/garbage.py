"""Faults that spoil an answer of Graph: not JSON, wrong types, unknown words, impossible times, huge text."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer
from gateway.lab.core.faults import Kind, Scene
from gateway.lab.microsoft.zones import CUSTOM

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call

READS = {"graph.events.list", "graph.events.get", "graph.events.instances", "graph.calendarView.list"}
READS |= {"graph.calendarView.delta"}
_HTML = '<html><body onload="alert(1)"><table><tr><td>&nbsp;<script>alert(2)</script></td></tr></table>'
_HUGE = 5_000_000


def _reads(call: Call) -> bool:
    return call.operation in READS


def _first(change: Callable[[dict[str, Any]], None]) -> Callable[[Scene, Answer], Answer]:
    """Spoil the first living event of an answer."""

    def after(_scene: Scene, answer: Answer) -> Answer:
        if answer.status != 200 or not isinstance(answer.body, dict):
            return answer
        body = copy.deepcopy(answer.body)
        for event in body.get("value", [body]):
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
    event["start"]["timeZone"] = event["end"]["timeZone"] = "Mars/Olympus Mons Standard Time"


def _custom_zone(event: dict[str, Any]) -> None:
    event["originalStartTimeZone"] = event["originalEndTimeZone"] = CUSTOM


def _enum(event: dict[str, Any]) -> None:
    event["showAs"], event["sensitivity"], event["type"] = "levitating", "ultraviolet", "hologram"


def _types(event: dict[str, Any]) -> None:
    event["subject"], event["recurrence"], event["categories"] = {"text": 1}, "RRULE:FREQ=DAILY", None


def _no_start(event: dict[str, Any]) -> None:
    del event["start"]


def _backwards(event: dict[str, Any]) -> None:
    event["start"], event["end"] = event["end"], event["start"]


def _huge(event: dict[str, Any]) -> None:
    event["body"] = {"contentType": "html", "content": "x" * _HUGE}


def _markup(event: dict[str, Any]) -> None:
    event["subject"], event["body"] = _HTML, {"contentType": "html", "content": _HTML}


def garbage_kinds() -> list[Kind]:
    """Return the faults of unreadable answers."""
    changes: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
        "zone": ("an event in a zone that nobody knows", _unknown_zone),
        "custom_zone": ("an event whose own zone is tzone://Microsoft/Custom", _custom_zone),
        "enum": ("an event with unknown words", _enum),
        "types": ("an event with values of wrong types", _types),
        "no_start": ("an event without start", _no_start),
        "backwards": ("an event that ends before it starts", _backwards),
        "huge": ("an event with a body of 5 MB", _huge),
        "html": ("an event with active HTML", _markup),
    }
    bodies: dict[str, tuple[str, Any, str]] = {
        "not_json": (
            "200 with a login page instead of JSON",
            b"<!doctype html><title>Sign in</title>",
            "text/html",
        ),
        "list": ("200 with a JSON list", [1, 2, 3], "application/json"),
        "empty": ("200 with an empty body", b"", "application/json"),
    }
    return [
        *(
            Kind(name=f"graph_garbage_{name}", text=text, applies=_reads, after=_first(change))
            for name, (text, change) in changes.items()
        ),
        *(
            Kind(name=f"graph_garbage_{name}", text=text, applies=_reads, after=_whole(payload, kind))
            for name, (text, payload, kind) in bodies.items()
        ),
    ]
