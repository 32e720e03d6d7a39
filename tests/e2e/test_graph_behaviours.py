"""Complaints about other products, by their numbers in behaviours.md, with Microsoft as the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.domain.ical import parse_object
from gateway.domain.link_model import Direction, LinkState
from gateway.lab.microsoft import person
from gateway.store import links as link_store
from gateway.store.database import Database
from plugins.graph import instances
from tests.contract.lab.graph_client import ADA
from tests.e2e.graph_side import occurrences_at
from tests.e2e.graph_world import GraphWorld, graph_world
from tests.e2e.office import SOON, event, series


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GraphWorld]:
    async with graph_world(sqlite_db) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


async def again(world: GraphWorld, account_id: int) -> None:
    """Let every wait be over and run in full."""
    with world.db.transaction(write=True) as tx:
        link_store.wake_account(tx, account_id)  # type: ignore[arg-type]  # an id is an int
    await world.run(full=True)


@pytest.mark.parametrize("kind", ["graph_garbage_empty", "graph_garbage_not_json", "503_before", "half_body"])
async def test_pain_2_a_listing_that_fails_or_is_empty_creates_and_deletes_nothing_graph(
    world: GraphWorld, kind: str
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    for number in range(3):
        world.put(calendar, f"e{number}", event(f"e{number}", days=number))
    await world.run()
    writes, here = await world.writes(), world.here(calendar)
    await world.lab.fault(kind, operation="graph.events.list")
    await world.run(full=True)
    assert (await world.writes(), world.here(calendar)) == (writes, here)
    await again(world, account.id)
    assert (await world.writes(), world.here(calendar)) == (writes, here)
    assert world.status(link.id).state is LinkState.ACTIVE


async def test_pain_6_what_exchange_rewrites_is_no_edit_graph(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    await world.link(calendar, account, direction=Direction.BOTH)
    odd = (
        "DESCRIPTION: two\\n\\n\\n  lines &amp\\; <b>more</b> \\n ",
        "LOCATION:  Room   1 ",
        "CATEGORIES:b,a,b",
    )
    world.put(calendar, "odd", event("odd", "  A \\, title   with  blanks ", *odd))
    world.put(calendar, "s", series("s"))
    await world.run()
    writes, here = await world.writes(), world.here(calendar)
    for _ in range(3):
        await world.run(poll=True)
        await world.run(full=True)
    assert (await world.writes(), world.here(calendar)) == (writes, here)


async def test_pain_7_what_is_deleted_here_is_gone_there_and_stays_gone_graph(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    world.put(calendar, "a", event("a"))
    world.put(calendar, "s", series("s"))
    await world.run()
    for uid in ("a", "s"):
        world.delete(calendar, uid)
    await world.run()
    for _ in range(2):
        await world.run(poll=True)
        await world.run(full=True)
    assert (await world.there(link.remote_id), world.here(calendar)) == ({}, {})


async def test_pain_12_what_a_person_deletes_is_gone_here_after_the_next_pull_graph(
    world: GraphWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    world.put(calendar, "a", event("a"))
    world.put(calendar, "s", series("s"))
    await world.run()
    for remote_id in await world.there(link.remote_id):
        await world.person_deletes(remote_id)
    await world.run(poll=True)
    assert world.here(calendar) == {}
    writes = await world.writes()
    await world.run(full=True)
    assert await world.writes() == writes


async def test_pain_24_one_object_that_outlook_cannot_hold_stops_no_other_graph(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    world.put(calendar, "a", event("a"))
    world.put(calendar, "dense", event("dense", "Ticks", "RRULE:FREQ=DAILY;BYHOUR=9,15"))
    world.put(calendar, "z", event("z"))
    await world.run()
    there = await world.there(link.remote_id)
    assert {each["subject"] for each in there.values()} == {"Stand-up"}
    assert len(there) == 2
    ((_, uid),) = world.parked(link.id)
    assert uid == "dense"
    assert world.status(link.id).state is LinkState.ACTIVE


async def test_pain_19_a_series_from_before_the_window_is_complete_inside_it_graph(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    first = SOON.replace(year=SOON.year - 6, day=1)
    day = f"{first:%Y-%m-%d}"
    made = await world.person_adds(
        link.remote_id,
        subject="Old habit",
        start={"dateTime": f"{day}T09:00:00", "timeZone": "Europe/Berlin"},
        end={"dateTime": f"{day}T10:00:00", "timeZone": "Europe/Berlin"},
        recurrence={
            "pattern": {"type": "daily", "interval": 7},
            "range": {"type": "noEnd", "startDate": day},
        },
    )
    await world.run()
    seen = world.occurrences(calendar)
    assert len(seen) > 25
    await world.person_edits(made, subject="New habit")
    await world.run(poll=True)
    assert {title for title, *_ in world.occurrences(calendar)} == {"New habit"}
    assert len(world.here(calendar)) == 1


async def test_pain_23_what_comes_in_brings_the_definition_of_its_zone_graph(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    zones = {
        "Eastern Standard Time": "America/New_York",
        "Australia/Sydney": "Australia/Sydney",
        "Morocco Standard Time": "Africa/Casablanca",
    }
    for name in zones:
        await world.person_adds(
            link.remote_id,
            subject=name,
            start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00", "timeZone": name},
            end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00", "timeZone": name},
            recurrence={
                "pattern": {"type": "daily", "interval": 7},
                "range": {"type": "numbered", "startDate": f"{SOON:%Y-%m-%d}", "numberOfOccurrences": 30},
            },
        )
    await world.run()
    found = world.here(calendar)
    for uid, stored in found.items():
        obj = parse_object(stored, max_bytes=len(stored))
        (zone,) = [str(one["TZID"]) for one in obj.timezones]
        (name,) = [name for name in zones if f"SUMMARY:{name}".encode() in stored]
        assert zone == zones[name]
        # Our own answer goes back in the same zone, and nothing of it moves.
        world.put(calendar, uid, stored.replace(b"SUMMARY:", b"SUMMARY:Ours in "))
    await world.run()
    assert occurrences_at(world.laboratory, ADA, link.remote_id) == world.occurrences(calendar)
    for there in (await world.there(link.remote_id)).values():
        assert zones[there["subject"].removeprefix("Ours in ")] == there["start"]["zone"]
    assert len(found) == len(zones)


async def test_pain_22_a_series_without_a_named_zone_comes_in_by_its_dates_and_rolls_graph(
    world: GraphWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    made = await world.person_adds(
        link.remote_id,
        subject="Theirs",
        start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00", "timeZone": "Europe/Berlin"},
        end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00", "timeZone": "Europe/Berlin"},
        recurrence={
            "pattern": {"type": "daily", "interval": 7},
            "range": {"type": "noEnd", "startDate": f"{SOON:%Y-%m-%d}"},
        },
    )
    microsoft = world.laboratory.microsoft
    master = person.event_of(microsoft, made)
    body = dict(master.item.now.body)
    span = {**body["recurrence"]["range"], "recurrenceTimeZone": "tzone://Microsoft/Custom"}
    body["recurrence"] = {**body["recurrence"], "range": span}
    microsoft.put(master.calendar, master.item.key, body)
    await world.run(poll=True)
    assert world.parked(link.id) == {}
    assert occurrences_at(world.laboratory, ADA, link.remote_id) == world.occurrences(calendar)
    ((_, before),) = world.here(calendar).items()
    # Two months on: what has come into reach comes in, and nobody is asked.
    later = instances.window_at(SOON + timedelta(days=62))
    monkeypatch.setattr(instances, "window_at", lambda _now: later)
    await world.run(full=True)
    ((uid, after),) = world.here(calendar).items()
    assert f"{later.end - timedelta(days=4):%Y%m}".encode() in after
    assert f"{later.end - timedelta(days=4):%Y%m}".encode() not in before
    microsoft.put(master.calendar, master.item.key, body | {"subject": "Changed"})
    await world.run(poll=True)
    assert {title for title, *_ in world.occurrences(calendar)} == {"Changed"}
    assert (world.tickets(), list(world.here(calendar))) == ([], [uid])
