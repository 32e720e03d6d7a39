"""A VTIMEZONE that was read before is taken as it was, and never for another one."""

from __future__ import annotations

import pytest

from gateway.domain.errors import InvalidCalendarData
from gateway.domain.ical_reader import MAX_COMPONENTS, read, text_of
from gateway.domain.known_timezones import KnownTimezones

HEAD = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//T//T//EN"]
EVENT = ["BEGIN:VEVENT", "UID:1", "DTSTART;TZID=X:20260101T100000", "END:VEVENT"]


def zone(offset: str = "+0100", *lines: str, begin: str = "BEGIN:VTIMEZONE") -> list[str]:
    return [
        begin, "TZID:X", "BEGIN:STANDARD", "DTSTART:19700101T000000", f"TZOFFSETFROM:{offset}",
        f"TZOFFSETTO:{offset}", *lines, "END:STANDARD", "END:VTIMEZONE",
    ]  # fmt: skip


def calendar(*parts: list[str]) -> bytes:
    lines = [line for part in (HEAD, *parts, ["END:VCALENDAR", ""]) for line in part]
    return "\r\n".join(lines).encode()


def told(data: bytes) -> bytes:
    ical: bytes = read(data).to_ical()
    return ical


def test_the_same_zone_is_read_once_and_says_the_same() -> None:
    data = calendar(zone("+0313"), EVENT)
    first, second = read(data), read(calendar(zone("+0313"), [*EVENT[:2], "SUMMARY:other", *EVENT[2:]]))
    assert first.subcomponents[0] is second.subcomponents[0]
    assert told(data) == first.to_ical()
    assert second.subcomponents[1].get("SUMMARY") == "other"


def test_pain_22_the_same_tzid_with_other_rules_is_another_zone() -> None:
    for offset in ("+0100", "-1100", "+0100"):
        found = read(calendar(zone(offset), EVENT)).subcomponents[0].subcomponents[0]
        assert found.get("TZOFFSETTO").to_ical() == offset


def test_lines_are_told_where_they_stand_in_each_file() -> None:
    for before in ([], ["X-ONE:1"], ["X-ONE:1", "X-TWO:2"], []):
        data = calendar(before, zone("+0200"), EVENT)
        assert read(data).subcomponents[0].__dict__["line"] == len(HEAD) + len(before) + 1


def test_a_zone_inside_a_zone_does_not_stand_for_the_outer_one() -> None:
    inner = ["BEGIN:VTIMEZONE", "TZID:X", *zone("+0500")]
    assert len(told(calendar([*inner, "X-MORE:1", "END:VTIMEZONE"], EVENT))) > 0
    with pytest.raises(InvalidCalendarData):  # the same lines as far as the first end, and then no second
        read(calendar(inner, EVENT))
    assert b"X-OTHER" in told(calendar([*inner, "X-OTHER:1", "END:VTIMEZONE"], EVENT))


def test_a_broken_zone_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(InvalidCalendarData) as caught:
            read(calendar(zone("+0100", "RRULE:FREQ=NEVER"), EVENT))
        assert caught.value.line == 10


def test_long_and_unended_zones_are_read_as_ever() -> None:
    many = [f"X-{number}:1" for number in range(300)]
    for _ in range(2):
        found = read(calendar(zone("+0100", *many), zone("+0600"), EVENT))
        assert [len(part.subcomponents) for part in found.subcomponents] == [1, 1, 0]
        with pytest.raises(InvalidCalendarData):
            read("\r\n".join([*HEAD, *zone("+0100")[:-1]]).encode())


def test_many_zones_cost_no_depth_and_count_as_components() -> None:
    zones = [line for number in range(3000) for line in zone("+0100", f"X-NUMBER:{number}")]
    assert len(read(calendar(zones, EVENT)).subcomponents) == 3001
    same = zone("+0700")
    read(calendar(same, EVENT))
    with pytest.raises(InvalidCalendarData, match=str(MAX_COMPONENTS)):
        read(calendar(same * (MAX_COMPONENTS // 2 + 1), EVENT))


def test_what_is_remembered_has_a_bound() -> None:
    known = KnownTimezones()
    component = read(calendar(EVENT))
    blocks = [((number, "BEGIN:VTIMEZONE"),) for number in range(1000)]
    for block in blocks:
        known.keep(block, component)
    assert sum(known.find(block) is not None for block in blocks) <= 64
    assert text_of(component, "PRODID") == "-//T//T//EN"
