"""Export of a calendar as one iCalendar file: every component's lines unchanged.

Objects that define the same TZID differently cannot share a VCALENDAR; they go into further VCALENDARs
of the same file, which RFC 5545 §3.4 allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.domain.content_lines import PRODID, escape_text, write
from gateway.domain.model import CalendarId
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store.database import Transaction

_TZID = re.compile(rb"^TZID(?:;[^:\r\n]*)?:(.*)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One calendar file and how many objects it holds."""

    ical: bytes
    objects: int


@dataclass(slots=True)
class _Shell:
    zones: dict[bytes, bytes] = field(default_factory=dict)
    components: list[bytes] = field(default_factory=list)


def export(tx: Transaction, calendar_id: CalendarId) -> Export:
    """Return everything in a calendar as one file.

    Raises:
        NotFound: there is no such calendar.
    """
    calendar = calendar_store.get(tx, calendar_id)
    shells = [_Shell()]
    count = last = 0
    while page := object_store.every(tx, calendar_id, after_id=last):
        for stored in page:
            _place(shells, stored.ical)
            last = stored.id
        count += len(page)
    head = write(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            f"PRODID:{PRODID}",
            f"X-WR-CALNAME:{escape_text(calendar.resource.name)}",
        ]
    )
    parts = [
        b"".join([head, *shell.zones.values(), *shell.components, b"END:VCALENDAR\r\n"]) for shell in shells
    ]
    return Export(ical=b"".join(parts), objects=count)


def _place(shells: list[_Shell], ical: bytes) -> None:
    zones: dict[bytes, bytes] = {}
    components = []
    for name, lines in _top_level(ical):
        if name == b"VTIMEZONE" and (tzid := _TZID.search(lines)):
            zones[tzid.group(1).strip()] = lines
        else:
            components.append(lines)
    shell = next(
        (each for each in shells if all(each.zones.get(key, lines) == lines for key, lines in zones.items())),
        None,
    )
    if shell is None:
        shell = _Shell()
        shells.append(shell)
    shell.zones.update(zones)
    shell.components += components


def _top_level(ical: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and lines of each component directly inside VCALENDAR; line ends become CRLF."""
    depth = 0
    name = b""
    lines: list[bytes] = []
    for raw in re.split(rb"\r\n|\n", ical):
        word, _, value = raw.partition(b":")
        word = word.strip().upper()
        if word == b"BEGIN":
            depth += 1
            if depth == 2:
                name, lines = value.strip().upper(), []
        if depth >= 2:
            lines.append(raw + b"\r\n")
        if word == b"END":
            if depth == 2:
                yield name, b"".join(lines)
            depth -= 1
