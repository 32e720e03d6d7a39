"""Time zones: names, VTIMEZONE both ways, no shared state."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from icalendar.cal.component import Component

from gateway.domain.content_lines import write
from gateway.domain.errors import GatewayError
from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import read
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.domain.timezone import (
    VTimezone,
    known_zone,
    resolve_tzid,
    to_instant,
    vtimezone_lines,
    zone_or_default,
)
from gateway.domain.vtimezone import transitions
from gateway.domain.windows_zones import IANA_TO_WINDOWS, WINDOWS_TO_IANA

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Africa/Casablanca", "America/Sao_Paulo",
         "Australia/Lord_Howe", "Asia/Kolkata", "Etc/UTC", "Europe/Dublin", "Asia/Tehran", "Africa/Cairo",
         "America/Santiago", "Pacific/Apia", "Antarctica/Troll", "Asia/Gaza", "Europe/Istanbul"]  # fmt: skip


def component_of(lines: list[str]) -> Component:
    text = write(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR"])
    return read(text).subcomponents[0]


@pytest.mark.parametrize(
    ("tzid", "expected"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ('"Europe/Berlin"', "Europe/Berlin"),
        ("/Europe/Berlin", "Europe/Berlin"),
        ("/mozilla.org/20070129_1/Europe/Paris", "Europe/Paris"),
        ("/freeassociation.sourceforge.net/Tzfile/America/Argentina/Buenos_Aires",
         "America/Argentina/Buenos_Aires"),
        ("/softwarestudio.org/Olson_20011030_5/America/Denver", "America/Denver"),
        ("America/New York", "America/New_York"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("eastern standard time", "America/New_York"),
        ("UTC", "UTC"),
        ("Middle-earth/Shire", None),
        ("Kuala Lumpur, Singapore", None),
        ("../../etc/passwd", None),
        ("x" * 10_000, None),
        ("", None),
    ],
)  # fmt: skip
def test_names_of_zones(tzid: str, expected: str | None) -> None:
    zone = known_zone(tzid)
    assert (zone.key if zone else None) == expected


def test_pain_22_every_windows_name_of_cldr_maps_both_ways() -> None:
    available = zoneinfo.available_timezones()
    assert len(WINDOWS_TO_IANA) >= 139
    assert set(WINDOWS_TO_IANA.values()) <= available
    for name, iana in WINDOWS_TO_IANA.items():
        zone = known_zone(name)
        assert zone is not None
        assert zone.key == ("UTC" if name == "UTC" else iana)  # the one name that both have
    for iana, name in IANA_TO_WINDOWS.items():
        assert WINDOWS_TO_IANA[name] == iana


def test_a_zone_or_its_default() -> None:
    assert zone_or_default("Asia/Tokyo", "UTC").key == "Asia/Tokyo"
    assert zone_or_default("Nowhere/Town", "Asia/Tokyo").key == "Asia/Tokyo"
    assert zone_or_default(None, "Asia/Tokyo").key == "Asia/Tokyo"
    with pytest.raises(GatewayError, match="IANA"):
        zone_or_default(None, "Nowhere/Town")


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("first", [1985, 2007, 2024])
def test_pain_23_a_vtimezone_is_right_over_its_window(name: str, first: int) -> None:
    zone = ZoneInfo(name)
    window = Window(start=datetime(first, 3, 1, tzinfo=UTC), end=datetime(first + 5, 8, 1, tzinfo=UTC))
    ours = VTimezone(name, component_of(vtimezone_lines(name, zone, window)))
    moments = [window.start + timedelta(hours=7 * n) for n in range(int(5.4 * 365 * 24 / 7))]
    for change in transitions(zone, window.start, window.end):
        moments += [change + timedelta(minutes=m) for m in range(-180, 181, 15)]
    for moment in moments:
        there = moment.astimezone(zone)
        assert moment.astimezone(ours).replace(tzinfo=None) == there.replace(tzinfo=None), moment
        wall = there.replace(tzinfo=None, fold=0)
        assert to_instant(wall, ours) == to_instant(wall, zone), wall


@example("America/Recife", 1998)
@given(st.sampled_from(sorted(zoneinfo.available_timezones())), st.integers(1975, 2035))
@settings(deadline=None)
def test_every_zone_can_be_written_and_read(name: str, year: int) -> None:
    zone = ZoneInfo(name)
    window = Window(start=datetime(year, 1, 1, tzinfo=UTC), end=datetime(year + 2, 12, 31, tzinfo=UTC))
    ours = VTimezone(name, component_of(vtimezone_lines(name, zone, window)))
    for day in range(0, 1090, 3):
        moment = window.start + timedelta(days=day)
        assert moment.astimezone(ours).utcoffset() == moment.astimezone(zone).utcoffset()


def test_a_vtimezone_is_compact_where_the_zone_is_regular() -> None:
    window = Window(start=datetime(2025, 1, 1, tzinfo=UTC), end=datetime(2035, 1, 1, tzinfo=UTC))
    lines = vtimezone_lines("Europe/Berlin", ZoneInfo("Europe/Berlin"), window)
    assert len(lines) == 17
    assert "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU" in lines


BEHIND = ["BEGIN:VTIMEZONE", "TZID:Custom", "BEGIN:STANDARD", "DTSTART:19700101T000000",
          "TZOFFSETFROM:-1100", "TZOFFSETTO:-1100", "END:STANDARD", "END:VTIMEZONE"]  # fmt: skip


def event(tzid: str, zone: list[str]) -> bytes:
    return write(["BEGIN:VCALENDAR", "VERSION:2.0", *zone, "BEGIN:VEVENT", "UID:1",
                  f"DTSTART;TZID={tzid}:20260701T120000", "END:VEVENT", "END:VCALENDAR"])  # fmt: skip


def start_of(data: bytes) -> datetime | None:
    obj = parse_object(data, max_bytes=10_000)
    window = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
    return expand(obj, zone=ZoneInfo("Asia/Tokyo"), window=window, limit=5).first_start


def test_one_objects_vtimezone_never_moves_another_object() -> None:
    ahead = [line.replace("-1100", "+0300") for line in BEHIND]
    assert start_of(event("Custom", BEHIND)) == datetime(2026, 7, 1, 23, tzinfo=UTC)
    assert start_of(event("Custom", ahead)) == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert start_of(event("Custom", [])) == datetime(2026, 7, 1, 3, tzinfo=UTC)
    forged = [line.replace("Custom", "Europe/Berlin") for line in BEHIND]
    assert start_of(event("Europe/Berlin", forged)) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert start_of(event("Europe/Berlin", [])) == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_vtimezone_without_observances_falls_back_to_its_location() -> None:
    empty = component_of(["BEGIN:VTIMEZONE", "TZID:Home", "X-LIC-LOCATION:Europe/Rome", "END:VTIMEZONE"])
    zone = resolve_tzid("Home", {"Home": empty})
    assert isinstance(zone, ZoneInfo)
    assert zone.key == "Europe/Rome"
    bare = component_of(["BEGIN:VTIMEZONE", "TZID:Home", "END:VTIMEZONE"])
    assert resolve_tzid("Home", {"Home": bare}) is None


def test_a_vtimezone_before_all_calendars_is_none() -> None:
    text = (
        "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\nDTSTART:00010101T000000\r\n"
        "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
        "UID:a\r\nDTSTART;TZID=X:20260101T100000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert parse_object(text.encode(), max_bytes=10_000).zone_problems == ("X",)


def test_a_hostile_vtimezone_is_refused_within_its_budget() -> None:
    hostile = [*BEHIND[:4], "RRULE:FREQ=MINUTELY;BYSECOND=1,2,3", *BEHIND[4:]]
    with pytest.raises(GatewayError):
        start_of(event("Custom", hostile))
