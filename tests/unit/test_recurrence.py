"""Recurrence sets: DST, overrides, dates, zones, free and busy, bounds."""

# ruff: noqa: DTZ001 - wall clocks are what these tests are about

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.model import Busy, Window
from gateway.domain.recurrence import expand, iter_instances
from gateway.domain.second_opinion import instants_by_library
from tests.judge.judge import Job, Judge, JudgeError

BERLIN = ZoneInfo("Europe/Berlin")
YEAR = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))


def obj(*lines: str, header: tuple[str, ...] = (), kind: str = "VEVENT") -> ParsedObject:
    """Return an object of one component, or of several with ``---`` between their lines."""
    text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//T//T//EN", *header, f"BEGIN:{kind}", "UID:u"]
    for line in lines:
        text += [f"END:{kind}", f"BEGIN:{kind}", "UID:u"] if line == "---" else [line]
    text += [f"END:{kind}", "END:VCALENDAR", ""]
    return parse_object("\r\n".join(text).encode(), max_bytes=1_000_000)


def starts(
    item: ParsedObject, *, zone: ZoneInfo = BERLIN, window: Window = YEAR, limit: int = 5000
) -> list[str]:
    return [f"{o.start:%m-%d %H:%M}" for o in expand(item, zone=zone, window=window, limit=limit).occurrences]


def spans(item: ParsedObject, *, zone: ZoneInfo = BERLIN, window: Window = YEAR) -> list[str]:
    occurrences = expand(item, zone=zone, window=window, limit=5000).occurrences
    return [f"{o.start:%m-%d %H:%M}/{o.end:%m-%d %H:%M}" for o in occurrences]


# ------------------------------------------------------------------------------------- summer time


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Sydney",
                                  "Africa/Casablanca",
                                  "America/Sao_Paulo", "Australia/Lord_Howe"])  # fmt: skip
def test_pain_21_a_series_keeps_its_hour_over_both_changes(name: str) -> None:
    item = obj(
        f"DTSTART;TZID={name}:20160104T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20170101T120000Z"
    )
    window = Window(start=datetime(2016, 1, 1, tzinfo=UTC), end=datetime(2018, 1, 1, tzinfo=UTC))
    found = expand(item, zone=BERLIN, window=window, limit=5000).occurrences
    zone = ZoneInfo(name)
    assert {o.start.astimezone(zone).hour for o in found} == {9}
    assert len({o.start.astimezone(zone).utcoffset() for o in found}) > 1
    assert found[-1].start <= datetime(2017, 1, 1, 12, tzinfo=UTC) < found[-1].start + timedelta(days=1)


def test_a_time_that_summer_time_skips_keeps_the_offset_before() -> None:
    item = obj("DTSTART;TZID=Europe/Berlin:20260328T023000", "DURATION:PT30M", "RRULE:FREQ=DAILY;COUNT=3")
    assert spans(item) == ["03-28 01:30/03-28 02:00", "03-29 01:30/03-29 02:00", "03-30 00:30/03-30 01:00"]


def test_of_a_time_that_occurs_twice_the_first_is_meant() -> None:
    item = obj("DTSTART;TZID=Europe/Berlin:20261025T023000", "DURATION:PT30M")
    assert spans(item) == ["10-25 00:30/10-25 01:00"]


def test_dtend_gives_an_exact_duration_and_days_a_nominal_one() -> None:
    exact = obj("DTSTART;TZID=Europe/Berlin:20260327T120000", "DTEND;TZID=Europe/Berlin:20260328T120000",
                "RRULE:FREQ=DAILY;COUNT=2")  # fmt: skip
    nominal = obj("DTSTART;TZID=Europe/Berlin:20260327T120000", "DURATION:P1D", "RRULE:FREQ=DAILY;COUNT=2")
    hours = obj("DTSTART;TZID=Europe/Berlin:20260328T120000", "DURATION:PT24H")
    assert spans(exact)[1] == "03-28 11:00/03-29 11:00"
    assert spans(nominal)[1] == "03-28 11:00/03-29 10:00"
    assert spans(hours) == ["03-28 11:00/03-29 11:00"]


