"""Canonical form and three-way merge."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.fingerprint import canonical, differing, field_names, fingerprint
from gateway.domain.merge import merge

FIELDS = {"SUMMARY": "title", "LOCATION": "location", "DESCRIPTION": "description", "DTSTART": "time"}
TEXTS = st.sampled_from(["", "one", "two", "three, with comma", "vier; fünf", "six\nseven"])


def obj(title: str = "T", location: str = "", description: str = "", hour: int = 9, *more: str) -> bytes:
    def text(value: str) -> str:
        return value.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;").replace("\n", "\\n")

    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:x",
        "BEGIN:VEVENT",
        "UID:u",
        "DTSTAMP:20260101T000000Z",
        f"DTSTART:20260310T{hour:02d}0000Z",
        f"DTEND:20260310T{hour + 1:02d}0000Z",
        *([f"SUMMARY:{text(title)}"] if title else []),
        *([f"LOCATION:{text(location)}"] if location else []),
        *([f"DESCRIPTION:{text(description)}"] if description else []),
        "X-OURS:kept",
        *more,
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


VERSIONS = st.builds(obj, TEXTS, TEXTS, TEXTS, st.integers(1, 20))


def test_spelling_is_not_content() -> None:
    berlin = obj().replace(b"DTSTART:20260310T090000Z", b"DTSTART;TZID=Europe/Berlin:20260310T100000")
    berlin = berlin.replace(b"DTEND:20260310T100000Z", b"DURATION:PT1H")
    stamped = berlin.replace(
        b"DTSTAMP:20260101T000000Z", b"DTSTAMP:20270101T000000Z\r\nSEQUENCE:7\r\nX-FOO:bar"
    )
    assert fingerprint(stamped) == fingerprint(obj())


def test_rules_are_compared_by_meaning() -> None:
    one = obj("T", "", "", 9, "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU")
    other = obj("T", "", "", 9, "RRULE:BYDAY=TU,MO;FREQ=WEEKLY;WKST=MO")
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint(obj("T", "", "", 9, "RRULE:FREQ=WEEKLY;BYDAY=MO"))


@given(VERSIONS, VERSIONS)
def test_equal_hash_means_no_difference(one: bytes, other: bytes) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (differing(canonical(one), canonical(other)) == {})


@given(base=VERSIONS, theirs=VERSIONS)
def test_what_only_they_changed_is_taken_whole(base: bytes, theirs: bytes) -> None:
    merged = merge(stored=base, ours=base, sent=base, base=base, theirs=theirs)
    assert merged.disputed == frozenset()
    result = merged.ical or base
    assert fingerprint(result) == fingerprint(theirs)
    assert b"X-OURS:kept" in result


@given(base=VERSIONS, ours=VERSIONS)
def test_what_only_we_changed_stays(base: bytes, ours: bytes) -> None:
    merged = merge(stored=ours, ours=ours, sent=base, base=base, theirs=base)
    assert (merged.ical, merged.taken, merged.disputed) == (None, frozenset(), frozenset())


@given(base=VERSIONS, ours=VERSIONS, theirs=VERSIONS)
def test_every_field_ends_as_one_of_the_two_and_disputes_are_ours(
    base: bytes, ours: bytes, theirs: bytes
) -> None:
    merged = merge(stored=ours, ours=ours, sent=base, base=base, theirs=theirs)
    result = canonical(merged.ical or ours)[""]
    start, mine, other = (canonical(each)[""] for each in (base, ours, theirs))
    for field in FIELDS.values():
        if mine.get(field) == start.get(field):
            assert result.get(field) == other.get(field)
        else:
            assert result.get(field) == mine.get(field)
            if other.get(field) not in {start.get(field), mine.get(field)}:
                assert field in merged.disputed


@given(base=VERSIONS, theirs=VERSIONS)
def test_what_a_provider_rewrote_is_no_change_of_theirs(base: bytes, theirs: bytes) -> None:
    merged = merge(stored=base, ours=base, sent=base, base=theirs, theirs=theirs)
    assert merged.ical is None


def test_an_untakeable_field_is_disputed_and_ours_stands() -> None:
    merged = merge(
        stored=obj("A"), ours=obj("A"), sent=obj("A"), base=obj("A"), theirs=obj("B"),
        untakeable=frozenset({"title"}),
    )  # fmt: skip
    assert merged.ical is None
    assert merged.disputed == {"title"}


def test_an_override_that_they_added_is_taken_with_our_uid() -> None:
    series = obj("T", "", "", 9, "RRULE:FREQ=DAILY;COUNT=3")
    override = (
        b"BEGIN:VEVENT\r\nUID:theirs\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20260311T090000Z\r\n"
        b"DTSTART:20260311T120000Z\r\nDTEND:20260311T130000Z\r\nSUMMARY:Moved\r\n"
        b"ATTENDEE:mailto:x@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    theirs = series.replace(b"END:VCALENDAR", override).replace(b"UID:theirs", b"UID:u")
    merged = merge(stored=series, ours=series, sent=series, base=series, theirs=theirs)
    assert merged.ical is not None
    assert fingerprint(merged.ical) == fingerprint(theirs)
    assert b"ATTENDEE" not in merged.ical
    back = merge(stored=merged.ical, ours=theirs, sent=theirs, base=theirs, theirs=series)
    assert back.ical is not None
    assert fingerprint(back.ical) == fingerprint(series)


def test_field_names_name_no_values() -> None:
    assert field_names(differing(canonical(obj("A")), canonical(obj("B", "x")))) == ["location", "title"]
