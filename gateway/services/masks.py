"""The keys of masked views: stable names for what a person may see as busy time only (rules.md)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from gateway.domain.errors import StoreUnusable
from gateway.domain.model import CalendarId, Principal, Resource
from gateway.store import calendar_properties
from gateway.store import instance as instance_store
from gateway.store.database import Transaction

_KEY = "mask_key"
# Sequence of the last change that moved an object between the public and the masked; tokens of masked
# views from before it cannot be answered.
CLASS_SEQ = "{urn:calgate:xml:ns}class-seq"


def ensure_key(tx: Transaction) -> None:
    """Make the instance's mask key where there is none yet."""
    if instance_store.get(tx, _KEY) is None:
        instance_store.put(tx, _KEY, secrets.token_hex(32))


def key_of(tx: Transaction, principal: Principal, resource: Resource) -> bytes:
    """Return the key of one person's masked view of one resource; the same for ever.

    Raises:
        StoreUnusable: the instance has no key yet.
    """
    secret = instance_store.get(tx, _KEY)
    if secret is None:
        raise StoreUnusable("The instance has no mask key; start the server once.")
    return hmac.digest(bytes.fromhex(secret), f"{principal.uuid}\n{resource.uuid}".encode(), hashlib.sha256)


def class_seq(tx: Transaction, calendar_id: CalendarId) -> int:
    """Return the number of the last change of visibility in a calendar, 0 where there was none."""
    return int(calendar_properties.mark(tx, calendar_id, CLASS_SEQ) or 0)
