"""Faults that spoil an answer: no JSON, or one event of it changed into what no client expects."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer
from gateway.lab.core.faults import Kind, Scene

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call

Change = Callable[[dict[str, Any]], None]
HTML = '<html><body onload="alert(1)"><table><tr><td>&nbsp;<script>alert(2)</script></td></tr></table>'
HUGE = "x" * 5_000_000
_BODIES: dict[str, tuple[str, Any, str]] = {
    "not_json": (
        "200 with a login page instead of JSON",
        b"<!doctype html><title>Sign in</title>",
        "text/html",
    ),
    "list": ("200 with a JSON list", [1, 2, 3], "application/json"),
    "empty": ("200 with an empty body", b"", "application/json"),
}


def garbage_kinds(
    prefix: str, *, reads: set[str], listed: str, changes: Mapping[str, tuple[str, Change]]
) -> list[Kind]:
    """Return the faults of unreadable answers.

    Args:
        prefix: what the names of those begin with that spoil a whole answer.
        reads: operations whose answers can be spoiled.
        listed: name of the field in which a listing holds its events.
        changes: (what is told, what is done to the first living event) by the name of the kind.
    """

    def applies(call: Call) -> bool:
        return call.operation in reads

    return [
        *(
            Kind(name=name, text=text, applies=applies, after=_first(listed, change))
            for name, (text, change) in changes.items()
        ),
        *(
            Kind(name=prefix + name, text=text, applies=applies, after=_whole(payload, content_type))
            for name, (text, payload, content_type) in _BODIES.items()
        ),
    ]


def no_start(event: dict[str, Any]) -> None:
    """Take the start away."""
    del event["start"]


def backwards(event: dict[str, Any]) -> None:
    """Let it end before it starts."""
    event["start"], event["end"] = event["end"], event["start"]


def _first(listed: str, change: Change) -> Callable[[Scene, Answer], Answer]:
    """Spoil the first living event of an answer."""

    def after(_scene: Scene, answer: Answer) -> Answer:
        if answer.status != 200 or not isinstance(answer.body, dict):
            return answer
        body = copy.deepcopy(answer.body)
        for event in body.get(listed, [body]):
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
