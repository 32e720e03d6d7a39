"""What one check of ``calgate doctor`` found."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.StrEnum):
    """How bad it is: BROKEN does not work, WARNING will bite, NOTE is worth knowing."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what it found and, unless all is well, what to do."""

    name: str
    state: State
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(name=name, state=State.OK, text=text)


def note(name: str, text: str, remedy: str = "") -> Finding:
    """Return a finding worth knowing."""
    return Finding(name=name, state=State.NOTE, text=text, remedy=remedy)


def warning(name: str, text: str, remedy: str) -> Finding:
    """Return a finding that will bite later."""
    return Finding(name=name, state=State.WARNING, text=text, remedy=remedy)


def broken(name: str, text: str, remedy: str) -> Finding:
    """Return a finding that keeps something from working."""
    return Finding(name=name, state=State.BROKEN, text=text, remedy=remedy)
