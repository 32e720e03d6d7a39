"""What a person made at the provider comes in whatever it meets; the resource's policy says who hears of it."""

from __future__ import annotations

import pytest

from gateway.domain.link_model import Direction
from gateway.domain.model import ConflictPolicy
from gateway.services import resources
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, event, make


def room(db: Database, policy: ConflictPolicy) -> World:
    """A two-way link that has sent a booking at nine."""
    world = make(db, direction=Direction.BOTH)
    world.put("ours")
    world.run()
    db.write(resources.set_, "room", limits=world.limits, now=NOW, policy=policy.value)
    return world


def reasons(world: World) -> list[str]:
    return [ticket["reason"] for ticket in world.tickets()]


@pytest.mark.parametrize(
    ("policy", "told"),
    [(ConflictPolicy.ALLOW, []), (ConflictPolicy.WARN, ["clash"]), (ConflictPolicy.REFUSE, ["clash"])],
)
def test_an_overlap_that_comes_in_is_told_where_the_resource_checks(
    db: Database, policy: ConflictPolicy, told: list[str]
) -> None:
    world = room(db, policy)
    world.server.person_adds("theirs", event("theirs"))
    world.poll()
    world.run()
    assert set(world.here()) == {"ours", "theirs"}
    assert reasons(world) == told


def test_the_conflict_ends_when_the_event_is_moved_away_over_there(db: Database) -> None:
    world = room(db, ConflictPolicy.WARN)
    world.server.person_adds("theirs", event("theirs"))
    world.poll()
    world.run()
    assert reasons(world) == ["clash"]
    world.server.person_edits("theirs", b"20260310T09", b"20260311T09")
    world.server.person_edits("theirs", b"20260310T10", b"20260311T10")
    world.poll()
    world.run()
    assert reasons(world) == []