@pytest.mark.parametrize("hours", [-11, -3, 0, 2, 12, 14])
def test_pain_26_all_day_is_a_whole_day_in_every_zone(hours: int) -> None:
    zone = ZoneInfo(f"Etc/GMT{-hours:+d}")
    item = obj("DTSTART;VALUE=DATE:20260704")
    (instance,) = iter_instances(item, zone=zone, window=YEAR, limit=5)
    midnight = datetime(2026, 7, 4, tzinfo=UTC) - timedelta(hours=hours)
    assert (instance.start, instance.end) == (midnight, midnight + timedelta(days=1))
    assert (instance.local_start, instance.local_end) == (date(2026, 7, 4), date(2026, 7, 5))
    assert instance.is_all_day


def test_pain_27_multi_day_and_all_day_over_the_change() -> None:
    assert spans(obj("DTSTART;VALUE=DATE:20260328", "DTEND;VALUE=DATE:20260331")) == [
        "03-27 23:00/03-30 22:00"
    ]


def test_an_all_day_event_that_ends_where_it_starts_lasts_a_day() -> None:
    assert spans(obj("DTSTART;VALUE=DATE:20260101", "DTEND;VALUE=DATE:20260101")) == [
        "12-31 23:00/01-01 23:00"
    ]


def test_a_timed_event_without_end_has_no_extent_but_is_found() -> None:
    assert spans(obj("DTSTART:20260101T000000Z")) == ["01-01 00:00/01-01 00:00"]


# ------------------------------------------------------------------------------------------ zones


def test_pain_25_floating_times_take_the_zone_of_the_resource() -> None:
    item = obj("DTSTART:20260701T090000")
    assert starts(item) == ["07-01 07:00"]
    assert starts(item, zone=ZoneInfo("America/New_York")) == ["07-01 13:00"]


def test_x_wr_timezone_of_the_object_places_floating_times_but_not_dates_nor_utc() -> None:
    header = ("X-WR-TIMEZONE:America/New_York",)
    assert starts(obj("DTSTART:20260701T090000", header=header)) == ["07-01 13:00"]
    assert starts(obj("DTSTART:20260701T090000Z", header=header)) == ["07-01 09:00"]
    assert starts(obj("DTSTART;VALUE=DATE:20260701", header=header)) == ["06-30 22:00"]


def test_pain_22_windows_names_resolve_and_unknown_zones_are_reported_not_utc() -> None:
    known = obj("DTSTART;TZID=W. Europe Standard Time:20260701T090000")
    assert starts(known, zone=ZoneInfo("UTC")) == ["07-01 07:00"]
    assert known.zone_problems == ()
    unknown = obj("DTSTART;TZID=Middle-earth/Shire:20260701T090000")
    assert unknown.zone_problems == ("Middle-earth/Shire",)
    assert starts(unknown) == ["07-01 07:00"]


# -------------------------------------------------------------------------------------- overrides


MASTER = ("DTSTART;TZID=Europe/Berlin:20260302T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=5")


@pytest.mark.parametrize(
    "name",
    ["RECURRENCE-ID;TZID=Europe/Berlin:20260304T090000", "RECURRENCE-ID:20260304T080000Z",
     "RECURRENCE-ID;TZID=America/New_York:20260304T030000", "RECURRENCE-ID;VALUE=DATE:20260304"],
)  # fmt: skip
def test_pain_17_an_override_replaces_its_instance_however_it_is_named(name: str) -> None:
    item = obj(*MASTER, "---", name, "DTSTART;TZID=Europe/Berlin:20260304T150000", "DURATION:PT2H")
    expected = ["03-02 08:00", "03-03 08:00", "03-04 14:00", "03-05 08:00", "03-06 08:00"]
    assert starts(item) == expected
    moved = expand(item, zone=BERLIN, window=YEAR, limit=9).occurrences[2]
    assert moved.recurrence_id == datetime(2026, 3, 4, 8, tzinfo=UTC)
    assert moved.end - moved.start == timedelta(hours=2)


def test_overrides_without_master_stand_alone() -> None:
    item = obj("RECURRENCE-ID:20260304T080000Z", "DTSTART:20260304T100000Z", "---",
               "RECURRENCE-ID:20260305T080000Z", "DTSTART:20260305T100000Z")  # fmt: skip
    assert item.master is None
    assert starts(item) == ["03-04 10:00", "03-05 10:00"]


def test_an_override_that_no_rule_made_is_shown() -> None:
    item = obj(*MASTER, "---", "RECURRENCE-ID:20260401T080000Z", "DTSTART:20260401T100000Z")
    assert starts(item)[-1] == "04-01 10:00"
    assert len(starts(item)) == 6


