"""Conditional requests and content coding as feeds need them (RFC 9110 §12.5.3, §13)."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def matches(if_none_match: str, etag: str) -> bool:
    """Return whether the list names ``etag``, by the weak comparison, or is ``*``."""
    if if_none_match == etag or if_none_match.strip() == "*":
        return True
    return etag in _TAG.findall(if_none_match)


def not_since(if_modified_since: str, last_modified: datetime) -> bool:
    """Return whether nothing changed after the date; an unreadable date is ignored."""
    try:
        since = parsedate_to_datetime(if_modified_since)
    except (ValueError, TypeError):
        return False
    if since.tzinfo is None:
        return False
    return last_modified <= since


def takes_gzip(accept_encoding: str | None) -> bool:
    """Return whether the client asks for gzip; silence asks for nothing."""
    if not accept_encoding:
        return False
    star: bool | None = None
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.strip().partition(";")
        weight = parameters.strip().removeprefix("q=").strip()
        is_wanted = not weight or weight.strip("0.") != ""
        if coding.strip() in {"gzip", "x-gzip"}:
            return is_wanted
        if coding.strip() == "*":
            star = is_wanted
    return bool(star)
