"""Wake-ups between processes: LISTEN/NOTIFY on PostgreSQL, ``data_version`` on SQLite. Hints, never truth.

NOTIFY is sent after the commit, by a connection of its own and at most once per 10 ms: inside the commit it
would hold one lock of the whole cluster through its flush (engine.md §3.3).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gateway.store.database import Database
from gateway.store.link_statements import ANY_DUE_TEXT
from gateway.store.sqlite import sqlite_driver

CHANNEL = "calgate_work"
_COALESCE_S = 0.01
_SQLITE_POLL_S = 0.02
_RETRY_S = 1.0


class CrossProcess:
    """Tells other processes about work, and this one about theirs; threads of its own."""

    def __init__(self, db: Database, heard: Callable[[], None]) -> None:
        """Call ``heard`` from a thread whenever another process may have made work."""
        self._db, self._heard = db, heard
        self._stop = threading.Event()
        self._told = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to listen."""
        targets = [self._poll_sqlite] if self._db.is_sqlite else [self._listen, self._notify]
        for target in targets:
            thread = threading.Thread(target=target, name=f"wakeup-{target.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def tell(self) -> None:
        """Tell the other processes; returns at once."""
        self._told.set()

    def stop(self) -> None:
        """End the threads."""
        self._stop.set()
        self._told.set()
        for thread in self._threads:
            thread.join(timeout=5)

    # -- SQLite ---------------------------------------------------------------------------------------

    def _poll_sqlite(self) -> None:
        path = self._db.engine.url.database or ""
        connection = sqlite_driver().connect(path, timeout=1, check_same_thread=False)
        try:
            seen: int | None = None
            while not self._stop.wait(_SQLITE_POLL_S):
                with suppress(sqlite_driver().Error):
                    seen = self.look(connection, seen)
        finally:
            connection.close()

    def look(self, connection: Any, seen: int | None) -> int:  # Any: a connection of the driver
        """Return the version of the data; tells of work where another connection has changed it.

        Only where a link is due: most commits are the worker's own, and make no work.
        """
        version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != seen and seen is not None and self._is_due(connection):
            self._heard()
        return version

    def _is_due(self, connection: Any) -> bool:  # Any: as above
        try:
            return connection.execute(ANY_DUE_TEXT[False]).fetchone() is not None
        except sqlite_driver().Error:
            return True  # the worker asks for itself

    # -- PostgreSQL -----------------------------------------------------------------------------------

    def _connect(self) -> Any:  # Any: a psycopg connection, made only where PostgreSQL is used
        import psycopg

        address = self._db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(address, autocommit=True, connect_timeout=10)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._heard()  # what came while nobody listened
                    while not self._stop.is_set():
                        if list(connection.notifies(timeout=0.5, stop_after=1)):
                            self._heard()
                            self._stop.wait(_COALESCE_S)  # what comes meanwhile is one with the next
            except Exception:  # noqa: BLE001 - the database may be away; polling goes on underneath
                self._stop.wait(_RETRY_S)

    def _notify(self) -> None:
        while not self._stop.is_set():
            self._told.wait()
            try:
                with self._connect() as connection:
                    while not self._stop.is_set():
                        self._told.wait()
                        self._told.clear()
                        if not self._stop.is_set():
                            connection.execute(f"NOTIFY {CHANNEL}")
                        time.sleep(_COALESCE_S)
            except Exception:  # noqa: BLE001 - the rows are due whether or not somebody is told
                self._stop.wait(_RETRY_S)
