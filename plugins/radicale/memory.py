"""What is kept between requests: things that follow from an object's bytes alone, up to a number of bytes.

Keys hold the entity tag, which changes with the bytes; nothing here depends on who asks.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """A bounded map for several threads; what came first is forgotten first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._found: dict[K, tuple[V, int]] = {}
        self._bytes = 0
        self._guard = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return what is kept, or None."""
        found = self._found.get(key)
        return None if found is None else found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of about ``size`` bytes."""
        with self._guard:
            before = self._found.pop(key, None)
            self._bytes += size - (before[1] if before is not None else 0)
            self._found[key] = (value, size)
            while self._bytes > self._max_bytes and self._found:
                _, gone = self._found.pop(next(iter(self._found)))
                self._bytes -= gone
