"""iCalendar to Google and back: one spelling, a fixed point, no surprises."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.content_lines import escape_text, write
from gateway.domain.ical import parse_object
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.providers.compare import comparable, with_uid
from gateway.providers.contract import ObjectKey, Presentation, Reminders
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Flat
from gateway.providers.flat.write_ical import to_ical
from plugins.google.bodies import for_insert, override_body, when, whole_body
from plugins.google.mapping import from_ical, project
from plugins.google.reading import Odd, to_flat

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "UTC",
)
LOOK = Presentation(zone="Europe/Berlin")
KEY = ObjectKey(instance_id="one", resource_uuid="two", uid="sample@example.org")
YEARS = Window(start=datetime(2025, 1, 1, tzinfo=UTC), end=datetime(2028, 1, 1, tzinfo=UTC))


def answered(flat: Flat, look: Presentation = LOOK) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what Google would answer: times with offsets, rendered in another zone, exceptions beside."""
    body = for_insert(whole_body(flat, look, KEY, "event0"), "event0")
    exceptions = []
    for override in flat.exceptions:
        item = for_insert(override_body(override, look), f"event0_{len(exceptions)}")
        exceptions.append(
            item
            | {
                "recurringEventId": "event0",
                "originalStartTime": when_there(flat.implied(override.key).start),
            }
        )
    for item in (body, *exceptions):
        for edge in ("start", "end"):
            item[edge] = there(item[edge])
    return body, exceptions


def when_there(at: At) -> dict[str, str]:
    return there({name: value for name, value in when(at).items() if value is not None})


def there(value: dict[str, str]) -> dict[str, str]:
    """Render a time as the calendar's zone has it."""
    if "date" in value:
        return value
    moment = datetime.fromisoformat(value["dateTime"])
    if moment.tzinfo is None:
        moment = At(moment, value["timeZone"]).instant
    return {
        "dateTime": moment.astimezone(ZoneInfo("Asia/Kolkata")).isoformat(),
        "timeZone": value["timeZone"],
    }


def occurrences(ical: bytes) -> list[tuple[datetime, datetime]]:
    obj = parse_object(ical, max_bytes=1 << 24)
    found = expand(obj, zone=ZoneInfo("Europe/Berlin"), window=YEARS, limit=5000).occurrences
    return sorted((each.start, each.end) for each in found)


# Not surrogates: they cannot be written; not controls: they are not text (RFC 5545 §3.1).
texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('<>&;\n\t ,\\"'), max_size=60
)
minutes = st.integers(0, 60 * 24 * 700)
rules = st.sampled_from(
    ("FREQ=DAILY;COUNT=9", "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=7", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=5",
     "FREQ=YEARLY;COUNT=2", "FREQ=WEEKLY;INTERVAL=2;UNTIL=20270301T120000Z", "FREQ=MONTHLY;BYDAY=2TU;WKST=SU")
)  # fmt: skip


