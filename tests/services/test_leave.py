"""Leaving: exactly our copies go, what people did stays, and a listing proves it."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.errors import InvalidInput
from gateway.domain.link_model import Direction, LinkState
from gateway.providers.contract import marker_of
from gateway.providers.errors import Unavailable
from gateway.providers.registry import Registry
from gateway.services import links
from gateway.store import mappings
from gateway.store.database import Database
from gateway.sync.accounts import Accounts
from gateway.sync.leave import GUESTS, Copies, Leaver, Left
from tests.services.sync_world import World, event, make


@pytest.fixture
def world(db: Database) -> World:
    """Return a two-way link with three copies, an event of a person, and one that was taken in."""
    made = make(db, direction=Direction.BOTH)
    for uid in "abc":
        made.put(uid)
    made.run()
    made.server.person_adds("taken", event("theirs"))
    made.poll()
    made.run()
    made.server.person_adds("foreign", event("foreign"))
    return made


def leave(world: World, copies: Copies = Copies.OURS) -> Left:
    async def work() -> Left:
        accounts = Accounts(
            db=world.db,
            registry=Registry(providers={"memory": world.provider}),
            sealer=world.sealer,
            clock=lambda: world.now,
            environ={},
            requests_per_minute=1e9,
        )
        try:
            return await Leaver(accounts=accounts).leave(world.link(), world.account, copies, actor="ada")
        finally:
            await accounts.close()

    return asyncio.run(work())


def there(world: World) -> list[str]:
    return sorted(key for key in world.server.live() if len(key) < 20)


def test_pain_68_exactly_our_copies_go_and_it_is_proven(world: World) -> None:
    before = {key: one.version for key, one in world.server.live().items() if key in {"taken", "foreign"}}
    left = leave(world)
    assert left == Left(removed=3, foreign=2, is_proven=True)
    assert {key: one.version for key, one in world.server.live().items()} == before
    assert sorted(world.here()) == ["a", "b", "c", "theirs"]
    assert world.link().state is LinkState.PAUSED
    world.run()
    assert len(world.server.live()) == 2


def test_pain_68_copies_that_the_memory_has_lost_are_found_by_their_marker(world: World) -> None:
    with world.db.transaction(write=True) as tx:
        mappings.drop(tx, world.link_id, "a")
    world.server.person_adds("stray", event("z"), marker=marker_of("z"))
    left = leave(world)
    assert (left.removed, left.is_proven) == (4, True)
    assert there(world) == ["foreign", "taken"]


def test_what_people_were_invited_to_is_reported_and_not_deleted(world: World) -> None:
    (invited,) = [one for one in world.mappings() if one.uid == "b"]
    world.server.events[invited.remote_id].guests = True
    left = leave(world)
    assert left == Left(removed=2, kept=(("b", GUESTS),), foreign=2, is_proven=True)
    assert invited.remote_id in world.server.live()


def test_a_copy_that_was_edited_there_goes_by_the_version_that_was_seen(world: World) -> None:
    (edited,) = [one for one in world.mappings() if one.uid == "b"]
    world.server.person_edits(edited.remote_id, b"Stand-up", b"Edited")
    assert leave(world).removed == 3


def test_an_outage_half_way_is_gone_on_from(world: World) -> None:
    calls = iter(range(100))

    def fail() -> None:
        if next(calls) == 3:
            raise Unavailable("away")

    world.server.on_call = fail
    with pytest.raises(Unavailable):
        leave(world)
    world.server.on_call = None
    assert leave(world).is_proven
    assert there(world) == ["foreign", "taken"]


def test_kept_copies_and_a_missing_calendar_need_no_request(world: World) -> None:
    calls = world.server.calls
    assert leave(world, Copies.KEEP) == Left()
    assert world.server.calls == calls
    world.server.is_missing = True
    assert leave(world) == Left(is_proven=True, is_calendar_gone=True)


def test_a_calendar_that_we_did_not_make_is_never_deleted_and_the_link_goes_on(world: World) -> None:
    with pytest.raises(InvalidInput, match="has not made"):
        leave(world, Copies.CALENDAR)
    assert world.link().state is LinkState.ACTIVE
    world.put("d")
    world.run()
    assert len(world.server.live()) == 6
    world.db.write(links.pause, world.link_id, actor="ada", now=world.now)
