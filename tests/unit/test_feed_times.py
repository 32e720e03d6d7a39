"""Times in the rendered feed: zones, all-day, series and their overrides. Each complaint by its number."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.model import to_epoch_s
from tests.feed_world import event
from tests.unit.feed_parts import render, spans, stored, text_of


def test_pain_23_every_tzid_has_a_vtimezone_that_begins_before_the_first_event() -> None:
    text = text_of(
        stored(event("a", "DTSTART;TZID=W. Europe Standard Time:20190102T100000", "RRULE:FREQ=WEEKLY"), "a"),
        stored(event("b", "DTSTART;TZID=America/New_York:20260303T100000", "DURATION:PT1H"), "b"),
    )
    assert set(re.findall(r";TZID=([^;:]*)", text)) == {"Europe/Berlin", "America/New_York"}
    assert set(re.findall(r"^TZID:(.*)\r$", text, re.MULTILINE)) == {"Europe/Berlin", "America/New_York"}
    berlin = text.partition("TZID:Europe/Berlin")[2].partition("END:VTIMEZONE")[0]
    assert min(re.findall(r"DTSTART:(\d{8})", berlin)) < "20190102"


def test_pain_23_two_custom_zones_of_one_name_stay_apart() -> None:
    def zone(offset: str) -> str:
        return (
            "BEGIN:VTIMEZONE\r\nTZID:Our Zone\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
            f"TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        )

    times = ("DTSTART;TZID=Our Zone:20260303T100000", "DTEND;TZID=Our Zone:20260303T110000")
    text = text_of(
        stored(event("a", *times, head=zone("+0330")), "a"),
        stored(event("b", *times, head=zone("-0930")), "b"),
    )
    assert len(re.findall(r"^TZID:", text, re.MULTILINE)) == 2
    first, second = datetime(2026, 3, 3, 6, 30, tzinfo=UTC), datetime(2026, 3, 3, 19, 30, tzinfo=UTC)
    assert {start for start, _ in spans(text)} == {to_epoch_s(first), to_epoch_s(second)}


def test_pain_23_feeds_in_utc_write_series_out_across_summer_time() -> None:
    data = event(
        "s", "DTSTART;TZID=Europe/Berlin:20260320T100000", "DTEND;TZID=Europe/Berlin:20260320T110000",
        "RRULE:FREQ=WEEKLY;COUNT=3",
    )  # fmt: skip
    text = text_of(stored(data, "s"), uses_utc=True)
    assert re.findall(r"^DTSTART:(.*)\r$", text, re.MULTILINE) == [
        "20260320T090000Z", "20260327T090000Z", "20260403T080000Z"
    ]  # fmt: skip
    assert "UID:s_20260320T090000Z" in text
    assert "RRULE" not in text
    assert "VTIMEZONE" not in text


def test_pain_25_floating_times_get_the_zone_of_the_resource() -> None:
    data = event("f", "DTSTART:20260302T100000", "DTEND:20260302T110000")
    text = text_of(stored(data, zone=ZoneInfo("Asia/Tokyo")))
    assert "DTSTART;TZID=Asia/Tokyo:20260302T100000" in text
    assert "TZID:Asia/Tokyo\r\n" in text
    assert not re.search(r"^DTSTART:\d{8}T\d{6}\r$", text.partition("BEGIN:VEVENT")[2], re.MULTILINE)


@pytest.mark.parametrize("zone", ["Pacific/Niue", "UTC", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (("DTSTART;VALUE=DATE:20260302",), "20260303"),
        (("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260302"), "20260303"),
        (("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260306"), "20260306"),
        (("DTSTART;VALUE=DATE:20260302", "DURATION:P2D"), "20260304"),
        (("DTSTART;VALUE=DATE:20260302", "DURATION:P1W"), "20260309"),
        (("DTSTART:20260302", "DTEND:20260303"), "20260303"),
    ],
)
def test_pain_26_all_day_is_dates_with_exclusive_end_in_every_zone(
    zone: str, lines: tuple[str, ...], end: str
) -> None:
    text = text_of(stored(event("d", *lines), zone=ZoneInfo(zone)))
    assert "\r\nDTSTART;VALUE=DATE:20260302\r\n" in text
    assert f"\r\nDTEND;VALUE=DATE:{end}\r\n" in text
    assert "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE" in text
    assert "VTIMEZONE" not in text


@pytest.mark.parametrize("server_zone", ["Pacific/Niue", "Pacific/Kiritimati"])
def test_pain_26_the_zone_of_the_server_changes_nothing(
    server_zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    day = stored(event("d", "DTSTART;VALUE=DATE:20260302", "RRULE:FREQ=WEEKLY;UNTIL=20260401"))
    before = render(day).ical
    monkeypatch.setenv("TZ", server_zone)
    time.tzset()
    try:
        assert render(day).ical == before
    finally:
        monkeypatch.undo()
        time.tzset()


def test_pain_27_several_days_block_or_do_not() -> None:
    days = ("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260306")
    blocks = text_of(stored(event("a", *days)))
    free = text_of(stored(event("b", *days, "TRANSP:TRANSPARENT")))
    overnight = text_of(stored(event("c", "DTSTART:20260302T200000Z", "DTEND:20260304T080000Z")))
    assert "TRANSP:OPAQUE" in blocks
    assert "X-MICROSOFT-CDO-BUSYSTATUS:BUSY" in blocks
    assert "TRANSP:TRANSPARENT" in free
    assert "X-MICROSOFT-CDO-BUSYSTATUS:FREE" in free
    assert spans(overnight) == {
        (to_epoch_s(datetime(2026, 3, 2, 20, tzinfo=UTC)), to_epoch_s(datetime(2026, 3, 4, 8, tzinfo=UTC)))
    }


def test_series_that_begin_before_the_window_stay_series_with_their_master() -> None:
    data = event(
        "s", "DTSTART;TZID=Europe/Berlin:20150105T100000", "DTEND;TZID=Europe/Berlin:20150105T110000",
        "RRULE:UNTIL=20270101T000000Z;INTERVAL=1;FREQ=WEEKLY;BYDAY=MO", "EXDATE:20260309T090000Z",
        "END:VEVENT", "BEGIN:VEVENT", "UID:s", "DTSTAMP:20260101T000000Z", "RECURRENCE-ID:20260316T090000Z",
        "DTSTART;TZID=Europe/Berlin:20260317T100000", "DTEND;TZID=Europe/Berlin:20260317T113000",
    )  # fmt: skip
    text = text_of(stored(data, "s"))
    assert "DTSTART;TZID=Europe/Berlin:20150105T100000" in text
    assert "RRULE:FREQ=WEEKLY;UNTIL=20270101T000000Z;INTERVAL=1;BYDAY=MO" in text
    assert "EXDATE;TZID=Europe/Berlin:20260309T100000" in text
    assert "RECURRENCE-ID;TZID=Europe/Berlin:20260316T100000" in text
    assert spans(text) == spans(data.decode())


def test_until_is_utc_where_the_start_has_a_zone_and_a_date_where_it_is_one() -> None:
    zoned = text_of(
        stored(event("a", "DTSTART;TZID=Europe/Berlin:20260302T100000", "RRULE:FREQ=DAILY;UNTIL=20260310"))
    )
    local = text_of(
        stored(
            event("a", "DTSTART;TZID=Europe/Berlin:20260302T100000", "RRULE:FREQ=DAILY;UNTIL=20260310T100000")
        )
    )
    dates = text_of(
        stored(event("a", "DTSTART;VALUE=DATE:20260302", "RRULE:FREQ=DAILY;UNTIL=20260310T235959Z"))
    )
    assert "UNTIL=20260310T225959Z" in zoned
    assert "UNTIL=20260310T090000Z" in local
    assert "UNTIL=20260310\r\n" in dates


def test_an_excluding_rule_becomes_dates() -> None:
    data = event(
        "x", "DTSTART;TZID=Europe/Berlin:20260302T100000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=8",
        "EXRULE:FREQ=DAILY;INTERVAL=2",
    )  # fmt: skip
    text = text_of(stored(data, "x"))
    assert "EXRULE" not in text
    assert spans(text) == spans(data.decode())
    assert len(spans(text)) == 4


def test_an_override_without_master_is_kept() -> None:
    data = event("o", "RECURRENCE-ID:20260302T090000Z", "DTSTART:20260302T100000Z", "DTEND:20260302T110000Z")
    text = text_of(stored(data, "o"))
    assert "RECURRENCE-ID:20260302T090000Z" in text
    assert len(spans(text)) == 1
