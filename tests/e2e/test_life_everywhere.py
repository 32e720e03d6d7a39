"""Plan, undo, adoption and leaving behave alike at every provider that can be written to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete

from gateway.domain.link_model import Account, Direction, Link
from gateway.domain.model import Calendar
from gateway.lab.caldav import person
from gateway.providers.contract import Scope, Upsert
from gateway.services import links
from gateway.store.database import Database
from gateway.store.schema_sync import mapping
from gateway.sync.leave import Copies, Leaver
from gateway.sync.preview import preview
from gateway.sync.undo import Undoer
from tests.e2e.caldav_world import caldav_world
from tests.e2e.google_world import google_world
from tests.e2e.graph_world import graph_world
from tests.e2e.office import AROUND, INSTANCE, SOON, event, series

WORLDS: dict[str, Any] = {"google": google_world, "graph": graph_world, "caldav": caldav_world}


class Life:
    """A link with two events and a series at one provider."""

    def __init__(self, name: str, world: Any, calendar: Calendar, account: Account, link: Link) -> None:
        self.name, self.world = name, world
        self.calendar, self.account, self.link = calendar, account, link

    def put(self, title: str = "Stand-up") -> None:
        self.world.put(self.calendar, "a", event("a", title))
        self.world.put(self.calendar, "b", event("b", "Second", days=1))
        self.world.put(self.calendar, "s", series("s"))

    async def there(self) -> dict[str, Upsert]:
        """Return what the provider holds, by remote id."""
        remote = await self.world.accounts.open(self.account)
        found: dict[str, Upsert] = {}
        pages = remote.pull(self.link.remote_id, cursor=None, window=AROUND, scope=Scope.OBJECTS)
        async for page in pages:
            found.update({one.remote_id: one for one in page.items if isinstance(one, Upsert)})
        return found

    async def titles(self) -> list[str]:
        lines = [
            line.removeprefix("SUMMARY:")
            for one in (await self.there()).values()
            for line in one.ical.decode().split("\r\n")
            if line.startswith("SUMMARY:")
        ]
        return sorted(set(lines))

    async def plan(self) -> dict[tuple[str, str], int]:
        made = await preview(
            self.world.accounts,
            self.world.status(self.link.id),
            instance_id=INSTANCE,
            limits=self.world.limits,
            public_url=self.world.worker.public_url,
        )
        counts: dict[tuple[str, str], int] = {}
        for item in made.items:
            counts[item["side"], item["action"]] = counts.get((item["side"], item["action"]), 0) + 1
        return counts

    async def undo(self) -> Any:
        undoer = Undoer(
            accounts=self.world.accounts,
            instance_id=INSTANCE,
            limits=self.world.limits,
            public_url=self.world.worker.public_url,
        )
        return await undoer.undo(self.world.status(self.link.id), None)

    async def person_adds(self) -> None:
        """Let a person make an event of her own there."""
        at = {"dateTime": f"{SOON:%Y-%m-%d}T15:00:00", "timeZone": "UTC"}
        end = at | {"dateTime": f"{SOON:%Y-%m-%d}T16:00:00"}
        if self.name == "google":
            await self.world.person_adds(self.link.remote_id, summary="Hers", start=at, end=end)
        elif self.name == "graph":
            await self.world.person_adds(self.link.remote_id, subject="Hers", start=at, end=end)
        else:
            there = self.world.calendar_there(self.link.remote_id)
            times = (f"DTSTART:{SOON:%Y%m%d}T150000Z", f"DTEND:{SOON:%Y%m%d}T160000Z")
            person.add(self.world.laboratory.dav, there, *times, "SUMMARY:Hers")


@pytest.fixture(params=sorted(WORLDS))
async def life(request: pytest.FixtureRequest, sqlite_db: Database) -> AsyncIterator[Life]:
    async with WORLDS[request.param](sqlite_db) as world:
        calendar, account = world.add_resource(), await world.connect()
        link = await world.link(calendar, account, direction=Direction.BOTH)
        yield Life(request.param, world, calendar, account, link)


async def test_plan_then_run_then_nothing_and_undo_of_an_update(life: Life) -> None:
    life.put()
    assert await life.plan() == {("there", "create"): 3}
    assert await life.there() == {}
    await life.world.run()
    assert await life.plan() == {}
    life.world.put(life.calendar, "a", event("a", "Changed"))
    life.world.put(life.calendar, "s", series("s", "Other"))
    assert await life.plan() == {("there", "update"): 2}
    await life.world.run()
    assert await life.titles() == ["Changed", "Other", "Other moved", "Second"]
    undone = await life.undo()
    assert undone.refused == ()
    assert {way for _, way, _ in undone.done} == {"update"}
    assert await life.titles() == ["Second", "Series", "Series moved", "Stand-up"]
    await life.world.run(full=True)
    assert await life.titles() == ["Second", "Series", "Series moved", "Stand-up"]
    assert await life.plan() == {}
    assert life.world.tickets() == []


async def test_pain_1_a_lost_memory_adopts_all_and_creates_none_everywhere(life: Life) -> None:
    life.put()
    await life.world.run()
    before = set(await life.there())
    with life.world.db.transaction(write=True) as tx:
        tx.execute(delete(mapping))
    life.world.db.write(links.hold, life.link.id, actor="test", now=life.world.clock())
    writes = life.world.writes() if life.name == "caldav" else await life.world.writes()
    assert await life.plan() == {("here", "adopt"): 3}
    plan = life.world.db.read(links.open_plan, life.link.id)
    life.world.db.write(links.approve, plan["uuid"], actor="test", now=life.world.clock())
    await life.world.run()
    assert set(await life.there()) == before
    assert (life.world.writes() if life.name == "caldav" else await life.world.writes()) == writes


async def test_undo_of_creates_then_leaving_removes_the_rest_and_proves_it(life: Life) -> None:
    life.put()
    await life.world.run()
    undone = await life.undo()
    assert len(undone.done) == 3
    await life.world.run(full=True)
    assert await life.there() == {}
    assert sorted(life.world.here(life.calendar)) == ["a", "b", "s"]
    again = await life.undo()
    assert len(again.done) == 3
    await life.world.run(full=True)
    assert len(await life.there()) == 3


async def test_pain_68_leaving_removes_exactly_ours_everywhere(life: Life) -> None:
    life.put()
    await life.world.run()
    await life.person_adds()
    assert len(await life.there()) == 4
    leaver = Leaver(accounts=life.world.accounts)
    left = await leaver.leave(life.world.status(life.link.id), life.account, Copies.OURS, actor="test")
    assert (left.removed, left.foreign, left.is_proven, left.kept) == (3, 1, True, ())
    assert await life.titles() == ["Hers"]
