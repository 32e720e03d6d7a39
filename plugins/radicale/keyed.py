"""HMAC-SHA-256 (RFC 2104) of many texts under one key: a listing of a masked calendar takes two per object.

``hmac.digest`` prepares the key each time, which costs more than the rest; here it is prepared once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

_BLOCK = 64
_INNER, _OUTER = bytes(x ^ 0x36 for x in range(256)), bytes(x ^ 0x5C for x in range(256))


def hasher(key: bytes, prefix: bytes) -> Callable[[str], str]:
    """Return what hashes ``prefix`` and a text to 64 hexadecimal digits; ``key`` has at most 64 bytes."""
    if len(key) > _BLOCK:
        raise ValueError("a key of HMAC-SHA-256 has at most 64 bytes here")
    block = key.ljust(_BLOCK, b"\0")
    inner, outer = hashlib.sha256(block.translate(_INNER) + prefix), hashlib.sha256(block.translate(_OUTER))

    def digest(text: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(text.encode())
        second.update(first.digest())
        return second.hexdigest()

    return digest
