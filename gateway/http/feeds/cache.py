"""Rendered feeds in memory: least recently used ones go first, and never more than so many bytes."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from dataclasses import dataclass, field

_GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One rendered face with all that an answer needs; ``gzipped`` is None where it would not be smaller."""

    tag: str
    body: bytes
    gzipped: bytes | None
    last_modified: str
    style_hash: str = ""
    size_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        """Count the bytes once."""
        object.__setattr__(self, "size_bytes", len(self.body) + len(self.gzipped or b"") + 500)


def entry_of(tag: str, body: bytes, modified: str, *, allows_gzip: bool) -> Entry:
    """Build and compress an entry; it costs time, so call it in a thread."""
    # Without a time of compression in it, equal content is equal bytes on every node.
    packed = gzip.compress(body, _GZIP_LEVEL, mtime=0) if allows_gzip else None
    if packed is not None and len(packed) >= len(body):
        packed = None
    return Entry(tag, body, packed, modified)


class Cache:
    """Entries by key, bounded by bytes. One event loop only."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._entries: OrderedDict[object, Entry] = OrderedDict()

    def get(self, key: object, tag: str) -> Entry | None:
        """Return the entry if it is still the one that ``tag`` names."""
        entry = self._entries.get(key)
        if entry is None or entry.tag != tag:
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: object, entry: Entry) -> None:
        """Keep an entry in the place of an older one; one larger than the whole cache is not kept."""
        old = self._entries.pop(key, None)
        if old is not None:
            self._size -= old.size_bytes
        if entry.size_bytes > self._limit:
            return
        self._entries[key] = entry
        self._size += entry.size_bytes
        while self._size > self._limit:
            _, gone = self._entries.popitem(last=False)
            self._size -= gone.size_bytes
