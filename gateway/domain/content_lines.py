"""Writing content lines (RFC 5545 §3.1): folding, escaping, control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable

PRODID = "-//Calgate//Calgate//EN"
MAX_OCTETS = 75
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def strip_controls(text: str) -> str:
    """Return the text without control characters; tab and line feed stay, CRLF becomes line feed."""
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def escape_text(text: str) -> str:
    """Return the text as a TEXT value (RFC 5545 §3.3.11), without control characters."""
    return strip_controls(text).translate(_ESCAPES)


def quote_parameter(value: str) -> str:
    """Return a parameter value (RFC 5545 §3.2, RFC 6868), quoted where it must be.

    A backslash is quoted too: some readers, icalendar among them, take it for an escape of the next mark.
    """
    value = strip_controls(value).replace("^", "^^").replace("\n", "^n").replace('"', "^'")
    return f'"{value}"' if any(mark in value for mark in ",;:\\") else value


def fold(line: str) -> bytes:
    """Return one content line, folded at 75 octets, never inside a UTF-8 character, with its CRLF."""
    data = line.encode()
    if len(data) <= MAX_OCTETS:
        return data + b"\r\n"
    parts = []
    start, room = 0, MAX_OCTETS
    while len(data) - start > room:
        end = start + room
        while data[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(data[start:end])
        start, room = end, MAX_OCTETS - 1
    parts.append(data[start:])
    return b"\r\n ".join(parts) + b"\r\n"


def write(lines: Iterable[str]) -> bytes:
    """Return content lines as a stream, each folded."""
    return b"".join(map(fold, lines))
