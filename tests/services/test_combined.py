"""Several resources in one calendar at the provider: nobody takes the neighbour's copies for people's events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.link_model import Direction
from gateway.domain.model import ResourceKind, Window
from gateway.services import links, occurrence_index, resources
from gateway.services.limits import Limits
from gateway.store import calendars as calendar_store
from gateway.store import mappings as mapping_store
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, event, make


@pytest.fixture
def room(db: Database) -> World:
    return make(db)


@pytest.fixture
def annex(room: World) -> World:
    """Another resource that shares the first one's account, remote calendar and worker."""
    with room.db.transaction(write=True) as tx:
        made = resources.add(
            tx,
            "annex",
            kind=ResourceKind.ROOM,
            name="Annex",
            now=NOW,
            horizon=Limits().horizon(NOW),
            policy="refuse",
        )
        calendar = calendar_store.of_resource(tx, made.id)
        link = links.add(
            tx,
            calendar,
            room.account,
            remote_calendar_id=room.link().remote_calendar_id,
            direction=Direction.PUSH,
            actor="test",
            now=NOW,
        )
    return replace(room, calendar=calendar, link_id=link.id)


def busy(world: World) -> int:
    window = Window(start=NOW, end=NOW + timedelta(days=30))
    calendar = world.db.read(calendar_store.get, world.calendar.id)
    return len(world.db.read(occurrence_index.busy_periods, calendar, window, now=NOW))


def test_a_neighbours_copy_takes_no_time_here(room: World, annex: World) -> None:
    room.put("a")
    room.run()
    annex.compare()
    annex.run()
    assert busy(annex) == 0
    annex.put("b")  # the same hour in another resource is no clash
    annex.run()
    assert len(room.server.live()) == 2
    assert room.tickets() == []


def test_the_same_uid_in_two_resources_stays_two_copies(room: World, annex: World) -> None:
    room.put("same")
    annex.put("same", event("same", "In the annex", "20260310T130000Z"))
    room.run()
    for one in (room, annex):
        one.compare()
    room.run()
    assert [kind for kind, _ in room.server.writes] == ["create", "create"]
    assert room.tickets() == []
    room.delete("same")
    room.run()
    (left,) = room.server.live().values()
    assert b"In the annex" in left.ical


def test_a_neighbours_copy_is_not_adopted_when_it_has_lost_its_mapping(room: World, annex: World) -> None:
    room.put("same")
    annex.put("same", event("same", "In the annex", "20260310T130000Z"))
    room.run()
    before = {key: one.version for key, one in room.server.live().items()}
    with room.db.transaction(write=True) as tx:
        for one in (room, annex):
            mapping_store.drop(tx, one.link_id, "same")
    for one in (room, annex):
        one.compare()
    room.run()
    assert {key: one.version for key, one in room.server.live().items()} == before
    assert [len(one.mappings()) for one in (room, annex)] == [1, 1]


def test_what_a_person_writes_there_takes_time_in_both(room: World, annex: World) -> None:
    room.server.person_adds("x", event("x"))
    room.compare()
    annex.compare()
    room.run()
    assert [busy(room), busy(annex)] == [1, 1]
