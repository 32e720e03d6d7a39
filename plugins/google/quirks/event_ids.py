"""Trap: event ids are chosen by us, from ``0-9a-v`` only, 5 to 1024 characters, and are never free again.

So an insert is idempotent, and an id that cannot be revived needs a generation counter (google-calendar.md
§4, §5).
"""

from __future__ import annotations

import base64
import hashlib

from gateway.providers.contract import ObjectKey

MAX_GENERATIONS = 16
WHOLE = "whole"
"""The part that stands for the whole object: one event or one series. Others are not used so far."""


def event_id(key: ObjectKey, generation: int, *, part: str = WHOLE) -> str:
    """Return base32hex(SHA-256(instance id, resource uuid, UID, part, generation)): 52 characters."""
    fields = ("calgate-event-1", key.instance_id, key.resource_uuid, key.uid, part, str(generation))
    # Each field with its length: no two keys may run together to the same text.
    text = b"".join(b"%d:%s" % (len(data), data) for data in (field.encode() for field in fields))
    return base64.b32hexencode(hashlib.sha256(text).digest()).decode().rstrip("=").lower()
