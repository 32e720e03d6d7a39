"""Comparing two forms of an object: what differs without being an edit is left out.

A provider's copy has the provider's own UID, stamps and revision numbers. ``comparable`` leaves them out, and
``with_uid`` gives a pulled copy the UID under which we know it.
"""

from __future__ import annotations

from gateway.domain.content_lines import escape_text, write
from gateway.domain.ical_reader import decode, unfolded

_OURS_OR_THEIRS = ("UID", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "PRODID")


def comparable(ical: bytes) -> bytes:
    """Return the object without UID, stamps, revision numbers and VTIMEZONEs; equal bytes mean no edit.

    Meant for output of the same plug-in (``project`` and ``Upsert.ical``), which spells things one way only.
    """
    lines, depth = [], 0
    for _, line in unfolded(decode(ical)):
        name = _name(line)
        if line.upper() == "BEGIN:VTIMEZONE":
            depth += 1
        if not depth and name not in _OURS_OR_THEIRS:
            lines.append(line)
        if line.upper() == "END:VTIMEZONE":
            depth -= 1
    return write(lines)


def with_uid(ical: bytes, uid: str) -> bytes:
    """Return the object under another UID; every other line stays as it is."""
    lines, depth = [], 0
    for _, line in unfolded(decode(ical)):
        inside = line.upper()
        depth += inside.startswith("BEGIN:")
        # Depth 2 is a component of the calendar; a VALARM may have a UID of its own (RFC 9074 §6).
        lines.append(f"UID:{escape_text(uid)}" if depth == 2 and _name(line) == "UID" else line)
        depth -= inside.startswith("END:")
    return write(lines)


def _name(line: str) -> str:
    return line.partition(":")[0].partition(";")[0].upper()
