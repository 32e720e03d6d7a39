"""Calendar objects: put, delete, move, their preconditions, names, kinds and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.conditional import Condition
from gateway.domain.errors import (
    InvalidCalendarData,
    InvalidCalendarObject,
    InvalidName,
    NotFound,
    PreconditionFailed,
    TooLarge,
    TooManyInstances,
    UidConflict,
    UnsupportedComponent,
)
from gateway.domain.model import Calendar, ConflictPolicy, ObjectKind, PrincipalId
from gateway.services import objects, prepare, resources
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.store.database import Database
from tests.worlds import ORIGIN, World, at, vcalendar, vevent

WEEKLY = ("RRULE:FREQ=WEEKLY;COUNT=5",)


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
def room(world: World) -> Calendar:
    return world.resource()


class TestPut:
    def test_bytes_come_back_as_sent(self, world: World, room: Calendar) -> None:
        odd = vevent("a", None, None, 'X-ODD;P="a,b":\\n  two', title="Ünïcode").replace(
            b"X-ODD", b"X-O\r\n DD"
        )
        done = world.put(room, "a.ics", odd)
        stored = world.get(room, "a.ics")
        assert stored is not None
        assert stored.ical == odd
        assert (stored.etag, stored.seq, stored.revision) == (done.etag, 1, 0)
        assert (done.is_created, done.is_changed, done.seq) == (True, True, 1)

    def test_pain_58_the_same_bytes_again_are_no_change(self, world: World, room: Calendar) -> None:
        first = world.put(room, "a.ics", vevent("a"))
        again = world.put(room, "a.ics", vevent("a"))
        assert (again.etag, again.is_changed, again.seq) == (first.etag, False, 1)
        assert world.calendar(room).seq == 1
        assert len(world.log(room)) == 1

    def test_an_update_keeps_the_row_and_raises_its_revision(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("a"))
        before = world.get(room, "a.ics")
        world.now += timedelta(hours=1)
        done = world.put(room, "a.ics", vevent("a", title="Other"))
        after = world.get(room, "a.ics")
        assert before is not None
        assert after is not None
        assert not done.is_created
        assert (after.id, after.revision, after.seq) == (before.id, 1, 2)
        assert (after.created_at_utc, after.modified_at_utc) == (before.created_at_utc, world.now)
        assert after.etag != before.etag

    def test_the_creator_stays_when_another_person_edits(self, world: World, room: Calendar) -> None:
        for principal, title in ((7, "One"), (8, "Two")):
            ready = prepare.prepare(vevent("a", title=title), room, limits=world.limits, now=world.now)
            world.db.write(
                objects.put,
                room.id,
                "a.ics",
                ready,
                origin=Origin(label="x", principal_id=PrincipalId(principal)),
                now=world.now,
                limits=world.limits,
            )
        stored = world.get(room, "a.ics")
        assert stored is not None
        assert stored.creator_id == 7

    def test_a_uid_stands_once_in_a_calendar(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("same"))
        with pytest.raises(UidConflict) as caught:
            world.put(room, "b.ics", vevent("same", at(2, 10)))
        assert caught.value.href == "a.ics"
        assert world.listing(world.calendar(room)).keys() == {"a.ics"}
        assert world.calendar(room).seq == 1

    def test_a_href_keeps_its_uid(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("one"))
        with pytest.raises(UidConflict):
            world.put(room, "a.ics", vevent("two"))

    def test_the_same_uid_may_stand_in_two_calendars(self, world: World, room: Calendar) -> None:
        other = world.resource("other")
        world.put(room, "a.ics", vevent("a"))
        assert world.put(other, "a.ics", vevent("a")).is_created

    def test_a_calendar_that_is_gone_is_not_found(self, world: World, room: Calendar) -> None:
        world.db.write(resources.remove, "room", now=world.now)
        with pytest.raises(NotFound):
            world.put(room, "a.ics", vevent("a"))

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (b"", InvalidCalendarData),
            (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", InvalidCalendarData),
            (vevent("a").replace(b"UID:a\r\n", b""), InvalidCalendarObject),
            (vcalendar(["BEGIN:VEVENT", "UID:a", "END:VEVENT"]), InvalidCalendarObject),
            (vevent("a", at(1, 10), at(1, 9)), InvalidCalendarObject),
            (vevent("a").replace(b"VERSION:2.0", b"VERSION:2.0\r\nMETHOD:REQUEST"), InvalidCalendarObject),
            (vevent("a") + vevent("b"), InvalidCalendarData),
            (vevent("a", None, None, "RRULE:FREQ=SECONDLY"), TooManyInstances),
            (vevent("a", None, None, "RRULE:FREQ=HOURLY"), TooManyInstances),
            (vevent("a", None, None, "X-CALGATE-KIND:party"), InvalidCalendarObject),
            (vevent("a", None, None, "DESCRIPTION:" + "x" * 1_100_000), TooLarge),
            (vevent("a" * 1001), InvalidCalendarObject),
            (vevent("a").replace(b"Meeting", b"Meet\xff"), InvalidCalendarData),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else "",
    )
    def test_what_cannot_be_stored_is_refused_with_a_reason(
        self, world: World, room: Calendar, data: bytes, error: type[Exception]
    ) -> None:
        with pytest.raises(error) as caught:
            world.put(room, "a.ics", data)
        assert len(str(caught.value)) > 10
        assert "Meeting" not in str(caught.value)
        assert world.listing(room) == {}
        assert world.calendar(room).seq == 0

    def test_a_component_that_the_calendar_does_not_take_is_refused(
        self, world: World, room: Calendar
    ) -> None:
        events_only = replace(room, components=("VEVENT",))
        task = vcalendar(["BEGIN:VTODO", "UID:t", "DTSTAMP:20260101T000000Z", "END:VTODO"])
        with pytest.raises(UnsupportedComponent, match="VEVENT, not VTODO"):
            prepare.prepare(task, events_only, limits=world.limits, now=world.now)

    def test_a_change_of_zone_between_parsing_and_writing_is_noticed(
        self, world: World, room: Calendar
    ) -> None:
        floating = vevent("a").replace(b"DTSTART:20260303T100000Z", b"DTSTART:20260303T100000")
        floating = floating.replace(b"DTEND:20260303T110000Z", b"DTEND:20260303T110000")
        ready = prepare.prepare(floating, room, limits=world.limits, now=world.now)
        world.db.write(resources.set_, "room", limits=world.limits, now=world.now, zone="Asia/Tokyo")
        world.db.write(
            objects.put, room.id, "a.ics", ready, origin=ORIGIN, now=world.now, limits=world.limits
        )
        assert world.index(room, world.limits.horizon(world.now)) == [("a.ics", at(1, 1), at(1, 2))]


class TestPreconditions:
    @pytest.mark.parametrize(
        "condition",
        [
            Condition(if_match=('"0"',)),
            Condition(if_match=("W/{etag}",)),
            Condition(if_none_match=("*",)),
            Condition(if_none_match=("{etag}",)),
        ],
        ids=["other", "weak", "none", "same"],
    )
    @pytest.mark.parametrize("deed", ["put", "delete", "move"])
    def test_a_stale_condition_changes_nothing(
        self, world: World, room: Calendar, condition: Condition, deed: str
    ) -> None:
        etag = world.put(room, "a.ics", vevent("a")).etag
        filled = Condition(
            if_match=condition.if_match and tuple(one.format(etag=etag) for one in condition.if_match),
            if_none_match=condition.if_none_match
            and tuple(one.format(etag=etag) for one in condition.if_none_match),
        )
        deeds: dict[str, Callable[[], object]] = {
            "put": lambda: world.put(room, "a.ics", vevent("a", title="New"), condition=filled),
            "delete": lambda: world.delete(room, "a.ics", filled),
            "move": lambda: world.move(room, "a.ics", room, "b.ics", condition=filled),
        }
        with pytest.raises(PreconditionFailed):
            deeds[deed]()
        assert world.listing(room) == {"a.ics": etag}
        assert world.calendar(room).seq == 1

    def test_a_condition_that_holds_lets_the_write_through(self, world: World, room: Calendar) -> None:
        etag = world.put(room, "a.ics", vevent("a"), condition=Condition(if_none_match=("*",))).etag
        etag = world.put(room, "a.ics", vevent("a", title="B"), condition=Condition(if_match=(etag,))).etag
        world.delete(room, "a.ics", Condition(if_match=("*",)))
        assert world.listing(room) == {}

    def test_if_match_on_nothing_is_refused_also_for_an_unchanged_body(
        self, world: World, room: Calendar
    ) -> None:
        with pytest.raises(PreconditionFailed):
            world.put(room, "a.ics", vevent("a"), condition=Condition(if_match=("*",)))
        world.put(room, "a.ics", vevent("a"))
        with pytest.raises(PreconditionFailed):
            world.put(room, "a.ics", vevent("a"), condition=Condition(if_match=('"0"',)))


class TestNames:
    @pytest.mark.parametrize(
        "href", ["", ".", "..", "a/b", "a\x00b", "a\nb", "a\x85b", "a\ud800b", "x" * 501, "ü" * 251]
    )
    def test_names_that_are_no_segment_everywhere_are_refused(
        self, world: World, room: Calendar, href: str
    ) -> None:
        with pytest.raises(InvalidName):
            world.put(room, href, vevent("a"))
        world.put(room, "ok.ics", vevent("a"))
        with pytest.raises(InvalidName):
            world.move(room, "ok.ics", room, href)
        assert world.listing(room).keys() == {"ok.ics"}

    @pytest.mark.parametrize("href", ["x" * 500, "a b%2F.ics", "日本.ics", "a;b,c'\"\\", "...", "İ.ICS"])
    def test_other_names_are_kept_as_they_are(self, world: World, room: Calendar, href: str) -> None:
        world.put(room, href, vevent("a"))
        assert world.listing(room).keys() == {href}

    def test_names_differ_by_case(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("a"))
        world.put(room, "A.ics", vevent("b", at(2, 10)))
        assert len(world.listing(room)) == 2


class TestDelete:
    def test_a_deletion_leaves_a_tombstone_with_the_next_number(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("a"))
        assert world.delete(room, "a.ics") == 2
        (line,) = world.log(room)
        assert (line.op, line.seq, line.href, line.uid, line.etag) == ("delete", 2, "a.ics", "a", None)
        assert world.index(room, world.limits.horizon(world.now)) == []

    def test_deleting_twice_is_not_found_and_not_numbered(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("a"))
        world.delete(room, "a.ics")
        with pytest.raises(NotFound):
            world.delete(room, "a.ics")
        assert world.calendar(room).seq == 2

    def test_the_uid_is_free_again(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("a"))
        world.delete(room, "a.ics")
        assert world.put(room, "b.ics", vevent("a")).is_created


class TestMove:
    def test_in_the_same_calendar_it_is_a_rename_with_two_numbers(self, world: World, room: Calendar) -> None:
        etag = world.put(room, "a.ics", vevent("a")).etag
        assert world.move(room, "a.ics", room, "b.ics") is False
        assert world.listing(room) == {"b.ics": etag}
        assert [(line.seq, line.op, line.href) for line in world.log(room)] == [
            (2, "delete", "a.ics"),
            (3, "put", "b.ics"),
        ]
        assert world.calendar(room).seq == 3

    def test_into_another_calendar_both_logs_tell_it(self, world: World, room: Calendar) -> None:
        other = world.resource("other", zone="America/New_York")
        etag = world.put(room, "a.ics", vevent("a")).etag
        world.move(room, "a.ics", other, "b.ics")
        assert world.listing(room) == {}
        assert world.listing(other) == {"b.ics": etag}
        assert [(line.seq, line.op) for line in world.log(room)] == [(2, "delete")]
        assert [(line.seq, line.op) for line in world.log(other)] == [(1, "put")]
        window = world.limits.horizon(world.now)
        assert world.index(room, window) == []
        assert world.index(other, window) == [("b.ics", at(1, 10), at(1, 11))]

    def test_floating_times_follow_the_zone_of_the_new_calendar(self, world: World, room: Calendar) -> None:
        other = world.resource("other", zone="Asia/Tokyo")
        data = vevent("a", None, None, *WEEKLY).replace(b"00Z\r\nDTEND", b"00\r\nDTEND")
        data = data.replace(b"110000Z\r\nSUMMARY", b"110000\r\nSUMMARY")
        world.put(room, "a.ics", data)
        world.move(room, "a.ics", other, "a.ics")
        starts = [start for _, start, _ in world.index(other, world.limits.horizon(world.now))]
        assert starts == [at(1 + 7 * week, 1) for week in range(5)]

    def test_onto_an_existing_object_only_when_told_to(self, world: World, room: Calendar) -> None:
        etag = world.put(room, "a.ics", vevent("a")).etag
        world.put(room, "b.ics", vevent("b", at(2, 10)))
        with pytest.raises(PreconditionFailed):
            world.move(room, "a.ics", room, "b.ics")
        assert world.move(room, "a.ics", room, "b.ics", is_overwrite=True) is True
        assert world.listing(room) == {"b.ics": etag}
        assert world.calendar(room).seq == 5
        token, state = world.follow(room, f"{world.token(room).rpartition(':')[0]}:0", {})
        assert state == {"b.ics": etag}
        assert token == world.token(room)

    def test_onto_itself_changes_nothing(self, world: World, room: Calendar) -> None:
        world.put(room, "a.ics", vevent("a"))
        assert world.move(room, "a.ics", room, "a.ics", is_overwrite=True) is False
        assert world.calendar(room).seq == 1

    def test_a_uid_that_the_other_calendar_has_is_a_conflict(self, world: World, room: Calendar) -> None:
        other = world.resource("other")
        world.put(room, "a.ics", vevent("a"))
        world.put(other, "x.ics", vevent("a"))
        with pytest.raises(UidConflict) as caught:
            world.move(room, "a.ics", other, "a.ics")
        assert caught.value.href == "x.ics"
        assert world.move(room, "a.ics", other, "x.ics", is_overwrite=True) is True
        assert world.listing(other).keys() == {"x.ics"}

    def test_what_is_not_there_is_not_found(self, world: World, room: Calendar) -> None:
        with pytest.raises(NotFound):
            world.move(room, "a.ics", room, "b.ics")
        assert world.calendar(room).seq == 0

    def test_the_old_calendar_is_free_again_whatever_the_policy_of_the_new_one(
        self, world: World, room: Calendar
    ) -> None:
        other = world.resource("other", policy=ConflictPolicy.ALLOW)
        world.put(room, "a.ics", vevent("a"))
        world.move(room, "a.ics", other, "a.ics")
        assert world.put(room, "b.ics", vevent("b")).clashes == ()

    def test_history_moves_along(self, world: World, room: Calendar) -> None:
        other = world.resource("other")
        world.put(room, "a.ics", vevent("a"))
        world.put(room, "a.ics", vevent("a", title="B"))
        world.move(room, "a.ics", other, "a.ics")
        stored = world.get(other, "a.ics")
        assert stored is not None
        assert stored.revision == 1


class TestKinds:
    def test_a_property_or_a_category_of_the_settings_says_the_kind(
        self, world: World, room: Calendar
    ) -> None:
        world.limits = Limits(hold_category="Option", block_category="Closed")
        wanted = {
            "plain": ((), ObjectKind.BOOKING),
            "block": (("X-CALGATE-KIND:block",), ObjectKind.BLOCK),
            "hold": (("X-CALGATE-KIND:HOLD",), ObjectKind.HOLD),
            "option": (("CATEGORIES:work,option",), ObjectKind.HOLD),
            "closed": (("CATEGORIES:CLOSED",), ObjectKind.BLOCK),
        }
        for day, (name, (more, kind)) in enumerate(wanted.items()):
            world.put(room, name, vevent(name, at(day, 10), None, *more))
            stored = world.get(room, name)
            assert stored is not None
            assert stored.kind is kind, name
            assert (stored.expires_at_utc is not None) == (kind is ObjectKind.HOLD)

    def test_another_kind_is_a_change_although_the_bytes_are_the_same(
        self, world: World, room: Calendar
    ) -> None:
        world.put(room, "a.ics", vevent("a"), kind=ObjectKind.HOLD)
        assert world.put(room, "a.ics", vevent("a"), kind=ObjectKind.BOOKING).is_changed
        stored = world.get(room, "a.ics")
        assert stored is not None
        assert stored.expires_at_utc is None

    def test_a_hold_takes_its_slot_until_it_is_over(self, world: World, room: Calendar) -> None:
        world.put(room, "hold", vevent("hold"), kind=ObjectKind.HOLD, expires_at_utc=at(0, 12))
        world.now = at(0, 11)
        done = world.put(room, "other", vevent("other", at(1, 11)))
        assert done.is_created
        world.now = at(0, 12)
        done = world.put(room, "late", vevent("late"))
        assert done.is_created
        assert world.listing(room).keys() == {"other", "late"}
        assert ("delete", "hold", "expiry") in {(c.op, c.href, c.origin) for c in world.log(room)}

    def test_a_hold_that_is_over_does_not_stand_in_the_way_of_its_uid(
        self, world: World, room: Calendar
    ) -> None:
        world.put(room, "hold", vevent("a"), kind=ObjectKind.HOLD, expires_at_utc=at(0, 12))
        world.now = at(0, 13)
        assert world.put(room, "new", vevent("a")).is_created
