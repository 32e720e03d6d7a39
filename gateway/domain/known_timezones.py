"""VTIMEZONE components that were read before: a client sends the same one with every object it writes.

Found by all of their lines and by where they stand, so that one person's definition never stands in for
another's with the same TZID. Components that were read are not changed by anybody, so objects share them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from icalendar.cal.component import Component

Line = tuple[int, str]  # number, unfolded text
_KEPT = 64
_MOST_LINES = 100  # long ones list many years; few clients send them
_Key = tuple[Line, ...]


class KnownTimezones:
    """A bounded memory; forgetting everything at once costs one reading of each."""

    def __init__(self) -> None:
        self._known: dict[_Key, Component] = {}

    @staticmethod
    def block(begin: Line, lines: Iterator[Line]) -> _Key:
        """Take the lines behind ``begin`` as far as the end of a VTIMEZONE, or as many as are looked at."""
        taken = [begin]
        for line in islice(lines, _MOST_LINES):
            taken.append(line)
            if line[1][:4] in {"END:", "end:"} and line[1][4:].strip().upper() == "VTIMEZONE":
                break
        return tuple(taken)

    def find(self, block: _Key) -> Component | None:
        """Return what a block of lines was read as, or None."""
        return self._known.get(block)

    def keep(self, block: _Key, component: Component) -> None:
        """Remember what a block of lines, and nothing else, was read as."""
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[block] = component
