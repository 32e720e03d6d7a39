"""The port behind which wake-ups sit: this process by an event, others through the database."""

from __future__ import annotations

import asyncio

from gateway.services import Database
from gateway.services.wakeups import CrossProcess


class Wakeups:
    """Tells a waiting worker that there may be work; many tellings are one."""

    def __init__(self, db: Database) -> None:
        """Attach to the database of this process; ``start`` begins to listen to others."""
        self._db = db
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._others = CrossProcess(db, self._from_thread)

    def start(self) -> None:
        """Listen to commits of this process and of others."""
        self._db.on_work = self._committed
        self._others.start()

    def stop(self) -> None:
        """Listen no more."""
        self._db.on_work = None
        self._others.stop()

    def signal(self) -> None:
        """Wake the worker of this process; from the event loop only."""
        self._event.set()

    async def wait(self) -> None:
        """Return at the next wake-up, or at once where one came since the last."""
        await self._event.wait()
        self._event.clear()

    def _committed(self) -> None:
        self._from_thread()
        self._others.tell()

    def _from_thread(self) -> None:
        # Still set, it was not heard yet: whoever hears it looks into the database after this.
        if not self._event.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)
