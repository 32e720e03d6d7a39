"""The engine and its transactions: what is in use, who waits, and in which order."""

from __future__ import annotations

import threading
import time

import pytest

from gateway.domain.errors import StoreBusy, StoreUnusable
from gateway.store import instance
from gateway.store.database import Database, Transaction
from gateway.store.failures import RetryableConflict
from gateway.store.sqlite import FairLock, sqlite_driver


def test_when_every_connection_is_in_use_it_is_said(db: Database) -> None:
    db.engine.pool._timeout = 0.1  # type: ignore[attr-defined]  # the pool's own setting, made short
    with db.engine.connect() as one:
        held = [db.engine.connect() for _ in range(db.engine.pool.size() - 1)]  # type: ignore[attr-defined]  # a QueuePool
        with pytest.raises(StoreBusy, match="in use"):
            db.read(instance.epoch)
        assert not one.closed
        for connection in held:
            connection.close()
    assert db.read(instance.epoch)


def test_the_lock_serves_in_the_order_of_arrival() -> None:
    lock = FairLock()
    lock.acquire()
    served: list[int] = []

    def wait(number: int) -> None:
        lock.acquire()
        served.append(number)
        lock.release()

    threads = []
    for number in range(10):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        deadline = time.monotonic() + 5
        while len(lock._waiting) <= number and time.monotonic() < deadline:
            time.sleep(0.001)
    lock.release()
    for thread in threads:
        thread.join()
    assert served == list(range(10))


def test_a_writer_gets_the_lock_in_the_gaps_of_another_process(sqlite_address: str) -> None:
    """As beside an import: the other one holds the lock most of the time, and lets go for a moment."""
    db = Database(sqlite_address)
    rival = sqlite_driver().connect(
        sqlite_address.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    stop = threading.Event()
    turns = 0

    def hold() -> None:
        nonlocal turns
        while not stop.is_set():
            rival.execute("BEGIN IMMEDIATE")
            time.sleep(0.02)
            rival.execute("COMMIT")
            turns += 1
            time.sleep(0.005)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        before = turns
        for number in range(10):
            db.write(instance.put, "test", str(number))
        assert turns - before < 100, "every write waited for several turns of the other one"
    finally:
        stop.set()
        thread.join()
        rival.close()
        db.close()


def test_deadlocks_and_serialisation_failures_are_tried_again_a_few_times(db: Database) -> None:
    calls = []

    def write(_tx: Transaction) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise RetryableConflict

    db.write(write)
    assert len(calls) == 3

    def never(_tx: Transaction) -> None:
        raise RetryableConflict

    with pytest.raises(StoreBusy, match="Repeat in a moment"):
        db.write(never)


def test_what_runs_after_the_commit_does_not_run_after_a_rollback(db: Database) -> None:
    done: list[str] = []

    def write(tx: Transaction, *, fails: bool) -> None:
        tx.on_commit(lambda: done.append("told"))
        instance.put(tx, "test", "1")
        if fails:
            tx.roll_back_only()

    db.write(write, fails=True)
    assert (done, db.read(instance.get, "test")) == ([], None)
    db.write(write, fails=False)
    assert (done, db.read(instance.get, "test")) == (["told"], "1")


def test_a_database_that_is_not_there_is_said(tmp_path) -> None:
    db = Database("postgresql://127.0.0.1:1/nothing")
    with pytest.raises(StoreUnusable, match="CALGATE_DATABASE_URL"):
        db.read(instance.epoch)
    db.close()
    with pytest.raises(StoreUnusable, match="postgresql://"):
        Database("mysql://x/y")
    missing = Database(f"sqlite:///{tmp_path}/no/such/directory.sqlite3")
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        missing.read(instance.epoch)
    missing.close()


async def test_the_event_loop_uses_the_same_use_cases(db: Database) -> None:
    await db.awrite(instance.put, "test", "loop")
    assert await db.aread(instance.get, "test") == "loop"
