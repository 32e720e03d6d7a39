"""The engine and the Microsoft plug-in against the laboratory, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.domain.link_model import Direction, LinkState
from gateway.lab.microsoft import event_reads, items, person
from gateway.services import links
from gateway.store import busy
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.contract.lab.graph_client import ADA
from tests.e2e.graph_side import occurrences_at
from tests.e2e.graph_world import GraphWorld, graph_world
from tests.e2e.office import AROUND, SOON, event, series


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GraphWorld]:
    async with graph_world(sqlite_db) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


def theirs(hour: int = 15) -> dict[str, object]:
    return {
        "subject": "Theirs",
        "start": {"dateTime": f"{SOON:%Y-%m-%d}T{hour}:00:00", "timeZone": "UTC"},
        "end": {"dateTime": f"{SOON:%Y-%m-%d}T{hour + 1}:00:00", "timeZone": "UTC"},
    }


async def test_pain_14_an_event_goes_to_graph_changes_and_goes_away(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    world.put(calendar, "a", event("a", "Stand-up", "ATTENDEE:mailto:guest@example.com"))
    await world.run()
    assert world.status(link.id).state is LinkState.ACTIVE, world.status(link.id).error
    (there,) = (await world.there(link.remote_id)).values()
    assert (there["subject"], there["attendees"], there["isReminderOn"]) == ("Stand-up", [], False)
    world.put(calendar, "a", event("a", "Planning"))
    await world.run()
    (there,) = (await world.there(link.remote_id)).values()
    assert there["subject"] == "Planning"
    writes = await world.writes()
    for _ in range(5):
        await world.run(poll=True)
    await world.run(full=True)
    assert await world.writes() == writes
    world.delete(calendar, "a")
    await world.run()
    assert await world.there(link.remote_id) == {}


async def test_two_way_with_graph_takes_and_merges(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    world.put(calendar, "a", event("a", "Title", "LOCATION:Here"))
    await world.run()
    (remote_id,) = await world.there(link.remote_id)
    await world.person_edits(remote_id, location={"displayName": "There"})
    world.put(calendar, "a", event("a", "New title", "LOCATION:Here"))
    await world.run(poll=True)
    await world.run(poll=True)
    there = (await world.there(link.remote_id))[remote_id]
    assert (there["subject"], there["location"]["displayName"]) == ("New title", "There")
    assert b"LOCATION:There" in world.here(calendar)["a"]
    new = await world.person_adds(link.remote_id, **theirs())
    await world.run(poll=True)
    assert len(world.here(calendar)) == 2
    writes = await world.writes()
    await world.run(poll=True)
    await world.run(full=True)
    assert await world.writes() == writes
    await world.person_deletes(new)
    await world.run(poll=True)
    assert list(world.here(calendar)) == ["a"]


@pytest.mark.parametrize(("operation", "skip"), [("instances", 0), ("delete", 0), ("patch", 1), ("patch", 2)])
async def test_pain_9_interrupted_new_times_lose_no_exception_on_either_side_graph(
    world: GraphWorld, operation: str, skip: int
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    world.put(calendar, "s", series("s"))
    await world.run()
    text = series("s").replace(b"T120000", b"T130000")
    world.put(calendar, "s", text)
    # The first of these calls writes the new times, which drops what the others would write again.
    await world.lab.fault("503_before", operation=f"graph.events.{operation}", skip=skip)
    await world.run()
    assert (await world.lab.fired())["503_before"] == 1
    for _ in range(3):
        with world.db.transaction(write=True) as tx:
            link_store.wake_account(tx, account.id)
        await world.run(poll=True)
    assert world.status(link.id).error is None
    (there,) = (await world.there(link.remote_id)).values()
    assert (len(there["exceptions"]), len(there["cancelled"])) == (1, 1)
    here = world.here(calendar)["s"]
    assert (here.count(b"RECURRENCE-ID"), here.count(b"EXDATE"), here.count(b"T130000")) == (1, 1, 3)
    assert world.tickets() == []


@pytest.mark.parametrize(
    ("operation", "skip"), [("get", 2), ("instances", 0), ("delete", 0), ("patch", 1), ("patch", 2)]
)
async def test_pain_9_new_times_of_a_persons_own_series_lose_none_of_her_exceptions_graph(
    world: GraphWorld, operation: str, skip: int
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    weekly = {
        "pattern": {"type": "daily", "interval": 7},
        "range": {"type": "numbered", "startDate": f"{SOON:%Y-%m-%d}", "numberOfOccurrences": 6},
    }
    made = await world.person_adds(link.remote_id, **theirs(), recurrence=weekly)
    days = occurrence_ids(world, link.remote_id)
    moved = {name: {"dateTime": f"{SOON + timedelta(days=8):%Y-%m-%d}T{hour}:00:00", "timeZone": "UTC"}
             for name, hour in (("start", 11), ("end", 12))}  # fmt: skip
    await world.person_edits(days[1], subject="Theirs moved", **moved)
    await world.person_edits(days[3], location={"displayName": "Elsewhere"})
    await world.person_deletes(days[2])
    await world.run(poll=True)
    ((uid, text),) = world.here(calendar).items()
    assert (text.count(b"RECURRENCE-ID"), text.count(b"EXDATE")) == (2, 1)
    # An hour later, here: the exceptions keep what they say.
    later = text.replace(b"T150000", b"T170000").replace(b"T160000", b"T180000")
    world.put(calendar, uid, later)
    wanted = world.occurrences(calendar)
    await world.lab.fault("503_before", operation=f"graph.events.{operation}", skip=skip)
    await world.run()
    assert (await world.lab.fired())["503_before"] == 1
    for _ in range(3):
        with world.db.transaction(write=True) as tx:
            link_store.wake_account(tx, account.id)
        await world.run(poll=True)
    assert world.status(link.id).error is None
    assert world.occurrences(calendar) == wanted
    assert occurrences_at(world.laboratory, ADA, link.remote_id) == wanted
    (there,) = (await world.there(link.remote_id)).values()
    assert (len(there["exceptions"]), len(there["cancelled"])) == (2, 1)
    assert world.tickets() == []
    # Nothing is left to do, and it is still hers.
    writes = await world.writes()
    await world.run(full=True)
    assert await world.writes() == writes
    assert (await world.person_deletes(made), await world.run(poll=True))[0] is None
    assert world.here(calendar) == {}


def occurrence_ids(world: GraphWorld, calendar_id: str) -> list[str]:
    """Return the ids of the occurrences of the one series of a calendar, by time."""
    microsoft = world.laboratory.microsoft
    rows = event_reads.rows_between(
        microsoft, person.calendar_of(microsoft, ADA, calendar_id), AROUND.start, AROUND.end
    )
    return [items.event_id(microsoft, item, day, immutable=True) for item, _version, _body, day in rows]


async def test_busy_in_outlook_blocks_here(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.PULL, remote="Calendar")
    await world.person_adds(link.remote_id, **theirs())
    await world.run()
    (period,) = world.db.read(busy.within, calendar.id, 0, 2**40)
    assert period.title is None
    assert world.here(calendar) == {}


async def test_pain_1_reconnecting_graph_with_an_empty_memory_adopts_everything(world: GraphWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    for number in range(6):
        world.put(calendar, f"e{number}", event(f"e{number}", days=number))
    world.put(calendar, "s", series("s", days=1))
    world.put(calendar, "hours", event("hours", "Each hour", "RRULE:FREQ=HOURLY;INTERVAL=30;COUNT=3"))
    await world.run()
    before = await world.there(link.remote_id)
    assert len(before) == 10
    await world.db.awrite(links.remove, link.id, actor="test", now=world.clock())
    writes = await world.writes()
    again = await world.link(calendar, account, remote=link.remote_id)
    await world.run()
    assert world.status(again.id).state is LinkState.ACTIVE, world.status(again.id).error
    assert len(world.mappings(again.id)) == 8
    assert (await world.there(link.remote_id)).keys() == before.keys()
    assert await world.writes() == writes
