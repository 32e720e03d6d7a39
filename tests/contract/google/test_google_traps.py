"""The traps of the Calendar API, each provoked at the laboratory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.google import person
from gateway.providers.compare import comparable
from gateway.providers.contract import (
    Access,
    BusyKind,
    CalendarLook,
    Delete,
    Notification,
    ObjectKey,
    Presentation,
    Put,
    Reminders,
    RemoteKind,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Window,
)
from gateway.providers.errors import (
    CursorExpired,
    Forbidden,
    HasGuests,
    NotFound,
    QuotaExhausted,
    Rejected,
    VersionConflict,
)
from gateway.providers.samples import SAMPLES, SERIES, SINGLE, WITH_GUESTS, edited
from plugins.google.account import GoogleAccount
from plugins.google.mapping import project
from plugins.google.quirks.event_ids import event_id
from tests.contract.google.google_lab import ADA, Signed, requests_of, signed_in

LOOK = Presentation(zone="Europe/Berlin", back_link="https://cal.example.org/o/1", color="#dc2020")
KEY = ObjectKey(instance_id="one", resource_uuid="room-1", uid="sample@example.org")
WRITES = ("calendar.events.insert", "calendar.events.patch", "calendar.events.delete")


async def put(
    account: GoogleAccount, calendar_id: str, ical: bytes, over: Upsert | None = None, **more: Any
) -> Upsert:
    write = Put(
        key=more.pop("key", KEY),
        ical=ical,
        presentation=more.pop("look", LOOK),
        remote_id=over.remote_id if over else None,
        if_version=over.version if over else None,
        memo=over.memo if over else b"",
    )
    made = await account.push(calendar_id, replace(write, **more))
    assert isinstance(made, Upsert)
    return made


async def everything(
    account: GoogleAccount, calendar_id: str, cursor: str | None = None, scope: Scope = Scope.OBJECTS
) -> tuple[dict[str, Any], str]:
    items: dict[str, Any] = {}
    last = ""
    async for page in account.pull(calendar_id, cursor=cursor, window=None, scope=scope):
        items |= {item.remote_id: item for item in page.items}
        last = page.cursor or ""
    return items, last


def stored(laboratory: Laboratory, calendar_id: str, name: str) -> dict[str, Any]:
    body: dict[str, Any] = laboratory.google.state.calendars[calendar_id].events[name].now.body
    return body


def by_person(laboratory: Laboratory, calendar_id: str, **event: Any) -> str:
    body = {
        "summary": "Theirs",
        "start": {"dateTime": "2026-05-04T10:00:00+02:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-05-04T11:00:00+02:00", "timeZone": "Europe/Berlin"},
    } | event
    return str(person.insert(laboratory.google, ADA, calendar_id, body)["id"])


# ------------------------------------------------------------------------------------------- writing


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


# ------------------------------------------------------------------------------------------- reading


async def test_pain_10_an_expired_cursor_says_so(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    await put(account, calendar_id, SINGLE)
    _, cursor = await everything(account, calendar_id)
    calendar = laboratory.google.state.calendars[calendar_id]
    calendar.seq += 1
    calendar.token_floor = calendar.seq
    with pytest.raises(CursorExpired):
        await everything(account, calendar_id, cursor)
    assert len((await everything(account, calendar_id))[0]) == 1


async def test_a_cursor_belongs_to_its_calendar_and_scope(account: GoogleAccount, calendar_id: str) -> None:
    _, cursor = await everything(account, calendar_id)
    with pytest.raises(CursorExpired):
        await everything(account, calendar_id, cursor, Scope.BUSY)
    other = await account.create_calendar(CalendarLook(name="Other"))
    with pytest.raises(CursorExpired):
        await everything(account, other.id, cursor)


async def test_one_moved_occurrence_brings_the_whole_series(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SERIES)
    _, cursor = await everything(account, calendar_id)
    person.edit(laboratory.google, calendar_id, f"{made.remote_id}_20260417T080000Z", {"summary": "Theirs"})
    person.delete(laboratory.google, ADA, calendar_id, f"{made.remote_id}_20260424T080000Z")
    items, _ = await everything(account, calendar_id, cursor)
    assert list(items) == [made.remote_id]
    ical = items[made.remote_id].ical
    assert b"RRULE:FREQ=WEEKLY;COUNT=8" in ical
    assert b"SUMMARY:Theirs" in ical
    assert b"Weekly\\, moved" in ical
    assert b"EXDATE;TZID=Europe/Berlin:20260424T100000" in ical
    assert items[made.remote_id].version != made.version


async def test_pain_8_a_broken_event_is_parked_and_never_taken_for_deleted(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    good = await put(account, calendar_id, SINGLE)
    names = [by_person(laboratory, calendar_id) for _ in range(3)]
    calendar = laboratory.google.state.calendars[calendar_id]
    calendar.events[names[0]].now.body["recurrence"] = ["RRULE:FREQ=SOMETIMES"]
    calendar.events[names[1]].now.body["description"] = "x" * 5_000_000
    items, _ = await everything(account, calendar_id)
    assert set(items) == {good.remote_id, *names}
    assert isinstance(items[names[0]], Unreadable)
    assert "SOMETIMES" not in items[names[0]].reason
    assert isinstance(items[names[2]], Upsert)


async def test_birthdays_and_working_places_are_never_read_and_absence_takes_time(
    laboratory: Laboratory, account: GoogleAccount
) -> None:
    types = ("default", "focusTime", "outOfOffice", "workingLocation")
    names = {kind: by_person(laboratory, ADA, eventType=kind) for kind in types}
    primary = (await account.calendar("primary")).id
    assert primary == ADA
    items, _ = await everything(account, primary)
    assert set(items) == {names["default"]}
    items, _ = await everything(account, primary, scope=Scope.BUSY)
    assert {name: item.kind for name, item in items.items()} == {
        names["default"]: RemoteKind.BOOKING,
        names["focusTime"]: RemoteKind.FOCUS,
        names["outOfOffice"]: RemoteKind.OUT_OF_OFFICE,
    }


async def test_pain_8_details_that_may_not_be_seen_are_no_edit(laboratory: Laboratory) -> None:
    async with signed_in(laboratory) as ada, signed_in(laboratory, account="ben@example.com") as ben:
        calendar_id = (await ada.account.create_calendar(CalendarLook(name="Shared"))).id
        made = await put(ada.account, calendar_id, SINGLE)
        calendar = laboratory.google.state.calendars[calendar_id]
        laboratory.google.set_role(calendar, "ben@example.com", "freeBusyReader")
        items, _ = await everything(ben.account, calendar_id, scope=Scope.BUSY)
        assert items[made.remote_id].kind is RemoteKind.DETAILS_HIDDEN
        assert items[made.remote_id].marker is None
        assert (await ben.account.calendar(calendar_id)).access is Access.FREEBUSY
        with pytest.raises(Forbidden):
            await put(ben.account, calendar_id, SINGLE, key=replace(KEY, uid="x"))


async def test_a_declined_event_takes_no_time(laboratory: Laboratory, account: GoogleAccount) -> None:
    attendees = [{"email": ADA, "responseStatus": "declined"}]
    name = by_person(laboratory, ADA, attendees=attendees)
    items, _ = await everything(account, ADA, scope=Scope.BUSY)
    assert items[name].is_declined


# --------------------------------------------------------------------------------- calendars, busy, push


async def test_pain_67_a_calendar_that_is_gone_is_missing_and_nothing_is_taken_for_deleted(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SINGLE)
    laboratory.google.forget_calendar(laboratory.google.state.calendars[calendar_id])
    for write in (
        Delete(remote_id=made.remote_id),
        Delete(remote_id=made.remote_id, if_version=made.version, memo=made.memo),
    ):
        with pytest.raises(NotFound) as caught:
            await account.push(calendar_id, write)
        assert caught.value.reach.value == "calendar"


async def test_only_calendars_that_were_made_here_can_be_deleted(account: GoogleAccount) -> None:
    with pytest.raises(Forbidden):
        await account.delete_calendar(ADA)


@pytest.mark.lab_settings(new_calendars=2)
async def test_pain_35_too_many_new_calendars_close_the_account_for_hours(account: GoogleAccount) -> None:
    for number in range(2):
        await account.create_calendar(CalendarLook(name=f"{number}"))
    with pytest.raises(QuotaExhausted) as caught:
        await account.create_calendar(CalendarLook(name="one more"))
    assert (caught.value.retry_after_s or 0) >= 3600


async def test_long_spans_and_many_calendars_are_asked_in_parts(
    laboratory: Laboratory, account: GoogleAccount
) -> None:
    by_person(laboratory, ADA)
    window = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 12, 31, tzinfo=UTC))
    ids = [ADA, *(f"unknown-{number}@example.org" for number in range(60))]
    found = await account.busy(ids, window)
    assert [span.kind for span in found[ADA]] == [BusyKind.BUSY]
    assert all([span.kind for span in found[name]] == [BusyKind.UNKNOWN] for name in ids[1:])
    assert len(requests_of(laboratory, "calendar.freebusy.query")) == 7 * 2


@pytest.mark.lab_settings(webhook_http=True)
async def test_a_channel_is_opened_renewed_under_a_new_id_and_closed(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    url = "http://127.0.0.1:9/hook"
    first = await account.watch(calendar_id, callback_url=url, secret="s" * 40, watch_id="w1")
    second = await account.watch(calendar_id, callback_url=url, secret="s" * 40, watch_id="w2", renew=first)
    assert {first.id, second.id} == set(laboratory.google.state.channels)
    assert second.expires_at_utc > datetime.now(UTC) + timedelta(days=6)
    await account.unwatch(first)
    await account.unwatch(first)
    await account.unwatch(second)
    assert laboratory.google.state.channels == {}


async def test_a_channel_to_an_address_without_https_is_refused(
    account: GoogleAccount, calendar_id: str
) -> None:
    with pytest.raises(Rejected):
        await account.watch(calendar_id, callback_url="http://127.0.0.1:1/x", secret="s", watch_id="w")


def test_pain_32_a_notification_is_a_hint_only() -> None:
    from gateway.providers.contract import Handshake
    from plugins.google.channels import read_notification

    def headers(**values: str) -> Notification:
        named = {f"x-goog-{name.replace('_', '-')}": value for name, value in values.items()}
        return Notification(headers=named, query={}, body=b'{"items": "ignored"}')

    assert read_notification(headers(resource_state="sync", channel_id="w")) == Handshake()
    (signal,) = read_notification(headers(resource_state="exists", channel_id="w", channel_token="t"))
    assert (signal.watch_id, signal.secret) == ("w", "t")
    assert read_notification(headers(resource_state="exists")) == ()
    assert read_notification(headers(resource_state="exists", channel_id="x" * 65)) == ()
    assert read_notification(headers(resource_state="other", channel_id="w")) == ()


async def test_under_the_narrow_scope_listing_is_refused_and_the_rest_works(laboratory: Laboratory) -> None:
    from gateway.providers.contract import Use

    async with signed_in(laboratory, uses=frozenset({Use.OWN_CALENDARS})) as narrow:
        with pytest.raises(Forbidden):
            await narrow.account.calendars()
        calendar = await narrow.account.create_calendar(CalendarLook(name="Ours", color="#112233"))
        known = await narrow.account.calendar(calendar.id)
        assert (known.access, known.place) == (Access.OWN, calendar.id)
        made = await put(narrow.account, calendar.id, SERIES)
        assert (await everything(narrow.account, calendar.id))[0][made.remote_id].version == made.version
        with pytest.raises(Forbidden):
            await narrow.account.busy(
                [calendar.id],
                Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 2, tzinfo=UTC)),
            )


async def test_gone_items_are_removed_once(signed: Signed, account: GoogleAccount, calendar_id: str) -> None:
    made = await put(account, calendar_id, SINGLE)
    _, cursor = await everything(account, calendar_id)
    await account.push(calendar_id, Delete(remote_id=made.remote_id))
    items, _ = await everything(account, calendar_id, cursor)
    assert items == {made.remote_id: Removed(remote_id=made.remote_id)}
    assert await account.fetch(calendar_id, made.remote_id) == Removed(remote_id=made.remote_id)
    assert await account.fetch(calendar_id, "never0existed") == Removed(remote_id="never0existed")
