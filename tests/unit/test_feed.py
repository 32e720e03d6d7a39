"""The rendered feed: zones, all-day, series, titles, size, calendar properties. Each complaint by its number."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.css_colors import css_name, hex_of
from gateway.domain.feed import FeedHead, FeedObject, RenderedFeed, render_feed
from gateway.domain.feed_spec import links_of, name_of
from gateway.domain.ical import parse_entry, split_import
from gateway.domain.model import FeedLevel, Window, to_epoch_s
from gateway.domain.projection import Stamp, View
from gateway.domain.recurrence import expand
from tests.feed_world import event

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(start=TODAY - timedelta(days=62), end=TODAY + timedelta(days=367))
HEAD = FeedHead(
    uid="feed-uid", title="Room; A", description="Schedule of Room A.", zone="Europe/Berlin", color="#3366cc",
    url="https://cal.example.org/feeds/s/room.ics", page_url="https://cal.example.org/feeds/s/room.html",
    changed_at_utc=TODAY,
)  # fmt: skip
FULL = View(level=FeedLevel.FULL, mask=lambda uid: f"masked-{len(uid)}")


def stored(
    data: bytes, uid: str = "u", *, zone: ZoneInfo = BERLIN, view: View = FULL, **more: object
) -> FeedObject:
    values: dict[str, object] = {
        "stamp": Stamp(created_at_utc=TODAY, modified_at_utc=TODAY, sequence=0), **more
    }  # fmt: skip
    return FeedObject(uid=uid, ical=data, zone=zone, view=view, **values)  # type: ignore[arg-type]  # mixed fields


def render(*objects: FeedObject, budget: int = 10**6, head: FeedHead = HEAD, **more: bool) -> RenderedFeed:
    return render_feed(head, objects, window=WINDOW, today=TODAY, budget_bytes=budget, **more)


def text_of(*objects: FeedObject, **more: bool) -> str:
    return render(*objects, **more).ical.decode().replace("\r\n ", "")


def spans(feed: str, zone: ZoneInfo = BERLIN, window: Window = WINDOW) -> set[tuple[int, int]]:
    found = set()
    for entry in split_import(feed.encode(), max_object_bytes=10**7).entries:
        for each in expand(
            parse_entry(entry, max_bytes=10**7), zone=zone, window=window, limit=5000
        ).occurrences:
            found.add((to_epoch_s(each.start), to_epoch_s(each.end)))
    return found


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
