"""The traps of writing to the Calendar API, each provoked at the laboratory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.google import person
from gateway.providers.compare import comparable
from gateway.providers.contract import Delete, ObjectKey, Reminders, Upsert
from gateway.providers.errors import HasGuests, VersionConflict
from gateway.providers.samples import SAMPLES, SERIES, SINGLE, WITH_GUESTS, edited
from plugins.google.account import GoogleAccount
from plugins.google.mapping import project
from plugins.google.quirks.event_ids import event_id
from tests.contract.google.google_lab import ADA, by_person, stored
from tests.contract.remote import KEY, LOOK, everything, put, requests_of

WRITES = ("calendar.events.insert", "calendar.events.patch", "calendar.events.delete")


async def test_pain_14_no_request_carries_attendees_and_every_write_says_send_to_none(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, WITH_GUESTS)
    made = await put(account, calendar_id, SERIES, made)
    made = await put(account, calendar_id, SAMPLES["moved"], made)
    await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=made.version, memo=made.memo))
    writes = [entry for name in WRITES for entry in requests_of(laboratory, name)]
    assert len(writes) >= 5
    for entry in writes:
        assert "attendees" not in json.dumps(entry)
        assert entry["query"]["sendUpdates"] in ("none", ["none"])
    assert laboratory.lab.outbox.entries == []


async def test_pain_14_guests_of_the_audited_switch_are_written_and_still_nobody_is_mailed(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    look = replace(LOOK, guests=True)
    made = await put(account, calendar_id, WITH_GUESTS, look=look)
    assert b"ben@example.org" in made.ical
    assert not made.guests
    made = await put(account, calendar_id, edited(WITH_GUESTS), made, look=look)
    made = await put(account, calendar_id, WITH_GUESTS, made, look=LOOK)
    assert b"ATTENDEE" not in made.ical
    assert not stored(laboratory, calendar_id, made.remote_id).get("attendees")
    assert laboratory.lab.outbox.entries == []


@pytest.mark.parametrize("ical", [SINGLE, SERIES])
@pytest.mark.parametrize("with_memo", [True, False])
async def test_an_event_to_which_people_were_invited_there_is_neither_patched_nor_deleted(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str, ical: bytes, with_memo: bool
) -> None:
    made = await put(account, calendar_id, ical)
    guests = [{"email": "zoe@example.net"}]
    person.edit(laboratory.google, calendar_id, made.remote_id, {"attendees": guests})
    laboratory.lab.outbox.entries.clear()
    now = await account.fetch(calendar_id, made.remote_id)
    assert isinstance(now, Upsert)
    assert now.guests
    before = stored(laboratory, calendar_id, made.remote_id)
    over = now if with_memo else replace(now, memo=b"")
    with pytest.raises(HasGuests):
        await put(account, calendar_id, edited(ical), over)
    with pytest.raises(HasGuests):
        await account.push(
            calendar_id, Delete(remote_id=now.remote_id, if_version=now.version, memo=over.memo)
        )
    with pytest.raises(HasGuests):
        await put(account, calendar_id, edited(ical))
    # The version is from before the invitation: refused, and nothing is written either.
    with pytest.raises((VersionConflict, HasGuests)):
        await put(account, calendar_id, edited(ical), made)
    assert stored(laboratory, calendar_id, made.remote_id) == before


async def test_pain_4_a_deleted_event_is_revived_under_its_own_id(
    account: GoogleAccount, calendar_id: str
) -> None:
    first = await put(account, calendar_id, SERIES)
    await account.push(calendar_id, Delete(remote_id=first.remote_id))
    again = await put(account, calendar_id, SERIES)
    assert again.remote_id == first.remote_id == event_id(KEY, 0)


@pytest.mark.lab_settings(allow_revival=False)
async def test_a_revival_that_is_refused_takes_the_next_generation(
    account: GoogleAccount, calendar_id: str
) -> None:
    for generation in range(3):
        made = await put(account, calendar_id, SERIES)
        assert made.remote_id == event_id(KEY, generation)
        assert made.marker == KEY.marker
        changed = await put(account, calendar_id, edited(SERIES), made)
        assert changed.remote_id == made.remote_id
        await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=changed.version))


async def test_a_foreign_event_under_our_id_is_left_alone(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    other = ObjectKey(instance_id="two", resource_uuid="x", uid="other@example.org")
    body = {
        "id": event_id(KEY, 0),
        "summary": "Foreign",
        "start": {"date": "2026-05-04"},
        "end": {"date": "2026-05-05"},
        "extendedProperties": {"private": {"calgate-uid": other.marker, "calgate-event": event_id(KEY, 0)}},
    }
    client = account._client
    await client.call("POST", client.events(calendar_id), json=body)
    made = await put(account, calendar_id, SINGLE)
    assert made.remote_id == event_id(KEY, 1)
    assert stored(laboratory, calendar_id, event_id(KEY, 0))["summary"] == "Foreign"


async def test_pain_5_a_copy_that_a_person_made_of_our_event_is_not_ours(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SINGLE)
    body = stored(laboratory, calendar_id, made.remote_id)
    twin = by_person(laboratory, calendar_id, extendedProperties=body["extendedProperties"])
    items, _ = await everything(account, calendar_id)
    assert items[made.remote_id].marker == KEY.marker
    assert items[twin].marker is None


async def test_pain_1_with_an_empty_database_every_copy_is_found_by_its_marker(
    account: GoogleAccount, calendar_id: str
) -> None:
    keys = [ObjectKey(instance_id="one", resource_uuid="room-1", uid=f"{n}@example.org") for n in range(7)]
    for key in keys:
        await put(account, calendar_id, SERIES, key=key)
    items, _ = await everything(account, calendar_id)
    assert sorted(item.marker for item in items.values()) == sorted(key.marker for key in keys)
    assert len({item.resource_hash for item in items.values()}) == 1
    # Adopted under a new instance and resource id: changed in place, not created again.
    lost = ObjectKey(instance_id="new", resource_uuid="new", uid="3@example.org")
    (mine,) = (item for item in items.values() if item.marker == lost.marker)
    changed = await put(account, calendar_id, edited(SERIES), mine, key=lost)
    assert changed.remote_id == mine.remote_id
    assert len((await everything(account, calendar_id))[0]) == 7


async def test_a_persons_own_event_keeps_its_dress_and_never_gets_our_marker(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    name = by_person(laboratory, calendar_id, colorId="3", description="<b>Theirs</b>")
    item = await account.fetch(calendar_id, name)
    assert isinstance(item, Upsert)
    assert b"DESCRIPTION:Theirs" in item.ical
    changed = await put(account, calendar_id, edited(item.ical), item)
    body = stored(laboratory, calendar_id, name)
    assert body["colorId"] == "3"
    assert "extendedProperties" not in body
    assert "source" not in body
    assert LOOK.back_link not in body["description"]
    assert changed.marker is None


async def test_our_event_wears_colour_back_link_and_no_reminder(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, edited(SINGLE))
    body = stored(laboratory, calendar_id, made.remote_id)
    assert body["colorId"] == "11"
    assert body["source"] == {"title": "Calgate", "url": LOOK.back_link}
    assert body["description"] == f"Edited\n\n{LOOK.back_link}"
    record = laboratory.google.state.calendars[calendar_id].events[made.remote_id]
    assert record.reminders[ADA] == {"useDefault": False}
    assert LOOK.back_link is not None
    assert LOOK.back_link.encode() not in made.ical
    assert b"DESCRIPTION:Edited\r\n" in made.ical


async def test_pain_16_reminders_are_kept_only_by_setting(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    alarm = b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:x\r\nEND:VALARM\r\nEND:VEVENT"
    ical = SINGLE.replace(b"END:VEVENT", alarm)
    made = await put(account, calendar_id, ical, look=replace(LOOK, reminders=Reminders.KEEP))
    record = laboratory.google.state.calendars[calendar_id].events[made.remote_id]
    assert record.reminders[ADA]["overrides"] == [{"method": "popup", "minutes": 15}]
    assert b"VALARM" in project(ical, replace(LOOK, reminders=Reminders.KEEP))
    assert b"VALARM" not in project(ical, LOOK)


async def test_pain_18_from_timed_to_all_day_and_back(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SINGLE)
    made = await put(account, calendar_id, SAMPLES["days"], made)
    assert stored(laboratory, calendar_id, made.remote_id)["start"] == {"date": "2026-03-27"}
    made = await put(account, calendar_id, SINGLE, made)
    assert comparable(made.ical) == comparable(project(SINGLE, LOOK))


@pytest.mark.lab_settings(drop_exceptions="rekeyed")
async def test_pain_17_new_times_of_a_series_keep_its_exceptions_rekeyed(
    account: GoogleAccount, calendar_id: str
) -> None:
    await _new_times(account, calendar_id)


async def test_pain_17_new_times_of_a_series_keep_its_exceptions(
    account: GoogleAccount, calendar_id: str
) -> None:
    await _new_times(account, calendar_id)


async def _new_times(account: GoogleAccount, calendar_id: str) -> None:
    made = await put(account, calendar_id, SERIES)
    for old, new in (
        (b"COUNT=8", b"COUNT=12"),
        (b"T113000", b"T120000"),
        (b"20260327T100000\r\nDTSTART", b"20260417T100000\r\nDTSTART"),
        (b"T100000", b"T080000"),
        (b"EXDATE;TZID=Europe/Berlin:20260403", b"EXDATE;TZID=Europe/Berlin:20260424"),
    ):
        for changed in (SERIES.replace(old, new), SERIES):
            made = await put(account, calendar_id, changed, made)
            assert comparable(made.ical) == comparable(project(changed, LOOK))
            found = await account.fetch(calendar_id, made.remote_id)
            assert isinstance(found, Upsert)
            assert comparable(found.ical) == comparable(made.ical)


async def test_a_title_alone_does_not_touch_the_times_of_a_series(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SERIES)
    number = len(requests_of(laboratory))
    await put(account, calendar_id, SERIES.replace(b"SUMMARY:Weekly\r\n", b"SUMMARY:New\r\n"), made)
    patches = [
        entry
        for entry in requests_of(laboratory)[number:]
        if entry["operation"] == "calendar.events.patch" and made.remote_id + "?" in entry["path"] + "?"
    ]
    assert len(patches) == 1
    assert "recurrence" not in json.dumps(patches[0].get("body"))


async def test_many_exceptions_are_written_with_few_questions(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    head, _, _ = SERIES.partition(b"EXDATE")
    lines = [head.replace(b"COUNT=8", b"COUNT=40") + b"SUMMARY:Many\r\nEND:VEVENT\r\n"]
    first = datetime(2026, 3, 20, 10)  # noqa: DTZ001 - a wall clock
    for week in range(30):
        day = first + timedelta(weeks=week)
        lines.append(
            f"BEGIN:VEVENT\r\nUID:sample@example.org\r\nDTSTAMP:20260101T000000Z\r\n"
            f"RECURRENCE-ID;TZID=Europe/Berlin:{day:%Y%m%dT%H%M%S}\r\n"
            f"DTSTART;TZID=Europe/Berlin:{day + timedelta(hours=1):%Y%m%dT%H%M%S}\r\n"
            f"DURATION:PT1H\r\nSUMMARY:Moved {week}\r\nEND:VEVENT\r\n".encode()
        )
    ical = b"".join([*lines, b"END:VCALENDAR\r\n"])
    made = await put(account, calendar_id, ical)
    assert comparable(made.ical) == comparable(project(ical, LOOK))
    assert len(requests_of(laboratory, "calendar.events.patch")) == 30
    items, _ = await everything(account, calendar_id)
    assert comparable(items[made.remote_id].ical) == comparable(made.ical)


@pytest.mark.lab_settings(rewrite_text=True, summary_cap=20, description_cap=30)
async def test_pain_6_what_google_rewrites_is_read_back_and_does_not_change_again(
    account: GoogleAccount, calendar_id: str
) -> None:
    ical = SINGLE.replace(
        b"SUMMARY:Sample", b"SUMMARY:A very long title that is cut there\r\nDESCRIPTION:" + b"x" * 200
    )
    made = await put(account, calendar_id, ical)
    items, cursor = await everything(account, calendar_id)
    assert comparable(items[made.remote_id].ical) == comparable(made.ical)
    assert b"A very long title th\r\n" in made.ical
    for _ in range(5):
        items, cursor = await everything(account, calendar_id, cursor)
        assert items == {}
