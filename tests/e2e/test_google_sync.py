"""The engine and the Google plug-in against the laboratory, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.domain.link_model import Direction, LinkState
from gateway.store.database import Database
from tests.e2e.google_world import GoogleWorld, google_world
from tests.e2e.office import SOON, event


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    async with google_world(sqlite_db) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


async def test_an_event_goes_out_changes_and_goes_away(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    world.put(calendar, "a", event("a", "Stand-up", "ATTENDEE:mailto:guest@example.com"))
    await world.run()
    assert world.status(link.id).state is LinkState.ACTIVE, world.status(link.id).error
    (there,) = (await world.there(link.remote_id)).values()
    assert there["summary"] == "Stand-up"
    assert "attendees" not in there
    world.put(calendar, "a", event("a", "Planning"))
    await world.run()
    (there,) = (await world.there(link.remote_id)).values()
    assert there["summary"] == "Planning"
    writes = await world.writes()
    for _ in range(5):
        await world.run(poll=True)
    await world.run(full=True)
    assert await world.writes() == writes
    world.delete(calendar, "a")
    await world.run()
    assert await world.there(link.remote_id) == {}


async def test_two_way_takes_and_merges(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    world.put(calendar, "a", event("a", "Title", "LOCATION:Here"))
    await world.run()
    (remote_id,) = await world.there(link.remote_id)
    await world.person_edits(link.remote_id, remote_id, location="There")
    world.put(calendar, "a", event("a", "New title", "LOCATION:Here"))
    await world.run(poll=True)
    await world.run(poll=True)
    there = (await world.there(link.remote_id))[remote_id]
    assert (there["summary"], there["location"]) == ("New title", "There")
    assert b"LOCATION:There" in world.here(calendar)["a"]
    new = await world.person_adds(
        link.remote_id,
        summary="Theirs",
        start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00Z", "timeZone": "UTC"},
        end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00Z", "timeZone": "UTC"},
    )
    await world.run(poll=True)
    assert len(world.here(calendar)) == 2
    writes = await world.writes()
    await world.run(poll=True)
    await world.run(full=True)
    assert await world.writes() == writes
    await world.person_deletes(link.remote_id, new)
    await world.run(poll=True)
    assert list(world.here(calendar)) == ["a"]


async def test_busy_there_blocks_here(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.PULL, remote="ada@example.com")
    await world.person_adds(
        link.remote_id,
        summary="Private",
        start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00Z", "timeZone": "UTC"},
        end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00Z", "timeZone": "UTC"},
    )
    await world.run()
    from gateway.store import busy

    (period,) = world.db.read(busy.within, calendar.id, 0, 2**40)
    assert period.title is None
    assert world.here(calendar) == {}


async def test_pain_1_reconnecting_with_an_empty_memory_adopts_everything(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    for number in range(8):
        world.put(calendar, f"e{number}", event(f"e{number}", days=number))
    series = event("s", "Series", "RRULE:FREQ=WEEKLY;COUNT=5", days=1)
    world.put(calendar, "s", series)
    await world.run()
    before = await world.there(link.remote_id)
    assert len(before) == 9
    from gateway.services import links

    await world.db.awrite(links.remove, link.id, actor="test", now=world.clock())
    writes = await world.writes()
    again = await world.link(calendar, account, remote=link.remote_id)
    await world.run()
    assert world.status(again.id).state is LinkState.ACTIVE, world.status(again.id).error
    assert len(world.mappings(again.id)) == 9
    assert (await world.there(link.remote_id)).keys() == before.keys()
    assert await world.writes() == writes
