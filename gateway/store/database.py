"""The engine, the transaction, and the one bridge between threads and the event loop.

One use case, one transaction. Threads (CalDAV, CLI) call ``read`` and ``write``; the event loop calls
``aread`` and ``awrite``, which run the same use case in a thread pool of their own. A transaction
never waits for the network.

SQLite: WAL, every writing transaction begins IMMEDIATE behind a process-wide first-in-first-out lock.
PostgreSQL: writes in READ COMMITTED with the calendar's row locked, reads in one REPEATABLE READ snapshot.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from gateway.domain.errors import StoreBusy, StoreUnusable
from gateway.store.failures import RetryableConflict, translate
from gateway.store.sqlite import BUSY_TIMEOUT_S, FairLock, begin_sqlite, configure, sqlite_driver

P = ParamSpec("P")
R = TypeVar("R")

_RETRIES = 5
NOT_POSTGRESQL = (
    "CALGATE_DATABASE_URL must begin with postgresql:// (or be unset for SQLite in CALGATE_DATA)."
)


class Transaction:
    """One open transaction: what every query function takes as its first argument."""

    __slots__ = (
        "_connection",
        "_driver",
        "_opened",
        "after_commit",
        "after_undo",
        "default_zone",
        "is_postgresql",
        "is_write",
        "must_roll_back",
        "on_work",
    )

    def __init__(
        self,
        opened: Callable[[], Connection],
        driver: Any,  # Any: the driver's own connection
        *,
        is_write: bool,
        is_postgresql: bool,
        default_zone: str,
        on_work: Callable[[], None] | None = None,
    ) -> None:
        self._opened = opened
        self._connection: Connection | None = None
        self._driver = driver
        self.on_work = on_work
        self.is_write = is_write
        self.default_zone = default_zone
        self.is_postgresql = is_postgresql
        self.after_commit: list[Callable[[], None]] = []
        self.after_undo: list[Callable[[], None]] = []
        self.must_roll_back = False

    @property
    def is_only_writer(self) -> bool:
        """Return whether nothing but this transaction can change what it has read: SQLite's writer."""
        return self.is_write and not self.is_postgresql

    def execute(self, statement: Any, parameters: Any = None) -> Any:  # Any: SQLAlchemy's own signature
        """Run one statement."""
        return self.connection.execute(statement, parameters)

    @property
    def connection(self) -> Connection:
        """Return SQLAlchemy's connection, made at the first use: many transactions need the driver's only."""
        if self._connection is None:
            self._connection = self._opened()
        return self._connection

    @property
    def driver(self) -> Any:  # Any: the driver's own connection
        """Return the driver's connection, inside this transaction (``store.hot``)."""
        return self._driver

    def on_commit(self, action: Callable[[], None]) -> None:
        """Run ``action`` once the transaction is durable; it must not raise and must not wait."""
        self.after_commit.append(action)

    def on_undo(self, action: Callable[[], None]) -> None:
        """Run ``action`` where the transaction ends without a commit, so that nothing noted outlives it."""
        self.after_undo.append(action)

    def hint_work(self) -> None:
        """Tell the worker, once the transaction is durable, that there is something to do."""
        if self.on_work is not None and self.on_work not in self.after_commit:
            self.after_commit.append(self.on_work)

    def savepoint(self) -> AbstractContextManager[object]:
        """Make a part of the transaction undo itself where it fails, so that the rest can go on."""
        return self.connection.begin_nested()

    def roll_back_only(self) -> None:
        """Make the end of this transaction undo it, whatever the caller does next."""
        self.must_roll_back = True


