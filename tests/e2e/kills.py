"""kill -9 of the worker between any two provider calls, whatever the provider: the days, the deaths, the proof."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import update

from gateway.domain.link_model import Account, Direction, LinkState
from gateway.domain.model import Calendar
from gateway.lab.app import Laboratory
from gateway.services import links
from gateway.store import links as link_store
from gateway.store.database import Database
from gateway.store.schema_sync import link as link_table
from tests.e2e.instance import Instance
from tests.e2e.nursery import nursery
from tests.e2e.office import Occurrence, event, series

PATIENCE_S = 240  # for one worker on a machine with much else to do
SEED = int(os.environ.get("CALGATE_KILL_SEED", "7"))


class Place(Protocol):
    """A provider's world, and what the test asks of it."""

    world: Any
    """An ``Office`` with ``connect``."""
    laboratory: Laboratory
    environ: Mapping[str, str]
    """The plug-in's settings."""

    async def team(self) -> str:
        """Return a calendar that the person has made."""
        ...

    async def seen(self, calendar_id: str) -> list[Occurrence]:
        """Return every occurrence there."""
        ...

    async def writes(self) -> int: ...

    async def outbox(self) -> list[Any]: ...


class DeadlyJournal:
    """Kills a process when the laboratory has counted so many more calls."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.journal = laboratory.lab.journal
        self.pid: int | None = None
        self.calls_left = 0
        self.killed = 0
        self._record = self.journal.record
        self.journal.record = self._count  # type: ignore[method-assign] # the test's own hand in it

    def _count(self, *arguments: object, **more: object) -> object:
        made = self._record(*arguments, **more)  # type: ignore[arg-type] # passed on as it came
        if self.pid is not None:
            self.calls_left -= 1
            if self.calls_left <= 0:
                # The call was executed; its answer never arrives.
                os.kill(self.pid, signal.SIGKILL)
                self.pid, self.killed = None, self.killed + 1
        return made


async def survive(instance: Instance, place: Place, kills: int) -> None:
    """Kill so many workers; in the end exactly one event is there for each, and no change is lost."""
    db, world, spread = instance.db, place.world, random.Random(SEED)
    calendar: Calendar = world.add_resource()
    account: Account = await world.connect()
    push = await world.link(calendar, account)
    both = await world.link(calendar, account, direction=Direction.BOTH, remote=await place.team())
    deadly = DeadlyJournal(place.laboratory)
    variables = instance.cli(**place.environ, CALGATE_POLL_S="0.05").variables()
    numbers = itertools.count()
    async with nursery(variables) as workers:
        for life in range(kills):
            _busy_day(world, calendar, spread, numbers)
            # Some live longer, or what is left to do would only ever grow.
            deadly.calls_left = spread.randint(1, 14) if life % 5 else spread.randint(40, 80)
            await asyncio.to_thread(free_leases, db)
            deadly.pid = await workers.start()
            async with asyncio.timeout(PATIENCE_S):
                end = asyncio.create_task(workers.ended())
                while not end.done():
                    await asyncio.to_thread(answer_the_guard, db)
                    await asyncio.wait([end], timeout=1.0)
                await end
    assert deadly.killed == kills
    for _ in range(3):
        await asyncio.to_thread(free_leases, db)
        await asyncio.to_thread(answer_the_guard, db)
        await world.run(poll=True)
    await world.run(full=True)
    here = world.occurrences(calendar)
    for link in (push, both):
        found = world.status(link.id)
        assert found.state.value == "active", found.error
        # A list, not a set: an event that is there twice is seen.
        assert await place.seen(link.remote_id) == here
    writes = await place.writes()
    await world.run(full=True)
    assert await place.writes() == writes
    assert await place.outbox() == []


def something(number: int, title: str) -> bytes:
    """Return an event, or every third time a series, whose exceptions take calls of their own."""
    uid = f"e{number}"
    return series(uid, title, days=number % 5) if number % 3 == 2 else event(uid, title, days=number % 5)


def _busy_day(world: Any, calendar: Calendar, spread: random.Random, numbers: Iterator[int]) -> None:
    """Create, change and delete, so that some of it waits for whichever worker comes next."""
    for _ in range(spread.randint(1, 4)):
        number = next(numbers)
        world.put(calendar, f"e{number}", something(number, f"Event {number}"))
    known = sorted(world.here(calendar))
    for _ in range(1 + (len(known) > 20)):
        if len(known) > 6:
            gone, changed = spread.sample(known, 2)
            known.remove(gone)
            world.delete(calendar, gone)
            world.put(calendar, changed, something(int(changed[1:]), f"Changed {next(numbers)}"))


def free_leases(db: Database) -> None:
    """Let the lease of the dead worker end, without waiting for it."""
    with db.transaction(write=True) as tx:
        now = link_store.clock_ms(tx)
        tx.execute(update(link_table).values(lease_until=None, due_at=now, not_before=0))


def answer_the_guard(db: Database) -> None:
    """Say yes where so many deletions have gathered while nobody lived long enough that a person is asked."""
    with db.transaction(write=True) as tx:
        for link in link_store.listing(tx):
            plan = links.open_plan(tx, link.id)
            if link.state is LinkState.WAITING and plan is not None:
                links.approve(tx, plan["uuid"], actor="test", now=datetime.now(UTC))
