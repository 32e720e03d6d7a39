"""What Exchange makes of a body: HTML in its own frame, text out of HTML, a preview."""

from __future__ import annotations

import html
import re

_HEAD = '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\r\n</head>'
_ACTIVE = re.compile(r"<(script|style|iframe|object)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_HANDLER = re.compile(r"""\son\w+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_BODY = re.compile(r"<body\b[^>]*>(.*)</body\s*>", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<br\s*/?>|</(p|div|li|tr)\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")
PREVIEW_CAP = 255


def normalised(content: str, *, is_html: bool, rewrite: bool) -> str:
    """Return the HTML that is stored for a body.

    Args:
        content: what the client sent.
        is_html: its content type.
        rewrite: False keeps HTML as it came.
    """
    if not content:
        return ""
    if not is_html:
        text = html.escape(content.replace("\r\n", "\n"), quote=False).replace("\n", "<br>\r\n")
        return f'{_HEAD}\r\n<body>\r\n<div class="PlainText">{text}</div>\r\n</body>\r\n</html>\r\n'
    if not rewrite:
        return content
    inner = _BODY.search(content)
    kept = _HANDLER.sub("", _ACTIVE.sub("", inner[1] if inner else content))
    kept = re.sub(r"\r?\n", "\r\n", kept.strip())
    return f"{_HEAD}\r\n<body>\r\n{kept}\r\n</body>\r\n</html>\r\n"


def as_text(content: str) -> str:
    """Return stored HTML as plain text."""
    inner = _BODY.search(content)
    flat = re.sub(r"[\r\n]+", "", inner[1] if inner else content)
    return html.unescape(_TAG.sub("", _BREAK.sub("\r\n", flat))).strip()


def preview(content: str) -> str:
    """Return the first characters of stored HTML as text."""
    return as_text(content)[:PREVIEW_CAP]