class Database:
    """The database of one instance.

    Args:
        url: ``sqlite:///path`` or ``postgresql://...``.
        threads: size of the pool behind ``aread`` and ``awrite``.
        connections: most open connections; at least the sum of all threads that use the database.
        synchronous: SQLite's ``PRAGMA synchronous``.
        default_zone: IANA name for resources without a zone of their own.
    """

    def __init__(
        self,
        url: str,
        *,
        threads: int = 3,
        connections: int = 8,
        synchronous: str = "FULL",
        default_zone: str = "UTC",
    ) -> None:
        self.url = _normal_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self.synchronous = synchronous
        self.default_zone = default_zone
        self.engine = self._engine(connections)
        self.on_work: Callable[[], None] | None = None  # told after a commit that made a link due
        self._write_lock = FairLock()
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="db")

    # -- threads ------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Transaction]:
        """Open a transaction; leaving the block commits, an exception rolls back.

        Raises:
            StoreFull: the disk is full; nothing was changed.
            StoreBusy: another process held the database for too long, or every connection is in use.
            StoreUnusable: the database does not answer.
        """
        if write and self.is_sqlite:
            self._write_lock.acquire()
        tx: Transaction | None = None
        is_done = False
        try:
            try:
                with self._on_sqlite(write) if self.is_sqlite else self._on_postgresql(write) as tx:
                    yield tx
                is_done = not tx.must_roll_back
            except DBAPIError as error:
                raise translate(error) from error
            except PoolTimeout as error:
                raise StoreBusy("Every database connection is in use; repeat in a moment.") from error
        finally:
            if write and self.is_sqlite:
                self._write_lock.release()
            if tx is not None:
                for action in tx.after_commit if is_done else reversed(tx.after_undo):
                    action()

    @contextmanager
    def _on_postgresql(self, write: bool) -> Iterator[Transaction]:
        level = "READ COMMITTED" if write else "REPEATABLE READ"
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level=level, postgresql_readonly=not write)
            with connection.begin() as transaction:
                driver = connection.connection.dbapi_connection
                tx = self._transaction(lambda: connection, driver, write)
                yield tx
                if tx.must_roll_back:
                    transaction.rollback()

    @contextmanager
    def _on_sqlite(self, write: bool) -> Iterator[Transaction]:
        """Begin and end on the driver: SQLAlchemy's connection costs more than a small transaction."""
        pooled = self._driven(self.engine.raw_connection)
        try:
            driver: Any = pooled.dbapi_connection  # Any: the driver's own object
            self._driven(lambda: begin_sqlite(driver, write=write))
            tx = self._transaction(lambda: Connection(self.engine, connection=pooled), driver, write)
            yield tx
            self._driven(driver.rollback if tx.must_roll_back else driver.commit)
        finally:
            pooled.close()  # rolls back what is still open

    def _transaction(self, opened: Callable[[], Connection], driver: Any, write: bool) -> Transaction:
        return Transaction(
            opened,
            driver,
            is_write=write,
            is_postgresql=not self.is_sqlite,
            default_zone=self.default_zone,
            on_work=self.on_work,
        )

    def _driven(self, action: Callable[[], R]) -> R:
        """Do something on the driver; its errors come out as SQLAlchemy's."""
        dialect = self.engine.dialect
        base = dialect.loaded_dbapi.Error
        try:
            return action()
        except base as error:
            raise DBAPIError.instance("", None, error, base, hide_parameters=True, dialect=dialect) from error

    def read(
        self, use_case: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a reading use case in one snapshot."""
        with self.transaction(write=False) as tx:
            return use_case(tx, *args, **kwargs)

    def write(
        self, use_case: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a writing use case; deadlocks and serialisation failures are tried again."""
        for attempt in range(_RETRIES):
            try:
                with self.transaction(write=True) as tx:
                    return use_case(tx, *args, **kwargs)
            except RetryableConflict:
                if attempt == _RETRIES - 1:
                    raise
                # Full jitter keeps two rivals from meeting again.
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - not a secret
        raise AssertionError("unreachable")

    # -- event loop ---------------------------------------------------------------------------------

    async def aread(
        self, use_case: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a reading use case in the pool of the event loop."""
        return await self.hop(lambda: self.read(use_case, *args, **kwargs))

    async def awrite(
        self, use_case: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a writing use case in the pool; a cancelled await does not undo it (it commits anyway)."""
        return await asyncio.shield(self.hop(lambda: self.write(use_case, *args, **kwargs)))

    def hop(self, work: Callable[[], R]) -> asyncio.Future[R]:
        """Run ``work`` in the pool: several transactions that one hop is enough for."""
        # run_in_executor does not copy the context, and log fields would be lost.
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)

    def close(self) -> None:
        """Wait for running work and close every connection."""
        self._pool.shutdown(wait=True)
        self.engine.dispose()

    # -- how connections are made -------------------------------------------------------------------

    def _engine(self, connections: int) -> Engine:
        if not self.is_sqlite:
            return create_engine(
                self.url,
                pool_size=connections,
                max_overflow=0,
                pool_timeout=30,
                pool_use_lifo=True,
                pool_pre_ping=True,
                hide_parameters=True,  # an error's text must not quote a client's data
                connect_args={"connect_timeout": 10, "options": "-c plan_cache_mode=force_custom_plan"},
            )
        driver = sqlite_driver()
        engine = create_engine(
            self.url,
            module=driver,
            hide_parameters=True,  # an error's text must not quote a client's data
            poolclass=QueuePool,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=30,
            # The one used last has its pages and statements in memory; in turns each would have all of them.
            pool_use_lifo=True,
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        )
        synchronous = self.synchronous

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _record: Any) -> None:  # Any: the driver's own objects
            configure(connection, synchronous)

        return engine


def _normal_url(url: str) -> str:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the address itself may hold a password and is not quoted
        raise StoreUnusable(
            "CALGATE_DATABASE_URL cannot be read; write postgresql://user:password@host:5432/name."
        ) from None
    if parsed.drivername.partition("+")[0] in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if not parsed.drivername.startswith(("sqlite", "postgresql")):
        raise StoreUnusable(NOT_POSTGRESQL)
    return parsed.render_as_string(hide_password=False)