def test_an_override_may_move_an_instance_into_the_window_and_out_of_it() -> None:
    window = Window(start=datetime(2026, 3, 3, tzinfo=UTC), end=datetime(2026, 3, 4, tzinfo=UTC))
    into = obj(*MASTER, "---", "RECURRENCE-ID:20260306T080000Z", "DTSTART:20260303T200000Z")
    out = obj(*MASTER, "---", "RECURRENCE-ID:20260303T080000Z", "DTSTART:20260320T200000Z")
    assert starts(into, window=window) == ["03-03 08:00", "03-03 20:00"]
    assert starts(out, window=window) == []


def test_pain_18_this_and_future_moves_the_rest_and_gives_its_properties() -> None:
    item = obj(*MASTER, "SUMMARY:old", "---",
               "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260304T090000",
               "DTSTART;TZID=Europe/Berlin:20260305T103000", "DURATION:PT30M", "SUMMARY:new", "---",
               "RECURRENCE-ID;TZID=Europe/Berlin:20260305T090000",
               "DTSTART;TZID=Europe/Berlin:20260305T200000", "DURATION:PT5M", "SUMMARY:once")  # fmt: skip
    found = iter_instances(item, zone=BERLIN, window=YEAR, limit=9)
    assert [(f"{i.start:%m-%d %H:%M}", str(i.component["SUMMARY"])) for i in found] == [
        ("03-02 08:00", "old"), ("03-03 08:00", "old"), ("03-05 09:30", "new"), ("03-05 19:00", "once"),
        ("03-07 09:30", "new"),
    ]  # fmt: skip
    assert {i.end - i.start for i in found if i.component["SUMMARY"] == "new"} == {timedelta(minutes=30)}


def test_this_and_future_over_the_change_of_summer_time_keeps_the_new_hour() -> None:
    item = obj("DTSTART;TZID=Europe/Berlin:20260302T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY", "---",
               "RECURRENCE-ID;RANGE=THISANDFUTURE:20260309T080000Z",
               "DTSTART;TZID=America/New_York:20260309T100000", "DURATION:PT1H")  # fmt: skip
    zone = ZoneInfo("America/New_York")
    found = iter_instances(item, zone=BERLIN, window=YEAR, limit=99)[1:]
    assert {i.start.astimezone(zone).hour for i in found} == {10}
    assert {i.recurrence_id.astimezone(BERLIN).hour for i in found if i.recurrence_id} == {9}


# ------------------------------------------------------------------------------- dates, exceptions


def test_a_period_that_ends_behind_all_calendars_is_cut_off_there() -> None:
    item = obj("DTSTART:20260102T100000Z", "RDATE;VALUE=PERIOD:20260104T100000Z/P99999999D")
    assert len(starts(item)) == 2
    assert spans(item)[-1] == "01-04 10:00/12-30 00:00"


def test_a_rule_whose_last_end_lies_behind_all_calendars_ends_with_them() -> None:
    item = obj("DTSTART:20260102T100000Z", "DTEND:99991231T235959Z", "RRULE:FREQ=DAILY;COUNT=3")
    assert len(starts(item)) == 3


def test_rdate_adds_times_dates_and_periods() -> None:
    item = obj("DTSTART:20260101T100000Z", "DURATION:PT1H", "RDATE:20260102T100000Z,20260101T100000Z",
               "RDATE;TZID=Europe/Berlin:20260103T120000", "RDATE;VALUE=PERIOD:20260104T100000Z/PT3H,"
               "20260105T100000Z/20260105T103000Z", "RDATE;VALUE=DATE:20260106")  # fmt: skip
    assert spans(item) == [
        "01-01 10:00/01-01 11:00", "01-02 10:00/01-02 11:00", "01-03 11:00/01-03 12:00",
        "01-04 10:00/01-04 13:00", "01-05 10:00/01-05 10:30", "01-06 10:00/01-06 11:00",
    ]  # fmt: skip


def test_google_writes_rdates_of_birthdays_with_a_z() -> None:
    item = obj("DTSTART;VALUE=DATE:20260110", "RRULE:FREQ=DAILY;COUNT=1", "RDATE:20260310Z")
    assert starts(item) == ["01-09 23:00", "03-09 23:00"]


