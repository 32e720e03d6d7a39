"""VAVAILABILITY: what is busy where nobody is available (RFC 7953 §4)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import GatewayError, TooManyInstances
from gateway.domain.model import Busy, Window
from gateway.domain.vavailability import availabilities, busy_periods, read_property
from tests.compliance import proves

ZONE = ZoneInfo("Europe/Berlin")


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


DAY = Window(start=at(10, 0), end=at(11, 0))  # a Tuesday


def calendar(*components: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *components, "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


def vavailability(*lines: str, uid: str = "a") -> str:
    return "\r\n".join(
        ["BEGIN:VAVAILABILITY", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *lines, "END:VAVAILABILITY"]
    )


def available(start: str, end: str, *lines: str, uid: str = "p") -> str:
    return "\r\n".join(
        [
            "BEGIN:AVAILABLE",
            f"UID:{uid}",
            "DTSTAMP:20260101T000000Z",
            f"DTSTART:{start}",
            f"DTEND:{end}",
            *lines,
            "END:AVAILABLE",
        ]
    )


def spans(data: bytes, window: Window = DAY, limit: int = 1000) -> list[tuple[datetime, datetime, Busy]]:
    return busy_periods(availabilities(data, zone=ZONE), window, zone=ZONE, limit=limit)


@proves("RFC 7953 §3.1", "RFC 7953 §4")
def test_all_time_but_the_available_parts_is_busy() -> None:
    hours = available("20260105T090000", "20260105T170000", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")
    found = spans(calendar(vavailability(hours)))
    # Floating parts are read in the zone of the calendar: 9 to 17 in Berlin is 8 to 16 UTC in March.
    assert found == [(at(10, 0), at(10, 8), Busy.UNAVAILABLE), (at(10, 16), at(11, 0), Busy.UNAVAILABLE)]
    sunday = Window(start=at(15, 0), end=at(16, 0))
    assert spans(calendar(vavailability(hours)), sunday) == [(at(15, 0), at(16, 0), Busy.UNAVAILABLE)]


def test_an_override_moves_one_part_and_the_span_ends() -> None:
    moved = available("20260310T120000Z", "20260310T130000Z", "RECURRENCE-ID:20260310T090000Z")
    series = available("20260309T090000Z", "20260309T100000Z", "RRULE:FREQ=DAILY;COUNT=3")
    data = calendar(
        vavailability("DTSTART:20260310T060000Z", "DTEND:20260310T140000Z", "BUSYTYPE:BUSY", series, moved)
    )
    assert spans(data) == [(at(10, 6), at(10, 12), Busy.BUSY), (at(10, 13), at(10, 14), Busy.BUSY)]
    lasting = calendar(vavailability("DTSTART:20260310T060000Z", "DURATION:PT2H", "BUSYTYPE:BUSY-TENTATIVE"))
    assert spans(lasting) == [(at(10, 6), at(10, 8), Busy.TENTATIVE)]


@proves("RFC 7953 §4 priority")
def test_the_higher_priority_decides_where_two_overlap() -> None:
    usual = vavailability("PRIORITY:5", available("20260310T080000Z", "20260310T160000Z"), uid="usual")
    away = vavailability(
        "PRIORITY:1", "DTSTART:20260310T100000Z", "DTEND:20260310T200000Z",
        available("20260310T180000Z", "20260310T190000Z"), uid="away",
    )  # fmt: skip
    for order in ((usual, away), (away, usual)):
        assert spans(calendar(*order)) == [
            (at(10, 0), at(10, 8), Busy.UNAVAILABLE),
            (at(10, 10), at(10, 18), Busy.UNAVAILABLE),
            (at(10, 19), at(10, 20), Busy.UNAVAILABLE),
            (at(10, 20), at(11, 0), Busy.UNAVAILABLE),
        ]
    none = vavailability("PRIORITY:0", "BUSYTYPE:BUSY", uid="none")
    assert spans(calendar(none, usual)) == spans(calendar(usual))


@pytest.mark.parametrize(
    "inner",
    [
        vavailability("DTSTART:20260310T100000Z", "DTEND:20260310T090000Z"),
        vavailability("DTSTART;VALUE=DATE:20260310"),
        vavailability("DURATION:PT1H"),
        vavailability("DTSTART:20260310T100000Z", "DTEND:20260310T110000Z", "DURATION:PT1H"),
        vavailability("BEGIN:AVAILABLE", "UID:p", "END:AVAILABLE"),
        vavailability(available("20260310T100000Z", "20260310T090000Z")),
        vavailability(available("20260310T100000Z", "20260310T110000Z", "RRULE:FREQ=SOMETIMES")),
        "",
        "BEGIN:VEVENT\r\nUID:e\r\nDTSTART:20260310T100000Z\r\nEND:VEVENT",
    ],
)
def test_what_is_no_availability_is_refused(inner: str) -> None:
    with pytest.raises(GatewayError):
        read_property(calendar(*([inner] if inner else [])), zone=ZONE)


def test_too_many_parts_are_refused_and_not_computed() -> None:
    dense = available("20260101T000000Z", "20260101T000030Z", "RRULE:FREQ=MINUTELY")
    with pytest.raises(TooManyInstances):
        spans(calendar(vavailability(dense)), limit=100)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9), st.integers(0, 22), st.integers(1, 8), st.integers(0, 22), st.integers(1, 4)
        ),
        max_size=4,
    )
)
def test_every_hour_is_what_the_highest_availability_over_it_says(
    parts: list[tuple[int, int, int, int, int]],
) -> None:
    components, truth = [], [Busy.FREE] * 24
    for number, (priority, start, length, free, open_for) in enumerate(parts):
        end = min(24, start + length)
        until = min(24, free + open_for)
        day = {24: "20260311T000000Z"}
        components.append(
            vavailability(
                f"PRIORITY:{priority}",
                f"DTSTART:20260310T{start:02}0000Z",
                f"DTEND:{day.get(end, f'20260310T{end:02}0000Z')}",
                available(f"20260310T{free:02}0000Z", day.get(until, f"20260310T{until:02}0000Z")),
                uid=str(number),
            )
        )
    ranked = sorted(enumerate(parts), key=lambda one: -(one[1][0] or 10))
    for _, (_, start, length, free, open_for) in ranked:
        for hour in range(start, min(24, start + length)):
            truth[hour] = Busy.FREE if free <= hour < free + open_for else Busy.UNAVAILABLE
    found = [Busy.FREE] * 24
    for begin, end_, busy in spans(calendar(*components)):
        for hour in range(24):
            if begin <= at(10, hour) < end_:
                assert found[hour] is Busy.FREE  # no overlaps
                found[hour] = busy
    assert found == truth
