"""Shapes of events through the engine to Google and back: series, zones, days (behaviours.md 18 to 27)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.ical import parse_object
from gateway.domain.link_model import Direction
from gateway.store import busy
from gateway.store.database import Database
from tests.e2e.google_world import GoogleWorld, google_world, occurrences_at
from tests.e2e.office import AROUND, SOAK, SOON, ZONE, series

DAY = f"{SOON:%Y%m%d}"


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    async with google_world(sqlite_db) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


def ical(*lines: str, uid: str = "s") -> bytes:
    """Return an object of one event; a line ``BEGIN:VEVENT`` among its lines begins another."""
    body = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for number, part in enumerate("\n".join(lines).split("BEGIN:VEVENT")):
        body += ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260301T000000Z"]
        body += [line for line in part.split("\n") if line]
        if "SUMMARY" not in part:
            body.append(f"SUMMARY:Part {number}")
        body.append("END:VEVENT")
    return "\r\n".join([*body, "END:VCALENDAR", ""]).encode()


def days(number: int) -> str:
    return f"{SOON + timedelta(days=number):%Y%m%d}"


SHAPES = {
    "timed": ical(f"DTSTART;TZID={ZONE}:{DAY}T090000", "DURATION:PT1H"),
    "day": ical(f"DTSTART;VALUE=DATE:{DAY}"),
    "days": ical(f"DTSTART;VALUE=DATE:{DAY}", f"DTEND;VALUE=DATE:{days(3)}"),
    "weekly": series("s"),
    "daily": ical(f"DTSTART;VALUE=DATE:{DAY}", "RRULE:FREQ=DAILY;COUNT=9", f"EXDATE;VALUE=DATE:{days(4)}"),
    "ends early": series("s", weeks=3),
    "and following": ical(
        f"DTSTART;TZID={ZONE}:{DAY}T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=12",
        "BEGIN:VEVENT", f"RECURRENCE-ID;RANGE=THISANDFUTURE;TZID={ZONE}:{days(5)}T090000",
        f"DTSTART;TZID={ZONE}:{days(5)}T140000", "DURATION:PT2H",
    ),
}  # fmt: skip


async def equal(world: GoogleWorld, calendar: Any, link: Any) -> None:
    """Assert that both sides show the same, and that another run writes nothing."""
    await world.run()
    assert world.parked(link.id) == {}
    assert await world.seen(link.remote_id) == world.occurrences(calendar)
    writes = await world.writes()
    await world.run(full=True)
    assert await world.writes() == writes
    assert await world.seen(link.remote_id) == world.occurrences(calendar)


@pytest.mark.parametrize("direction", [Direction.PUSH, Direction.BOTH])
async def test_pain_18_any_shape_may_become_any_other(world: GoogleWorld, direction: Direction) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=direction)
    for before, after in permutations(SHAPES, 2) if SOAK else _round():
        for shape in (before, after):
            world.put(calendar, "s", SHAPES[shape])
            await world.run()
            assert await world.seen(link.remote_id) == world.occurrences(calendar), (before, after)
    await equal(world, calendar, link)
    assert len(world.mappings(link.id)) == 1


def _round() -> Iterator[tuple[str, str]]:
    names = list(SHAPES)
    return zip(names, [*names[1:], names[0]], strict=True)


async def test_pain_18_a_series_that_is_split_here_is_split_there(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    start = f"DTSTART;TZID={ZONE}:{DAY}T090000"
    world.put(calendar, "s", ical(start, "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=10"))
    await equal(world, calendar, link)
    world.put(calendar, "s", ical(start, "DURATION:PT1H", f"RRULE:FREQ=DAILY;UNTIL={days(4)}T235959Z"))
    rest = ical(f"DTSTART;TZID={ZONE}:{days(5)}T150000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=5", uid="t")
    world.put(calendar, "t", rest)
    await equal(world, calendar, link)
    assert len(await world.seen(link.remote_id)) == 10


async def test_pain_18_a_person_turns_an_event_into_a_day_and_back(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    world.put(calendar, "s", SHAPES["timed"])
    await world.run()
    (name,) = await world.there(link.remote_id)
    iso = f"{SOON:%Y-%m-%d}"
    for changes in (
        {"start": {"date": iso, "dateTime": None, "timeZone": None},
         "end": {"date": f"{SOON + timedelta(days=1):%Y-%m-%d}", "dateTime": None, "timeZone": None}},
        {"start": {"date": None, "dateTime": f"{iso}T11:00:00Z", "timeZone": "UTC"},
         "end": {"date": None, "dateTime": f"{iso}T12:00:00Z", "timeZone": "UTC"}},
    ):  # fmt: skip
        await world.person_edits(link.remote_id, name, **changes)
        await world.run(poll=True)
        await equal(world, calendar, link)


async def test_pain_19_a_series_that_began_before_the_window_is_complete_inside_it(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, past_days=10, future_days=60)
    start = SOON - timedelta(days=400)
    endless = ical(f"DTSTART;TZID={ZONE}:{start:%Y%m%d}T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY")
    over = ical(
        f"DTSTART;TZID={ZONE}:{start:%Y%m%d}T110000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=9", uid="over"
    )
    world.put(calendar, "s", endless)
    world.put(calendar, "over", over)
    await equal(world, calendar, link)
    (there,) = (await world.there(link.remote_id)).values()
    assert there["recurrence"] == ["RRULE:FREQ=WEEKLY"]
    assert len(await world.seen(link.remote_id)) >= 30


async def test_pain_20_a_rule_goes_out_as_a_rule_and_what_cannot_be_said_is_listed_and_told(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    start = f"DTSTART;TZID={ZONE}:{DAY}T080000"
    with capture_logs() as logs:
        world.put(calendar, "s", ical(start, "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:Plain secret"))
        await world.run()
    assert await world.counts("insert") == [1]
    assert [one for one in logs if one["event"] == "series.expanded"] == []
    with capture_logs() as logs:
        hourly = ical(start, "DURATION:PT10M", "RRULE:FREQ=HOURLY;COUNT=9", "SUMMARY:Hourly secret", uid="h")
        world.put(calendar, "h", hourly)
        await world.run()
    # One event with dates, not nine events.
    assert await world.counts("insert") == [2]
    (told,) = [one for one in logs if one["event"] == "series.expanded"]
    assert told["link"] == link.uuid
    assert "secret" not in str(logs)
    await equal(world, calendar, link)
    # Endless and within the day: neither a rule nor a list. Parked with its reason, the rest is there.
    world.put(calendar, "e", ical(start, "DURATION:PT10M", "RRULE:FREQ=HOURLY;INTERVAL=5", uid="e"))
    await world.run()
    (aside,) = world.parked(link.id).values()
    assert "end it earlier" in aside["reason"]
    assert len(world.mappings(link.id)) == 2


WINDOWS = (
    "Eastern Standard Time",
    "AUS Eastern Standard Time",
    "W. Europe Standard Time",
    "Romance Standard Time",
)


async def test_pain_22_windows_zones_go_out_and_come_back_at_their_instants(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(zone="Asia/Tokyo"), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    for uid, name in enumerate(WINDOWS):
        weekly = (f"DTSTART;TZID={name}:{DAY}T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=20")
        world.put(calendar, f"{uid}", ical(*weekly, uid=f"{uid}"))
    await equal(world, calendar, link)
    for there in (await world.there(link.remote_id)).values():
        assert "/" in there["start"]["timeZone"]
        assert there["start"]["timeZone"] != "Asia/Tokyo"


async def test_pain_22_an_unknown_zone_over_there_is_reported_and_never_read_as_utc(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    await world.person_adds(
        link.remote_id,
        summary="Odd",
        recurrence=["RRULE:FREQ=DAILY;COUNT=3"],
        start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00", "timeZone": ZONE},
        end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00", "timeZone": ZONE},
    )
    await world.lab.fault("unknown_zone", operation="calendar.events.list", times=-1)
    await world.lab.fault("unknown_zone", operation="calendar.events.get", times=-1)
    await world.run(full=True)
    assert world.here(calendar) == {}
    (aside,) = world.parked(link.id).values()
    assert "time zone that nobody knows" in aside["reason"]
    await world.lab.control("DELETE", "faults")
    await world.run(full=True)
    assert world.parked(link.id) == {}
    await equal(world, calendar, link)
    assert len(world.occurrences(calendar)) == 3


async def test_pain_23_what_comes_in_brings_the_definition_of_its_zone(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    zones = ("America/New_York", "Australia/Sydney", "Africa/Casablanca")
    for zone in zones:
        times = {
            name: {"dateTime": f"{SOON:%Y-%m-%d}T{hour}:00:00", "timeZone": zone}
            for name, hour in (("start", 15), ("end", 16))
        }
        await world.person_adds(
            link.remote_id, summary=zone, recurrence=["RRULE:FREQ=WEEKLY;COUNT=30"], **times
        )
    await world.run()
    found = world.here(calendar)
    for stored in found.values():
        obj = parse_object(stored, max_bytes=len(stored))
        (zone,) = [str(one["TZID"]) for one in obj.timezones]
        assert f"SUMMARY:{zone}".encode() in stored
    await equal(world, calendar, link)
    # Our own answer goes back in the same zone.
    for uid, stored in found.items():
        world.put(calendar, uid, stored.replace(b"SUMMARY:", b"SUMMARY:Ours in "))
    await equal(world, calendar, link)
    for there in (await world.there(link.remote_id)).values():
        assert there["summary"] == f"Ours in {there['start']['timeZone']}"
    assert len(found) == len(zones)


async def test_pain_25_floating_times_take_the_zone_of_the_resource_and_never_leave_floating(
    world: GoogleWorld,
) -> None:
    account = await world.connect()
    for number, zone in enumerate(("America/New_York", "Asia/Kolkata")):
        calendar = world.add_resource(f"room{number}", zone=zone)
        link = await world.link(calendar, account, direction=Direction.BOTH)
        world.put(calendar, "s", ical(f"DTSTART:{DAY}T090000", f"DTEND:{DAY}T100000"))
        floating = ical(f"DTSTART:{DAY}T110000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3", uid="f")
        world.put(calendar, "f", floating)
        await equal(world, calendar, link)
        for there in (await world.there(link.remote_id)).values():
            assert there["start"]["timeZone"] == zone
        # Unchanged here: the way out does not rewrite what is stored.
        assert world.here(calendar)["f"] == floating


@pytest.fixture
def server_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("server_zone", ["Pacific/Niue", "UTC", "Pacific/Kiritimati"], indirect=True)
async def test_pain_26_days_stay_days_wherever_the_server_stands(
    world: GoogleWorld, server_zone: str
) -> None:
    account = await world.connect()
    for number, zone in enumerate(("Pacific/Niue", "Europe/Berlin", "Pacific/Kiritimati")):
        calendar = world.add_resource(f"room{number}", zone=zone)
        link = await world.link(calendar, account, direction=Direction.BOTH)
        world.put(calendar, "one", ical(f"DTSTART;VALUE=DATE:{DAY}", uid="one"))
        world.put(calendar, "s", SHAPES["days"])
        await world.run()
        shown = sorted(
            (one["start"]["date"], one["end"]["date"]) for one in (await world.there(link.remote_id)).values()
        )
        iso = [f"{SOON + timedelta(days=ahead):%Y-%m-%d}" for ahead in (0, 1, 3)]
        assert shown == [(iso[0], iso[1]), (iso[0], iso[2])]
        await world.person_adds(
            link.remote_id, summary="Theirs", start={"date": iso[1]}, end={"date": iso[2]}
        )
        await world.run(poll=True)
        (theirs,) = [text for text in world.here(calendar).values() if b"SUMMARY:Theirs" in text]
        assert f"DTSTART;VALUE=DATE:{days(1)}\r\n".encode() in theirs
        assert f"DTEND;VALUE=DATE:{days(3)}\r\n".encode() in theirs
        writes = await world.writes()
        await world.run(full=True)
        assert await world.writes() == writes


async def test_pain_27_days_and_several_days_block_or_not_as_they_say(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    world.put(calendar, "s", SHAPES["days"])
    world.put(calendar, "f", ical(f"DTSTART;VALUE=DATE:{DAY}", "TRANSP:TRANSPARENT", "SUMMARY:Free", uid="f"))
    world.put(
        calendar, "n", ical(f"DTSTART:{DAY}T220000Z", f"DTEND:{days(2)}T020000Z", "SUMMARY:Nights", uid="n")
    )
    await equal(world, calendar, link)
    by_title = {one["summary"]: one for one in (await world.there(link.remote_id)).values()}
    assert by_title["Free"]["transparency"] == "transparent"
    assert by_title["Part 0"].get("transparency", "opaque") == "opaque"
    # The other way: what is busy there takes the whole days here, in the zone of the resource.
    hall = world.add_resource("hall")
    pull = await world.link(hall, account, direction=Direction.PULL, remote="ada@example.com")
    for title, free in (("Away", False), ("Note", True)):
        await world.person_adds(
            pull.remote_id,
            summary=title,
            start={"date": f"{SOON:%Y-%m-%d}"},
            end={"date": f"{SOON + timedelta(days=2):%Y-%m-%d}"},
            **({"transparency": "transparent"} if free else {}),
        )
    await world.run(poll=True)
    seen = {one[0]: one for one in await occurrences_at(world.lab, pull.remote_id, window=AROUND)}
    periods = world.db.read(busy.within, hall.id, 0, 2**40)
    taken = [(float(one.start_ts), float(one.end_ts)) for one in periods if one.busy.blocks]
    assert taken == [seen["Away"][1:3]]
    assert len(periods) == 2
