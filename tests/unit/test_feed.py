"""The rendered feed: titles, size, states, calendar properties. Each complaint by its number."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.css_colors import css_name, hex_of
from gateway.domain.feed import FeedHead, FeedObject
from gateway.domain.feed_spec import links_of, name_of
from gateway.domain.model import FeedLevel
from gateway.domain.projection import Stamp, View
from tests.feed_world import event
from tests.unit.feed_parts import TODAY, WINDOW, render, spans, stored, text_of


def test_calendar_properties_are_those_that_clients_know() -> None:
    text = text_of()
    for line in (
        "VERSION:2.0", "CALSCALE:GREGORIAN", "METHOD:PUBLISH", "NAME:Room\\; A", "X-WR-CALNAME:Room\\; A",
        "DESCRIPTION:Schedule of Room A.", "X-WR-CALDESC:Schedule of Room A.", "X-WR-TIMEZONE:Europe/Berlin",
        "COLOR:royalblue", "X-APPLE-CALENDAR-COLOR:#3366CC", "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
        "X-PUBLISHED-TTL:PT15M", "SOURCE;VALUE=URI:https://cal.example.org/feeds/s/room.ics",
        "URL:https://cal.example.org/feeds/s/room.html", "UID:feed-uid", "LAST-MODIFIED:20260302T000000Z",
    ):  # fmt: skip
        assert f"\r\n{line}\r\n" in text
    assert "PRODID:" in text


def test_event_properties_are_those_that_clients_know() -> None:
    text = text_of(stored(event("u", "DTSTART:20260302T100000Z", "DTEND:20260302T110000Z", "SUMMARY:A")))
    for line in (
        "UID:u", "DTSTAMP:20260302T000000Z", "CREATED:20260302T000000Z", "LAST-MODIFIED:20260302T000000Z",
        "SEQUENCE:0", "STATUS:CONFIRMED", "TRANSP:OPAQUE", "X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
        "X-MICROSOFT-CDO-INTENDEDSTATUS:BUSY", "CLASS:PUBLIC",
    ):  # fmt: skip
        assert f"\r\n{line}\r\n" in text
    assert "VALARM" not in text


CANCELLED = event("c", "DTSTART:20260302T100000Z", "STATUS:CANCELLED", "SUMMARY:Off")


def test_cancelled_objects_are_shown_for_some_days_and_then_left_out() -> None:
    def changed(days: int, sequence: int) -> Stamp:
        return Stamp(created_at_utc=TODAY, modified_at_utc=TODAY - timedelta(days=days), sequence=sequence)

    fresh = text_of(stored(CANCELLED, stamp=changed(2, 4)))
    assert "STATUS:CANCELLED" in fresh
    assert "SEQUENCE:4" in fresh
    assert "TRANSP:TRANSPARENT" in fresh
    assert "VEVENT" not in text_of(stored(CANCELLED, stamp=changed(20, 4)))
    series = event(
        "s", "DTSTART;TZID=Europe/Berlin:20260302T100000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3", "END:VEVENT",
        "BEGIN:VEVENT", "UID:s", "DTSTAMP:20260101T000000Z", "RECURRENCE-ID:20260303T090000Z",
        "DTSTART:20260303T090000Z", "STATUS:CANCELLED",
    )  # fmt: skip
    assert "STATUS:CANCELLED" in text_of(stored(series, "s", stamp=changed(2, 4)))
    later = text_of(stored(series, "s", stamp=changed(20, 4)))
    assert "EXDATE;TZID=Europe/Berlin:20260303T100000" in later
    assert later.count("BEGIN:VEVENT") == 1
    assert len(spans(later)) == 2


@pytest.mark.parametrize("summary", [(), ("SUMMARY:",), ("SUMMARY:  ",), ("SUMMARY;LANGUAGE=de:\\n",)])
@pytest.mark.parametrize("level", list(FeedLevel))
def test_pain_46_summary_is_never_empty(summary: tuple[str, ...], level: FeedLevel) -> None:
    view = View(level=level, mask=lambda uid: "m", untitled="Untitled")
    text = text_of(stored(event("u", "DTSTART:20260302T100000Z", *summary), view=view))
    assert text.count("SUMMARY:") == 1
    assert re.search("SUMMARY:(Busy|Untitled)\r\n", text)


@given(
    title=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=300),
    place=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=300),
)
def test_pain_45_lines_are_folded_at_75_octets_inside_no_character(title: str, place: str) -> None:
    escaped = place.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    data = event("u", "DTSTART:20260302T100000Z", f"LOCATION:{escaped}")
    head = FeedHead(
        uid="f", title=title, description=title, zone="UTC", color=None, url="https://x/a.ics",
        page_url="https://x/a.html", changed_at_utc=TODAY,
    )  # fmt: skip
    body = render(stored(data), head=head).ical
    assert body.endswith(b"END:VCALENDAR\r\n")
    lines = body.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    for line in lines:
        line.decode()  # no character is cut
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n)", body)
    assert b"\r\n \r\n" not in body
    assert b"\r\n\r\n" not in body


def big(number: int, day: int) -> FeedObject:
    start = TODAY + timedelta(days=day, hours=9)
    data = event(f"b{number}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", "DURATION:PT1H", f"DESCRIPTION:{'x' * 900}")
    span = (WINDOW.end - TODAY).days if day >= 0 else (TODAY - WINDOW.start).days
    return stored(data, f"b{number}", reach=abs(day) / span)


def test_pain_44_window_shrinks_on_both_sides_to_the_budget_and_warns_before() -> None:
    objects = [big(number, day) for number, day in enumerate(range(-60, 360, 2))]
    whole = render(*objects)
    assert whole.share == 1
    assert not whole.is_near(1_000_000)
    assert whole.is_near(int(len(whole.ical) * 1.1))  # a warning well before the limit
    cut = render(*objects, budget=100_000)
    assert len(cut.ical) <= 100_000
    assert len(cut.ical) > 85_000
    assert cut.is_near(100_000)
    assert 0 < cut.share < 1
    asked_past, asked_ahead = TODAY - WINDOW.start, WINDOW.end - TODAY
    past, ahead = TODAY - cut.window.start, cut.window.end - TODAY
    assert past / asked_past == pytest.approx(ahead / asked_ahead, rel=0.01)
    uids = set(re.findall(rb"UID:(b\d+)", cut.ical))
    nearest = {f"b{number}".encode() for number, day in enumerate(range(-60, 360, 2)) if abs(day) <= 4}
    assert nearest <= uids


def test_pain_44_series_are_never_cut() -> None:
    data = event("s", "DTSTART:20260101T100000Z", "RRULE:FREQ=DAILY", "DURATION:PT1H")
    objects = [*(big(number, day) for number, day in enumerate(range(0, 360, 2))), stored(data, "s")]
    assert b"UID:s\r\n" in render(*objects, budget=60_000).ical


def test_one_unreadable_object_does_not_stop_the_rest() -> None:
    rendered = render(stored(b"BEGIN:VCALENDAR\r\nnothing", "bad"), stored(CANCELLED, "good"))
    assert rendered.skipped == ("bad",)
    assert b"UID:good" in rendered.ical


def test_bytes_are_the_same_for_the_same_state() -> None:
    objects = [stored(CANCELLED, "a"), big(1, 3)]
    assert render(*objects).ical == render(*objects).ical


def test_alarms_are_off_by_default_and_harmless_when_on() -> None:
    lines = ("BEGIN:VALARM", "ACTION:AUDIO", "TRIGGER;RELATED=END:-PT5M", "ATTACH:file:///x.wav", "END:VALARM",
             "BEGIN:VALARM", "ACTION:EMAIL", "TRIGGER:-P1D", "ATTENDEE:mailto:a@b", "SUMMARY:x", "DESCRIPTION:y",
             "END:VALARM")  # fmt: skip
    data = event("a", "DTSTART:20260302T100000Z", "SUMMARY:Title", *lines)
    assert "VALARM" not in text_of(stored(data))
    view = View(level=FeedLevel.TITLES, mask=lambda uid: "m", has_alarms=True)
    text = text_of(stored(data, view=view))
    assert text.count("BEGIN:VALARM") == 1
    assert "TRIGGER;RELATED=END:-PT5M" in text
    assert "ACTION:DISPLAY\r\n" in text
    assert "mailto" not in text


def test_holds_are_tentative_and_tasks_are_left_out_of_free_busy() -> None:
    data = event("h", "DTSTART:20260302T100000Z", "DTEND:20260302T110000Z")
    text = text_of(stored(data, is_hold=True))
    assert "STATUS:TENTATIVE" in text
    assert "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE" in text
    task = data.replace(b"VEVENT", b"VTODO").replace(b"DTEND", b"DUE")
    busy = View(level=FeedLevel.FREEBUSY, mask=lambda uid: "m")
    assert "VTODO" in text_of(stored(task))
    assert "VTODO" not in text_of(stored(task, view=busy))


def test_url_is_repeated_in_the_description_for_outlook() -> None:
    data = event("u", "DTSTART:20260302T100000Z", "URL:https://example.org/a", "DESCRIPTION:Words")
    text = text_of(stored(data))
    assert "URL:https://example.org/a" in text
    assert "DESCRIPTION:Words\\n\\nhttps://example.org/a" in text


def test_several_resources_are_named_in_each_event() -> None:
    data = event("u", "DTSTART:20260302T100000Z", "SUMMARY:A")
    text = text_of(stored(data, resource=("room-a", "Room A", "2nd floor")))
    assert "X-CALGATE-RESOURCE;X-NAME=Room A:room-a" in text
    assert "LOCATION:Room A\\, 2nd floor" in text


def test_links_to_subscribe_are_exactly_those_that_work() -> None:
    links = links_of("https://cal.example.org", "SECRET", "room-a", "Room A")
    assert links.as_dict() == {
        "url": "https://cal.example.org/feeds/SECRET/room-a.ics",
        "webcal": "webcal://cal.example.org/feeds/SECRET/room-a.ics",
        "html": "https://cal.example.org/feeds/SECRET/room-a.html",
        "ifb": "https://cal.example.org/feeds/SECRET/room-a.ifb",
        "google": "https://calendar.google.com/calendar/r?cid="
        "webcal%3A%2F%2Fcal.example.org%2Ffeeds%2FSECRET%2Froom-a.ics",
        "google_page": "https://calendar.google.com/calendar/r/settings/addbyurl",
        "outlook": "https://outlook.office.com/calendar/0/addfromweb?url="
        "https%3A%2F%2Fcal.example.org%2Ffeeds%2FSECRET%2Froom-a.ics&name=Room%20A",
        "outlook_personal": "https://outlook.live.com/calendar/0/addfromweb?url="
        "https%3A%2F%2Fcal.example.org%2Ffeeds%2FSECRET%2Froom-a.ics&name=Room%20A",
    }


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Room A", "room-a"),
        ("Größe 2.0!", "große-2-0".replace("ß", "")),
        ("会議", "calendar"),
        ("", "calendar"),
    ],
)
def test_names_of_links_are_plain(title: str, name: str) -> None:
    assert name_of(title) == name


def test_colours_are_told_in_both_ways() -> None:
    assert hex_of("teal") == "#008080"
    assert hex_of("#3366CCFF") == "#3366CC"
    assert hex_of("url(x)") is None
    assert css_name("#010101") == "black"
