"""Calendar objects: what the PUT door takes, and what it refuses with line and property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import (
    InvalidCalendarData,
    InvalidCalendarObject,
    InvalidInput,
    TooLarge,
    TooManyInstances,
    UnsupportedComponent,
)
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.ical_reader import text_of
from gateway.domain.model import Classification

MAX = 1_000_000
HEAD = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//T//T//EN"]
START = "DTSTART:20260101T100000Z"


def calendar(*lines: str, end: str = "\r\n") -> bytes:
    return end.join([*HEAD, *lines, "END:VCALENDAR", ""]).encode()


def event(*lines: str, uid: str = "UID:1", kind: str = "VEVENT") -> bytes:
    return calendar(f"BEGIN:{kind}", uid, *lines, f"END:{kind}")


def parse(data: bytes) -> ParsedObject:
    return parse_object(data, max_bytes=MAX)


TZ = ["BEGIN:VTIMEZONE", "TZID:X", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0100",
      "TZOFFSETTO:+0100", "END:STANDARD", "END:VTIMEZONE"]  # fmt: skip
OTHER = ["BEGIN:VEVENT", "UID:1", START, "END:VEVENT"]

BAD: dict[str, tuple[bytes, type[InvalidInput], int | None, str | None]] = {
    "empty": (b"", InvalidCalendarData, None, None),
    "blank": (b"\r\n \r\n", InvalidCalendarData, None, None),
    "no calendar": (b"hello", InvalidCalendarData, 1, None),
    "a card": (b"BEGIN:VCARD\r\nEND:VCARD\r\n", InvalidCalendarData, 1, None),
    "no end": (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", InvalidCalendarData, 1, None),
    "event without end": (calendar("BEGIN:VEVENT", "UID:1", START), InvalidCalendarData, 7, None),
    "two calendars": (event(START) + event(START), InvalidCalendarData, None, None),
    "not a content line": (event(START, "no colon here"), InvalidCalendarData, 7, None),
    "not UTF-8": (event(START, "SUMMARY:x").replace(b"x", b"\xff"), InvalidCalendarData, 7, None),
    "NUL": (event(START, "SUMMARY:\0"), InvalidCalendarData, 7, None),
    "control character": (event(START, "SUMMARY:\x07"), InvalidCalendarData, 7, None),
    "carriage return inside a line": (event(START, "SUMMARY:a\rATTENDEE:b"), InvalidCalendarData, 7, None),
    "only a time zone": (calendar(*TZ), InvalidCalendarObject, None, None),
    "METHOD": (calendar("METHOD:REQUEST", *OTHER), InvalidCalendarObject, None, "METHOD"),
    "no UID": (event(START, uid="SUMMARY:x"), InvalidCalendarObject, 4, "UID"),
    "empty UID": (event(START, uid="UID:"), InvalidCalendarObject, 4, "UID"),
    "two UIDs": (
        calendar(*OTHER, "BEGIN:VEVENT", "UID:2", START, "END:VEVENT"), InvalidCalendarObject, 8, "UID"),
    "UID twice": (event(START, "UID:1"), InvalidCalendarObject, 4, "UID"),
    "mixed kinds": (calendar(*OTHER, "BEGIN:VTODO", "UID:1", "END:VTODO"), InvalidCalendarObject, None, None),
    "two masters": (calendar(*OTHER, *OTHER), InvalidCalendarObject, 8, None),
    "VFREEBUSY": (event(START, kind="VFREEBUSY"), UnsupportedComponent, None, None),
    "unknown component": (event(START, kind="X-THING"), UnsupportedComponent, None, None),
    "no DTSTART": (event("SUMMARY:x"), InvalidCalendarObject, 4, "DTSTART"),
    "broken DTSTART": (event("DTSTART:tomorrow"), InvalidCalendarData, 6, "DTSTART"),
    "impossible date": (event("DTSTART:20260230T100000Z"), InvalidCalendarData, 6, "DTSTART"),
    "DTSTART twice": (event(START, START), InvalidCalendarObject, 6, "DTSTART"),
    "DTSTART is a duration": (event("DTSTART:P1D"), InvalidCalendarData, 6, "DTSTART"),
    "DTEND before DTSTART": (event(START, "DTEND:20260101T090000Z"), InvalidCalendarObject, 7, "DTEND"),
    "DTEND before DTSTART in zones": (
        event("DTSTART;TZID=America/New_York:20260101T100000", "DTEND;TZID=Europe/Berlin:20260101T110000"),
        InvalidCalendarObject, 7, "DTEND"),
    "DUE before DTSTART": (
        event(START, "DUE:20260101T090000Z", kind="VTODO"), InvalidCalendarObject, 7, "DUE"),
    "date against time": (event(START, "DTEND;VALUE=DATE:20260102"), InvalidCalendarObject, 7, "DTEND"),
    "DTEND and DURATION": (
        event(START, "DTEND:20260101T110000Z", "DURATION:PT1H"), InvalidCalendarObject, 8, "DURATION"),
    "negative DURATION": (event(START, "DURATION:-PT1H"), InvalidCalendarObject, 7, "DURATION"),
    "broken DURATION": (event(START, "DURATION:1 hour"), InvalidCalendarData, 7, "DURATION"),
    "same RECURRENCE-ID twice": (
        calendar(*OTHER,
                 "BEGIN:VEVENT", "UID:1", "RECURRENCE-ID:20260101T100000Z", START, "END:VEVENT",
                 "BEGIN:VEVENT", "UID:1", "RECURRENCE-ID;TZID=Europe/Berlin:20260101T110000", START,
                 "END:VEVENT"),
        InvalidCalendarObject, 15, "RECURRENCE-ID"),
    "unknown FREQ": (event(START, "RRULE:FREQ=OFTEN"), InvalidCalendarData, 7, "RRULE"),
    "no FREQ": (event(START, "RRULE:COUNT=3"), InvalidCalendarObject, 7, "RRULE"),
    "INTERVAL=0": (event(START, "RRULE:FREQ=DAILY;INTERVAL=0"), InvalidCalendarObject, 7, "RRULE"),
    "COUNT and UNTIL": (
        event(START, "RRULE:FREQ=DAILY;COUNT=1;UNTIL=20270101T000000Z"), InvalidCalendarObject, 7, "RRULE"),
    "BYMONTH=13": (event(START, "RRULE:FREQ=DAILY;BYMONTH=13"), InvalidInput, 7, "RRULE"),
    "huge number": (event(START, f"RRULE:FREQ=DAILY;INTERVAL={'9' * 5000}"), InvalidInput, 7, "RRULE"),
    "hourly all-day": (
        event("DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=HOURLY"), InvalidCalendarObject, 7, "RRULE"),
    "SECONDLY": (event(START, "RRULE:FREQ=SECONDLY"), TooManyInstances, None, None),
    "too many rules": (event(START, *["RRULE:FREQ=DAILY"] * 101), InvalidCalendarObject, 7, "RRULE"),
    "a blank in a date": (event("DTSTART:20260310T 90000Z"), InvalidCalendarData, 6, "DTSTART"),
    "digits of another script": (event(START, "EXDATE:2026031\u0660T090000Z"), InvalidCalendarData, 7, "EXDATE"),
    "an escape in a date": (event(START, "EXDATE:20260310\\T090000Z"), InvalidCalendarData, 7, "EXDATE"),
    "broken EXDATE": (event(START, "EXDATE:nonsense"), InvalidCalendarData, 7, "EXDATE"),
    "END of another": (calendar("BEGIN:VEVENT", "UID:1", START, "END:VTODO"), InvalidCalendarData, 7, None),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_line_and_property(name: str) -> None:
    data, kind, line, property_name = BAD[name]
    with pytest.raises(kind) as caught:
        parse(data)
    error = caught.value
    assert len(str(error)) < 300
    if isinstance(error, InvalidCalendarData):
        assert error.line == line
        assert error.property_name == property_name
        assert line is None or f"line {line}" in str(error)


def test_errors_never_repeat_what_was_sent() -> None:
    secret = "canary-4711"
    for lines in ([f"SUMMARY {secret}"], [f"DTSTART:{secret}"],
                  [START, f"RRULE:FREQ={secret}"],
                  [START, f"RRULE:FREQ=DAILY;BYDAY={secret}"],
                  [START, f"BEGIN:{secret} {secret}"]):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            parse(event(*lines))
        assert secret not in str(caught.value)


def test_over_size_is_found_before_anything_is_read() -> None:
    with pytest.raises(TooLarge, match="1000 bytes"):
        parse_object(b"\0" * 1001, max_bytes=1000)


@pytest.mark.parametrize(
    "data",
    [
        calendar("BEGIN:VEVENT\r\n" * 50_000),
        calendar("BEGIN:X-A\r\nEND:X-A\r\n" * 30_000),
        event(START, *["X-A:b"] * 90_000, *["X-A:b"] * 120_000),
        event(START, "X-A:" + "\r\n ".join("b" for _ in range(100_000)), "RDATE:" + "," * 60_000),
    ],
    ids=["deep", "many components", "many properties", "many values"],
)
def test_deep_and_long_input_is_refused_by_count(data: bytes) -> None:
    with pytest.raises(InvalidCalendarData, match=r"deeper|more than|too many"):
        parse_object(data, max_bytes=100_000_000)


def test_blank_lines_without_end_cost_linear_time_only() -> None:
    data = event(START, "SUMMARY:x" + "\r\n" * 300_000)
    assert parse(data).uid == "1"


@pytest.mark.parametrize(
    "data",
    [
        event(START, "X-UNKNOWN;X-P=1:v", "COLOR:red", "X-APPLE-STRUCTURED-LOCATION;VALUE=URI:geo:52.1,13.2"),
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n" + START.encode() + b"\nEND:VEVENT\nEND:VCALENDAR",
        b"\xef\xbb\xbf" + event(START) + b"\r\n\r\n",
        event(START, "GEO:nowhere", "PRIORITY:high", "X-BAD;VALUE=DATE-TIME:never"),
        event("dtstart:20260101T100000Z", 'SUMMARY;ALTREP="http://a:b;c":x'),
        event(START, "RRULE:", "EXDATE:"),
        calendar("BEGIN:VTODO", "UID:1", "END:VTODO"),
        calendar(*OTHER, *TZ),
        event("DTSTART;VALUE=DATE:20260101", "DTEND;VALUE=DATE:20260101"),
        event(START, "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", "UID:alarm", "END:VALARM"),
    ],
    ids=["unknown", "LF", "BOM", "broken trifles", "lower case", "empty rule", "task", "zone last", "no day",
         "alarm"],
)  # fmt: skip
def test_what_real_clients_send_is_taken_and_kept_byte_for_byte(data: bytes) -> None:
    obj = parse(data)
    assert obj.uid == "1"
    assert obj.ical == data


def test_an_object_tells_class_categories_and_kind() -> None:
    data = calendar("BEGIN:VEVENT", "UID:1", START, "CLASS:PUBLIC", "CATEGORIES:a\\,b,c", "END:VEVENT",
                    "BEGIN:VEVENT", "UID:1", "RECURRENCE-ID:20260101T100000Z", START, "CLASS:confidential",
                    "CATEGORIES:Hold", "X-CALGATE-KIND:hold", "END:VEVENT")  # fmt: skip
    obj = parse(data)
    assert obj.classification is Classification.CONFIDENTIAL
    assert obj.categories == {"a,b", "c", "Hold"}
    assert obj.kind_property == "hold"
    assert parse(event(START)).classification is Classification.PUBLIC
    assert parse(event(START, "CLASS:X-SECRET")).classification is Classification.PRIVATE
    assert obj.component == "VEVENT"
    assert [text_of(c, "RECURRENCE-ID") is None for c in obj.components] == [True, False]


def test_folding_inside_a_character_and_a_name_is_undone() -> None:
    folded = event(START, "SUMMARY:Grüße").replace("ü".encode(), b"\xc3\r\n \xbc")
    with pytest.raises(InvalidCalendarData, match="UTF-8"):
        parse(folded)
    obj = parse(event(START, "SUMM\r\n ARY:a\r\n\tb"))
    assert obj.master is not None
    assert text_of(obj.master, "SUMMARY") == "ab"


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: event(START, text)))
def test_whatever_comes_is_an_object_or_an_error_of_ours(data: bytes) -> None:
    try:
        assert parse(data).ical == data
    except InvalidInput as error:
        assert str(error)  # noqa: PT017 - either outcome is right; a crash of another kind is not
