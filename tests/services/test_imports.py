"""Import: bad entries apart, repeats without duplicates, identity, zones, lines and clashes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.errors import InvalidCalendarData, NotFound
from gateway.domain.model import Calendar, ConflictPolicy, ObjectKind
from gateway.services import resources
from gateway.services.imports import ImportReport, href_of
from gateway.store import audit
from gateway.store.database import Database
from tests.worlds import World, at, lines, stamp, vcalendar, vevent

STAMP = "DTSTAMP:20260101T000000Z"


def event(uid: str | None, *more: str, day: int = 1, hour: int = 10, length_h: float = 1) -> list[str]:
    start = at(day, hour)
    return [
        "BEGIN:VEVENT",
        *([f"UID:{uid}"] if uid else []),
        STAMP,
        f"DTSTART:{stamp(start)}",
        f"DTEND:{stamp(start + timedelta(hours=length_h))}",
        *more,
        "END:VEVENT",
    ]


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
def room(world: World) -> Calendar:
    return world.resource()


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, len(report.refused)


def test_bad_entries_are_listed_and_the_rest_is_imported(world: World, room: Calendar) -> None:
    data = vcalendar(
        event("good-1", day=1),
        ["BEGIN:VEVENT", "UID:no-start", STAMP, "END:VEVENT"],
        event("dense", "RRULE:FREQ=SECONDLY", day=2),
        event("good-2", day=3),
        ["BEGIN:VFREEBUSY", "UID:fb", STAMP, "END:VFREEBUSY"],
        event("bad-rule", "RRULE:FREQ=SOMETIMES", day=4),
        event("good-3", day=5),
    )
    report = world.load(room, data)
    assert counts(report) == (3, 0, 0, 4)
    assert world.listing(room).keys() == {"good-1.ics", "good-2.ics", "good-3.ics"}
    reasons = {refused.uid: refused for refused in report.refused}
    assert reasons.keys() == {"no-start", "dense", "bad-rule", None}
    for refused in report.refused:
        assert len(refused.reason) > 15
        blamed = data.split(b"\r\n")[refused.line - 1]
        assert blamed.startswith((b"BEGIN:V", b"RRULE:FREQ=SOMETIMES")), "the line to blame, or the entry's"
    assert report.done == 7


def test_availability_is_imported_like_anything_else(world: World, room: Calendar) -> None:
    hours = [
        "BEGIN:VAVAILABILITY", "UID:hours", STAMP, "BEGIN:AVAILABLE", "UID:open", STAMP, "DTSTART:20260101T080000Z",
        "DTEND:20260101T160000Z", "RRULE:FREQ=DAILY", "END:AVAILABLE", "END:VAVAILABILITY",
    ]  # fmt: skip
    report = world.load(room, vcalendar(event("good", day=1), hours))
    assert counts(report) == (2, 0, 0, 0)
    assert world.listing(room).keys() == {"good.ics", "hours.ics"}


def test_every_number_of_the_log_is_there_after_a_partly_refused_import(world: World, room: Calendar) -> None:
    world.load(room, vcalendar(*(event(f"u{n}", day=n, hour=n % 20) for n in range(70))))
    world.put(room, "taken", vevent("taken", at(300, 10)))
    more = [event(f"v{n}", day=300, hour=n % 20) for n in range(40)]
    report = world.load(room, vcalendar(*more), on_clash=ConflictPolicy.REFUSE)
    assert report.refused
    numbers = [change.seq for change in world.log(room)]
    assert numbers == list(range(1, 71 + report.added + 1))


def test_a_repeated_import_changes_nothing(world: World, room: Calendar) -> None:
    data = vcalendar(*(event(f"u{n}", day=n) for n in range(40)), event(None, "SUMMARY:No id", day=90))
    first = world.load(room, data)
    assert counts(first) == (41, 0, 0, 0)
    seq, listing = world.calendar(room).seq, world.listing(room)
    again = world.load(room, data)
    assert counts(again) == (0, 0, 41, 0)
    assert (world.calendar(room).seq, world.listing(room)) == (seq, listing)


def test_a_new_export_of_the_same_calendar_updates_in_place(world: World, room: Calendar) -> None:
    world.load(room, vcalendar(event("a", "SUMMARY:Old"), event("b", day=2)))
    report = world.load(room, vcalendar(event("a", "SUMMARY:New", "SEQUENCE:1"), event("b", day=2)))
    assert counts(report) == (0, 1, 1, 0)
    stored = world.get(room, "a.ics")
    assert stored is not None
    assert stored.revision == 1


def test_what_a_client_stored_under_its_own_name_is_found_by_its_uid(world: World, room: Calendar) -> None:
    world.put(room, "0815-client-name.ics", vevent("a"))
    report = world.load(room, vcalendar(event("a", "SUMMARY:From the file")))
    assert counts(report) == (0, 1, 0, 0)
    assert world.listing(room).keys() == {"0815-client-name.ics"}


def test_a_missing_uid_is_derived_from_the_content_not_from_stamps(world: World, room: Calendar) -> None:
    one = event(None, "SUMMARY:Same")
    world.load(room, vcalendar(one))
    (stored,) = world.log(room)
    assert stored.uid.endswith("@derived.calgate")
    later = [line.replace("20260101T000000Z", "20260207T120000Z") for line in one]
    assert world.load(room, vcalendar(later)).added == 0
    assert [change.uid for change in world.log(room)] == [stored.uid]
    assert world.load(room, vcalendar(event(None, "SUMMARY:Other", day=2))).added == 1


def test_method_is_dropped(world: World, room: Calendar) -> None:
    data = vcalendar(event("a")).replace(b"VERSION:2.0\r\n", b"VERSION:2.0\r\nMETHOD:REQUEST\r\n")
    assert world.load(room, data).added == 1
    stored = world.get(room, "a.ics")
    assert stored is not None
    assert b"METHOD" not in stored.ical


def test_floating_times_take_the_zone_that_the_file_names(world: World, room: Calendar) -> None:
    floating = [
        "BEGIN:VEVENT",
        "UID:a",
        STAMP,
        "DTSTART:20260303T100000",
        "DTEND:20260303T110000",
        "END:VEVENT",
    ]
    data = vcalendar(floating).replace(b"VERSION:2.0\r\n", b"VERSION:2.0\r\nX-WR-TIMEZONE:Asia/Tokyo\r\n")
    world.load(room, data)
    window = world.limits.horizon(world.now)
    assert world.index(room, window) == [("a.ics", at(1, 1), at(1, 2))]
    world.db.write(resources.set_, "room", limits=world.limits, now=world.now, zone="America/New_York")
    assert world.index(room, window) == [("a.ics", at(1, 1), at(1, 2))]


def test_an_unknown_zone_is_reported_and_not_read_as_utc(world: World) -> None:
    berlin = world.resource("berlin", zone="Europe/Berlin")
    strange = ["BEGIN:VEVENT", "UID:a", STAMP, "DTSTART;TZID=Middle Earth:20260303T100000", "END:VEVENT"]
    report = world.load(berlin, vcalendar(strange))
    assert report.unknown_zones == {"Middle Earth"}
    assert [start for _, start, _ in world.index(berlin, world.limits.horizon(world.now))] == [at(1, 9)]


def test_lines_stay_as_they_are_folding_included(world: World, room: Calendar) -> None:
    block = [
        "BEGIN:VEVENT", "UID:a", STAMP, "DTSTART:20260303T100000Z",
        'X-ODD;X-PARAM="a:b;c":one\\, two', "DESCRIPTION:folded in the\r\n  middle\r\n\t of it",
        "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", "DESCRIPTION:x", "END:VALARM",
        "END:VEVENT",
    ]  # fmt: skip
    world.load(room, vcalendar(block))
    stored = world.get(room, "a.ics")
    assert stored is not None
    assert lines(*block) in stored.ical


def test_only_the_zones_that_an_object_uses_come_along(world: World, room: Calendar) -> None:
    def zone(name: str) -> list[str]:
        standard = ["BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0100"]
        return ["BEGIN:VTIMEZONE", f"TZID:{name}", *standard, "END:STANDARD", "END:VTIMEZONE"]

    used = ["BEGIN:VEVENT", "UID:a", STAMP, "DTSTART;TZID=One:20260303T100000", "END:VEVENT"]
    world.load(room, vcalendar(zone("One"), zone("Two"), used))
    stored = world.get(room, "a.ics")
    assert stored is not None
    assert b"TZID:One" in stored.ical
    assert b"TZID:Two" not in stored.ical


class TestClashes:
    def test_they_are_counted_and_imported(self, world: World, room: Calendar) -> None:
        world.put(room, "mine", vevent("mine"))
        report = world.load(room, vcalendar(event("a"), event("b"), event("c", day=9)))
        assert counts(report) == (3, 0, 0, 0)
        assert report.clashing == 2

    def test_refuse_leaves_them_out_one_by_one(self, world: World, room: Calendar) -> None:
        data = vcalendar(event("a"), event("b", hour=10), event("c", hour=11), event("d", hour=9, length_h=3))
        report = world.load(room, data, on_clash=ConflictPolicy.REFUSE)
        assert counts(report) == (2, 0, 0, 2)
        assert world.listing(room).keys() == {"a.ics", "c.ics"}
        assert {refused.uid for refused in report.refused} == {"b", "d"}
        assert all("already taken from" in refused.reason for refused in report.refused)

    def test_allow_is_silent_also_in_a_room_that_refuses(self, world: World, room: Calendar) -> None:
        report = world.load(room, vcalendar(event("a"), event("b")), on_clash=ConflictPolicy.ALLOW)
        assert (counts(report), report.clashing) == ((2, 0, 0, 0), 0)

    def test_a_long_entry_is_met_by_a_later_one_of_the_same_batch(self, world: World, room: Calendar) -> None:
        data = vcalendar(event("long", day=0, length_h=24 * 20), event("late", day=18))
        report = world.load(room, data, on_clash=ConflictPolicy.REFUSE)
        assert [refused.uid for refused in report.refused] == ["late"]
        assert "already taken from" in report.refused[0].reason


def test_a_file_that_is_no_calendar_is_refused_as_a_whole(world: World, room: Calendar) -> None:
    for data in (b"", b"hello", b"<html></html>", b"\x00" * 100):
        with pytest.raises(InvalidCalendarData):
            world.load(room, data)
    assert world.calendar(room).seq == 0


def test_a_calendar_that_is_gone_is_not_found(world: World, room: Calendar) -> None:
    world.db.write(resources.remove, "room", now=world.now)
    with pytest.raises(NotFound):
        world.load(room, vcalendar(event("a")))


def test_several_calendars_in_one_file_are_one_import(world: World, room: Calendar) -> None:
    assert world.load(room, vcalendar(event("a")) + vcalendar(event("b", day=2))).added == 2


def test_progress_is_told_after_each_batch(world: World, room: Calendar) -> None:
    seen: list[int] = []
    data = vcalendar(*(event(f"u{n}", day=n) for n in range(70)))
    world.load(room, data, progress=lambda report: seen.append(report.done))
    assert seen == [8, 16, 24, 32, 40, 48, 56, 64, 70]


def test_an_import_that_stops_half_way_is_simply_repeated(world: World, room: Calendar) -> None:
    data = vcalendar(*(event(f"u{n}", day=n) for n in range(70)))

    def stop(report: ImportReport) -> None:
        if report.done >= 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.load(room, data, progress=stop)
    assert counts(world.load(room, data)) == (6, 0, 64, 0)


def test_it_is_audited_with_counts_only(world: World, room: Calendar) -> None:
    world.load(room, vcalendar(event("a", "SUMMARY:Secret"), ["BEGIN:VEVENT", "UID:b", "END:VEVENT"]))
    (line, *_) = world.db.read(audit.newest)
    assert (line.action, line.target) == ("calendar.import", "room")
    assert line.detail == {"added": 1, "updated": 0, "refused": 1}


@pytest.mark.parametrize(
    "uid", ["a/b", "..", ".hidden", "ü", "a b", "x" * 400, "{1234}", "con\tact", "%2F", "-dash"]
)
def test_any_uid_gets_a_name_that_is_a_path_segment(world: World, room: Calendar, uid: str) -> None:
    assert world.load(room, vcalendar(event(uid))).added == 1
    (href,) = world.listing(room)
    assert href == href_of(uid)
    assert "/" not in href


def test_a_name_that_somebody_took_does_not_stop_the_import(world: World, room: Calendar) -> None:
    world.put(room, href_of("a"), vevent("other", at(5)))
    world.put(room, href_of("a/b"), vevent("third", at(6)))
    report = world.load(room, vcalendar(event("a"), event("a/b", day=2)))
    assert counts(report) == (2, 0, 0, 0)
    assert len(world.listing(room)) == 4


def test_the_kind_comes_from_the_file(world: World, room: Calendar) -> None:
    world.load(room, vcalendar(event("a", "X-CALGATE-KIND:block")))
    stored = world.get(room, "a.ics")
    assert stored is not None
    assert stored.kind is ObjectKind.BLOCK


def test_the_kind_of_everything_in_a_file_can_be_given(world: World, room: Calendar) -> None:
    world.load(room, vcalendar(event("closed", day=1)), kind=ObjectKind.BLOCK)
    stored = world.get(room, "closed.ics")
    assert stored is not None
    assert stored.kind is ObjectKind.BLOCK
