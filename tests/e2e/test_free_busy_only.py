"""Consent for free/busy alone: taken time blocks here, nothing else is ever asked for or shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.errors import Clash
from gateway.domain.link_model import Account, Direction
from gateway.domain.model import Window, to_epoch_s
from gateway.providers.contract import Use
from gateway.providers.errors import CalendarMissing
from gateway.services import availability, links, occurrence_index, resources
from gateway.store import busy as busy_store
from gateway.store import calendars as calendar_store
from gateway.store.database import Database
from tests.contract.lab.lab_client import ADA, BEN, REDIRECT, query_of
from tests.e2e.google_world import GoogleWorld, google_world
from tests.e2e.office import SOON, event


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    async with google_world(sqlite_db) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


async def connect(world: GoogleWorld, *uses: Use) -> Account:
    async def consent(url: str) -> dict[str, str]:
        return query_of(await world.lab.approve(url, account=ADA))

    return await world.sign_in("google", consent, login="ada", redirect_uri=REDIRECT, uses=frozenset(uses))


def timed(day: int, hour: int, **more: Any) -> dict[str, Any]:
    """Return an event so many days after the one of ``event``, which midnight must not move away from it."""
    start = SOON.replace(hour=hour) + timedelta(days=day)
    end = start + timedelta(hours=1)
    return {"start": {"dateTime": start.isoformat()}, "end": {"dateTime": end.isoformat()}} | more


def taken(world: GoogleWorld, calendar: Any, days: int = 400) -> list[datetime]:
    now = datetime.now(UTC)
    fresh = world.db.read(calendar_store.get, calendar.id)
    found = world.db.read(
        occurrence_index.busy_periods, fresh, Window(start=now, end=now + timedelta(days=days)), now=now
    )
    return sorted(start for start, _, _ in found)


async def test_taken_time_blocks_here_near_and_far_and_goes_when_it_is_free(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await connect(world, Use.BUSY)
    link = await world.link(calendar, account, direction=Direction.PULL, remote=ADA)
    near = await world.person_adds(ADA, **timed(0, 9, summary="Secret"))  # when ``event`` is
    await world.person_adds(ADA, **timed(197, 10, summary="Far away"))
    await world.person_adds(ADA, **timed(1, 10, summary="Reading", transparency="transparent"))
    await world.run(poll=True, full=True)
    assert world.status(link.id).error is None
    assert len(taken(world, calendar)) == 2
    rows = world.db.read(busy_store.within, calendar.id, 0, 2**40)
    assert {row.title for row in rows} == {None}
    with world.db.transaction(write=True) as tx:
        resources.set_(tx, "room", limits=world.limits, now=world.clock(), policy="refuse")
    with pytest.raises(Clash):
        world.put(calendar, "a", event("a"))
    await world.person_deletes(ADA, near)
    await world.run(poll=True)
    assert len(taken(world, calendar)) == 1
    assert await world.writes() == 0


async def test_what_is_unknown_is_never_read_as_free(world: GoogleWorld) -> None:
    async def ben_gives(role: str) -> None:
        await world.lab.control("POST", "google/access", calendar=BEN, account=ADA, role=role)

    await ben_gives("freeBusyReader")
    calendar, account = world.add_resource(), await connect(world, Use.BUSY)
    link = await world.link(calendar, account, direction=Direction.PULL, remote=BEN)
    event_ = timed(0, 10, summary="Secret")
    await world.lab.control("POST", "google/events", account=BEN, calendar=BEN, event=event_)
    await world.run(poll=True, full=True)
    assert len(taken(world, calendar)) == 1
    await ben_gives("none")
    await world.run(poll=True)
    assert len(taken(world, calendar)) == 1
    assert "cannot say" in (world.status(link.id).error or "")


async def test_a_calendar_of_which_nothing_is_known_is_not_linked(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await connect(world, Use.BUSY)
    with pytest.raises(CalendarMissing):
        await world.link(calendar, account, direction=Direction.PULL, remote="nobody@example.org")
    assert world.db.read(links.statuses) == []


async def test_events_are_read_once_the_account_allows_it(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await connect(world, Use.BUSY)
    link = await world.link(calendar, account, direction=Direction.PULL, remote=ADA, privacy_in="titles")
    await world.person_adds(ADA, **timed(0, 10, summary="Meeting"))
    await world.run(poll=True, full=True)
    assert availability.is_cursor(world.status(link.id).cursor)
    await connect(world, Use.BUSY, Use.READ)
    await world.run(poll=True, full=True)
    assert not availability.is_cursor(world.status(link.id).cursor)
    rows = world.db.read(busy_store.within, calendar.id, 0, 2**40)
    assert [row.title for row in rows] == ["Meeting"]


def test_what_is_far_is_asked_for_a_few_times_a_day() -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    end = now + timedelta(days=300)
    first = availability.ask(None, end=end, now=now)
    assert set(first.parts) == {availability.NEAR, availability.FAR}
    assert first.parts[availability.NEAR].end == first.parts[availability.FAR].start
    soon = availability.ask(first.cursor, end=end, now=now + timedelta(hours=5))
    assert set(soon.parts) == {availability.NEAR}
    assert soon.cursor == first.cursor
    later = availability.ask(soon.cursor, end=end, now=now + timedelta(hours=7))
    assert availability.FAR in later.parts
    assert later.cursor.endswith(str(to_epoch_s(now + timedelta(hours=7))))
    back = availability.ask(later.cursor, end=end, now=now)  # a clock that went back asks again
    assert availability.FAR in back.parts
