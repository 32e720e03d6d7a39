"""The three statements of the work engine, on both databases (engine.md §3.4)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import update

from gateway.domain.link_model import LinkId
from gateway.services import sync_run
from gateway.store import links
from gateway.store.database import Database
from gateway.store.links import Claim
from gateway.store.schema_sync import link
from tests.services.sync_world import World, make


@pytest.fixture
def world(db: Database) -> World:
    return make(db)


def claim(world: World, **more: Any) -> list[Claim]:
    return world.db.write(links.claim, **({"limit": 10, "per_account": 10, "lease_ms": 30_000} | more))


def finish(world: World, held: Claim, **more: Any) -> bool:
    return world.db.write(links.finish, held, **({"next_ms": 2**50, "values": {"fails": 0}} | more))


def test_a_link_is_claimed_once_until_it_is_given_back(world: World) -> None:
    (held,) = claim(world)
    assert claim(world) == []
    assert finish(world, held)
    assert claim(world) == []
    world.put("a")
    assert [one.token for one in claim(world)] == [held.token + 1]


def test_a_change_while_the_link_runs_makes_it_due_again(world: World) -> None:
    (held,) = claim(world)
    world.put("a")
    assert claim(world) == []
    assert finish(world, held)
    assert len(claim(world)) == 1


def test_a_zombie_cannot_finish_renew_or_record(world: World) -> None:
    (old,) = claim(world)
    with world.db.transaction(write=True) as tx:
        tx.execute(update(link).values(lease_until=1, due_at=1))
    (new,) = claim(world)
    assert new.token == old.token + 1
    assert not finish(world, old, values={"pushed_seq": 99})
    assert not world.db.write(links.renew, old, lease_ms=30_000)
    assert not world.db.write(links.holds, old)
    assert world.link().pushed_seq == 0
    assert world.db.write(links.renew, new, lease_ms=30_000)
    assert finish(world, new)


def test_a_lease_that_was_given_back_is_not_renewed(world: World) -> None:
    """A renewal that comes a moment late would keep everybody from the link until it ends."""
    (held,) = claim(world)
    assert finish(world, held)
    assert not world.db.write(links.renew, held, lease_ms=30_000)
    world.put("a")
    assert len(claim(world)) == 1


def test_a_wake_up_does_not_shorten_a_wait_that_was_asked_for(world: World) -> None:
    (held,) = claim(world)
    world.db.write(sync_run.fail, held, delay_ms=3_600_000, error="wait", now=world.now)
    world.put("a")
    assert claim(world) == []
    remaining = world.db.read(links.next_due_ms)
    assert remaining is not None
    assert remaining > 3_000_000


def test_the_sweeper_finds_what_nobody_has_woken(world: World) -> None:
    world.put("a")
    with world.db.transaction(write=True) as tx:
        tx.execute(update(link).values(due_at=2**50))
    assert claim(world) == []
    assert world.db.write(links.sweep) == 1
    assert len(claim(world)) == 1
    assert world.db.write(links.sweep) == 0


def test_one_account_never_has_more_than_its_share(world: World) -> None:
    with world.db.transaction(write=True) as tx:
        row = dict(tx.execute(link.select()).one()._mapping)
        for number in range(5):
            copy = row | {"uuid": f"copy-{number}", "role": f"r{number}", "due_at": 1}
            del copy["id"]
            tx.execute(link.insert().values(**copy))
    first = claim(world, per_account=2)
    assert len(first) == 2
    assert claim(world, per_account=2) == []
    assert finish(world, first[0])
    assert len(claim(world, per_account=2)) == 1


def test_calendars_without_links_are_left_alone(world: World) -> None:
    with world.db.transaction(write=True) as tx:
        tx.execute(link.delete())
    woken: list[int] = []
    world.db.on_work = lambda: woken.append(1)
    world.put("a")
    assert woken == []


def test_two_workers_over_many_changes_lose_nothing_and_double_nothing(world: World) -> None:
    """Writers commit while two workers claim, read the log and move on: each change is seen once."""
    seen: list[int] = []
    lock = threading.Lock()
    writers_done = threading.Event()
    errors: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(30):
                world.put(f"{threading.get_ident()}-{number}")
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            errors.append(error)

    def work() -> None:
        from gateway.store import changes

        while True:
            ended = writers_done.is_set()
            claims = claim(world)
            for held in claims:
                found = world.db.read(links.get, held.link_id)
                assert found is not None
                lines = world.db.read(changes.since, found.calendar_id, found.pushed_seq)
                top = max([line.seq for line in lines], default=found.pushed_seq)
                if finish(world, held, values={"pushed_seq": top}):
                    with lock:
                        seen.extend(line.seq for line in lines)
            if ended and not claims:
                return
            time.sleep(0.001)

    workers = [threading.Thread(target=work) for _ in range(2)]
    writers = [threading.Thread(target=write) for _ in range(3)]
    for thread in [*workers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    writers_done.set()
    for thread in workers:
        thread.join()
    assert errors == []
    assert sorted(seen) == list(range(1, 91))
    assert world.link().pushed_seq == 90


def test_a_stopped_link_is_never_claimed(world: World) -> None:
    from gateway.services import links as service

    world.db.write(service.pause, LinkId(world.link_id), actor="ada", now=world.now)
    world.put("a")
    assert claim(world) == []
    world.db.write(service.resume, LinkId(world.link_id), actor="ada", now=world.now)
    assert len(claim(world)) == 1
