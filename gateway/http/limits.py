"""Rate limits without timers and without waiting: token buckets per key, bounded in memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_KEYS = 20_000  # the oldest are forgotten first: memory stays bounded under a flood of addresses


class Throttle:
    """Allows ``per_minute`` attempts per key and minute; what is allowed again comes back evenly."""

    def __init__(self, per_minute: int, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._rate = per_minute / 60
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, *keys: str) -> int:
        """Return the seconds until each key has an attempt left, 0 where all have."""
        missing = max((1 - self._tokens(key) for key in keys), default=0.0)
        return max(1, math.ceil(missing / self._rate)) if missing > 0 else 0

    def take(self, *keys: str) -> None:
        """Count an attempt; taken before the work, so that attempts at once cannot slip through."""
        now = self._clock_s()
        for key in keys:
            self._buckets[key] = (max(0.0, self._tokens(key) - 1), now)
            self._buckets.move_to_end(key)
        while len(self._buckets) > _MAX_KEYS:
            self._buckets.popitem(last=False)

    def give_back(self, *keys: str) -> None:
        """Undo ``take`` after an attempt that was right."""
        now = self._clock_s()
        for key in keys:
            if key in self._buckets:
                self._buckets[key] = (min(self._capacity, self._tokens(key) + 1), now)

    def _tokens(self, key: str) -> float:
        held = self._buckets.get(key)
        if held is None:
            return self._capacity
        tokens, since = held
        return min(self._capacity, tokens + (self._clock_s() - since) * self._rate)
