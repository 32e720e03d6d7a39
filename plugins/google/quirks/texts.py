"""Trap: descriptions are HTML there and are rewritten; titles are trimmed; long ones are cut (§4).

iCalendar's DESCRIPTION is plain text. What would be taken for markup is escaped on the way out, and markup is
turned into plain text on the way in, so that plain text comes back as it went. Whatever else Google rewrites
does not look like an edit, because the form read back after a write is the base of the next comparison.
"""

from __future__ import annotations

import html
import re

MAX_DESCRIPTION = 8192
MAX_LINE = 1024
_BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6]|ul|ol)\s*>", re.IGNORECASE)
_ITEM = re.compile(r"<li\b[^>]*>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?(?:-->|\Z)", re.DOTALL)
_TRAILING = re.compile(r"[ \t]+(?=\n)")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ud800-\udfff]")


def tidy(text: str) -> str:
    """Return a description as it is compared: no controls, no trailing blanks, at most 8192 characters."""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _TRAILING.sub("", text.strip())[:MAX_DESCRIPTION].strip()


def one_line(text: str) -> str:
    """Return a title or place as Google keeps it: blanks folded, at most 1024 characters."""
    return " ".join(_CONTROLS.sub("", text).split())[:MAX_LINE].strip()


def to_plain(markup: str) -> str:
    """Return the plain text of a description that may be HTML; never runs away on hostile input."""
    markup = markup.replace("\r\n", "\n").replace("\r", "\n")
    if "<" in markup:
        markup = _HIDDEN.sub("", markup)
        markup = _ITEM.sub("- ", _BREAK.sub("\n", markup))
        markup = _TAG.sub("", markup)
    return tidy(html.unescape(markup) if "&" in markup else markup)


def to_markup(text: str) -> str:
    """Return plain text so that ``to_plain`` gives it back; text without markup goes as it is."""
    text = tidy(text)
    return text if to_plain(text) == text else html.escape(text, quote=False)


def fitted(text: str, link: str | None) -> str:
    """Return as much of a plain description as fits beside the back link once it is markup."""
    text = tidy(text)
    room = MAX_DESCRIPTION - (len(html.escape(link, quote=False)) + 2 if link else 0)
    while text and (over := len(to_markup(text)) - room) > 0:
        text = tidy(text[: -max(1, over // 5)])
    return text


def with_link(text: str, link: str | None) -> str:
    """Return a description as it is sent, with the back link at its end.

    Trap: ``source`` is seen by the creator of the event only, so it cannot be the only back link (§4).
    """
    markup = to_markup(fitted(text, link))
    if not link:
        return markup
    link = html.escape(link, quote=False)
    return f"{markup}\n\n{link}" if markup else link


def without_link(text: str, link: str) -> str:
    """Return a plain description without the line that is our back link."""
    if not link or link not in text:
        return text
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].strip() == link:
            del lines[index]
            break
    return tidy("\n".join(lines))
