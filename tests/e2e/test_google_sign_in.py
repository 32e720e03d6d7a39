"""Signing in through the engine: one refresh for many, rotated tokens, and honesty where one was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.link_model import AccountState, LinkState
from gateway.lab.core.settings import Settings as Switches
from gateway.services import account_tokens, accounts
from gateway.store import audit
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.e2e.google_world import GoogleWorld, environ, google_world
from tests.e2e.office import event, open_engine

CALLERS = 20


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    switches = Switches(user_per_minute=0.0, project_per_minute=0.0, rotate_refresh_tokens=True)
    async with google_world(sqlite_db, switches=switches) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


def free(world: GoogleWorld) -> None:
    """Let leases and waits of the dead process end."""
    with world.db.transaction(write=True) as tx:
        for account in accounts.listing(tx):
            link_store.wake_account(tx, account.id)
        for link in link_store.listing(tx):
            link_store.change(tx, link.id, {"lease_until": None})


async def refreshes(world: GoogleWorld) -> int:
    counts = (await world.lab.control("GET", "status"))["counts"]
    return int(counts.get("oauth.refresh_token", 0))


async def test_pain_29_twenty_links_wait_for_one_slow_refresh(world: GoogleWorld) -> None:
    account = await world.connect()
    rooms = [world.add_resource(f"room{number}") for number in range(CALLERS)]
    links = [
        await world.link(room, account, remote=await world.person_makes_calendar(f"{number}"))
        for number, room in enumerate(rooms)
    ]
    world.worker.per_account = CALLERS
    await world.run()
    before = await refreshes(world)
    await world.lab.control("POST", "expire-tokens")
    await world.lab.fault("refresh_slow", params={"seconds": 0.4})
    for room in rooms:
        world.put(room, "a", event("a"))
    await world.run()
    assert await refreshes(world) - before == 1
    assert (await world.lab.fired())["refresh_slow"] == 1
    for link in links:
        assert world.status(link.id).error is None
        assert len(await world.there(link.remote_id)) == 1


class Died(BaseException):
    """The process is gone: nothing after this is stored."""


async def test_pain_29_a_process_that_dies_before_the_rotated_token_is_stored_is_honest_about_it(
    world: GoogleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google has issued it and refuses the old one: the account says so, and the queue is kept."""
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    await world.run()
    await world.lab.control("POST", "expire-tokens")
    world.put(calendar, "a", event("a"))

    def die(*_arguments: Any, **_more: Any) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(account_tokens, "store", die)
        with pytest.raises(Died):
            await world.run()
    assert await refreshes(world) == 1
    # The next process reads what is stored: a refresh token that is not good any more.
    free(world)
    async with open_engine(
        world.db, world.accounts.registry, environ(world.lab.base), sealer=world.sealer
    ) as (fresh, worker):
        world.accounts, world.worker = fresh, worker
        for uid in "bc":
            await world.run(poll=True)
            world.put(calendar, uid, event(uid))
        (found,) = world.db.read(accounts.listing)
        assert found.state is AccountState.RECONNECT
        told = [one for one in world.db.read(audit.newest) if one.action == "account.reconnect"]
        assert len(told) == 1
        assert world.status(link.id).state is LinkState.ACTIVE
        await world.connect()
        await world.run()
        assert await world.seen(link.remote_id) == world.occurrences(calendar)
        assert len(await world.there(link.remote_id)) == 3


async def test_a_token_that_is_refused_for_ever_asks_for_the_person_and_not_for_ever(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    await world.run()
    await world.lab.fault("401", times=-1)
    before = (await world.lab.control("GET", "status"))["requests"]
    for uid in "abc":
        world.put(calendar, uid, event(uid))
        await world.run(poll=True)
        free(world)
    (found,) = world.db.read(accounts.listing)
    assert found.state is AccountState.RECONNECT
    assert (await world.lab.control("GET", "status"))["requests"] - before <= 6
    await world.lab.control("DELETE", "faults")
    await world.connect()
    await world.run()
    assert await world.seen(link.remote_id) == world.occurrences(calendar)
