"""If-Unmodified-Since (RFC 9110 §13.1.4): a condition on Last-Modified, for clients that keep no entity tags.

If-Modified-Since is not looked at, as RFC 9110 §13.1.3 allows: within one second an object can change twice,
and a 304 would hide the second change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def has_changed(header: str, modified_at_utc: datetime) -> bool:
    """Return whether an object was changed after the time of a header; other texts do not count."""
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, OverflowError, LookupError, TypeError):
        return False
    since = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return modified_at_utc.replace(microsecond=0) > since
