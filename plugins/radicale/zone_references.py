"""Time zones by reference (RFC 7809 §3.1.3): who asks for it gets calendar data without standard zones.

A standard zone is one by its IANA name. Others keep their VTIMEZONE, whatever is asked. Calgate runs no
service that hands out zones, so it does not claim ``calendar-no-timezone``.
"""

from __future__ import annotations

import re

from gateway.domain.timezone import known_zone
from plugins.radicale.requests import Request

HEADER = "CalDAV-Timezones"
_BLOCK = re.compile(
    rb"^BEGIN:VTIMEZONE[ \t]*\r?\n(.*?)^END:VTIMEZONE[ \t]*(?:\r?\n|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_TZID = re.compile(rb"^TZID(?:;[^:\r\n]*)?:((?:[^\r\n]|\r?\n[ \t])*)", re.MULTILINE | re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]")


def are_wanted(request: Request) -> bool:
    """Return whether the client wants the definitions of standard zones; it says so where it does not."""
    return (request.header(HEADER) or "").strip().upper() != "F"


def without_standard(ical: bytes) -> bytes:
    """Return calendar data without the VTIMEZONEs that anybody knows by their name."""
    return _BLOCK.sub(lambda block: b"" if is_standard(block[1]) else block[0], ical)


def is_standard(vtimezone: bytes) -> bool:
    """Return whether the lines of a VTIMEZONE define a zone under its IANA name."""
    match = _TZID.search(vtimezone)
    if match is None:
        return False
    name = _FOLD.sub(b"", match[1]).decode("utf-8", "replace").strip()
    found = known_zone(name)
    return found is not None and found.key == name
