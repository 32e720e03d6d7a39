"""Ids and tokens that carry what they name, sealed: long, opaque, case-sensitive, in need of URL-encoding."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from gateway.lab.core.errors import Refusal

_PREFIX = {"item": "AAMkAD", "immutable": "AAkALg", "calendar": "AAMkAF", "group": "AAMkAG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRef:
    """What an event's id names."""

    key: str
    generation: int | None
    """None for an immutable id."""
    day: str
    """The original date of an occurrence, or empty."""


class Sealer:
    """Makes and reads ids under one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def _mark(self, raw: bytes) -> bytes:
        return hmac.new(self._secret, raw, hashlib.sha512).digest()[:36]

    @staticmethod
    def _veil(mark: bytes, raw: bytes) -> bytes:
        size = len(raw)
        stream = hashlib.shake_256(mark).digest(size)
        return (int.from_bytes(raw, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")

    def seal(self, value: Any, prefix: str = "") -> str:
        """Return an opaque text for a JSON value; the same value gives the same text."""
        raw = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        mark = self._mark(raw)
        return prefix + base64.b64encode(mark + self._veil(mark, raw)).decode().rstrip("=") + "="

    def unseal(self, text: str, prefix: str = "") -> Any:
        """Return the value of a text; raises ValueError."""
        if not text.startswith(prefix) or not text.endswith("="):
            raise ValueError("not ours")
        inner = text.removeprefix(prefix).removesuffix("=")
        data = base64.b64decode(inner + "=" * (-len(inner) % 4), validate=True)
        raw = self._veil(data[:36], data[36:])
        if not raw or not hmac.compare_digest(data[:36], self._mark(raw)):
            raise ValueError("not ours")
        return json.loads(raw)

    def item(self, key: str, generation: int, *, immutable: bool, day: str = "") -> str:
        """Return an event's id; an occurrence's names its original date."""
        if immutable:
            return self.seal([key, day], _PREFIX["immutable"])
        return self.seal([key, generation, day], _PREFIX["item"])

    def read_item(self, text: str) -> ItemRef:
        """Return what an event's id names, both forms; raises Refusal 400."""
        try:
            if text.startswith(_PREFIX["immutable"]):
                key, day = self.unseal(text, _PREFIX["immutable"])
                return ItemRef(key=key, generation=None, day=day)
            key, generation, day = self.unseal(text, _PREFIX["item"])
        except ValueError:
            raise Refusal(400, "ErrorInvalidIdMalformed", "Id is malformed.") from None
        return ItemRef(key=key, generation=generation, day=day)

    def folder(self, kind: str, key: str, viewer: str) -> str:
        """Return the id of a calendar or group, valid under one mailbox only."""
        return self.seal([key, viewer], _PREFIX[kind])

    def read_folder(self, kind: str, text: str, viewer: str) -> str:
        """Return the key of a calendar or group; raises Refusal 400 or 404."""
        try:
            key, owner = self.unseal(text, _PREFIX[kind])
        except ValueError:
            raise Refusal(400, "ErrorInvalidIdMalformed", "Id is malformed.") from None
        if owner != viewer:
            raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return str(key)
