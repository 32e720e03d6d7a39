"""An account that stands still: one notice for each change, and every place that shows it says what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.cli.engine import account_row, link_row
from gateway.domain.errors import GatewayError
from gateway.domain.link_model import AccountState, Direction
from gateway.domain.model import ResourceKind
from gateway.providers.contract import SignedIn
from gateway.providers.errors import Forbidden, Reach, SignInExpired
from gateway.services import accounts, link_pages, links, resources
from gateway.services.limits import Limits
from gateway.store import accounts as account_store
from gateway.store import audit
from gateway.store import calendars as calendar_store
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, make


def with_neighbours(world: World, *slugs: str) -> list[World]:
    """Return the world with more resources linked to the same account and calendar."""
    found = [world]
    for slug in slugs:
        with world.db.transaction(write=True) as tx:
            made = resources.add(
                tx, slug, kind=ResourceKind.ROOM, name=slug, now=NOW, horizon=Limits().horizon(NOW)
            )
            calendar = calendar_store.of_resource(tx, made.id)
            link = links.add(
                tx, calendar, world.account, remote_calendar_id=world.link().remote_calendar_id,
                direction=Direction.PUSH, actor="test", now=NOW,
            )  # fmt: skip
        found.append(replace(world, calendar=calendar, link_id=link.id))
    return found


def notices(world: World) -> list[str]:
    """Return the audit lines about accounts, the oldest first."""
    rows = world.db.read(audit.newest, limit=100)
    return [row.action for row in reversed(rows) if row.target_kind == "account"]


def stop(world: World, error: GatewayError, times: int) -> None:
    world.server.before = [error] * times
    world.poll()
    world.run()
    world.server.before = []


def state(world: World) -> AccountState:
    found = world.db.read(account_store.get, world.account.id)
    assert found is not None
    return found.state


def reconnect(world: World) -> None:
    world.db.write(
        accounts.complete, world.sealer, SignedIn(account_id="person", name="ada@provider.test", state=b"s"),
        provider="memory", kind="user", principal_id=world.account.owner_id, terms_version="1", state=None,
        actor="test", now=NOW,
    )  # fmt: skip


def test_one_notice_for_each_change_of_state_however_many_links_stand_still(db: Database) -> None:
    worlds = with_neighbours(make(db), "annex", "hall")
    for world in worlds:
        world.put("a")
    world = worlds[0]
    assert notices(world) == ["account.connected"]
    stop(world, SignInExpired(), 10)
    assert state(world) is AccountState.RECONNECT
    stop(world, SignInExpired(), 10)
    assert notices(world) == ["account.connected", "account.reconnect"]
    reconnect(world)
    world.run()
    assert len(world.server.live()) == 3
    stop(world, Forbidden("The scopes do not suffice; connect again.", reach=Reach.ACCOUNT), 10)
    assert notices(world)[2:] == ["account.reconnected", "account.forbidden"]


def test_every_link_of_the_account_says_why_it_stands_still(db: Database) -> None:
    worlds = with_neighbours(make(db), "annex")
    stop(worlds[0], SignInExpired(), 10)
    for world in worlds:
        shown = link_row(db.read(links.status, world.link_id), "room")
        assert "stands still (reconnect)" in shown["reason"]
        assert "connect the account again" in shown["reason"]
        account: Any = db.read(account_store.get, world.account.id)
        page = db.read(link_pages.progress, account, world.link().uuid)
        assert page.problem == shown["reason"]
        assert "until the account is connected again" in page.sentence
    reconnect(worlds[0])
    worlds[0].run()
    assert [db.read(links.status, each.link_id).problem for each in worlds] == [None, None]


@pytest.mark.parametrize(
    ("kind", "owner", "told"),
    [
        ("user", "ada", "calgate account connect memory --person ada --accept-terms"),
        ("application", "ada", "calgate connection check"),
        ("application", None, "calgate connection check"),
    ],
)
def test_an_account_that_stands_still_names_the_command_that_brings_it_back(
    db: Database, kind: str, owner: str | None, told: str
) -> None:
    world = make(db)
    assert account_row(world.account, owner)["next"] is None
    stopped = replace(world.account, state=AccountState.RECONNECT, kind=kind)
    assert account_row(stopped, owner)["next"].startswith(told)
