"""Privacy before serialising: what is not allowed never leaves, wherever it hides."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar.cal.event import Event

from gateway.domain.feed import FeedHead, FeedObject, render_feed
from gateway.domain.ical import parse_object
from gateway.domain.model import Busy, FeedLevel, Window
from gateway.domain.projection import FIELD_PROPERTIES, Stamp, View, busy_object, busy_of_words, project
from gateway.domain.recurrence_faces import busy_of
from gateway.domain.zone_book import ZoneBook
from tests.feed_world import event

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
STAMP = Stamp(created_at_utc=TODAY, modified_at_utc=TODAY, sequence=3)
CANARY = "Kanarienvogel"
TIMES = ("DTSTART;TZID=Europe/Berlin:20260302T100000", "DTEND;TZID=Europe/Berlin:20260302T110000")
# A canary in every place where an event can hold text.
TEXTS = {
    "location": f'LOCATION;ALTREP="cid:{CANARY}-loc-altrep";LANGUAGE=x-{CANARY}-loc:{CANARY}-location',
    "description": f'DESCRIPTION;ALTREP="cid:{CANARY}-d-altrep":{CANARY}-description',
    "categories": f"CATEGORIES:{CANARY}-one,{CANARY}-two",
    "url": f"URL:https://example.org/{CANARY}-url",
    "geo": "GEO:52.5;13.4",
    "comment": f"COMMENT:{CANARY}-comment",
    "contact": f'CONTACT;ALTREP="https://x/{CANARY}-contact-altrep":{CANARY}-contact',
    "resources": f"RESOURCES:{CANARY}-beamer",
    "conference": f"CONFERENCE;VALUE=URI;LABEL={CANARY}-label:https://example.org/{CANARY}-conference",
    "image": f"IMAGE;VALUE=URI;DISPLAY=BADGE:https://example.org/{CANARY}-image",
    "attach": f"ATTACH;FMTTYPE=text/plain;FILENAME={CANARY}-file:https://example.org/{CANARY}-attach",
}
NEVER = (
    f'ATTENDEE;CN={CANARY}-cn;SENT-BY="mailto:{CANARY}@sent.by":mailto:{CANARY}@attendee',
    f"ORGANIZER;CN={CANARY}-organizer:mailto:{CANARY}@organizer",
    f"X-{CANARY.upper()}-NAME;X-P={CANARY}-xp:{CANARY}-x",
    f"X-ALT-NOTE:{CANARY}-x2",
    f"{CANARY.upper()}:{CANARY}-iana",
    f"REQUEST-STATUS:2.0;{CANARY}-status",
    f"ATTACH;ENCODING=BASE64;VALUE=BINARY;X-NAME={CANARY}-bin:S2FuYXJpZW52b2dlbA==",
)
NESTED = (
    "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT10M", f"DESCRIPTION:{CANARY}-alarm", f"X-A:{CANARY}-alarm-x",
    "END:VALARM",
    "BEGIN:VALARM", "ACTION:EMAIL", "TRIGGER:-PT1H", f"SUMMARY:{CANARY}-mail", f"DESCRIPTION:{CANARY}-mail-text",
    f"ATTENDEE:mailto:{CANARY}@alarm", "END:VALARM",
    "BEGIN:PARTICIPANT", f"UID:{CANARY}-participant", f"DESCRIPTION:{CANARY}-participant-text", "END:PARTICIPANT",
)  # fmt: skip
ZONE = (
    "BEGIN:VTIMEZONE\r\nTZID:" + CANARY + "/Zone\r\nCOMMENT:" + CANARY + "-zone-comment\r\nBEGIN:STANDARD\r\n"
    "DTSTART:19700101T000000\r\nTZOFFSETFROM:+0330\r\nTZOFFSETTO:+0330\r\nTZNAME:" + CANARY + "-tzname\r\n"
    "END:STANDARD\r\nEND:VTIMEZONE\r\n"
)


@dataclass(frozen=True)
class Stored:
    ical: bytes


def view(level: FeedLevel, **more: object) -> View:
    return View(level=level, mask=lambda uid: "masked", **more)  # type: ignore[arg-type]  # mixed fields


def render(*stored: bytes, view: View, uids: tuple[str, ...] = (), uses_utc: bool = False) -> str:
    head = FeedHead(
        uid="feed", title="Room", description="d", zone="Europe/Berlin", color=None,
        url="https://x/f.ics", page_url="https://x/f.html", changed_at_utc=TODAY,
    )  # fmt: skip
    objects = [
        FeedObject(uid=uids[n] if uids else f"uid-{n}", ical=data, stamp=STAMP, zone=BERLIN, view=view)
        for n, data in enumerate(stored)
    ]
    rendered = render_feed(head, objects, window=WINDOW, today=TODAY, budget_bytes=10**6, uses_utc=uses_utc)
    assert rendered.skipped == ()
    return rendered.ical.decode().replace("\r\n ", "")


def full_of_canaries(classification: str | None) -> bytes:
    """An event, its override and its zone with a canary wherever text can be."""
    times = ("DTSTART;TZID=" + CANARY + "/Zone:20260302T100000", "DURATION:PT1H")
    texts = (f'SUMMARY;ALTREP="cid:{CANARY}-altrep":{CANARY}-title', *TEXTS.values(), *NEVER)
    texts += (f"RELATED-TO:{CANARY}-related",)
    texts += (f"CLASS:{classification}",) if classification is not None else ()
    override = (
        "END:VEVENT", "BEGIN:VEVENT", "UID:secret-" + CANARY, "DTSTAMP:20260101T000000Z",
        f"RECURRENCE-ID;TZID={CANARY}/Zone:20260303T100000",
        f"DTSTART;TZID={CANARY}/Zone;X-P={CANARY}-dtstart:20260303T120000",
        f"SUMMARY:{CANARY}-override-title", f"DESCRIPTION:{CANARY}-override", *NESTED,
    )  # fmt: skip
    rule = (
        f"RRULE;X-NOTE={CANARY}-rule:FREQ=DAILY;COUNT=3",
        f"EXDATE;X-E={CANARY}-ex;TZID={CANARY}/Zone:20260304T100000",
    )
    return event("secret-" + CANARY, *times, *rule, *texts, *NESTED, *override, head=ZONE)


@pytest.mark.parametrize("classification", [None, "PUBLIC", "PRIVATE", "CONFIDENTIAL", f"X-{CANARY}"])
@pytest.mark.parametrize("alarms", [False, True])
@pytest.mark.parametrize("uses_utc", [False, True])
def test_pain_48_canary_words_never_leave_a_free_busy_feed(
    classification: str | None, alarms: bool, uses_utc: bool
) -> None:
    shown = view(FeedLevel.FREEBUSY, has_alarms=alarms, shows_private=True)
    text = render(full_of_canaries(classification), view=shown, uids=("secret-" + CANARY,), uses_utc=uses_utc)
    assert CANARY.lower() not in text.lower()
    assert "S2FuYXJpZW52b2dlbA" not in text
    assert "UID:masked" in text
    assert "SUMMARY:Busy" in text


@pytest.mark.parametrize("classification", ["PRIVATE", "CONFIDENTIAL", f"X-{CANARY}"])
@pytest.mark.parametrize("level", list(FeedLevel))
def test_pain_48_private_objects_are_busy_without_any_field_on_every_level(
    classification: str, level: FeedLevel
) -> None:
    shown = view(level, has_alarms=True, fields=frozenset(FIELD_PROPERTIES))
    text = render(full_of_canaries(classification), view=shown, uids=("secret-" + CANARY,))
    assert CANARY.lower() not in text.lower()
    assert "BEGIN:VALARM" not in text


def test_pain_48_private_objects_are_shown_where_the_owner_has_ticked_it() -> None:
    text = render(full_of_canaries("PRIVATE"), view=view(FeedLevel.FULL, shows_private=True))
    assert f"{CANARY}-description" in text
    assert "CLASS:PRIVATE" in text


def test_pain_48_titles_show_the_title_and_no_parameter() -> None:
    text = render(full_of_canaries("PUBLIC"), view=view(FeedLevel.TITLES, has_alarms=True))
    left = text.replace(f"{CANARY}-title", "").replace(f"{CANARY}-override-title", "")
    assert f"SUMMARY:{CANARY}-title" in text
    assert CANARY.lower() not in left.lower()


@pytest.mark.parametrize("field", sorted(TEXTS))
def test_pain_48_chosen_fields_show_that_field_only(field: str) -> None:
    text = render(full_of_canaries("PUBLIC"), view=view(FeedLevel.FIELDS, fields=frozenset({field})))
    name = FIELD_PROPERTIES[field]
    others = [line for line in text.split("\r\n") if not line.startswith((f"{name}:", f"{name};", "SUMMARY"))]
    assert CANARY.lower() not in "\n".join(others).lower()
    assert any(line.startswith(name) for line in text.split("\r\n"))
    for parameter in ("altrep", "label", "LANGUAGE", "-file"):
        assert parameter not in text


def test_pain_48_even_full_feeds_hold_no_other_people_and_nothing_unknown() -> None:
    text = render(full_of_canaries("PUBLIC"), view=view(FeedLevel.FULL, has_alarms=True))
    for never in ("ATTENDEE", "ORGANIZER", "mailto:", "-organizer", "-iana", "-x2", "-mail", "participant",
                  "-zone-comment", "-tzname", "-dtstart", "-rule", "S2FuYXJpZW52b2dlbA", "TZID:" + CANARY):  # fmt: skip
        assert never not in text
    assert f"{CANARY}-alarm" in text


@pytest.mark.parametrize("classification", [None, "PUBLIC", "PRIVATE", "CONFIDENTIAL", "X-OTHER"])
@pytest.mark.parametrize("level", list(FeedLevel))
def test_pain_48_class_is_always_written(classification: str | None, level: FeedLevel) -> None:
    lines = (f"CLASS:{classification}",) if classification else ()
    text = render(event("a", *TIMES, *lines), view=view(level))
    expected = {None: "PUBLIC", "X-OTHER": "PRIVATE"}.get(classification, classification)
    if level is FeedLevel.FREEBUSY:
        expected = "PUBLIC"  # free/busy tells nothing apart
    assert text.count("CLASS:") == 1
    assert f"CLASS:{expected}\r\n" in text


def series(master_class: str, override_class: str) -> bytes:
    return event(
        "s", *TIMES, "RRULE:FREQ=DAILY;COUNT=3", "SUMMARY:Master words", f"CLASS:{master_class}",
        "END:VEVENT", "BEGIN:VEVENT", "UID:s", "DTSTAMP:20260101T000000Z",
        "RECURRENCE-ID;TZID=Europe/Berlin:20260303T100000", "DTSTART;TZID=Europe/Berlin:20260303T120000",
        "SUMMARY:Override words", f"CLASS:{override_class}",
    )  # fmt: skip


def test_pain_49_an_override_inherits_the_stricter_class_of_its_master() -> None:
    text = render(series("CONFIDENTIAL", "PUBLIC"), view=view(FeedLevel.FULL))
    assert "words" not in text
    assert text.count("UID:masked") == 2


def test_pain_49_a_private_override_of_a_public_series_shows_nothing_but_stays_in_it() -> None:
    text = render(series("PUBLIC", "PRIVATE"), view=view(FeedLevel.FULL))
    assert "Master words" in text
    assert "Override words" not in text
    assert text.count("UID:uid-0") == 2


def test_pain_50_the_level_belongs_to_the_link() -> None:
    stored = event("a", *TIMES, "SUMMARY:Words", "CLASS:PRIVATE")
    assert "Words" not in render(stored, view=view(FeedLevel.FULL))
    assert "Words" in render(stored, view=view(FeedLevel.FULL, shows_private=True))
    assert "Words" not in render(stored, view=view(FeedLevel.FREEBUSY, shows_private=True))


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60)


@given(
    tails=st.lists(_TEXT, min_size=3, max_size=3),
    level=st.sampled_from(list(FeedLevel)),
    private=st.booleans(),
)
def test_pain_48_no_text_of_any_shape_leaks(tails: list[str], level: FeedLevel, private: bool) -> None:
    one, two, three = (CANARY + tail.replace("\\", "").replace('"', "") for tail in tails)
    stored = event(
        "a", *TIMES, f"SUMMARY:{one}", f'LOCATION;ALTREP="{two}":{two}', f'COMMENT;X-P="{three}":{three}',
        "CLASS:PRIVATE" if private else "CLASS:PUBLIC", f"X-WORDS:{three}",
    )  # fmt: skip
    parse_object(stored, max_bytes=10**6)
    text = render(stored, view=view(level))
    count = text.count(CANARY)
    if level is FeedLevel.FREEBUSY or private:
        assert count == 0
    elif level in {FeedLevel.TITLES, FeedLevel.FIELDS}:
        assert count == 1
    else:
        assert count >= 3


def test_masked_calendar_object_is_complete_and_free_of_text() -> None:
    stored = Stored(full_of_canaries("CONFIDENTIAL"))
    body = busy_object(stored, uid="hashed", stamp=STAMP, zone=BERLIN, window=WINDOW)
    parsed = parse_object(body, max_bytes=10**6)
    assert parsed.uid == "hashed"
    assert len(parsed.components) == 2
    assert CANARY.lower() not in body.decode().lower()


def test_busy_words_agree_with_the_occurrence_index() -> None:
    for status, transp, outlook in itertools.product(
        ("", "CONFIRMED", "TENTATIVE", "CANCELLED"),
        ("", "OPAQUE", "TRANSPARENT"),
        ("", "FREE", "BUSY", "TENTATIVE", "OOF", "WORKINGELSEWHERE"),
    ):
        component = Event()
        for name, value in (("STATUS", status), ("TRANSP", transp), ("X-MICROSOFT-CDO-BUSYSTATUS", outlook)):
            if value:
                component.add(name, value)
        found = busy_of_words(name="VEVENT", status=status, transp=transp, outlook=outlook)
        assert found is busy_of(component)


def test_projected_title_and_place_are_what_pages_may_draw() -> None:
    stored = Stored(event("a", *TIMES, "SUMMARY:A\\, b\\nc", "LOCATION:Here", "CLASS:PRIVATE"))
    masked = project(stored, uid="a", view=view(FeedLevel.FULL), zone=BERLIN, book=ZoneBook())
    shown = project(
        stored, uid="a", view=view(FeedLevel.FULL, shows_private=True), zone=BERLIN, book=ZoneBook()
    )
    assert (masked.components[0].title, masked.components[0].place) == ("Busy", None)
    assert (shown.components[0].title, shown.components[0].place) == ("A, b\nc", "Here")
    assert shown.components[0].busy is Busy.BUSY
