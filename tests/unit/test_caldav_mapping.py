"""What of an object goes to a CalDAV server, and what of a server's object is an edit (behaviours.md 16 to 27)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.content_lines import escape_text, write
from gateway.domain.fingerprint import canonical
from gateway.domain.ical import parse_object
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.providers.contract import Presentation, Reminders, Unreadable, Upsert
from gateway.providers.errors import Rejected
from plugins.caldav.items import Remote, item_of
from plugins.caldav.lines import rule, spelled
from plugins.caldav.mapping import project, version_of
from plugins.caldav.overlay import overlaid

LOOK = Presentation(zone="Australia/Lord_Howe")
YEAR = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))


def ical(*lines: str, head: tuple[str, ...] = ()) -> bytes:
    """Return an object; the line ``--`` begins its next component."""
    body = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *head]
    begin = ["BEGIN:VEVENT", "UID:one", "DTSTAMP:20260101T000000Z"]
    body += begin
    for line in lines:
        body += ["END:VEVENT", *begin] if line == "--" else [line]
    return write([*body, "END:VEVENT", "END:VCALENDAR"])


def starts(data: bytes, zone: str = "Australia/Lord_Howe") -> list[datetime]:
    found = expand(parse_object(data, max_bytes=10**6), zone=ZoneInfo(zone), window=YEAR, limit=5000)
    return sorted(one.start for one in found.occurrences)


def text(data: bytes) -> str:
    return data.replace(b"\r\n ", b"").decode()


def test_pain_18_a_series_that_is_split_keeps_its_split_caldav() -> None:
    data = ical(
        "DTSTART;TZID=Europe/Berlin:20260302T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=12", "SUMMARY:a",
        "--", "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260307T090000",
        "DTSTART;TZID=Europe/Berlin:20260307T140000", "DURATION:PT2H", "SUMMARY:b",
    )  # fmt: skip
    copy = project(data, LOOK)
    assert "RANGE=THISANDFUTURE" in text(copy)
    assert starts(copy) == starts(data)


def test_pain_19_and_20_a_series_goes_out_as_its_rule_wherever_it_began_caldav() -> None:
    data = ical(
        "DTSTART;TZID=Europe/Berlin:19990104T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY", "SUMMARY:a"
    )
    copy = project(data, LOOK)
    assert "RRULE:FREQ=WEEKLY" in text(copy)
    assert len(copy) < 3000
    assert starts(copy) == starts(data)


@pytest.mark.parametrize(
    ("name", "iana"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
    ],
)
def test_pain_22_and_23_every_zone_goes_out_under_its_iana_name_with_its_definition_caldav(
    name: str, iana: str
) -> None:
    quoted = f'"{name}"' if ":" in name else name
    data = ical(f"DTSTART;TZID={quoted}:20260302T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:a")
    copy = text(project(data, LOOK))
    assert f"DTSTART;TZID={iana}:20260302T090000" in copy
    assert copy.count("BEGIN:VTIMEZONE") == 1
    assert f"TZID:{iana}\r\n" in copy
    assert starts(copy.encode()) == starts(data)


def test_pain_23_a_zone_of_ones_own_keeps_its_definition_caldav() -> None:
    own = (
        "BEGIN:VTIMEZONE", "TZID:Our ship", "BEGIN:STANDARD", "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0330", "TZOFFSETTO:+0330", "END:STANDARD", "END:VTIMEZONE",
    )  # fmt: skip
    data = ical("DTSTART;TZID=Our ship:20260302T090000", "DURATION:PT1H", "SUMMARY:a", head=own)
    copy = project(data, LOOK)
    assert starts(copy) == starts(data) == [datetime(2026, 3, 2, 5, 30, tzinfo=UTC)]


def test_pain_25_floating_times_never_leave_floating_caldav() -> None:
    data = ical(
        "DTSTART:20260302T090000", "DTEND:20260302T100000", "RRULE:FREQ=DAILY;UNTIL=20260410T090000",
        "EXDATE:20260303T090000,20260304T090000", "SUMMARY:a",
    )  # fmt: skip
    copy = project(data, LOOK)
    assert "DTSTART;TZID=Australia/Lord_Howe:20260302T090000" in text(copy)
    assert "UNTIL=20260409T223000Z" in text(copy)
    assert starts(copy, "America/New_York") == starts(data)


def test_pain_26_and_27_days_stay_days_and_block_or_not_as_they_say_caldav() -> None:
    data = ical("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260305", "TRANSP:TRANSPARENT", "SUMMARY:a")
    copy = text(project(data, LOOK))
    for line in ("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260305", "TRANSP:TRANSPARENT"):
        assert f"{line}\r\n" in copy


def test_pain_14_and_16_people_alarms_and_strangers_stay_here_caldav() -> None:
    data = ical(
        "DTSTART:20260302T090000Z", "SUMMARY:a", "ORGANIZER:mailto:a@example.org", "ATTENDEE:mailto:b@example.org",
        "X-SECRET:x", "REQUEST-STATUS:2.0;Success", "BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:x",
        "TRIGGER:-PT5M", "END:VALARM",
    )  # fmt: skip
    copy = text(project(data, LOOK))
    for word in ("ORGANIZER", "ATTENDEE", "X-SECRET", "REQUEST-STATUS", "VALARM"):
        assert word not in copy
    kept = text(project(data, Presentation(zone="UTC", guests=True, reminders=Reminders.KEEP)))
    assert "ATTENDEE:mailto:b@example.org" in kept
    assert "TRIGGER:-PT5M" in kept


def test_what_is_no_event_or_no_calendar_is_rejected_with_its_reason() -> None:
    for broken in (
        b"",
        b"<html>",
        ical("DTSTART:20260302T090000Z").replace(b"VEVENT", b"VTODO"),
        b"\xff\x00",
    ):
        with pytest.raises(Rejected) as caught:
            project(broken, LOOK)
        assert str(caught.value)


@given(title=st.text(max_size=60), place=st.text(max_size=30), days=st.integers(1, 9))
def test_pain_06_another_spelling_is_no_edit_caldav(title: str, place: str, days: int) -> None:
    data = ical(
        "DTSTART;TZID=Europe/Berlin:20260302T090000", f"DURATION:P{days}D", f"RRULE:FREQ=DAILY;COUNT={days};INTERVAL=9",
        f"SUMMARY:{escape_text(title)}", f"LOCATION:{escape_text(place)}",
    )  # fmt: skip
    once = project(data, LOOK)
    assert project(once, LOOK) == once
    other = (
        once.replace(b"DTSTART;TZID=Europe/Berlin", b'DTSTART;VALUE=DATE-TIME;TZID="Europe/Berlin"')
        .replace(f"COUNT={days};INTERVAL=9".encode(), f"INTERVAL=9;COUNT={days}".encode())
        .replace(b"DTSTAMP:20260101", b"CREATED:20260101T000000Z\r\nDTSTAMP:20260707")
    )
    assert version_of(other) == version_of(once)
    assert canonical(other) == canonical(once)
    assert version_of(once.replace(b"T090000", b"T091500")) != version_of(once)


def test_lines_are_spelled_one_way() -> None:
    assert rule("count=3;byday=MO,TU;freq=weekly") == "FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3"
    assert spelled("SUMMARY", r"SUMMARY:a\, b\N c\; d  ") == r"SUMMARY:a\, b\n c\; d"
    assert (
        spelled("SUMMARY", 'summary;LANGUAGE=de;ALTREP="cid:x":ä') == 'SUMMARY;ALTREP="cid:x";LANGUAGE=de:ä'
    )
    assert spelled("DTSTART", "DTSTART;VALUE=DATE;TZID=Japan:20260302") == "DTSTART;VALUE=DATE:20260302"
    assert (
        spelled("EXDATE", "EXDATE;TZID=Our, ship:20260302T090000")
        == 'EXDATE;TZID="Our, ship":20260302T090000'
    )


def test_an_event_of_a_person_takes_our_fields_and_keeps_the_rest() -> None:
    theirs = ical(
        "SEQUENCE:4", "DTSTART;TZID=Europe/Berlin:20260302T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=4",
        "SUMMARY:hers", "X-HERS:1", "ATTACH:https://example.org/a", "--",
        "RECURRENCE-ID;TZID=Europe/Berlin:20260303T090000", "DTSTART;TZID=Europe/Berlin:20260303T110000",
        "DURATION:PT1H", "SUMMARY:moved", "X-HERS:2",
    ).replace(b"UID:one", b"UID:hers")  # fmt: skip
    ours = ical(
        "DTSTART;TZID=Europe/Berlin:20260302T100000", "DURATION:PT2H", "RRULE:FREQ=DAILY;COUNT=4", "SUMMARY:ours",
        "--", 'RECURRENCE-ID;VALUE=DATE-TIME;TZID="Europe/Berlin":20260303T090000',
        "DTSTART;TZID=Europe/Berlin:20260303T120000", "DURATION:PT1H", "SUMMARY:ours, moved",
    )  # fmt: skip
    made = text(overlaid(theirs, project(ours, LOOK)))
    for kept in (
        "X-HERS:1",
        "X-HERS:2",
        "ATTACH:https://example.org/a",
        "SUMMARY:ours",
        "UID:hers",
        "SEQUENCE:5",
    ):
        assert kept in made
    assert "hers\r\nX" not in made.replace("UID:hers", "")
    assert "SUMMARY:hers" not in made
    assert "20260302T090000" not in made.replace("RECURRENCE-ID", "")
    parse_object(made.encode(), max_bytes=10**6)


@pytest.mark.parametrize(
    "body",
    [
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:\x00\r\nDTSTART:20260302T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 500,
        b"",
    ],
)
def test_pain_24_what_cannot_be_read_is_put_aside_with_a_reason_caldav(body: bytes) -> None:
    found = item_of(Remote(name="a.ics", etag='"1"', body=body))
    assert isinstance(found, Unreadable)
    assert found.reason


def test_an_invitation_that_the_person_declined_takes_no_time() -> None:
    data = ical(
        "DTSTART:20260302T090000Z", "SUMMARY:a", "ORGANIZER:mailto:b@example.org",
        "ATTENDEE;PARTSTAT=DECLINED:MAILTO:Ada@example.org", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:b@example.org",
    )  # fmt: skip
    found = item_of(Remote(name="a.ics", etag="", body=data), frozenset({"mailto:ada@example.org"}))
    assert isinstance(found, Upsert)
    assert (found.is_declined, found.guests) == (True, True)
