"""The change log under many writers at once, and under a clock that goes back."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest

from gateway.domain.model import Calendar
from gateway.store import changes as change_store
from gateway.store.database import Database, Transaction
from tests.worlds import World, at, vevent

SOAK = os.environ.get("CALGATE_SOAK") == "1"  # read before the fixtures clean the environment


@pytest.mark.parametrize("writers", [8])
def test_nothing_is_lost_under_concurrent_writers_and_a_reader(db: Database, writers: int) -> None:
    world = World(db)
    rooms = [world.resource("one", policy="allow"), world.resource("two", policy="allow")]
    rounds = 200 if SOAK else 25
    acknowledged: list[dict[str, str]] = [{} for _ in range(writers)]
    failures: list[Exception] = []
    stop = threading.Event()
    begin = [world.token(room) for room in rooms]
    seen: list[tuple[str, dict[str, str]]] = [(token, {}) for token in begin]

    def write(number: int) -> None:
        try:
            for turn in range(rounds):
                _turn(world, rooms, acknowledged[number], number, turn)
        except Exception as error:  # noqa: BLE001 - a thread's failure belongs to the test
            failures.append(error)

    def read() -> None:
        try:
            while not stop.is_set():
                for index, room in enumerate(rooms):
                    seen[index] = world.follow(room, *seen[index], limit=5)
        except Exception as error:  # noqa: BLE001 - a thread's failure belongs to the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    reader = threading.Thread(target=read)
    for thread in (*threads, reader):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    reader.join()
    assert not failures, failures[0]
    for index, room in enumerate(rooms):
        expected = {
            key.partition("/")[2]: etag
            for mine in acknowledged
            for key, etag in mine.items()
            if key.startswith(f"{room.id}/")
        }
        assert world.listing(room) == expected
        assert world.follow(room, *seen[index])[1] == expected
        assert world.follow(room, begin[index], {}, limit=3)[1] == expected
        numbers = db.read(_numbers, room)
        assert numbers == list(range(1, world.calendar(room).seq + 1))


def _turn(world: World, rooms: list[Calendar], mine: dict[str, str], number: int, turn: int) -> None:
    """Write once as writer ``number``; ``mine`` is what she was told is stored."""
    room = rooms[(number + turn) % 2]
    name = f"w{number}-{turn % 7}"
    key = f"{room.id}/{name}"
    if turn % 5 == 4 and key in mine:
        world.delete(room, name)
        del mine[key]
        return
    data = vevent(f"{number}-{turn % 7}", at(turn % 30, number), title=f"turn {turn}")
    mine[key] = world.put(room, name, data).etag
    if turn % 11 == 10:
        other = rooms[(number + turn + 1) % 2]
        world.move(room, name, other, name, is_overwrite=True)
        mine[f"{other.id}/{name}"] = mine.pop(key)


def _numbers(tx: Transaction, room: Calendar) -> list[int]:
    rows = tx.connection.exec_driver_sql(
        f"SELECT seq FROM change WHERE calendar_id = {int(room.id)} ORDER BY seq"  # noqa: S608 - an integer
    )
    return [row[0] for row in rows]


def test_stamps_of_the_log_do_not_decide_its_order(db: Database) -> None:
    """A clock that goes back changes nothing: only numbers order the log."""
    world = World(db)
    room = world.resource()
    token = world.token(room)
    world.put(room, "a", vevent("a"))
    world.now -= timedelta(days=3)
    world.put(room, "b", vevent("b", at(2)))
    world.delete(room, "a")
    assert [c.href for c in db.read(change_store.since, room.id, 0)] == ["b", "a"]
    assert world.follow(room, token, {})[1] == world.listing(room)
