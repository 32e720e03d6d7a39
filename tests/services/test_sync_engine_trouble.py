"""The engine when the provider, the sign-in or the machine fails: nothing is lost, and it is told."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gateway.domain.link_model import AccountState, Direction, LinkState
from gateway.providers.errors import RateLimited, SignInExpired, Unavailable
from gateway.services import accounts, resources
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, event, make


@pytest.fixture
def world(db: Database) -> World:
    return make(db)


@pytest.fixture
def two_way(db: Database) -> World:
    return make(db, direction=Direction.BOTH)


def only(world: World) -> str:
    (remote_id,) = world.server.live()
    return remote_id


class TestTrouble:
    def test_pain_10_an_expired_cursor_is_a_full_compare(self, two_way: World) -> None:
        for uid in "abc":
            two_way.put(uid)
        two_way.run()
        two_way.server.person_adds("x", event("theirs"))
        two_way.server.oldest = 10**6
        two_way.poll()
        two_way.run()
        assert sorted(two_way.here()) == ["a", "b", "c", "theirs"]
        assert len(two_way.server.writes) == 3

    def test_pain_28_a_dead_sign_in_is_told_once_and_the_queue_is_kept(self, world: World) -> None:
        world.put("a")
        world.server.before = [SignInExpired()]
        world.run()
        (account,) = world.db.read(accounts.listing)
        assert account.state is AccountState.RECONNECT
        world.put("b")
        world.run()
        assert world.server.live() == {}
        from gateway.providers.contract import SignedIn

        world.db.write(
            accounts.complete,
            world.sealer,
            SignedIn(account_id="person", name="ada@provider.test", state=b"new"),
            provider="memory",
            kind="user",
            principal_id=account.owner_id,
            terms_version="1",
            state=None,
            actor="test",
            now=world.now,
        )
        world.run()
        assert len(world.server.live()) == 2

    def test_pain_30_a_time_out_is_no_bad_sign_in(self, world: World) -> None:
        world.put("a")
        world.server.before = [Unavailable()]
        world.run()
        (account,) = world.db.read(accounts.listing)
        assert account.state is AccountState.CONNECTED
        assert world.link().error is not None

    def test_pain_35_a_wait_is_obeyed_even_if_woken(self, world: World) -> None:
        world.server.before = [RateLimited(retry_after_s=3600)]
        world.put("a")
        world.run()
        calls = world.server.calls
        world.put("b")
        world.run()
        assert world.server.calls == calls

    def test_pain_67_a_missing_calendar_stops_its_link_only(self, world: World) -> None:
        world.server.is_missing = True
        world.put("a")
        world.run()
        assert world.link().state is LinkState.MISSING
        assert world.db.read(accounts.listing)[0].state is AccountState.CONNECTED
        calls = world.server.calls
        world.put("b")
        world.run()
        assert world.server.calls == calls

    def test_pain_9_killed_between_any_two_calls_both_sides_stay_whole(self, db: Database) -> None:
        class Killed(BaseException):
            pass

        for stop_at in range(1, 14):
            world = make_again(db, stop_at)
            for uid in "abc":
                world.put(f"{stop_at}-{uid}")
            world.server.person_adds("x", event(f"{stop_at}-theirs"))
            left = stop_at

            def die() -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed

            world.server.on_call = die
            with suppress(Killed):
                world.run()
            world.server.on_call = None
            with world.db.transaction(write=True) as tx:
                from sqlalchemy import update

                from gateway.store.schema_sync import link

                tx.execute(update(link).values(lease_until=None, due_at=1))
            world.run()
            world.run()
            uids = {f"{stop_at}-{each}" for each in ("a", "b", "c", "theirs")}
            assert set(world.here()) == uids
            assert len(world.server.live()) == 4
            assert [kind for kind, _ in world.server.writes].count("create") == 3


def make_again(db: Database, number: int) -> World:
    from gateway.services import principals

    if number > 1:
        with db.transaction(write=True) as tx:
            accounts.remove(tx, accounts.listing(tx)[0].id, actor="test", now=NOW)
            resources.remove(tx, "room", now=NOW)
            principals.remove(tx, "ada", now=NOW)
    return make(db, direction=Direction.BOTH)
