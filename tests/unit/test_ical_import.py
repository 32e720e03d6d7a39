"""Import: one file to many objects, lines unchanged, bad ones isolated."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import InvalidCalendarData, InvalidInput
from gateway.domain.ical import ImportEntry, parse_entry, parse_object, split_import

MAX = 1_000_000
ZONE = ["BEGIN:VTIMEZONE", "TZID:Custom\\, here", "BEGIN:STANDARD", "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0100", "TZOFFSETTO:+0100", "END:STANDARD", "END:VTIMEZONE"]  # fmt: skip


def file(*lines: str, end: str = "\r\n") -> bytes:
    return end.join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]).encode()


def event(uid: str, *lines: str, start: str = "DTSTART:20260101T100000Z") -> list[str]:
    return ["BEGIN:VEVENT", *([f"UID:{uid}"] if uid else []), start, *lines, "END:VEVENT"]


def entries(data: bytes) -> list[ImportEntry]:
    return list(split_import(data, max_object_bytes=MAX).entries)


def test_a_file_is_split_by_uid_without_method_and_with_the_zones_used() -> None:
    data = file(
        "METHOD:PUBLISH", "X-WR-CALNAME:My\\, calendar", "X-WR-TIMEZONE:Europe/Berlin",
        *event("a", start='DTSTART;TZID="Custom, here":20260101T100000'), *event("b"),
        *event("a", "RECURRENCE-ID:20260102T090000Z"), *ZONE,
    )  # fmt: skip
    result = split_import(data, max_object_bytes=MAX)
    assert (result.name, result.zone) == ("My, calendar", "Europe/Berlin")
    first, second = result.entries
    assert (first.uid, first.line, second.uid, second.line) == ("a", 6, "b", 10)
    assert first.data is not None
    assert second.data is not None
    assert first.data.count(b"BEGIN:VEVENT") == 2
    assert b"METHOD" not in first.data
    assert first.data.count(b"BEGIN:VTIMEZONE") == 1
    assert b"VTIMEZONE" not in second.data
    assert parse_entry(first, max_bytes=MAX).zone_problems == ()


def test_floating_objects_carry_the_zone_of_their_calendar() -> None:
    data = file("X-WR-TIMEZONE:America/New_York", *event("a", start="DTSTART:20260101T100000"), *event("b"),
                *event("c", start="DTSTART;VALUE=DATE:20260101"))  # fmt: skip
    floating, utc, day = (entry.data or b"" for entry in entries(data))
    assert b"X-WR-TIMEZONE:America/New_York\r\n" in floating
    assert b"X-WR-TIMEZONE" not in utc + day


def test_a_missing_uid_is_derived_from_the_content_and_stays_the_same() -> None:
    first = file(*event("", "SUMMARY:x", "DTSTAMP:20260101T000000Z"), *event("", "SUMMARY:y"))
    again = file(*event("", "SUMMARY:y"), *event("", "SUMMARY:x", "DTSTAMP:20260303T000000Z"), end="\n")
    ours = {entry.uid for entry in entries(first)}
    assert len(ours) == 2
    assert ours == {entry.uid for entry in entries(again)}
    for entry in entries(first):
        assert parse_entry(entry, max_bytes=MAX).uid == entry.uid


def test_the_uid_of_an_alarm_is_not_the_uid_of_the_event() -> None:
    alarm = ["BEGIN:VALARM", "UID:alarm", "TRIGGER:-PT5M", "ACTION:DISPLAY", "END:VALARM"]
    (entry,) = entries(file("BEGIN:VEVENT", *alarm, "DTSTART:20260101T100000Z", "UID:event", "END:VEVENT"))
    assert entry.uid == "event"


@pytest.mark.parametrize(
    ("old", "new"),
    [("SEQUENCE:1", "SEQUENCE:2"), ("LAST-MODIFIED:20260101T000000Z", "LAST-MODIFIED:20260201T000000Z"),
     ("SUMMARY:same", "SUMMARY:same")],
)  # fmt: skip
def test_of_two_versions_the_newer_is_kept_and_the_other_noted(old: str, new: str) -> None:
    (entry,) = entries(file(*event("a", old, "COMMENT:one"), *event("a", new, "COMMENT:two")))
    assert entry.data is not None
    assert b"COMMENT:two" in entry.data
    assert b"COMMENT:one" not in entry.data
    assert len(entry.notes) == 1
    if old != new:
        (entry,) = entries(file(*event("a", new, "COMMENT:two"), *event("a", old, "COMMENT:one")))
        assert b"COMMENT:two" in (entry.data or b"")


def test_pain_24_one_bad_component_never_stops_the_rest() -> None:
    data = file(
        *event("good-1"), "BEGIN:VEVENT", "UID:open", "DTSTART:20260101T100000Z", *event("good-2"),
        *event("bad-date", start="DTSTART:never"), "BEGIN:VFREEBUSY", "END:VFREEBUSY", "BEGIN:VTODO",
        "UID:good-1", "END:VTODO", *event("good-3", "SUMMARY:x"), "BEGIN:VEVENT", "UID:last",
    )  # fmt: skip
    good, bad = [], []
    for entry in entries(data):
        try:
            good.append(parse_entry(entry, max_bytes=MAX).uid)
        except InvalidInput as error:
            bad.append(str(error))
    assert good == ["good-1", "good-2", "good-3"]
    assert sorted(bad) == [
        "line 16, DTSTART: the value cannot be read",
        "line 18: VFREEBUSY is not kept in calendars",
        "line 20, UID: the UID belongs to a VEVENT of this file already",
        "line 28: BEGIN:VEVENT has no END",
        "line 7: BEGIN:VEVENT has no END",
    ]


def test_broken_bytes_cost_their_component_only() -> None:
    data = file(*event("a", "SUMMARY:x"), *event("b")).replace(b"SUMMARY:x", b"SUMMARY:\xff")
    bad, good = entries(data)
    assert bad.reason == "line 6: this is not UTF-8; save the file as UTF-8"
    assert good.reason is None


def test_an_object_over_the_limit_is_refused_with_its_size() -> None:
    (entry,) = split_import(file(*event("a", "X:" + "y" * 500)), max_object_bytes=300).entries
    assert entry.data is None
    assert "300 bytes" in (entry.reason or "")


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xfe\0B", b"BEGIN:VCARD\r\nEND:VCARD\r\n"])
def test_what_is_no_calendar_file_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(InvalidCalendarData, match="VCALENDAR"):
        split_import(data, max_object_bytes=MAX)


def test_several_calendars_in_one_file() -> None:
    data = file("X-WR-CALNAME:One", *event("a")) + file("X-WR-TIMEZONE:Asia/Tokyo", *event("b"))
    result = split_import(data, max_object_bytes=MAX)
    assert (result.name, result.zone) == ("One", "Asia/Tokyo")
    assert [entry.uid for entry in result.entries] == ["a", "b"]


words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120)


@given(st.lists(st.lists(words, max_size=4), min_size=1, max_size=5), st.sampled_from(["\r\n", "\n"]))
def test_the_lines_of_each_component_are_unchanged_folding_included(texts: list[list[str]], end: str) -> None:
    components = [
        event(f"uid-{n}", *(fold_by_hand(text, end) for text in lines)) for n, lines in enumerate(texts)
    ]
    data = file(*(line for component in components for line in component), end=end)
    found = entries(data)
    assert len(found) == len(components)
    for entry, component in zip(found, components, strict=True):
        expected = end.join(component).replace("\r\n", "\n").replace("\n", "\r\n").encode()
        assert entry.data is not None
        assert expected in entry.data
        assert entry.data.endswith(expected + b"\r\nEND:VCALENDAR\r\n")
        assert parse_object(entry.data, max_bytes=MAX).uid == entry.uid


def fold_by_hand(text: str, end: str) -> str:
    """Fold as some producers do: at odd places, with a blank or a tab."""
    return f"COMMENT:{text[:7]}{end}\t{text[7:40]}{end} {text[40:]}"


def test_a_large_file_takes_linear_work_and_little_memory() -> None:
    count = 20_000
    body = "".join("\r\n".join(event(f"uid-{n}", "DESCRIPTION:" + "x" * 300)) + "\r\n" for n in range(count))
    data = file(body.removesuffix("\r\n"))
    tracemalloc.start()
    found = 0
    for entry in split_import(data, max_object_bytes=MAX).entries:
        found += entry.data is not None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == count
    assert peak < 3 * len(data)


def test_pain_45_fold_inside_a_character_is_read_and_counts_as_the_same_line() -> None:
    """RFC 5545 §3.1 allows it and old programs do it; the event was refused as broken UTF-8."""
    data = file(*event("a", "SUMMARY:Grüße", "DESCRIPTION:😀 x"), *event(""))
    whole = next(split_import(data, max_object_bytes=MAX).entries).data
    broken = data.replace("ü".encode(), b"\xc3\r\n \xbc").replace("😀".encode(), b"\xf0\x9f\r\n \x98\x80")
    first, second = split_import(broken, max_object_bytes=MAX).entries
    assert first.reason is None
    assert first.data is not None
    assert whole is not None
    assert first.data.replace(b"\r\n ", b"") == whole.replace(b"\r\n ", b"")
    assert second.line == 11  # the lines of the file are still those of the file


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_file_with_a_byte_order_mark_is_read_in_its_coding(coding: str) -> None:
    text = file(*event("a", "SUMMARY:Grüße")).decode()
    (entry,) = entries(text.encode(coding))
    assert entry.data is not None
    assert "SUMMARY:Grüße" in entry.data.decode()


def test_file_with_lone_carriage_returns_is_read() -> None:
    """Nothing was imported and nothing refused: the file was lost without a word."""
    (entry,) = entries(file(*event("a"), end="\r"))
    assert (entry.uid, entry.reason) == ("a", None)
    assert entry.data is not None
    assert b"\r\nUID:a\r\n" in entry.data


def test_unknown_zone_of_the_file_is_reported() -> None:
    result = split_import(file("X-WR-TIMEZONE:Mars/Olympus", *event("a")), max_object_bytes=MAX)
    assert (result.zone, result.unknown_zones) == (None, ("Mars/Olympus",))


def test_zone_with_a_comma_but_without_quotes_is_one_name() -> None:
    """Two values of one parameter ended the whole import with a TypeError."""
    zone = ["BEGIN:VTIMEZONE", "TZID:Amsterdam, Berlin", *ZONE[2:]]
    data = file(*zone, *event("a", "SUMMARY:x", start="DTSTART;TZID=Amsterdam, Berlin:20260101T100000"))
    (entry,) = entries(data)
    parsed = parse_entry(entry, max_bytes=MAX)
    assert parsed.zone_problems == ()
    assert entry.data is not None
    assert b"TZID:Amsterdam, Berlin" in entry.data