def test_exdate_excludes_in_any_zone_and_by_day() -> None:
    item = obj(*MASTER, "EXDATE;TZID=Europe/Berlin:20260302T090000,20260303T090000",
               "EXDATE:20260304T080000Z",
               "EXDATE;VALUE=DATE:20260306", "EXDATE:20260305T090000Z")  # fmt: skip
    assert starts(item) == ["03-05 08:00"]


def test_exrule_is_obeyed() -> None:
    item = obj("DTSTART:20260302T090000Z", "RRULE:FREQ=DAILY;COUNT=7", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU,MO")
    assert starts(item) == ["03-03 09:00", "03-04 09:00", "03-05 09:00", "03-06 09:00"]


def test_several_rules_are_united_without_doubles() -> None:
    item = obj("DTSTART:20260302T090000Z", "RRULE:FREQ=DAILY;COUNT=3", "RRULE:FREQ=WEEKLY;COUNT=2")
    assert starts(item) == ["03-02 09:00", "03-03 09:00", "03-04 09:00", "03-09 09:00"]


@pytest.mark.parametrize(
    ("until", "last"),
    [("20260304T080000Z", "03-04 08:00"), ("20260304T075959Z", "03-03 08:00"), ("20260304", "03-04 08:00"),
     ("20260304T090000", "03-04 08:00")],
)  # fmt: skip
def test_until_in_every_form(until: str, last: str) -> None:
    item = obj(
        "DTSTART;TZID=Europe/Berlin:20260302T090000", "DURATION:PT1H", f"RRULE:FREQ=DAILY;UNTIL={until}"
    )
    assert starts(item)[-1] == last


def test_until_in_utc_ends_an_all_day_series_with_its_date() -> None:
    item = obj("DTSTART;VALUE=DATE:20260302", "RRULE:FREQ=DAILY;UNTIL=20260304T235959Z")
    assert len(starts(item)) == 3


def test_pain_19_a_series_that_began_long_ago_is_complete_in_the_window() -> None:
    item = obj("DTSTART;TZID=Europe/Berlin:19990104T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY")
    result = expand(item, zone=BERLIN, window=YEAR, limit=5000)
    assert len(result.occurrences) == 52
    assert result.first_start == datetime(1999, 1, 4, 8, tzinfo=UTC)
    assert result.last_end is None
    assert result.steps < 100


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("FREQ=DAILY;COUNT=3", datetime(2020, 1, 3, 10)),
     ("FREQ=DAILY;UNTIL=20200105T090000Z", datetime(2020, 1, 5, 10)),
     ("FREQ=MONTHLY;BYDAY=MO;COUNT=3", None)],
)  # fmt: skip
def test_what_has_ended_is_known_to_have_ended(rule: str, expected: datetime | None) -> None:
    item = obj("DTSTART:20200101T090000Z", "DURATION:PT1H", f"RRULE:{rule}")
    result = expand(item, zone=BERLIN, window=YEAR, limit=5)
    assert result.occurrences == ()
    assert result.last_end is not None
    assert result.last_end <= YEAR.start
    if expected is not None:
        assert result.last_end >= expected.replace(tzinfo=UTC)


def test_too_many_instances_in_the_window_are_refused_never_cut() -> None:
    item = obj("DTSTART:20260101T000000Z", "RRULE:FREQ=HOURLY")
    with pytest.raises(TooManyInstances, match="more than 5000"):
        expand(item, zone=BERLIN, window=YEAR, limit=5000)
    window = Window(start=YEAR.start, end=YEAR.start + timedelta(days=10))
    assert len(expand(item, zone=BERLIN, window=window, limit=240).occurrences) == 240


# ------------------------------------------------------------------------------ kinds, free, busy


@pytest.mark.parametrize(
    ("lines", "busy"),
    [((), Busy.BUSY), (("TRANSP:TRANSPARENT",), Busy.FREE), (("STATUS:CANCELLED",), Busy.FREE),
     (("STATUS:TENTATIVE",), Busy.TENTATIVE),
     (("X-MICROSOFT-CDO-BUSYSTATUS:OOF",), Busy.UNAVAILABLE),
     (("X-MICROSOFT-CDO-BUSYSTATUS:FREE",), Busy.FREE),
     (("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",), Busy.TENTATIVE),
     (("TRANSP:OPAQUE", "X-MICROSOFT-CDO-BUSYSTATUS:BUSY"), Busy.BUSY)],
)  # fmt: skip
def test_free_and_busy(lines: tuple[str, ...], busy: Busy) -> None:
    (occurrence,) = expand(
        obj("DTSTART:20260101T000000Z", *lines), zone=BERLIN, window=YEAR, limit=5
    ).occurrences
    assert occurrence.busy is busy


