"""The table of Graph's rooms: method name -> function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.lab.microsoft import (
    calendars,
    delta,
    event_reads,
    event_writes,
    schedule,
    small_rooms,
    subscriptions,
)


def _in_the_door(*_arguments: Any) -> None:
    raise AssertionError("the door itself carries out a batch")


ROOMS: dict[str, Callable[..., Any]] = {
    **calendars.ROOMS,
    **event_reads.ROOMS,
    **event_writes.ROOMS,
    **delta.ROOMS,
    **schedule.ROOMS,
    **small_rooms.ROOMS,
    **subscriptions.ROOMS,
    "graph.$batch": _in_the_door,
}
