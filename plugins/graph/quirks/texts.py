"""Trap: Exchange keeps bodies as HTML and rewrites them; titles are one line of at most 255 characters (§6).

Bodies are sent and asked for as plain text, so nothing needs to be escaped, and the form that is read back
after a write is the base of the next comparison.
"""

from __future__ import annotations

import re

MAX_TITLE = 255
MAX_BODY = 32_000
_TRAILING = re.compile(r"[ \t]+(?=\n)")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ud800-\udfff]")


def tidy(text: str) -> str:
    """Return a description as it is compared: no controls, no trailing blanks, bounded."""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " "))
    return _TRAILING.sub("", text.strip())[:MAX_BODY].strip()


def one_line(text: str) -> str:
    """Return a title or place as Exchange keeps it: blanks folded, at most 255 characters."""
    return " ".join(_CONTROLS.sub("", text).split())[:MAX_TITLE].strip()


def fitted(text: str, link: str | None) -> str:
    """Return as much of a description as fits beside the back link."""
    return tidy(text)[: MAX_BODY - (len(link) + 2 if link else 0)].strip()


def with_link(text: str, link: str | None) -> str:
    """Return a description as it is sent. There is no field for a back link, so it is its last line (§6)."""
    text = fitted(text, link)
    if not link:
        return text
    return f"{text}\n\n{link}" if text else link


def without_link(text: str, link: str) -> str:
    """Return a description without the line that is our back link."""
    text = tidy(text)
    if not link or link not in text:
        return text
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        # Outlook wraps addresses in angle brackets when it makes text of links.
        if lines[index].strip().strip("<>") == link:
            del lines[index]
            break
    return tidy("\n".join(lines))
