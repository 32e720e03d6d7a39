"""Calendars of our own are made once, whatever becomes of the answer, and wait where the provider is full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.link_model import LinkState
from gateway.providers.errors import Forbidden
from gateway.services import accounts as account_service
from gateway.services import links
from gateway.services.wanted_calendars import is_wanted
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.e2e.google_world import GoogleWorld, google_world
from tests.e2e.office import event


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    async with google_world(sqlite_db) as made:
        yield made
        assert await made.lab.outbox() == []


def over(world: GoogleWorld) -> None:
    """Let every wait be over."""
    with world.db.transaction(write=True) as tx:
        for account in account_service.listing(tx):
            link_store.wake_account(tx, account.id)


def later(world: GoogleWorld, **span: float) -> None:
    """Move the worker's clock: what was begun is by then an attempt that nobody will end."""
    world.worker.clock = lambda: datetime.now(UTC) + timedelta(**span)


async def called(world: GoogleWorld, name: str) -> list[dict[str, Any]]:
    dump = await world.lab.control("GET", "google/dump")
    return [one for one in dump["calendars"] if one["summary"] == name]


async def test_a_full_account_queues_the_calendar_and_its_other_links_go_on(world: GoogleWorld) -> None:
    first, second = world.add_resource("room"), world.add_resource("annex")
    account = await world.connect()
    working = await world.link(first, account)
    await world.lab.fault("403_quotaExceeded", operation="calendar.calendars.insert", times=2)
    waiting = await world.link(second, account)
    world.put(first, "a", event("a"))
    world.put(second, "b", event("b"))
    await world.run()
    assert len(await world.there(working.remote_id)) == 1
    status = world.status(waiting.id)
    assert is_wanted(status.remote_id)
    assert status.state is LinkState.FIRST_SYNC
    assert status.error is not None
    assert "no more calendars" in status.error
    over(world)
    await world.run()
    made = world.status(waiting.id)
    assert len(await world.there(made.remote_id)) == 1
    assert len(await called(world, "Annex")) == 1


@pytest.mark.parametrize("fault", ["503_after", "reset_after", "half_body"])
async def test_a_calendar_whose_answer_was_lost_is_found_and_not_made_twice(
    world: GoogleWorld, fault: str
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    await world.lab.fault(fault, operation="calendar.calendars.insert")
    link = await world.link(calendar, account)
    world.put(calendar, "a", event("a"))
    await world.run()
    assert is_wanted(world.status(link.id).remote_id)
    later(world, minutes=5)
    # A listing in between brings a row of its own for that calendar.
    await world.connector.list_calendars(account)
    over(world)
    await world.run()
    (there,) = await called(world, "Room")
    assert world.status(link.id).remote_id == there["id"]
    assert len(await world.there(there["id"])) == 1


async def test_two_that_cannot_be_told_apart_wait_for_a_person(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    await world.lab.fault("503_after", operation="calendar.calendars.insert")
    link = await world.link(calendar, account)
    api = await world.lab.api()
    await api.call("POST", "calendars", {"summary": "Room"})
    later(world, minutes=5)
    over(world)
    await world.run()
    assert world.status(link.id).state is LinkState.MISSING
    assert len(await called(world, "Room")) == 2


async def test_a_refusal_for_good_leaves_no_wish_behind(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    await world.lab.fault("403_insufficientPermissions", operation="calendar.calendars.insert")
    with pytest.raises(Forbidden):
        await world.link(calendar, account)
    rows = world.db.read(account_service.calendars, account.id)
    assert not any(is_wanted(row["remote_id"]) for row in rows)
    assert world.db.read(links.statuses) == []
