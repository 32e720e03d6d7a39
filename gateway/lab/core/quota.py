"""Token buckets, kept in the laboratory's time so that tests can roll a window."""

from __future__ import annotations


class Buckets:
    """Named token buckets; a limit of 0 turns a bucket off."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}

    def clear(self) -> None:
        """Fill every bucket."""
        self._levels.clear()

    def take(self, name: str, *, capacity: float, per_s: float, now_s: float) -> bool:
        """Take one token; False when the bucket is empty."""
        if capacity <= 0:
            return True
        level, at_s = self._levels.get(name, (capacity, now_s))
        level = min(capacity, level + max(0.0, now_s - at_s) * per_s)
        if level < 1:
            self._levels[name] = (level, now_s)
            return False
        self._levels[name] = (level - 1, now_s)
        return True
