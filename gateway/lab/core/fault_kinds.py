"""Faults that any provider may show: throttling, server errors, broken transport, doubled execution, skew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.lab.core.clock import http_date
from gateway.lab.core.faults import Kind, Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.lab.core.calls import Answer, Call


def is_write(call: Call) -> bool:
    """Tell whether a call changes something."""
    return call.verb in {"POST", "PUT", "PATCH", "DELETE"}


def _throttled(form: str, seconds: float) -> Callable[[Scene], Answer]:
    def before(scene: Scene) -> Answer:
        answer = scene.door.refuse(
            scene.call,
            status=429,
            reason="rateLimitExceeded",
            message="Rate Limit Exceeded",
            domain="usageLimits",
        )
        wait_s = scene.number("retry_after_s", seconds)
        if form == "seconds":
            answer.headers["Retry-After"] = str(int(wait_s))
        elif form == "date":
            answer.headers["Retry-After"] = http_date(scene.clock.now() + timedelta(seconds=wait_s))
        return answer

    return before


def _server_error(status: int) -> Callable[[Scene], Answer]:
    def refuse(scene: Scene) -> Answer:
        reason = "backendError" if status in {500, 503} else "internalError"
        return scene.door.refuse(scene.call, status=status, reason=reason, message="Backend Error")

    return refuse


def _server_error_after(status: int) -> Callable[[Scene, Answer], Answer]:
    refuse = _server_error(status)

    def after(scene: Scene, _answer: Answer) -> Answer:
        return refuse(scene)

    return after


def _unauthorized(scene: Scene) -> Answer:
    return scene.door.refuse(scene.call, status=401, reason="authError", message="Invalid Credentials")


def _skew(scene: Scene) -> None:
    scene.clock.skew_s = scene.number("seconds", 600.0)


def _half_possible(call: Call) -> bool:
    return call.verb != "DELETE"


def generic_kinds() -> list[Kind]:
    """Return the kinds that do not depend on a provider."""
    kinds = [
        Kind(name="429_seconds", text="429 with Retry-After in seconds", before=_throttled("seconds", 1)),
        Kind(name="429_date", text="429 with Retry-After as HTTP date", before=_throttled("date", 2)),
        Kind(name="429_bare", text="429 without Retry-After", before=_throttled("none", 0)),
        Kind(name="429_long", text="429 with Retry-After of 120 s", before=_throttled("seconds", 120)),
        Kind(name="401", text="401 as if the access token were invalid", before=_unauthorized),
        Kind(
            name="reset_before", text="connection reset, nothing executed", before=_nothing, delivery="reset"
        ),
        Kind(
            name="reset_after",
            text="connection reset after the execution",
            delivery="reset",
            applies=is_write,
        ),
        Kind(
            name="half_body", text="half a body after the execution", delivery="half", applies=_half_possible
        ),
        Kind(
            name="no_answer_before", text="never answers, nothing executed", before=_nothing, delivery="hang"
        ),
        Kind(name="no_answer_after", text="executes and never answers", delivery="hang", applies=is_write),
        Kind(
            name="duplicate_commit", text="a proxy executes the request twice", twice=True, applies=is_write
        ),
        Kind(name="slow_answer", text="answers after `seconds` (5)", delivery="slow"),
        Kind(name="slow_body", text="sends the body byte by byte over `seconds` (5)", delivery="drip"),
        Kind(name="gzip", text="a gzip-encoded answer", delivery="gzip"),
        Kind(name="closed_keep_alive", text="answers, then closes a kept-alive connection", delivery="close"),
        Kind(name="clock_skew", text="the server's clock is `seconds` (600) off", before=_skew),
    ]
    for status in (500, 502, 503, 504):
        kinds += [
            Kind(name=f"{status}_before", text=f"{status}, nothing executed", before=_server_error(status)),
            Kind(
                name=f"{status}_after",
                text=f"{status} after the execution",
                after=_server_error_after(status),
                applies=is_write,
            ),
        ]
    return kinds


def _nothing(scene: Scene) -> Answer:
    return scene.door.refuse(scene.call, status=503, reason="backendError", message="Never delivered")
