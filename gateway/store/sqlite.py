"""SQLite: its driver, a connection's settings, and who may write when.

WAL; every writing transaction begins IMMEDIATE, behind a process-wide lock that keeps the order of arrival.
"""

from __future__ import annotations

import random
import time
from collections import deque
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

BUSY_TIMEOUT_S = 10.0


def sqlite_driver() -> ModuleType:
    """Return pysqlite3, whose SQLite has no WAL-reset bug, else the standard library's driver."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:  # not packaged for this platform; `doctor` says what that means
        import sqlite3

        return sqlite3
    module: ModuleType = dbapi2
    return module


def sqlite_url(path: Path) -> str:
    """Return the address of a SQLite file."""
    return f"sqlite:///{path}"


class FairLock:
    """A mutual exclusion that serves waiting threads in the order of their arrival."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_held = False
        self._waiting: deque[Lock] = deque()

    def acquire(self) -> None:
        """Wait for the turn of this thread."""
        with self._guard:
            if not self._is_held:
                self._is_held = True
                return
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def release(self) -> None:
        """Hand over to the thread that has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_held = False


def configure(connection: Any, synchronous: str) -> None:  # Any: the driver's own connection
    """Prepare a new connection.

    Args:
        connection: the driver's.
        synchronous: ``PRAGMA synchronous``.
    """
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        f"busy_timeout={int(BUSY_TIMEOUT_S * 1000)}",
        "foreign_keys=ON",
        # KiB of each connection, and there are ten: what requests read again fits, and the rest is in the
        # system's cache, from which a listing of 10,000 objects is as fast.
        "cache_size=-4096",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def begin_sqlite(raw: Any, *, write: bool) -> None:  # Any: the driver's own connection
    """Begin the transaction that SQLAlchemy believes has begun: the driver begins none by itself.

    Not by an event of the engine: with one of them every statement looks for listeners.
    """
    if write:
        _begin_immediate(raw, sqlite_driver())
    else:
        raw.execute("BEGIN").close()


def _begin_immediate(raw: Any, driver: ModuleType) -> None:  # Any: the driver's own connection
    """Take SQLite's write lock as soon as another process gives it back.

    SQLite's own busy handler sleeps up to 100 ms and misses the short gaps between the batches of an
    import beside the server; here a waiting writer looks every millisecond.
    """
    raw.execute("PRAGMA busy_timeout=0").close()
    try:
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                raw.execute("BEGIN IMMEDIATE").close()
            except driver.OperationalError as error:
                if "locked" not in str(error):
                    break
                time.sleep(random.uniform(0.0005, 0.0015))  # noqa: S311 - not a secret
            else:
                return
        raw.execute("BEGIN IMMEDIATE").close()  # fails with the reason
    finally:
        raw.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}").close()
