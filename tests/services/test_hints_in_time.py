"""What comes while a link is being run is not lost: what the run has read is older than it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.services import links, watch_states
from gateway.store import busy, watches
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, event, make


def asked_by_a_person(world: World) -> None:
    world.db.write(links.request_sync, world.link_id, is_full=False)


def told_by_the_provider(world: World) -> None:
    heard = world.db.write(watches.heard, channel_id="channel", secret="secret", is_gone=False, now=NOW)
    assert heard


@pytest.mark.parametrize("hint", [asked_by_a_person, told_by_the_provider])
def test_what_is_told_after_the_pull_of_a_run_is_pulled_by_the_next_one(
    db: Database, hint: Callable[[World], None]
) -> None:
    world = make(db)
    db.write(watch_states.begin, world.link_id, watch_id="channel", secret="secret", now=NOW)
    world.put("a")
    told = 0

    def while_sending() -> None:
        nonlocal told
        if world.server.calls == 2:  # the listing was the first call, this is the create
            told += 1
            world.server.person_adds("late", event("late"))
            hint(world)

    world.server.on_call = while_sending
    world.run()
    assert told == 1
    assert world.db.read(busy.remote_ids, world.link_id) == {"late"}
    calls = world.server.calls
    world.run()
    assert world.server.calls == calls  # and that was all: nothing asks for ever


def test_a_run_that_nobody_interrupts_is_followed_by_the_next_poll(db: Database) -> None:
    world = make(db)
    world.put("a")
    world.run()
    assert world.link().pull_at_ms > 0
    calls = world.server.calls
    world.put("b")
    world.run()
    assert world.server.calls == calls + 1  # the create alone


def test_settings_that_widen_while_everything_is_compared_reach_what_was_looked_at_before(
    db: Database,
) -> None:
    """The end of the compare said "compared", and a block before its place got no copy for days."""
    world = make(db, kinds="booking")
    world.put("a", event("a", "Block", "20260310T090000Z", "X-CALGATE-KIND:BLOCK"))
    world.put("b")

    def while_sending() -> None:
        if world.server.calls == 1:  # the create of b, in the first compare
            db.write(
                links.change,
                world.link_id,
                {"kinds": "booking,block"},
                to_existing=True,
                actor="test",
                now=NOW,
            )

    world.server.on_call = while_sending
    world.run()
    assert {one.uid for one in world.mappings()} == {"a", "b"}
    calls = world.server.calls
    world.run()
    assert world.server.calls == calls
