"""One calendar there that several accounts reach: one link per resource, one account writes, copies are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.errors import AlreadyExists
from gateway.domain.link_model import Account, Direction, Role
from gateway.domain.model import Calendar, ResourceKind
from gateway.providers.contract import Access, RemoteCalendar, SignedIn
from gateway.services import accounts, links, principals, resources
from gateway.services.limits import Limits
from gateway.store import busy, remote_calendars
from gateway.store import calendars as calendar_store
from gateway.store.database import Database, Transaction
from tests.conftest import NOW
from tests.services.sync_world import World, make

SHARED = RemoteCalendar(id="cal", name="Team", access=Access.OWN, place="team")


def account(tx: Transaction, world: World, name: str, *, provider: str = "memory") -> tuple[Account, int]:
    """Return another person's account and its row of the shared calendar."""
    person = principals.add(tx, name, name=name, now=NOW)
    found = accounts.complete(
        tx, world.sealer, SignedIn(account_id=name, name=name, state=b"s"),
        provider=provider, kind="user", principal_id=person.id, terms_version="1", state=None,
        actor="test", now=NOW,
    )  # fmt: skip
    return found, accounts.save_calendars(tx, found.id, [SHARED], now=NOW)[0]


def annex(tx: Transaction) -> Calendar:
    made = resources.add(
        tx, "annex", kind=ResourceKind.ROOM, name="Annex", now=NOW, horizon=Limits().horizon(NOW)
    )
    return calendar_store.of_resource(tx, made.id)


def add(tx: Transaction, calendar: Calendar, whose: tuple[Account, int], direction: Direction) -> int:
    found, row = whose
    return links.add(
        tx, calendar, found, remote_calendar_id=row, direction=direction, actor="test", now=NOW
    ).id


@pytest.fixture
def world(db: Database) -> World:
    """A room that is linked to the shared calendar by Ada's account."""
    made = make(db)
    db.write(accounts.save_calendars, made.account.id, [SHARED], now=NOW)
    return made


@pytest.mark.parametrize("direction", list(Direction))
def test_a_resource_is_linked_to_a_calendar_once_whatever_the_account_and_role(
    world: World, direction: Direction
) -> None:
    with (
        world.db.transaction(write=True) as tx,
        pytest.raises(AlreadyExists, match="through another account already"),
    ):
        add(tx, world.calendar, account(tx, world, "bob"), direction)
    with world.db.transaction(write=True) as tx, pytest.raises(AlreadyExists, match="change that link"):
        add(tx, world.calendar, (world.account, world.link().remote_calendar_id), direction)


@pytest.mark.parametrize("direction", [Direction.PUSH, Direction.BOTH])
def test_one_account_writes_into_a_calendar(world: World, direction: Direction) -> None:
    with (
        world.db.transaction(write=True) as tx,
        pytest.raises(AlreadyExists, match="link it by that account"),
    ):
        add(tx, annex(tx), account(tx, world, "bob"), direction)


def test_others_may_read_it_by_accounts_of_their_own(world: World) -> None:
    with world.db.transaction(write=True) as tx:
        bobs = account(tx, world, "bob")
        other = annex(tx)
        read = add(tx, other, bobs, Direction.PULL)
        with pytest.raises(AlreadyExists, match="already"):
            add(tx, other, account(tx, world, "cleo"), Direction.PULL)
    assert read != world.link_id
    roles = {one.id: one.role for one in world.db.read(lambda tx: [s.link for s in links.statuses(tx)])}
    assert roles == {world.link_id: Role.TARGET, read: Role.CONFLICT}


def test_a_calendar_of_the_same_name_for_another_provider_is_another_one(world: World) -> None:
    with world.db.transaction(write=True) as tx:
        theirs = account(tx, world, "bob", provider="elsewhere")
        assert add(tx, annex(tx), theirs, Direction.PUSH)


def test_a_calendar_without_a_place_is_told_by_its_row(db: Database) -> None:
    world = make(db)
    with db.transaction(write=True) as tx:
        found, _ = account(tx, world, "bob")
        row = accounts.save_calendars(tx, found.id, [replace(SHARED, id="own", place=None)], now=NOW)[0]
        assert remote_calendars.same(tx, row) == [row]
        assert add(tx, annex(tx), (found, row), Direction.PUSH)


def test_a_copy_of_another_resource_takes_no_time_by_whichever_account_it_is_read(world: World) -> None:
    with world.db.transaction(write=True) as tx:
        other = annex(tx)
        reading = add(tx, other, account(tx, world, "bob"), Direction.PULL)
    world.put("a")
    world.run()
    reader = replace(world, calendar=other, link_id=reading)  # type: ignore[arg-type]  # a plain int here
    reader.compare()
    reader.run()
    assert world.db.read(busy.remote_ids, reading) == set()
