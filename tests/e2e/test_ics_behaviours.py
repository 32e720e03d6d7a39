"""Complaints about other products, by their numbers in behaviours.md, with a calendar file as the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.link_model import AccountState, Direction, Link, LinkState
from gateway.domain.model import Busy
from gateway.domain.model import Calendar as Schedule
from gateway.services import resources
from gateway.store import accounts as account_store
from gateway.store import busy
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.contract.ics.ics_server import FileServer, calendar, event, file_server
from tests.e2e.caldav_world import CalDavWorld, caldav_world
from tests.e2e.office import SOON
from tests.e2e.office import event as booking

DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Feed:
    """A room that a file at an address blocks."""

    world: CalDavWorld
    server: FileServer
    room: Schedule
    link: Link

    async def read(self, *events: str, head: tuple[str, ...] = ()) -> list[tuple[datetime, datetime]]:
        """Publish these events; return the times that they take here, after a pull."""
        self.server.body = calendar(*events, head=head)
        await self.world.run(poll=True)
        return self.taken()

    def taken(self) -> list[tuple[datetime, datetime]]:
        rows = self.world.db.read(busy.within, self.room.id, 0, 2**40)
        spans = [(row.start_ts, row.end_ts) for row in rows if row.busy is not Busy.FREE]
        return [(datetime.fromtimestamp(a, UTC), datetime.fromtimestamp(b, UTC)) for a, b in sorted(spans)]

    @property
    def reason(self) -> str:
        return str(self.world.status(self.link.id).error)

    def wake(self) -> None:
        """Let every wait be over."""
        with self.world.db.transaction(write=True) as tx:
            for one in account_store.listing(tx):
                link_store.wake_account(tx, one.id)


@pytest.fixture
async def feed(sqlite_db: Database) -> AsyncIterator[Feed]:
    async with caldav_world(sqlite_db) as world, file_server() as server:
        server.body = calendar()
        room = world.add_resource()
        account = await world.connect(server.url, "", "", provider="ics")
        link = await world.link(room, account, remote="file", direction=Direction.PULL)
        await world.run()
        yield Feed(world=world, server=server, room=room, link=link)


def at(zone: str, day: datetime, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def weekly(zone: str, uid: str = "s", *, first: datetime = SOON, count: int = 30, tzid: str = "") -> str:
    """Return a weekly series from nine to ten in a zone."""
    name = tzid or zone
    return "\n".join(
        [
            f"UID:{uid}", f"DTSTART;TZID={name}:{first:%Y%m%d}T090000", f"DTEND;TZID={name}:{first:%Y%m%d}T100000",
            f"RRULE:FREQ=WEEKLY;COUNT={count}", "SUMMARY:Series",
        ]
    )  # fmt: skip


def weeks_of(zone: str, count: int = 30, first: datetime = SOON) -> list[tuple[datetime, datetime]]:
    days = [first + week * 7 * DAY for week in range(count)]
    return [(at(zone, day, 9), at(zone, day, 10)) for day in days]


async def test_pain_7_and_12_what_leaves_the_file_is_free_here_and_stays_free_ics(feed: Feed) -> None:
    start, end = f"{SOON:%Y%m%dT%H%M%SZ}", f"{SOON:%Y%m%d}T235900Z"
    assert len(await feed.read(event("one", start, end), weekly("Europe/Berlin", count=3))) == 4
    assert len(await feed.read(event("one", start, end))) == 1
    assert await feed.read() == []
    await feed.world.run(full=True)
    assert (feed.taken(), feed.reason) == ([], "None")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
async def test_pain_19_and_21_a_series_keeps_its_hour_over_both_changes_wherever_it_began_ics(
    feed: Feed, zone: str
) -> None:
    long_ago = SOON - 520 * DAY + (SOON.weekday() - (SOON - 520 * DAY).weekday()) % 7 * DAY
    taken = await feed.read(weekly(zone, first=long_ago, count=120))
    # Of what has passed only what the index keeps; everything ahead is whole.
    assert [one for one in taken if one[0] >= SOON] == [
        one for one in weeks_of(zone, 120, long_ago) if one[0] >= SOON
    ]
    assert len(taken) > 40


async def test_pain_17_a_moved_and_a_lost_occurrence_take_the_time_they_have_ics(feed: Feed) -> None:
    second, third = SOON + 7 * DAY, SOON + 14 * DAY
    moved = "\n".join(
        [
            "UID:s", f"RECURRENCE-ID;TZID=Europe/Berlin:{second:%Y%m%d}T090000",
            f"DTSTART;TZID=Europe/Berlin:{second:%Y%m%d}T140000",
            f"DTEND;TZID=Europe/Berlin:{second:%Y%m%d}T160000", "SUMMARY:Moved",
        ]
    )  # fmt: skip
    master = weekly("Europe/Berlin", count=4) + f"\nEXDATE;TZID=Europe/Berlin:{third:%Y%m%d}T090000"
    first, _, _, last = weeks_of("Europe/Berlin", 4)
    zone = "Europe/Berlin"
    assert await feed.read(master, moved) == [first, (at(zone, second, 14), at(zone, second, 16)), last]


async def test_pain_22_windows_zones_are_understood_and_unknown_ones_told_and_never_utc_ics(
    feed: Feed,
) -> None:
    known = weekly("America/New_York", tzid="Eastern Standard Time", count=3)
    assert await feed.read(known, weekly("Nowhere/Land", "odd", count=3)) == weeks_of("America/New_York", 3)
    ((_, name),) = feed.world.parked(feed.link.id)
    assert name == "odd"
    assert "Nowhere/Land" in str(feed.world.parked(feed.link.id))
    assert feed.world.status(feed.link.id).state is LinkState.ACTIVE


async def test_pain_23_a_definition_in_the_file_counts_and_a_known_name_needs_none_ics(feed: Feed) -> None:
    own = [
        "BEGIN:VTIMEZONE", "TZID:House", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0330",
        "TZOFFSETTO:+0330", "END:STANDARD", "END:VTIMEZONE",
    ]  # fmt: skip
    taken = await feed.read(weekly("House", count=1), head=tuple(own))
    start = datetime(SOON.year, SOON.month, SOON.day, 5, 30, tzinfo=UTC)
    assert taken == [(start, start + timedelta(hours=1))]
    assert await feed.read(weekly("Europe/Berlin", count=1)) == weeks_of("Europe/Berlin", 1)


async def test_pain_26_and_27_days_are_days_of_the_room_and_block_or_not_as_they_say_ics(feed: Feed) -> None:
    def days(uid: str, *more: str) -> str:
        return "\n".join([f"UID:{uid}", f"DTSTART;VALUE=DATE:{SOON:%Y%m%d}", f"SUMMARY:{uid}", *more])

    def midnight(day: datetime) -> datetime:
        return at("Europe/Berlin", day, 0)

    until = f"DTEND;VALUE=DATE:{SOON + 3 * DAY:%Y%m%d}"
    assert await feed.read(days("one")) == [(midnight(SOON), midnight(SOON + DAY))]
    assert await feed.read(days("three", until)) == [(midnight(SOON), midnight(SOON + 3 * DAY))]
    assert await feed.read(days("free", until, "TRANSP:TRANSPARENT")) == []


@pytest.mark.parametrize(("status", "told"), [(500, "500"), (503, "503"), (404, "404"), (429, "patience")])
async def test_pain_2_30_and_33_trouble_that_passes_changes_nothing_and_blames_no_password_ics(
    feed: Feed, status: int, told: str
) -> None:
    (taken,) = await feed.read(event("one", f"{SOON:%Y%m%dT%H%M%SZ}", f"{SOON:%Y%m%d}T235900Z"))
    asked, good = len(feed.server.asked), feed.server.body
    feed.server.status, feed.server.body = status, b"no"
    feed.server.headers = {"Retry-After": "600"}
    await feed.world.run(poll=True)
    assert feed.taken() == [taken]
    assert len(feed.server.asked) > asked
    assert told in feed.reason
    (account,) = feed.world.db.read(account_store.listing)
    assert account.state is AccountState.CONNECTED
    assert feed.world.status(feed.link.id).state is LinkState.ACTIVE
    if status in {429, 503}:
        # Whoever is asked to wait waits, whatever wants to run meanwhile.
        asked = len(feed.server.asked)
        await feed.world.run()
        assert len(feed.server.asked) == asked
    feed.server.status, feed.server.body, feed.server.headers = 200, good, {}
    feed.wake()
    await feed.world.run(poll=True)
    assert (feed.taken(), feed.reason) == ([taken], "None")


async def test_pain_28_an_address_that_wants_another_password_waits_for_the_person_ics(feed: Feed) -> None:
    (taken,) = await feed.read(event("one", f"{SOON:%Y%m%dT%H%M%SZ}", f"{SOON:%Y%m%d}T235900Z"))
    feed.server.login = "ada"
    await feed.world.run(poll=True)
    (account,) = feed.world.db.read(account_store.listing)
    assert account.state is AccountState.RECONNECT
    asked = len(feed.server.asked)
    for _ in range(3):
        feed.wake()
        await feed.world.run(poll=True)
    assert (feed.taken(), len(feed.server.asked)) == ([taken], asked)


async def test_pain_61_time_that_a_file_takes_later_is_told_and_nothing_is_undone_ics(feed: Feed) -> None:
    with feed.world.db.transaction(write=True) as tx:
        resources.set_(tx, "room", limits=feed.world.limits, now=feed.world.clock(), policy="refuse")
    feed.world.put(feed.room, "a", booking("a"))
    await feed.read(event("one", f"{SOON:%Y%m%dT%H%M%SZ}", f"{SOON:%Y%m%d}T235900Z"))
    (ticket,) = feed.world.tickets()
    assert (ticket["object_uid"], ticket["reason"]) == ("a", "busy-there")
    assert list(feed.world.here(feed.room)) == ["a"]


async def test_pain_67_a_file_that_is_gone_for_good_asks_and_stops_nothing_else_ics(feed: Feed) -> None:
    (taken,) = await feed.read(event("one", f"{SOON:%Y%m%dT%H%M%SZ}", f"{SOON:%Y%m%d}T235900Z"))
    async with file_server() as other:
        account = await feed.world.connect(other.url, "", "", provider="ics")
        well: Any = await feed.world.link(feed.room, account, remote="file", direction=Direction.PULL)
        feed.server.status = 410
        await feed.world.run(poll=True)
        assert feed.world.status(feed.link.id).state is LinkState.MISSING
        assert feed.world.status(well.id).state is LinkState.ACTIVE
    assert taken in feed.taken()
