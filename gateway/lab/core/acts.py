"""Faults that do something at the provider around a call: a person acts, a page is cut, a list lags."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from gateway.lab.core.calls import Answer
    from gateway.lab.core.faults import Scene

W = TypeVar("W")
Before = Callable[["Scene"], None]
After = Callable[["Scene", "Answer"], "Answer"]


class Lagging(Protocol):
    """A calendar whose lists can lag behind its writes."""

    lag_s: float
    lag_until_s: float


class Tricked(Protocol):
    """A world that can be asked to spoil the page at hand."""

    page_trick: str


def before(world: W, act: Callable[[W, Scene], None]) -> Before:
    """Act before the call; what cannot be done there is left out."""

    def run(scene: Scene) -> None:
        with suppress(Refusal, ValueError, KeyError):
            act(world, scene)

    return run


def after(world: W, act: Callable[[W, Scene], None]) -> After:
    """Act after the call, whose answer stays as it is; what cannot be done there is left out."""

    def run(scene: Scene, answer: Answer) -> Answer:
        with suppress(Refusal, ValueError, KeyError):
            act(world, scene)
        return answer

    return run


def trick(world: Tricked, name: str) -> Before:
    """Ask for a spoiled page before the call; ``untrick`` takes that back."""

    def run(_scene: Scene) -> None:
        world.page_trick = name

    return run


def untrick(world: Tricked) -> After:
    """End what ``trick`` asked for, whether or not the call had a page."""

    def run(_scene: Scene, answer: Answer) -> Answer:
        world.page_trick = ""
        return answer

    return run


def lag(calendar: Lagging, scene: Scene) -> None:
    """Let the lists of a calendar lag by the parameter ``seconds`` (2), for as long."""
    calendar.lag_s = scene.number("seconds", 2.0)
    calendar.lag_until_s = scene.clock.true_s() + calendar.lag_s
