"""Many calendar objects as one VCALENDAR: their components line by line as stored, each time zone once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import IO

_TZID = re.compile(rb"^TZID[;:][^\r\n]*", re.IGNORECASE | re.MULTILINE)
_FIRST = b"\r\nBEGIN:V"
_LAST = b"\r\nEND:VCALENDAR"
_ZONE, _ZONE_END = b"BEGIN:VTIMEZONE\r\n", b"\r\nEND:VTIMEZONE\r\n"
_EVENT, _EVENT_END = b"BEGIN:VEVENT\r\n", b"\r\nEND:VEVENT\r\n"


class Merger:
    """Writes the components of objects into a file.

    Most objects are zones and then events, and are cut without looking at their lines; all others line by
    line, with the same outcome.

    Args:
        file: takes the components.
        leaves_out: says which VTIMEZONEs are not wanted.
    """

    def __init__(self, file: IO[bytes], *, leaves_out: Callable[[bytes], bool] | None = None) -> None:
        self._file = file
        self._leaves_out = leaves_out
        self._zones: set[bytes] = set()  # TZID lines
        self._known: set[bytes] = set()  # whole VTIMEZONEs, as they have been met

    def add(self, ical: bytes) -> None:
        """Write one object."""
        found = _cut(ical)
        if found is None:
            for is_zone, lines in components(ical):
                if is_zone:
                    self._add_zone(b"".join(lines))
                else:
                    self._file.write(b"".join(lines))
            return
        zones, events = found
        for zone in zones:
            self._add_zone(zone)
        self._file.write(events)

    def _add_zone(self, zone: bytes) -> None:
        if zone in self._known:
            return
        self._known.add(zone)
        if self._leaves_out is not None and self._leaves_out(zone):
            return
        match = _TZID.search(zone)
        name = match[0] if match is not None else b""
        if name not in self._zones:
            self._zones.add(name)
            self._file.write(zone)


def _cut(ical: bytes) -> tuple[list[bytes], bytes] | None:
    """Return the zones and the events of an object, None where its lines have to be looked at."""
    begin, end = ical.find(_FIRST) + 2, ical.rfind(_LAST) + 2
    if begin < 2 or end < begin or ical.count(b"\n") != ical.count(b"\r\n"):
        return None
    zones = []
    while ical.startswith(_ZONE, begin):
        behind = ical.find(_ZONE_END, begin, end) + len(_ZONE_END)
        if behind < len(_ZONE_END) + begin:
            return None
        zones.append(ical[begin:behind])
        begin = behind
    events = ical[begin:end]
    # Nothing stands between two events, and nothing in them looks like one.
    is_plain = (
        events.startswith(_EVENT)
        and events.endswith(_EVENT_END)
        and events.count(_EVENT_END + _EVENT) == events.count(_EVENT) - 1
        and events.count(_EVENT) == events.count(_EVENT_END)
    )
    return (zones, events) if is_plain else None


def components(ical: bytes) -> Iterator[tuple[bool, list[bytes]]]:
    """Yield (is a VTIMEZONE, its lines) for each component of a stored object, lines as stored."""
    depth = 0
    lines: list[bytes] = []
    is_zone = False
    for line in ical.splitlines(keepends=True):
        upper = line[:20].upper()
        if upper.startswith(b"BEGIN:"):
            depth += 1
            if depth == 2:
                lines, is_zone = [], upper.startswith(b"BEGIN:VTIMEZONE")
        if depth >= 2:
            lines.append(line.rstrip(b"\r\n") + b"\r\n")
        if upper.startswith(b"END:"):
            depth -= 1
            if depth == 1:
                yield is_zone, lines