def test_tasks_and_notes_have_their_place_and_do_not_block() -> None:
    task = obj("DTSTART:20260101T100000Z", "DUE:20260101T120000Z", kind="VTODO")
    due = obj("DUE;VALUE=DATE:20260105", kind="VTODO")
    note = obj("DTSTART;VALUE=DATE:20260106", kind="VJOURNAL")
    nowhere = obj("SUMMARY:x", kind="VTODO")
    assert spans(task) == ["01-01 10:00/01-01 12:00"]
    assert starts(due) == ["01-04 23:00"]
    assert spans(note) == ["01-05 23:00/01-06 23:00"]
    assert expand(nowhere, zone=BERLIN, window=YEAR, limit=5).first_start is None
    (occurrence,) = expand(task, zone=BERLIN, window=YEAR, limit=5).occurrences
    assert occurrence.busy is Busy.FREE


# ------------------------------------------------------------------------------------- properties

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata"]
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


@st.composite
def series(draw: st.DrawFn) -> ParsedObject:
    """Draw an ordinary series whose DTSTART fits its rule, so that every library means the same by it."""
    start = draw(st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1))).replace(second=0, microsecond=0)
    # The hours in which some zone changes its offset are the business of tests of their own.
    start = start.replace(hour=draw(st.integers(7, 16)))
    zone = draw(st.sampled_from(ZONES))
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 4))}"]
    if freq == "WEEKLY":
        days = {WEEKDAYS[start.weekday()], *draw(st.lists(st.sampled_from(WEEKDAYS), max_size=3))}
        parts.append("BYDAY=" + ",".join(sorted(days, key=WEEKDAYS.index)))
    if freq == "MONTHLY" and draw(st.booleans()):
        parts.append(f"BYDAY={(start.day - 1) // 7 + 1}{WEEKDAYS[start.weekday()]}")
    elif freq == "MONTHLY":
        start = start.replace(day=min(start.day, 28))
    end = draw(st.sampled_from(["", "COUNT=7", "UNTIL=20270301T000000Z"]))
    lines = [f"RRULE:{';'.join([*parts, end]).rstrip(';')}"]
    minutes = draw(st.integers(5, 180))
    lines.append(f"DURATION:PT{minutes}M")
    return obj(f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}", *lines)


@given(series())
@settings(deadline=None)
def test_a_second_library_agrees_on_ordinary_series(item: ParsedObject) -> None:
    found = expand(item, zone=BERLIN, window=YEAR, limit=5000).occurrences
    assert {(o.start, o.end) for o in found} == instants_by_library(item, BERLIN, YEAR)


@given(st.lists(series(), min_size=5, max_size=20))
@settings(deadline=None, max_examples=10)
def test_the_foreign_judge_agrees_on_ordinary_series(items: list[ParsedObject]) -> None:
    with Judge() as judge:
        for item in items:
            (verdict,) = judge.expand(item.ical.decode(), [Job(uid="u", window=YEAR)], zone=BERLIN)
            assert not isinstance(verdict, JudgeError), verdict
            found = expand(item, zone=BERLIN, window=YEAR, limit=5000).occurrences
            assert {(int(o.start.timestamp()), int(o.end.timestamp())) for o in found} == verdict


@given(series(), st.integers(0, 360), st.integers(0, 200))
@settings(deadline=None)
def test_a_window_shows_what_a_larger_window_shows_of_it(item: ParsedObject, first: int, length: int) -> None:
    start = YEAR.start + timedelta(days=first)
    window = Window(start=start, end=start + timedelta(days=length, hours=5))
    large = Window(start=YEAR.start - timedelta(days=900), end=YEAR.end + timedelta(days=900))
    inside = expand(item, zone=BERLIN, window=window, limit=5000).occurrences
    everything = expand(item, zone=BERLIN, window=large, limit=5000).occurrences
    assert inside == tuple(o for o in everything if window.overlaps(o.start, o.end))
