"""kill -9 of a real server in the middle of concurrent writes: what was acknowledged is there, whole.

Each round starts a server on the data of the rounds before, lets several clients PUT and DELETE over HTTP,
kills the process, starts it again and compares every object with what its client was told.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from gateway.domain.model import Calendar, Window
from gateway.services import resources
from gateway.store import calendars as calendar_store
from gateway.store.database import Database, Transaction
from gateway.store.schema import change
from tests.conftest import Cli
from tests.dav_client import DavClient, Replica
from tests.servers import Server
from tests.services.test_occurrence_index import fresh
from tests.worlds import World, at, vevent

ROUNDS = 100 if os.environ.get("CALGATE_SOAK") == "1" else 5  # per database
WRITERS = 4
NAMES = 12


@dataclass
class Writer:
    """One client and what it knows: per name what was acknowledged, and the one write without an answer."""

    number: int
    known: dict[str, bytes] = field(default_factory=dict)
    unsure: tuple[str, bytes | None] | None = None
    writes: int = 0

    def run(self, address: str, password: str, seed: int) -> None:
        """Write until the server is gone."""
        choice = random.Random(seed)
        try:
            with DavClient(f"{address}/dav/ann/room/", "ann", password) as client:
                while True:
                    self._write(client, choice)
        except (OSError, http.client.HTTPException):
            return  # killed

    def _write(self, client: DavClient, choice: random.Random) -> None:
        number = choice.randrange(NAMES)
        name = f"w{self.number}-{number}.ics"
        if name in self.known and choice.random() < 0.3:
            self.unsure = (name, None)
            status = client.delete(name).status
            assert status in {200, 204}, status
            del self.known[name]
        else:
            rule = "RRULE:FREQ=WEEKLY;COUNT=8"
            text = f"{self.writes} " + "x" * choice.choice([10, 500, 20_000])
            data = vevent(f"w{self.number}-{number}", at(number, self.number), None, rule, title=text)
            self.unsure = (name, data)
            status = client.put(name, data).status
            assert status in {201, 204}, status
            self.known[name] = data
        self.unsure = None
        self.writes += 1

    def settle(self, stored: dict[str, bytes]) -> None:
        """Compare with what is stored; the unanswered write may have happened, wholly or not at all."""
        mine = {name: data for name, data in stored.items() if name.startswith(f"w{self.number}-")}
        if self.unsure is not None:
            name, data = self.unsure
            assert mine.get(name) in {self.known.get(name), data}, f"{name} is half written"
            self.known.pop(name, None)
            if name in mine:
                self.known[name] = mine[name]
            self.unsure = None
        assert mine == self.known


def _check_store(address: str) -> None:
    """The database itself: whole, numbers without a gap, occurrences as expanded anew."""
    db = Database(address)
    try:
        world = World(db, now=datetime.now(UTC))

        def read(tx: Transaction) -> tuple[Calendar, list[int]]:
            room = calendar_store.of_resource(tx, resources.get(tx, "room").id)
            query = select(change.c.seq).where(change.c.calendar_id == room.id).order_by(change.c.seq)
            if db.is_sqlite:
                assert tx.connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
                assert not tx.connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            return room, list(tx.execute(query).scalars())

        room, numbers = db.read(read)
        assert numbers == list(range(1, room.seq + 1))
        window = Window(start=at(0), end=at(100))
        assert sorted(world.index(room, window)) == fresh(world, room, window)
    finally:
        db.close()


@pytest.mark.timeout(120 + 30 * ROUNDS)
def test_no_acknowledged_write_is_lost_and_none_is_half_written(cli_on_both: Cli) -> None:
    cli = cli_on_both
    cli.json("person", "add", "ann")
    cli.json("resource", "add", "room", "--kind", "room", "--policy", "allow")
    cli.json("grant", "add", "write", "--person", "ann", "--resource", "room")
    password = cli.json("person", "app-password", "ann")["password"]
    database = cli.environment.get("CALGATE_DATABASE_URL") or f"sqlite:///{cli.data / 'calgate.sqlite3'}"
    writers = [Writer(number) for number in range(WRITERS)]
    follower = Replica()
    moment = random.Random(20260302)
    for turn in range(ROUNDS):
        server = Server(cli.variables()).start()
        threads = [
            threading.Thread(target=writer.run, args=(server.url, password, 1000 * turn + writer.number))
            for writer in writers
        ]
        before = sum(writer.writes for writer in writers)
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while sum(writer.writes for writer in writers) < before + 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moment.uniform(0, 0.3))
        server.kill()
        for thread in threads:
            thread.join()
        assert sum(writer.writes for writer in writers) >= before + 10, server.log[-2000:]
        _check_store(database)
        with (
            Server(cli.variables()) as again,
            DavClient(f"{again.url}/dav/ann/room/", "ann", password) as client,
        ):
            follower.pull(client)
            for writer in writers:
                writer.settle(follower.objects)
            listing = Replica()
            listing.pull(client, limit=7)
            assert listing.objects == follower.objects
    assert follower.restarts == 0, "tokens of before a kill stay good"
