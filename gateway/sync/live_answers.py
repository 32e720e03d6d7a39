"""What the simulators answer to a live check, and where a provider answers otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gateway.sync.live_check import NOT_PERMITTED, Fact

FOLDER = Path(__file__).with_name("answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One fact that is otherwise; None: it is missing on that side."""

    step: str
    fact: str
    simulator: str | None
    here: str | None


def known(provider: str) -> list[Fact] | None:
    """Return what the simulator of a provider answers; None where there is no simulator."""
    path = FOLDER / f"{provider}.json"
    if not path.is_file():
        return None
    return [(step, name, value) for step, name, value in json.loads(path.read_text("utf-8"))]


def differences(expected: list[Fact], found: list[Fact]) -> list[Difference]:
    """Return where two checks differ, in the order of the steps."""
    one = {(step, name): value for step, name, value in expected}
    other = {(step, name): value for step, name, value in found}
    return [
        Difference(step=step, fact=name, simulator=one.get((step, name)), here=other.get((step, name)))
        for step, name in dict.fromkeys([*one, *other])
        if one.get((step, name)) != other.get((step, name))
        and NOT_PERMITTED not in {one.get((step, name)), other.get((step, name))}
    ]
