"""The names behind masked names: found once per state of a calendar and person, and kept while it lasts.

A masked name is an HMAC, so the only way back is to go through all names. Clients that fetch one object
after the other would pay that for each of them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

MAX_NAMES = 60_000  # of all views together; about ten megabytes
_Key = tuple[bytes, int, str, int, bool]


class Cache:
    """The newest few views' names; for several threads."""

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        self._views: OrderedDict[_Key, Mapping[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key, make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
        """Return the href by masked href of one view.

        Args:
            key: whose view of what (its HMAC key), the calendar, its epoch and number, and the kind of view.
            make: reads the names; called without the lock, so two threads may do the same work.
        """
        with self._lock:
            found = self._views.get(key)
            if found is not None:
                self._views.move_to_end(key)
                return found
        made = make()
        if len(made) <= self._max_names:
            with self._lock:
                self._forget(key)
                self._views[key] = made
                while sum(map(len, self._views.values())) > self._max_names:
                    self._views.popitem(last=False)
        return made

    def _forget(self, key: _Key) -> None:
        """Drop older states of the same view."""
        for other in [other for other in self._views if other[:2] == key[:2]]:
            del self._views[other]


CACHE = Cache()
