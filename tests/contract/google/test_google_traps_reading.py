"""The traps of reading the Calendar API, of its calendars, busy times and channels, each provoked at the laboratory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.google import person
from gateway.providers.contract import (
    Access,
    BusyKind,
    CalendarLook,
    Delete,
    Notification,
    RemoteKind,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Window,
)
from gateway.providers.errors import CursorExpired, Forbidden, NotFound, QuotaExhausted, Rejected
from gateway.providers.samples import SERIES, SINGLE
from plugins.google.account import GoogleAccount
from tests.contract.google.google_lab import ADA, Signed, by_person, signed_in
from tests.contract.remote import KEY, everything, put, requests_of

WRITES = ("calendar.events.insert", "calendar.events.patch", "calendar.events.delete")


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
        await everything(account, calendar_id, cursor, scope=Scope.BUSY)
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
