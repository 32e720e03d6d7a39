"""The one conflict check: policies, capacity, buffers, series, holds, the booking window and the belt."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from gateway.domain.errors import Clash
from gateway.domain.model import Calendar, ConflictPolicy, ObjectKind, ResourceKind, from_epoch_s
from gateway.services import objects, occurrence_index, prepare, resources
from gateway.services.limits import Limits
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store.database import Database, Transaction
from tests.worlds import ORIGIN, World, at, stamp, vcalendar, vevent

REFUSE, WARN, ALLOW = ConflictPolicy.REFUSE, ConflictPolicy.WARN, ConflictPolicy.ALLOW
DAILY = "RRULE:FREQ=DAILY;COUNT=10"


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
def room(world: World) -> Calendar:
    return world.resource()


class TestPolicies:
    @pytest.mark.parametrize(
        ("kind", "policy"),
        [(ResourceKind.ROOM, REFUSE), (ResourceKind.EQUIPMENT, REFUSE), (ResourceKind.PERSON, WARN)],
    )
    def test_the_default_depends_on_the_kind_of_the_resource(
        self, world: World, kind: ResourceKind, policy: ConflictPolicy
    ) -> None:
        assert world.resource("new", kind=kind).resource.policy is policy

    def test_pain_60_a_taken_slot_is_refused_at_once_and_says_what_clashes(
        self, world: World, room: Calendar
    ) -> None:
        world.put(room, "a", vevent("a", title="Secret talk"))
        with pytest.raises(Clash) as caught:
            world.put(room, "b", vevent("b", at(1, 10, 30)))
        (report,) = caught.value.clashes
        assert (report.start, report.end) == (at(1, 10, 30), at(1, 11, 30))
        assert (report.with_start, report.with_end) == (at(1, 10), at(1, 11))
        assert str(caught.value).startswith("room is already taken from 2026-03-03 10:00 to 2026-03-03 11:00")
        assert "Secret" not in str(caught.value)
        assert world.listing(room).keys() == {"a"}
        assert world.calendar(room).seq == 1

    def test_warn_stores_and_tells(self, world: World) -> None:
        ann = world.resource("ann", kind=ResourceKind.PERSON)
        world.put(ann, "a", vevent("a"))
        done = world.put(ann, "b", vevent("b"))
        assert [report.with_start for report in done.clashes] == [at(1, 10)]
        assert len(world.listing(ann)) == 2

    def test_allow_stores_and_is_silent(self, world: World) -> None:
        free = world.resource("free", policy=ALLOW)
        world.put(free, "a", vevent("a"))
        assert world.put(free, "b", vevent("b")).clashes == ()

    @pytest.mark.parametrize("policy", [WARN, ALLOW])
    def test_a_write_may_be_laxer_than_its_resource(
        self, world: World, room: Calendar, policy: ConflictPolicy
    ) -> None:
        world.put(room, "a", vevent("a"))
        done = world.put(room, "b", vevent("b"), on_clash=policy)
        assert len(done.clashes) == (1 if policy is WARN else 0)
        with pytest.raises(Clash):
            world.put(room, "c", vevent("c"))

    def test_moving_into_a_taken_slot_is_refused_and_loses_nothing(
        self, world: World, room: Calendar
    ) -> None:
        other = world.resource("other")
        world.put(room, "a", vevent("a"))
        world.put(other, "b", vevent("b"))
        with pytest.raises(Clash):
            world.move(other, "b", room, "b")
        assert world.listing(other).keys() == {"b"}
        assert (world.calendar(room).seq, world.calendar(other).seq) == (1, 1)

    def test_renaming_meets_nothing(self, world: World, room: Calendar) -> None:
        world.put(room, "a", vevent("a"))
        world.put(room, "b", vevent("b"), on_clash=ALLOW)
        world.move(room, "b", room, "c")
        assert world.listing(room).keys() == {"a", "c"}

    def test_moving_onto_an_object_takes_its_slot(self, world: World, room: Calendar) -> None:
        other = world.resource("other")
        world.put(room, "a", vevent("a"))
        world.put(other, "b", vevent("b"))
        assert world.move(other, "b", room, "a", is_overwrite=True)
        assert world.listing(room).keys() == {"a"}

    def test_a_new_policy_holds_from_the_next_write_on(self, world: World, room: Calendar) -> None:
        world.put(room, "a", vevent("a"))
        world.db.write(resources.set_, "room", limits=world.limits, now=world.now, policy="allow")
        world.put(room, "b", vevent("b"))
        world.db.write(resources.set_, "room", limits=world.limits, now=world.now, policy="refuse")
        with pytest.raises(Clash):
            world.put(room, "c", vevent("c"))


class TestWhatMeets:
    @pytest.mark.parametrize(
        ("start", "end", "clashes"),
        [
            (at(1, 9), at(1, 10), False),
            (at(1, 11), at(1, 12), False),
            (at(1, 9), at(1, 10, 1), True),
            (at(1, 10, 59), at(1, 12), True),
            (at(1, 10, 15), at(1, 10, 30), True),
            (at(0), at(3), True),
            (at(1, 10), at(1, 11), True),
            (at(1, 10, 30), at(1, 10, 30), False),
        ],
    )
    def test_half_open_spans(self, world: World, room: Calendar, start, end, clashes: bool) -> None:
        world.put(room, "a", vevent("a"))
        if not clashes:
            assert world.put(room, "b", vevent("b", start, end)).is_created
            return
        with pytest.raises(Clash):
            world.put(room, "b", vevent("b", start, end))

    @pytest.mark.parametrize(
        "line", ["TRANSP:TRANSPARENT", "STATUS:CANCELLED", "X-MICROSOFT-CDO-BUSYSTATUS:FREE"]
    )
    def test_free_time_neither_takes_nor_meets(self, world: World, room: Calendar, line: str) -> None:
        world.put(room, "a", vevent("a", None, None, line))
        world.put(room, "b", vevent("b"))
        assert world.put(room, "c", vevent("c", None, None, line)).is_created

    @pytest.mark.parametrize("line", ["STATUS:TENTATIVE", "X-MICROSOFT-CDO-BUSYSTATUS:OOF"])
    def test_tentative_and_out_of_office_take_time(self, world: World, room: Calendar, line: str) -> None:
        world.put(room, "a", vevent("a", None, None, line))
        with pytest.raises(Clash):
            world.put(room, "b", vevent("b"))

    def test_tasks_and_notes_take_no_time(self, world: World, room: Calendar) -> None:
        task = ["BEGIN:VTODO", "UID:t", "DTSTAMP:20260101T000000Z"]
        task += [f"DTSTART:{stamp(at(1, 10))}", f"DUE:{stamp(at(1, 12))}", "END:VTODO"]
        world.put(room, "t", vcalendar(task))
        assert world.put(room, "a", vevent("a")).is_created

    def test_a_booking_may_be_rewritten_in_its_own_slot(self, world: World, room: Calendar) -> None:
        world.put(room, "a", vevent("a"))
        assert world.put(room, "a", vevent("a", at(1, 10, 30))).is_changed
        assert world.put(room, "b", vevent("b", at(1, 9, 30))).is_created

    def test_all_day_takes_the_day_of_the_resource(self, world: World) -> None:
        tokyo = world.resource("tokyo", zone="Asia/Tokyo")
        day = vevent("day").replace(b"DTSTART:20260303T100000Z", b"DTSTART;VALUE=DATE:20260303")
        day = day.replace(b"DTEND:20260303T110000Z", b"DTEND;VALUE=DATE:20260304")
        world.put(tokyo, "day", day)
        assert world.put(tokyo, "before", vevent("before", at(0, 14))).is_created
        assert world.put(tokyo, "after", vevent("after", at(1, 15))).is_created
        with pytest.raises(Clash):
            world.put(tokyo, "in", vevent("in", at(0, 15)))

    def test_a_long_booking_is_met_however_early_it_began(self, world: World, room: Calendar) -> None:
        world.put(room, "long", vevent("long", at(0), at(200)))
        with pytest.raises(Clash):
            world.put(room, "b", vevent("b", at(199, 10)))

    def test_pain_63_deleting_or_moving_frees_the_slot(self, world: World, room: Calendar) -> None:
        world.put(room, "a", vevent("a"))
        world.delete(room, "a")
        world.put(room, "b", vevent("b"))
        world.put(room, "b", vevent("b", at(2, 10)))
        world.put(room, "c", vevent("c"))
        other = world.resource("other")
        world.move(room, "c", other, "c")
        assert world.put(room, "d", vevent("d")).is_created

    def test_a_hold_clashes_until_it_is_over(self, world: World, room: Calendar) -> None:
        world.put(room, "hold", vevent("hold"), kind=ObjectKind.HOLD, expires_at_utc=at(0, 12))
        with pytest.raises(Clash):
            world.put(room, "b", vevent("b"))
        world.now = at(0, 12)
        assert world.put(room, "b", vevent("b")).is_created


class TestSeries:
    def test_every_instance_meets_single_bookings(self, world: World, room: Calendar) -> None:
        world.put(room, "single", vevent("single", at(6, 10)))
        with pytest.raises(Clash) as caught:
            world.put(room, "series", vevent("series", None, None, DAILY))
        assert [report.start for report in caught.value.clashes] == [at(6, 10)]
        world.put(room, "series", vevent("series", None, None, DAILY, f"EXDATE:{stamp(at(6, 10))}"))
        with pytest.raises(Clash):
            world.put(room, "late", vevent("late", at(8, 10, 30)))

    def test_series_against_series(self, world: World, room: Calendar) -> None:
        world.put(room, "a", vevent("a", None, None, "RRULE:FREQ=WEEKLY"))
        with pytest.raises(Clash) as caught:
            world.put(room, "b", vevent("b", at(2, 10), None, "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=60"))
        assert caught.value.clashes[0].start == at(8, 10)
        assert "and" in str(caught.value)

    def test_the_instances_of_one_object_do_not_clash_with_each_other(
        self, world: World, room: Calendar
    ) -> None:
        assert world.put(room, "a", vevent("a", at(1), at(3), DAILY)).is_created
        assert world.put(room, "a", vevent("a", at(1), at(2, 12), DAILY)).is_changed

    def test_an_override_moves_the_instance(self, world: World, room: Calendar) -> None:
        override = [
            "BEGIN:VEVENT",
            "UID:a",
            "DTSTAMP:20260101T000000Z",
            f"RECURRENCE-ID:{stamp(at(3, 10))}",
            f"DTSTART:{stamp(at(3, 15))}",
            f"DTEND:{stamp(at(3, 16))}",
            "END:VEVENT",
        ]
        data = vevent("a", None, None, DAILY)
        moved = data.replace(b"END:VCALENDAR", "\r\n".join([*override, "END:VCALENDAR"]).encode())
        world.put(room, "a", moved)
        assert world.put(room, "free", vevent("free", at(3, 10))).is_created
        with pytest.raises(Clash):
            world.put(room, "taken", vevent("taken", at(3, 15)))

    def test_an_orphan_override_takes_its_time(self, world: World, room: Calendar) -> None:
        orphan = vevent("a", at(5, 10), None, f"RECURRENCE-ID:{stamp(at(4, 10))}")
        world.put(room, "a", orphan)
        with pytest.raises(Clash):
            world.put(room, "b", vevent("b", at(5, 10)))
        assert world.put(room, "c", vevent("c", at(4, 10))).is_created

    def test_a_series_is_checked_up_to_the_booking_window_a_single_booking_always(
        self, world: World, room: Calendar
    ) -> None:
        world.limits = Limits(booking_window=timedelta(days=30))
        world.put(room, "far", vevent("far", at(57, 10)))
        assert world.put(room, "series", vevent("series", None, None, "RRULE:FREQ=WEEKLY")).clashes == ()
        with pytest.raises(Clash):
            world.put(room, "same", vevent("same", at(57, 10)))
        with pytest.raises(Clash):
            world.put(room, "near", vevent("near", at(8, 10)))


class TestCapacityAndBuffers:
    def test_so_many_bookings_at_once_as_the_capacity(self, world: World) -> None:
        pool = world.resource("pool", capacity=3)
        for name in "abc":
            world.put(pool, name, vevent(name))
        with pytest.raises(Clash):
            world.put(pool, "d", vevent("d", at(1, 10, 59)))
        assert world.put(pool, "e", vevent("e", at(1, 11))).is_created

    def test_what_follows_one_another_counts_once(self, world: World) -> None:
        pool = world.resource("pool", capacity=2)
        world.put(pool, "a", vevent("a", at(1, 9)))
        world.put(pool, "b", vevent("b", at(1, 10)))
        assert world.put(pool, "long", vevent("long", at(1, 8), at(1, 12))).is_created

    def test_a_buffer_keeps_bookings_apart_on_both_sides(self, world: World) -> None:
        lab = world.resource("lab", buffer_before_s=600, buffer_after_s=300)
        world.put(lab, "a", vevent("a"))
        for start, end in ((at(1, 11, 14), at(1, 12)), (at(1, 9), at(1, 9, 46))):
            with pytest.raises(Clash):
                world.put(lab, "b", vevent("b", start, end))
        world.put(lab, "c", vevent("c", at(1, 11, 15), at(1, 12)))
        assert world.put(lab, "d", vevent("d", at(1, 9), at(1, 9, 45))).is_created


class TestBelt:
    """PostgreSQL refuses overlaps by itself, should two checks ever pass at once."""

    @pytest.fixture
    def world(self, postgresql_db: Database) -> World:
        return World(postgresql_db)

    def test_two_writes_into_one_slot_are_refused_although_nobody_checked(
        self, world: World, room: Calendar, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.put(room, "a", vevent("a"))
        monkeypatch.setattr("gateway.services.conflicts.check", lambda *_, **__: ())
        with pytest.raises(Clash):
            world.put(room, "b", vevent("b", at(1, 10, 30)))
        assert world.listing(room).keys() == {"a"}

    def test_the_belt_follows_updates_deletions_and_moves(self, world: World, room: Calendar) -> None:
        def slots(tx: Transaction) -> list[tuple[int, int]]:
            rows = tx.connection.exec_driver_sql(
                "SELECT start_ts, end_ts FROM busy_slot WHERE calendar_id = %s ORDER BY 1", (room.id,)
            )
            return [(row[0], row[1]) for row in rows]

        world.put(room, "a", vevent("a", None, None, "RRULE:FREQ=DAILY;COUNT=3"))
        assert len(world.db.read(slots)) == 3
        world.put(room, "a", vevent("a", at(2, 10)))
        assert [from_epoch_s(start) for start, _ in world.db.read(slots)] == [at(2, 10)]
        world.move(room, "a", world.resource("other", policy=ALLOW), "a")
        assert world.db.read(slots) == []
        world.put(room, "b", vevent("b"))
        world.delete(room, "b")
        assert world.db.read(slots) == []

    def test_it_may_be_taken_off(self, world: World, room: Calendar) -> None:
        world.put(room, "a", vevent("a"))
        stored = world.get(room, "a")
        assert stored is not None
        world.db.write(occurrence_store.release, stored.id)
        monkey = world.put(room, "b", vevent("b"), on_clash=WARN)
        assert len(monkey.clashes) == 1

    def test_a_zone_that_changes_while_a_write_waits_is_seen_by_it(
        self, world: World, room: Calendar
    ) -> None:
        data = vevent("a").replace(b"DTSTART:20260303T100000Z", b"DTSTART:20260303T100000")
        data = data.replace(b"DTEND:20260303T110000Z", b"DTEND:20260303T110000")
        ready = prepare.prepare(data, room, limits=world.limits, now=world.now)

        def put() -> None:
            world.db.write(
                objects.put, room.id, "a", ready, origin=ORIGIN, now=world.now, limits=world.limits
            )

        thread = threading.Thread(target=put)
        with world.db.transaction(write=True) as tx:
            resources.set_(tx, "room", limits=world.limits, now=world.now, zone="Asia/Tokyo")
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()  # it waits for the calendar
        thread.join()
        assert world.index(room, world.limits.horizon(world.now)) == [("a", at(1, 1), at(1, 2))]


@pytest.mark.parametrize("writers", [20])
def test_pain_62_of_many_writers_racing_for_one_slot_exactly_one_wins(
    world: World, room: Calendar, writers: int
) -> None:
    barrier = threading.Barrier(writers)
    won: list[str] = []
    refused: list[str] = []
    failed: list[Exception] = []

    def race(name: str) -> None:
        data = vevent(name, at(1, 10), at(1, 11), title=f"Booking of {name}")
        barrier.wait()
        try:
            world.put(room, name, data)
            won.append(name)
        except Clash:
            refused.append(name)
        except Exception as error:  # noqa: BLE001 - a thread's failure belongs to the test
            failed.append(error)

    threads = [threading.Thread(target=race, args=(f"w{number}",)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(won) == 1
    assert len(refused) == writers - 1
    assert world.listing(room).keys() == set(won)
    assert world.calendar(room).seq == 1


def test_busy_periods_are_clipped_and_leave_free_and_expired_out(world: World, room: Calendar) -> None:
    world.put(room, "long", vevent("long", at(0), at(2)))
    world.put(room, "free", vevent("free", at(3, 10), None, "TRANSP:TRANSPARENT"))
    world.put(room, "hold", vevent("hold", at(3, 10)), kind=ObjectKind.HOLD, expires_at_utc=at(0, 12))
    later = at(0, 13)

    def periods(tx: Transaction) -> list[tuple[object, ...]]:
        calendar = calendar_store.get(tx, room.id)
        window = type(room.index)(start=at(1), end=at(5))
        return list(occurrence_index.busy_periods(tx, calendar, window, now=later))

    assert [(start, end) for start, end, _ in world.db.read(periods)] == [(at(1), at(2))]
    assert world.db.read(object_store.calendars_with_expired, later) == [room.id]
