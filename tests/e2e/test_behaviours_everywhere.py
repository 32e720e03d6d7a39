"""Complaints about other products, by their numbers in behaviours.md, at every provider that can be written to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.errors import Clash
from gateway.domain.link_model import Direction
from gateway.lab.caldav import person
from gateway.services import links, resources
from gateway.store.database import Database
from tests.e2e.office import event, series
from tests.e2e.test_life_everywhere import WORLDS, Life


@pytest.fixture(params=sorted(WORLDS))
async def any_world(request: pytest.FixtureRequest, sqlite_db: Database) -> AsyncIterator[tuple[str, Any]]:
    async with WORLDS[request.param](sqlite_db) as world:
        yield request.param, world


@pytest.fixture
async def life(any_world: tuple[str, Any]) -> Life:
    name, world = any_world
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    return Life(name, world, calendar, account, link)


async def person_deletes(life: Life, remote_id: str) -> None:
    if life.name == "google":
        await life.world.person_deletes(life.link.remote_id, remote_id)
    elif life.name == "graph":
        await life.world.person_deletes(remote_id)
    else:
        there = life.world.calendar_there(life.link.remote_id)
        person.delete_any(life.world.laboratory.dav, there, remote_id)


async def test_pain_12_what_a_person_deletes_is_gone_here_after_the_next_pull_everywhere(life: Life) -> None:
    life.world.put(life.calendar, "a", event("a"))
    life.world.put(life.calendar, "s", series("s"))
    await life.world.run()
    for remote_id in await life.there():
        await person_deletes(life, remote_id)
    await life.world.run(poll=True)
    assert life.world.here(life.calendar) == {}
    await life.world.run(full=True)
    assert (await life.there(), life.world.here(life.calendar)) == ({}, {})


async def test_pain_61_what_is_written_past_us_is_found_and_told_and_not_undone_everywhere(
    life: Life,
) -> None:
    with life.world.db.transaction(write=True) as tx:
        resources.set_(tx, "room", limits=life.world.limits, now=life.world.clock(), policy="refuse")
    ours = event("a").replace(b"T09", b"T15").replace(b"T10", b"T16")
    life.world.put(life.calendar, "a", ours)
    await life.world.run()
    # The person writes at the provider, where nobody asks us.
    await life.person_adds()
    await life.world.run(poll=True)
    assert await life.titles() == ["Hers", "Stand-up"]
    (uid,) = life.world.here(life.calendar).keys() - {"a"}
    (ticket,) = life.world.tickets()
    assert (ticket["object_uid"], ticket["reason"]) == (uid, "clash")
    # Here both count: a third one is refused before it is stored.
    with pytest.raises(Clash):
        life.world.put(life.calendar, "b", ours.replace(b"UID:a", b"UID:b"))
    # Told once, however often it is read again.
    await life.world.run(full=True)
    assert [one["id"] for one in life.world.tickets()] == [ticket["id"]]


async def test_pain_61_time_taken_past_us_in_a_calendar_that_is_only_read_is_told_everywhere(
    any_world: tuple[str, Any],
) -> None:
    name, world = any_world
    calendar, account = world.add_resource(), await world.connect()
    made = await world.link(calendar, account)
    await world.db.awrite(links.remove, made.id, actor="test", now=world.clock())
    link = await world.link(calendar, account, direction=Direction.PULL, remote=made.remote_id)
    with world.db.transaction(write=True) as tx:
        resources.set_(tx, "room", limits=world.limits, now=world.clock(), policy="refuse")
    life = Life(name, world, calendar, account, link)
    ours = event("a").replace(b"T09", b"T15").replace(b"T10", b"T16")
    world.put(calendar, "a", ours)
    await life.person_adds()
    await world.run(poll=True)
    (ticket,) = world.tickets()
    assert (ticket["object_uid"], ticket["reason"]) == ("a", "busy-there")
    assert list(world.here(calendar)) == ["a"]
