"""Time zones by reference (RFC 7809 §3.1.3): calendar data without standard zones, or with all of them.

A standard zone is one by its IANA name. Others keep their VTIMEZONE, whatever is asked. Who asks for nothing
gets what was stored. Calgate runs no service that hands out zones, so it does not claim
``calendar-no-timezone``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum

from gateway.domain.content_lines import write
from gateway.domain.model import Window
from gateway.domain.timezone import known_zone, vtimezone_lines
from plugins.radicale.requests import Request

HEADER = "CalDAV-Timezones"
_BLOCK = re.compile(
    rb"^BEGIN:VTIMEZONE[ \t]*\r?\n(.*?)^END:VTIMEZONE[ \t]*(?:\r?\n|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_TZID = re.compile(rb"^TZID(?:;[^:\r\n]*)?:((?:[^\r\n]|\r?\n[ \t])*)", re.MULTILINE | re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]")
# Possessive, so that no line costs more than its length.
_USED = re.compile(
    rb'^[A-Z0-9-]++(?:;(?!TZID=)[A-Z0-9-]++=(?:"[^"\r\n]*+"|[^";:\r\n]++)*+)*+;TZID=("[^"\r\n]*+"|[^":;,\r\n]*+)',
    re.MULTILINE | re.IGNORECASE,
)
_YEAR = re.compile(
    rb"^(?:DTSTART|RECURRENCE-ID|RDATE)[;:][^\r\n]*?(\d{4})\d{4}", re.MULTILINE | re.IGNORECASE
)
_COMPONENT = re.compile(rb"^BEGIN:(?!VCALENDAR)", re.MULTILINE | re.IGNORECASE)
# What a definition covers at least: the rules of nearly all zones go on from then.
_SOON, _LATE = datetime(1970, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


class Wish(Enum):
    """Which definitions of standard zones a client would like."""

    AS_STORED = ""
    ALL = "T"
    NONE = "F"


def wish(request: Request) -> Wish:
    """Return what the header of a request says; other values count as none."""
    header = (request.header(HEADER) or "").strip().upper()
    return Wish(header) if header in {"T", "F"} else Wish.AS_STORED


def applied(wanted: Wish, ical: bytes) -> bytes:
    """Return calendar data with the definitions that are wanted."""
    if wanted is Wish.NONE:
        return without_standard(ical)
    return with_standard(ical) if wanted is Wish.ALL else ical


def with_standard(ical: bytes) -> bytes:
    """Return calendar data with a VTIMEZONE for every standard zone that it names and does not define."""
    if b"TZID=" not in ical.upper():
        return ical
    plain = _FOLD.sub(b"", ical)
    defined = {_name(block[1]) for block in _BLOCK.finditer(plain)}
    used = dict.fromkeys(match[1].decode("utf-8", "replace").strip('"') for match in _USED.finditer(plain))
    place = _COMPONENT.search(ical)
    added = b"".join(_definition(name, plain) for name in used if name not in defined)
    return ical[: place.start()] + added + ical[place.start() :] if place is not None else ical


def _definition(name: str, plain: bytes) -> bytes:
    zone = known_zone(name)
    if zone is None or zone.key != name:
        return b""
    years = [_SOON.year, *(int(match[1]) for match in _YEAR.finditer(plain))]
    span = Window(start=_SOON.replace(year=max(1, min(years))), end=_LATE)
    return write(vtimezone_lines(name, zone, span))


def without_standard(ical: bytes) -> bytes:
    """Return calendar data without the VTIMEZONEs that anybody knows by their name."""
    return _BLOCK.sub(lambda block: b"" if is_standard(block[1]) else block[0], ical)


def is_standard(vtimezone: bytes) -> bool:
    """Return whether the lines of a VTIMEZONE define a zone under its IANA name."""
    name = _name(vtimezone)
    found = known_zone(name) if name is not None else None
    return found is not None and found.key == name


def _name(vtimezone: bytes) -> str | None:
    match = _TZID.search(vtimezone)
    return _FOLD.sub(b"", match[1]).decode("utf-8", "replace").strip() if match is not None else None
