"""ETags as servers really give them: weak, rewritten by a proxy, changing by themselves, or missing.

If-Match compares strongly (RFC 9110 §13.1.1), so a weak tag never matches. Proxies that compress make tags
weak or put ``-gzip`` behind them; the origin knows the strong one. A tag that cannot be used is no
condition: the object is read and compared right before the write instead.
"""

from __future__ import annotations

import re

_OPAQUE = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
_SUFFIX = re.compile(r'-(?:gzip|br|zstd|deflate)"$')


def clean(etag: str | None) -> str:
    """Return the tag as it was given, empty where it cannot be one (RFC 9110 §8.8.3)."""
    text = (etag or "").strip()
    if text and text[0] != '"' and not text.startswith("W/"):
        text = f'"{text}"'  # some write it without its quotes
    return text if _OPAQUE.fullmatch(text.removeprefix("W/")) else ""


def condition(etag: str) -> str:
    """Return the strong form for If-Match, empty where there is none."""
    text = clean(etag).removeprefix("W/")
    return _SUFFIX.sub('"', text)
