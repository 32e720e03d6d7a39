"""The occurrence index: answers inside and outside its horizon, rebuilding, and tickets when it moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import parse_object
from gateway.domain.model import Calendar, ConflictPolicy, Window
from gateway.domain.recurrence import expand
from gateway.services import chores, occurrence_index, resources, startup
from gateway.services.limits import Limits
from gateway.settings import Settings
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store.database import Database, Transaction
from gateway.store.schema import conflict_ticket
from tests.statements import statements
from tests.worlds import World, at, stamp, vcalendar, vevent

SHORT = Limits(
    index_past=timedelta(days=20), index_future=timedelta(days=40), booking_window=timedelta(days=40)
)


@pytest.fixture
def world(db: Database) -> World:
    return World(db, limits=SHORT)


@pytest.fixture
def room(world: World) -> Calendar:
    return world.resource()


def fresh(world: World, calendar: Calendar, window: Window) -> list[tuple[str, datetime, datetime]]:
    """Expand every object anew; what the index must answer."""

    def read(tx: Transaction) -> list[tuple[str, datetime, datetime]]:
        calendar_now = calendar_store.get(tx, calendar.id)
        found = []
        for stored in object_store.every(tx, calendar.id, limit=10_000):
            parsed = parse_object(stored.ical, max_bytes=10_000_000)
            zone = ZoneInfo(calendar_now.resource.zone)
            occurrences = expand(parsed, zone=zone, window=window, limit=100_000).occurrences
            found += [(stored.href, one.start, one.end) for one in occurrences]
        return sorted(found)

    return world.db.read(read)


def tickets(world: World) -> list[tuple[str, str, int]]:
    query = select(conflict_ticket).order_by(conflict_ticket.c.start_ts)
    with world.db.transaction(write=False) as tx:
        return [(row.object_uid, row.other_uid, row.start_ts) for row in tx.execute(query)]


def some_objects(world: World, calendar: Calendar) -> None:
    allow = ConflictPolicy.ALLOW
    override = ["BEGIN:VEVENT", "UID:moved", "DTSTAMP:20260101T000000Z", f"DTEND:{stamp(at(90, 9))}"]
    override += [f"RECURRENCE-ID:{stamp(at(15, 10))}", f"DTSTART:{stamp(at(80, 9))}", "END:VEVENT"]
    moved = vevent("moved", None, None, "RRULE:FREQ=WEEKLY;COUNT=4")
    world.put(calendar, "single", vevent("single"), on_clash=allow)
    world.put(calendar, "far", vevent("far", at(5000), at(5001)), on_clash=allow)
    world.put(calendar, "past", vevent("past", at(-900), at(-890)), on_clash=allow)
    world.put(calendar, "endless", vevent("endless", at(-400, 8), None, "RRULE:FREQ=DAILY"), on_clash=allow)
    world.put(
        calendar, "count", vevent("count", at(-30, 8), None, "RRULE:FREQ=WEEKLY;COUNT=9"), on_clash=allow
    )
    rdates = f"RDATE;VALUE=PERIOD:{stamp(at(60))}/{stamp(at(75))}"
    world.put(calendar, "rdate", vevent("rdate", at(2), None, rdates), on_clash=allow)
    world.put(
        calendar,
        "moved",
        moved.replace(b"END:VCALENDAR", "\r\n".join([*override, "END:VCALENDAR"]).encode()),
        on_clash=allow,
    )
    point = ["BEGIN:VEVENT", "UID:point", "DTSTAMP:20260101T000000Z", f"DTSTART:{stamp(at(1, 7))}"]
    world.put(calendar, "point", vcalendar([*point, "RRULE:FREQ=WEEKLY;COUNT=20", "END:VEVENT"]))


WINDOWS = [
    Window(start=at(-20), end=at(40)),
    Window(start=at(-1000), end=at(-10)),
    Window(start=at(1, 7), end=at(1, 8)),
    Window(start=at(30), end=at(70)),
    Window(start=at(74), end=at(76)),
    Window(start=at(1 + 7 * 19, 7), end=at(1 + 7 * 19, 8)),
    Window(start=at(200), end=at(220)),
    Window(start=at(-1000), end=at(6000)),
    Window(start=at(85), end=at(86)),
]


@pytest.mark.parametrize("window", WINDOWS, ids=range(len(WINDOWS)))
def test_the_index_answers_what_a_fresh_expansion_gives(world: World, room: Calendar, window: Window) -> None:
    some_objects(world, room)
    assert sorted(world.index(room, window)) == fresh(world, room, window)


def test_a_moved_horizon_answers_the_same(world: World, room: Calendar) -> None:
    some_objects(world, room)
    before = [sorted(world.index(room, window)) for window in WINDOWS]
    for days in (30, 45, 400, -10):
        horizon = world.limits.horizon(world.now + timedelta(days=days))
        world.db.write(occurrence_index.move_horizon, room.id, horizon=horizon, now=world.now)
        assert world.calendar(room).index == horizon
        assert [sorted(world.index(room, window)) for window in WINDOWS] == before
    assert world.db.write(occurrence_index.move_horizon, room.id, horizon=horizon, now=world.now) == 0


def test_a_rebuilt_index_answers_the_same(world: World, room: Calendar) -> None:
    some_objects(world, room)
    before = [sorted(world.index(room, window)) for window in WINDOWS]
    seq = world.calendar(room).seq
    total = world.db.write(occurrence_index.rebuild, room.id, horizon=world.limits.horizon(world.now))
    assert total == 8
    assert [sorted(world.index(room, window)) for window in WINDOWS] == before
    assert world.calendar(room).seq == seq


def test_a_long_instance_that_the_horizon_brings_is_met_by_later_bookings(
    world: World, room: Calendar
) -> None:
    rdates = f"RDATE;VALUE=PERIOD:{stamp(at(60))}/{stamp(at(75))}"
    world.put(room, "rdate", vevent("rdate", at(2), None, rdates))
    world.now += timedelta(days=50)
    chores.move_horizons(world.db, limits=world.limits, now=world.now)
    done = world.put(room, "late", vevent("late", at(74)), on_clash=ConflictPolicy.WARN)
    assert len(done.clashes) == 1


def test_the_answer_beyond_the_horizon_is_bounded(
    world: World, room: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occurrence_index, "MAX_EXPANDED", 100)
    world.put(room, "endless", vevent("endless", None, None, "RRULE:FREQ=DAILY"))
    assert world.index(room, Window(start=at(100), end=at(150)))
    with pytest.raises(TooManyInstances):
        world.index(room, Window(start=at(100), end=at(300)))


class TestZones:
    def test_a_new_zone_of_the_resource_moves_floating_and_all_day_times(
        self, world: World, room: Calendar
    ) -> None:
        floating = vevent("f").replace(b"DTSTART:20260303T100000Z", b"DTSTART:20260303T100000")
        world.put(room, "f", floating.replace(b"DTEND:20260303T110000Z", b"DTEND:20260303T110000"))
        day = vevent("d").replace(b"DTSTART:20260303T100000Z", b"DTSTART;VALUE=DATE:20260305")
        world.put(room, "d", day.replace(b"DTEND:20260303T110000Z\r\n", b""))
        world.put(room, "u", vevent("u", at(6, 10)))
        seq = world.calendar(room).seq
        world.db.write(resources.set_, "room", limits=world.limits, now=world.now, zone="Asia/Tokyo")
        assert world.index(room, world.limits.horizon(world.now)) == [
            ("f", at(1, 1), at(1, 2)),
            ("d", at(2, 15), at(3, 15)),
            ("u", at(6, 10), at(6, 11)),
        ]
        assert world.calendar(room).seq == seq

    def test_a_new_default_zone_moves_resources_without_one_of_their_own(
        self, sqlite_db: Database, settings: Settings
    ) -> None:
        world = World(sqlite_db)
        follows, own = world.resource(), world.resource("own", zone="UTC")
        data = vevent("a").replace(b"DTSTART:20260303T100000Z", b"DTSTART:20260303T100000")
        data = data.replace(b"DTEND:20260303T110000Z", b"DTEND:20260303T110000")
        world.put(follows, "a", data)
        world.put(own, "a", data)
        settings = settings.model_copy(update={"zone": "Asia/Tokyo"})
        settings.data.mkdir(exist_ok=True)
        startup.ready_database(sqlite_db, settings, now=world.now)
        window = world.limits.horizon(world.now)
        assert world.index(follows, window) == [("a", at(1, 1), at(1, 2))]
        assert world.index(own, window) == [("a", at(1, 10), at(1, 11))]


class TestTickets:
    def test_overlaps_that_come_with_the_horizon_become_tickets_once(
        self, world: World, room: Calendar
    ) -> None:
        # The series of b is checked up to the booking window only, and both meet from day 43 on.
        world.put(room, "a", vevent("a", at(43, 10), None, "RRULE:FREQ=WEEKLY"))
        world.put(room, "b", vevent("b", at(-6, 10), None, "RRULE:FREQ=WEEKLY", f"EXDATE:{stamp(at(1, 10))}"))
        assert tickets(world) == []
        world.now += timedelta(days=14)
        assert chores.move_horizons(world.db, limits=world.limits, now=world.now) == 2
        assert [(one, other) for one, other, _ in tickets(world)] == [("a", "b")] * 2
        assert chores.move_horizons(world.db, limits=world.limits, now=world.now) == 0
        world.now += timedelta(days=7)
        assert chores.move_horizons(world.db, limits=world.limits, now=world.now) == 1
        assert len(tickets(world)) == 3

    def test_overlaps_beyond_a_shorter_booking_window_become_tickets_when_it_reaches_them(
        self, world: World, room: Calendar
    ) -> None:
        # The index looks 21 days further than bookings are checked: the overlap on day 29 was seen by nobody.
        world.limits = replace(world.limits, booking_window=world.limits.index_future - timedelta(days=21))
        world.put(room, "a", vevent("a", at(29, 10), None, "RRULE:FREQ=WEEKLY;COUNT=1"))
        world.put(room, "b", vevent("b", at(-6, 10), None, "RRULE:FREQ=WEEKLY", f"EXDATE:{stamp(at(1, 10))}"))
        assert tickets(world) == []
        opened = []
        for _ in range(3):
            world.now += timedelta(days=7)
            opened.append(chores.move_horizons(world.db, limits=world.limits, now=world.now))
        assert opened == [0, 1, 0]

    def test_where_overlaps_are_allowed_there_are_no_tickets(self, world: World) -> None:
        free = world.resource("free", policy=ConflictPolicy.ALLOW)
        for name in "ab":
            world.put(free, name, vevent(name, None, None, "RRULE:FREQ=WEEKLY"))
        world.now += timedelta(days=14)
        assert chores.move_horizons(world.db, limits=world.limits, now=world.now) == 0


def test_rows_of_the_index_go_with_their_object_and_their_calendar(world: World, room: Calendar) -> None:
    some_objects(world, room)
    assert world.db.read(occurrence_store.count, room.id) > 20
    for href in list(world.listing(room)):
        world.delete(room, href)
    assert world.db.read(occurrence_store.count, room.id) == 0
    world.put(room, "a", vevent("a"))
    world.db.write(resources.remove, "room", now=world.now)
    assert world.db.read(occurrence_store.count, room.id) == 0


class TestWrites:
    def test_a_write_that_moves_nothing_leaves_the_index_alone(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("a"))
        series = vevent("s", at(3, 9), at(3, 10), "RRULE:FREQ=DAILY;COUNT=4")
        world.put(room, "s.ics", series)
        for href, data in (("a.ics", vevent("a")), ("s.ics", series)):
            with statements(world.db) as found:
                world.put(room, href, data.replace(b"SUMMARY:", b"SUMMARY:other "))
            assert not [
                sql for sql, _ in found if "INTO occurrence" in sql or "FROM occurrence WHERE" in sql[:30]
            ]
            stored = world.get(room, href)
            assert stored is not None
            assert b"SUMMARY:other" in stored.ical

    @pytest.mark.parametrize(
        "lines",
        [
            ("TRANSP:TRANSPARENT",),
            ("RRULE:FREQ=DAILY;COUNT=2",),
            ("STATUS:TENTATIVE",),
            ("CLASS:PRIVATE",),
            ("X-CALGATE-KIND:block",),
        ],
    )
    def test_whatever_changes_is_as_if_it_had_been_made_so(
        self, world: World, room: Calendar, lines: tuple[str, ...]
    ) -> None:
        other = world.resource("other")
        changed = vevent("a", at(4, 9), at(4, 11), *lines)
        world.put(room, "a.ics", vevent("a", at(4, 9), at(4, 11)))
        world.put(room, "a.ics", changed)
        world.put(other, "a.ics", changed)
        assert self.told(world, room) == self.told(world, other)
        world.put(room, "a.ics", vevent("a", at(4, 9), at(4, 11)))
        world.delete(other, "a.ics")
        world.put(other, "b.ics", vevent("b", at(4, 9), at(4, 11)))
        assert self.told(world, room) == self.told(world, other)

    @staticmethod
    def told(world: World, calendar: Calendar) -> tuple[object, ...]:
        window = Window(start=at(1), end=at(20))
        with world.db.transaction(write=False) as tx:
            spans = occurrence_store.in_window(tx, calendar_store.get(tx, calendar.id), window)
            (stored,) = object_store.every(tx, calendar.id)
        kept = (stored.kind, stored.classification, stored.is_recurring, stored.first_start, stored.last_end)
        return (*kept, [(one.start_ts, one.end_ts, one.recur_ts, one.busy) for one in spans])