@st.composite
def calendar_objects(draw: st.DrawFn) -> bytes:
    zone = draw(st.sampled_from(ZONES))
    first = datetime(2025, 1, 1) + timedelta(minutes=draw(minutes))  # noqa: DTZ001 - a wall clock
    length = timedelta(minutes=draw(st.integers(0, 3000)))
    is_day = draw(st.booleans())

    def prop(name: str, moment: datetime) -> str:
        if is_day:
            return f"{name};VALUE=DATE:{moment:%Y%m%d}"
        return (
            f"{name}:{moment:%Y%m%dT%H%M00}Z"
            if zone == "UTC"
            else f"{name};TZID={zone}:{moment:%Y%m%dT%H%M00}"
        )

    def event(*lines: str) -> list[str]:
        said = [
            f"{name}:{escape_text(draw(texts))}"
            for name in draw(st.sets(st.sampled_from(("SUMMARY", "DESCRIPTION", "LOCATION"))))
        ]
        said += draw(
            st.lists(
                st.sampled_from(("TRANSP:TRANSPARENT", "CATEGORIES:x", "PRIORITY:3")), unique=True, max_size=3
            )
        )
        said += [
            draw(
                st.sampled_from(
                    ("STATUS:TENTATIVE", "STATUS:CONFIRMED", "CLASS:PRIVATE", "URL:https://x.example/")
                )
            )
        ]
        return [
            "BEGIN:VEVENT",
            "UID:sample@example.org",
            "DTSTAMP:20260101T000000Z",
            *lines,
            *said,
            "END:VEVENT",
        ]

    lines = [
        prop("DTSTART", first),
        prop("DTEND", first + max(length, timedelta(days=1) if is_day else length)),
    ]
    recurs = draw(st.booleans())
    if recurs:
        lines.append(f"RRULE:{draw(rules)}")
        if is_day and "T120000Z" in lines[-1]:
            lines[-1] = "RRULE:FREQ=WEEKLY;UNTIL=20270301"
        lines += [
            prop("EXDATE", first + timedelta(days=draw(st.integers(1, 20))))
            for _ in range(draw(st.integers(0, 2)))
        ]
        lines += [
            prop("RDATE", first + timedelta(days=draw(st.integers(1, 90))))
            for _ in range(draw(st.integers(0, 2)))
        ]
    components = event(*lines)
    days = draw(st.sets(st.integers(0, 30), max_size=3)) if recurs else set()
    for day in sorted(days):
        name = first + timedelta(days=day)
        moved = name + timedelta(minutes=draw(st.integers(-2000, 2000)))
        end = moved + max(length, timedelta(days=1) if is_day else length)
        components += event(prop("RECURRENCE-ID", name), prop("DTSTART", moved), prop("DTEND", end))
    return write(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//x//EN", *components, "END:VCALENDAR"])


@given(calendar_objects())
def test_projecting_is_idempotent_and_keeps_every_instant(ical: bytes) -> None:
    once = project(ical, LOOK)
    assert project(once, LOOK) == once
    assert occurrences(once) == occurrences(ical)


@given(calendar_objects(), st.sampled_from([None, "https://cal.example.org/o/1?a=1&b=2"]))
def test_pain_17_what_goes_to_google_comes_back_as_it_was_projected(ical: bytes, link: str | None) -> None:
    look = Presentation(zone="Europe/Berlin", back_link=link)
    flat = from_ical(ical, look)
    master, exceptions = answered(flat, look)
    back = to_ical(to_flat(master, exceptions, uid=KEY.uid))
    assert comparable(back) == comparable(project(ical, look))
    # And what was read goes there again unchanged: no churn.
    assert comparable(project(back, look)) == comparable(back)


ODD_VALUES: tuple[Any, ...] = (
    None, True, 7, -1.5, float("inf"), "", "x", "\x00", "\ud800", "é" * 50, "2026-05-04", "20260504T100000Z",
    [], [7], [None],
    ["RRULE:FREQ=DAILY"], ["EXDATE:20260505T100000Z"], ["RRULE:"],
    [{"email": "a@b"}], [{"email": 7, "self": "yes"}],
    {},
    {"date": "2026-05-04"}, {"date": 7}, {"date": "0000-00-00"}, {"date": "9999-12-31"},
    {"dateTime": "2026-05-04T10:00:00Z"},
    {"dateTime": "0001-01-01T00:00:00+14:00"},
    {"dateTime": "9999-12-31T23:59:59-14:00", "timeZone": "Asia/Kolkata"},
    {"dateTime": [], "timeZone": {}},
    {"dateTime": "2026-05-04T10:00:00", "timeZone": "Europe/Berlin"},
    {"private": {"calgate-uid": "x", "calgate-event": "event0", "calgate-link": "y"}}, {"private": []},
)  # fmt: skip
JSON = st.sampled_from(ODD_VALUES)
FIELDS = (
    "id", "status", "start", "end", "recurrence", "summary", "description", "location", "visibility",
    "transparency",
    "attendees", "extendedProperties", "iCalUID", "updated", "originalStartTime", "etag", "eventType",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_pain_24_whatever_an_event_holds_it_is_read_or_parked(
    changes: dict[str, Any], other: dict[str, Any]
) -> None:
    from gateway.providers.contract import Unreadable, Upsert
    from plugins.google.items import Remote, item_of

    event = {
        "id": "event0",
        "etag": '"1"',
        "start": {"dateTime": "2026-05-04T10:00:00Z", "timeZone": "UTC"},
        "end": {"dateTime": "2026-05-04T11:00:00Z", "timeZone": "UTC"},
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"],
    } | changes
    event["status"] = "confirmed"
    item = item_of(Remote(event=event, exceptions={"event0_1": other}))
    assert isinstance(item, Upsert | Unreadable)


@pytest.mark.parametrize(
    "change",
    [
        {"start": None},
        {"start": {}},
        {"start": {"date": "2026-05-04", "dateTime": "2026-05-04T10:00:00Z"}},
        {"start": {"dateTime": "2026-05-04T12:00:00Z"}},
        {"start": {"dateTime": "2026-05-04T10:00:00"}},
        {"start": {"dateTime": "2026-05-04T10:00:00", "timeZone": "Mars/Olympus"}},
        {
            "start": {"dateTime": "2026-05-04T10:00:00Z", "timeZone": "Mars/Olympus"},
            "recurrence": ["RRULE:FREQ=DAILY"],
        },
        {"end": {"date": "2026-05-05"}},
        {"recurrence": "RRULE:FREQ=DAILY"},
        {"recurrence": ["RRULE:FREQ=DAILY\r\nATTENDEE:mailto:x@example.org"]},
        {"recurrence": ["DTSTART:20260101T000000Z"]},
        {"recurrence": ["RRULE:FREQ=NEVER"]},
        {"summary": {"a": 1}},
        {"description": "x" * 3_000_000, "location": "y" * 3_000_000, "iCalUID": "z" * 3_000_000},
    ],
)
def test_an_event_that_makes_no_sense_is_odd(change: dict[str, Any]) -> None:
    event = {
        "id": "event0",
        "start": {"dateTime": "2026-05-04T10:00:00Z"},
        "end": {"dateTime": "2026-05-04T11:00:00Z"},
    } | change
    with pytest.raises(Odd) as caught:
        to_flat(event, [], uid="")
    assert "mailto" not in str(caught.value)


def test_pain_22_an_unknown_zone_of_a_single_event_costs_nothing_because_the_instant_is_given() -> None:
    event = {
        "start": {"dateTime": "2026-05-04T10:00:00+05:00", "timeZone": "Mars/Olympus"},
        "end": {"dateTime": "2026-05-04T11:00:00+05:00", "timeZone": "Mars/Olympus"},
    }
    assert to_flat(event, [], uid="x").start == At(datetime(2026, 5, 4, 5), "UTC")  # noqa: DTZ001 - a wall clock


def simple(*lines: str) -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:a", "DTSTAMP:20260101T000000Z"]
    return write([*head, *lines, "END:VEVENT", "END:VCALENDAR"])


def test_pain_21_series_go_there_in_their_own_zone_as_local_time() -> None:
    for zone in ZONES[:-1]:
        flat = from_ical(
            simple(f"DTSTART;TZID={zone}:20260301T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY"), LOOK
        )
        body = whole_body(flat, LOOK, KEY, "event0")
        assert body["start"] == {"dateTime": "2026-03-01T09:00:00", "timeZone": zone, "date": None}


def test_pain_25_floating_times_get_the_zone_of_the_resource() -> None:
    flat = from_ical(
        simple("DTSTART:20260301T090000", "RRULE:FREQ=DAILY"), Presentation(zone="America/New_York")
    )
    assert flat.start.zone == "America/New_York"


def test_pain_22_windows_zones_become_iana_names() -> None:
    flat = from_ical(simple("DTSTART;TZID=W. Europe Standard Time:20260301T090000", "RRULE:FREQ=DAILY"), LOOK)
    assert flat.start.zone == "Europe/Berlin"


def test_pain_26_days_stay_days_and_take_one_at_least() -> None:
    flat = from_ical(simple("DTSTART;VALUE=DATE:20260301"), LOOK)
    assert (flat.start.value, flat.end.value) == (date(2026, 3, 1), date(2026, 3, 2))


def test_pain_20_a_rule_that_google_does_not_know_becomes_a_list_of_dates_and_an_endless_one_is_refused() -> (
    None
):
    hourly = ("DTSTART;TZID=Europe/Berlin:20260301T090000", "DURATION:PT10M")
    flat = from_ical(simple(*hourly, "RRULE:FREQ=HOURLY;COUNT=5"), LOOK)
    assert (flat.rules, len(flat.rdates)) == ((), 4)
    with pytest.raises(Rejected) as caught:
        from_ical(simple(*hourly, "RRULE:FREQ=HOURLY"), LOOK)
    assert caught.value.code == "ruleBeyondGoogle"


def test_until_is_utc_for_times_and_a_date_for_days() -> None:
    timed = from_ical(
        simple("DTSTART;TZID=Europe/Berlin:20260301T090000", "RRULE:FREQ=DAILY;UNTIL=20260310"), LOOK
    )
    assert timed.rules == ("FREQ=DAILY;UNTIL=20260310T225959Z",)
    days = from_ical(simple("DTSTART;VALUE=DATE:20260301", "RRULE:FREQ=DAILY;UNTIL=20260310T120000Z"), LOOK)
    assert days.rules == ("FREQ=DAILY;UNTIL=20260310",)


def test_at_most_five_reminders_and_only_before_the_start() -> None:
    alarms = []
    for trigger in ("-PT5M", "-PT10M", "-PT15M", "-PT1H", "-P1D", "-P2D", "PT5M", "-P29D", "-PT15M"):
        alarms += ["BEGIN:VALARM", "ACTION:DISPLAY", f"TRIGGER:{trigger}", "DESCRIPTION:x", "END:VALARM"]
    look = Presentation(zone="UTC", reminders=Reminders.KEEP)
    body = whole_body(from_ical(simple("DTSTART:20260301T090000Z", *alarms), look), look, KEY, "event0")
    assert [each["minutes"] for each in body["reminders"]["overrides"]] == [5, 10, 15, 60, 1440]


def test_a_public_class_does_not_open_details_and_the_strictest_counts_for_all() -> None:
    assert (
        whole_body(from_ical(simple("DTSTART:20260301T090000Z", "CLASS:PUBLIC"), LOOK), LOOK, KEY, "x")[
            "visibility"
        ]
        == "default"
    )
    odd = from_ical(simple("DTSTART:20260301T090000Z", "CLASS:X-SECRET"), LOOK)
    assert whole_body(odd, LOOK, KEY, "x")["visibility"] == "private"


def test_another_uid_changes_nothing_else() -> None:
    ical = simple("DTSTART:20260301T090000Z", "BEGIN:VALARM", "UID:alarm", "END:VALARM")
    changed = with_uid(ical, "b,c")
    assert b"UID:b\\,c\r\n" in changed
    assert b"UID:alarm\r\n" in changed
    assert comparable(changed) == comparable(ical)
