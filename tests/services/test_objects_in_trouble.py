"""Writes when the machine is at its end: a full disk, a lock that stays, a failure half way."""

from __future__ import annotations

import resource as process_limits
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.domain.errors import StoreBusy, StoreFull
from gateway.domain.model import Calendar, ConflictPolicy
from gateway.services import objects, prepare
from gateway.store import sqlite as sqlite_module
from gateway.store.database import Database, Transaction
from gateway.store.sqlite import sqlite_driver
from tests.worlds import ORIGIN, World, at, vevent


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
def room(world: World) -> Calendar:
    return world.resource()


class TestFullDisk:
    @pytest.fixture
    def world(self, sqlite_db: Database) -> World:
        return World(sqlite_db)

    def _fill(self, world: World, room: Calendar, done: dict[str, str]) -> None:
        """Write for ever; ``done`` is what was acknowledged."""
        for number in range(2000):
            data = vevent(f"f{number}", at(number % 300), None, "DESCRIPTION:" + "x" * 3000)
            done[f"f{number}"] = world.put(room, f"f{number}", data, on_clash=ConflictPolicy.ALLOW).etag

    def _check(self, world: World, room: Calendar, done: dict[str, str]) -> None:
        assert world.listing(room) == done
        assert world.calendar(room).seq == len(done)
        assert [line.seq for line in world.log(room)] == list(range(1, len(done) + 1))
        with world.db.transaction(write=False) as tx:
            assert tx.connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"

    def test_a_full_database_refuses_and_keeps_the_old_state(self, world: World, room: Calendar) -> None:
        with world.db.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        world.db.engine.dispose()
        # A pool of one connection, so that the limit holds for every transaction.
        world.db.engine = world.db._engine(1)
        with world.db.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 60}")
        done: dict[str, str] = {}
        with pytest.raises(StoreFull, match="full"):
            self._fill(world, room, done)
        assert done
        self._check(world, room, done)
        with world.db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        world.put(room, "after", vevent("after", at(400)))
        assert len(world.listing(room)) == len(done) + 1

    def test_a_file_that_may_not_grow_refuses_and_keeps_the_old_state(
        self, world: World, room: Calendar
    ) -> None:
        done = {"a": world.put(room, "a", vevent("a")).etag}
        with _no_file_larger_than(64 * 1024), pytest.raises(StoreFull, match="full"):
            self._fill(world, room, done)
        self._check(world, room, done)
        assert world.put(room, "after", vevent("after", at(400))).is_created


@contextmanager
def _no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """Let every write beyond ``size_bytes`` of a file fail, as a full disk does."""
    old = process_limits.getrlimit(process_limits.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write itself fails with EFBIG instead
    process_limits.setrlimit(process_limits.RLIMIT_FSIZE, (size_bytes, old[1]))
    try:
        yield
    finally:
        process_limits.setrlimit(process_limits.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


class TestLockedDatabase:
    def test_a_lock_that_stays_is_said_and_nothing_is_changed(
        self, sqlite_address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_module, "BUSY_TIMEOUT_S", 0.2)
        db = Database(sqlite_address)
        world = World(db)
        room = world.resource()
        rival = sqlite_driver().connect(sqlite_address.removeprefix("sqlite:///"), isolation_level=None)
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="locked"):
            world.put(room, "a", vevent("a"))
        assert world.listing(room) == {}  # readers are not in its way
        rival.execute("ROLLBACK")
        rival.close()
        assert world.put(room, "a", vevent("a")).seq == 1
        db.close()


def test_a_write_that_fails_half_way_leaves_nothing(world: World, room: Calendar) -> None:
    def put_and_fail(tx: Transaction) -> None:
        ready = prepare.prepare(vevent("a"), room, limits=world.limits, now=world.now)
        objects.put(tx, room.id, "a", ready, origin=ORIGIN, now=world.now, limits=world.limits)
        raise RuntimeError("the machine had other plans")

    with pytest.raises(RuntimeError):
        world.db.write(put_and_fail)
    assert world.listing(room) == {}
    assert world.calendar(room).seq == 0
    assert world.put(room, "a", vevent("a")).seq == 1
