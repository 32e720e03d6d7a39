"""``python -m tests.bench.noop_worker FILE``: a worker whose only provider does nothing but note its writes.

The engine's own work is all there: claiming, planning, recording. What was written, and when, is in FILE at
the end: one JSON list per line of time, calendar, UID and title.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway import app
from gateway.providers.contract import Delete, Page, Put, RemoteCalendar, Removed, Scope, Upsert, Window
from gateway.providers.registry import Registry
from gateway.settings import Settings
from gateway.sync import engine
from tests.memory_provider import MemoryAccount, MemoryProvider, Server

_TITLE = re.compile(rb"^SUMMARY:(.*?)\r?$", re.MULTILINE)
Note = tuple[float, str, str, str]


class NoopAccount(MemoryAccount):
    """Takes every write, keeps nothing, has nothing to say."""

    def __init__(self, server: Server, notes: list[Note]) -> None:
        super().__init__(server)
        self._notes = notes

    async def calendars(self) -> list[RemoteCalendar]:
        """Return none."""
        return []

    async def pull(
        self,
        calendar_id: str,
        *,
        cursor: str | None,
        window: Window | None,
        scope: Scope = Scope.OBJECTS,
    ) -> AsyncIterator[Page]:
        """Yield one empty page."""
        del calendar_id, cursor, window, scope
        yield Page(items=(), cursor="0", is_last=True)

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:
        """Note the write and say that it was done."""
        if isinstance(write, Delete):
            return Removed(remote_id=write.remote_id)
        found = _TITLE.search(write.ical)
        title = found[1].decode() if found else ""
        self._notes.append((time.time(), calendar_id, write.key.uid, title))
        return Upsert(remote_id=f"{calendar_id}/{write.key.uid}", version=title, ical=write.ical)


class NoopProvider(MemoryProvider):
    """A provider that is done before it has begun."""

    name = "noop"

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[Note] = []

    def open(self, http: Any, config: Any) -> NoopAccount:
        """Return the account."""
        del http, config
        return NoopAccount(self.server, self.notes)


def main() -> None:
    """Work until SIGTERM."""
    provider = NoopProvider()
    engine.installed_providers = lambda: Registry(providers={"noop": provider})
    try:
        app.run_worker(Settings())
    finally:
        Path(sys.argv[1]).write_text("\n".join(json.dumps(note) for note in provider.notes))


if __name__ == "__main__":
    main()
