"""Trap: ``transactionId`` makes a create repeatable, but is used up for ever by what it made (§8).

Deleting and creating again under the same one is refused, so it has a generation; after the last one it is
random, and only our marker tells whether something is there already. Never used as a UID.
"""

from __future__ import annotations

import hashlib
import uuid

from gateway.providers.contract import ObjectKey

MAX_GENERATIONS = 16


def transaction_id(key: ObjectKey, calendar_id: str, generation: int, *, part: str = "") -> str:
    """Return a transactionId of the form of a GUID: the same for every repetition of one create.

    It holds the calendar: the server remembers by mailbox, and a resource may have two links to one mailbox.
    """
    if generation >= MAX_GENERATIONS:
        return str(uuid.uuid4())
    fields = (
        "calgate-graph-1",
        key.instance_id,
        key.resource_uuid,
        key.uid,
        calendar_id,
        part,
        str(generation),
    )
    # Each field with its length: no two keys may run together to the same text.
    text = b"".join(b"%d:%s" % (len(data), data) for data in (field.encode() for field in fields))
    return str(uuid.UUID(bytes=hashlib.sha256(text).digest()[:16]))
