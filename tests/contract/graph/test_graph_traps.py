"""The traps of Graph, each provoked at the laboratory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.core.faults import Match
from gateway.lab.microsoft import person
from gateway.providers.compare import comparable
from gateway.providers.contract import (
    Access,
    BusyKind,
    CalendarLook,
    Delete,
    ObjectKey,
    Presentation,
    Put,
    Reminders,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Window,
)
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    CursorExpired,
    Forbidden,
    HasGuests,
    Rejected,
    VersionConflict,
)
from gateway.providers.samples import SAMPLES, SERIES, SINGLE, WITH_GUESTS, edited
from plugins.graph.account import GraphAccount
from plugins.graph.mapping import project
from plugins.graph.quirks.transactions import transaction_id
from tests.contract.graph.graph_lab import Signed, opened, requests_of, signed_in
from tests.contract.lab.graph_client import ADA, BEN

LOOK = Presentation(zone="Europe/Berlin", back_link="https://cal.example.org/o/1", color="#dc2020")
KEY = ObjectKey(instance_id="one", resource_uuid="room-1", uid="sample@example.org")
WRITES = ("graph.events.create", "graph.events.patch", "graph.events.delete")


async def put(
    account: GraphAccount, calendar_id: str, ical: bytes, over: Upsert | None = None, **more: Any
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
    account: GraphAccount, calendar_id: str, cursor: str | None = None, window: Window | None = None
) -> tuple[dict[str, Any], str]:
    items: dict[str, Any] = {}
    last = ""
    async for page in account.pull(calendar_id, cursor=cursor, window=window):
        items |= {item.remote_id: item for item in page.items}
        last = page.cursor or ""
    return items, last


def ical(*lines: str) -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT"]
    body = [*head, "UID:sample@example.org", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"]
    return "\r\n".join([*body, "END:VCALENDAR", ""]).encode()


def stored(laboratory: Laboratory, event_id: str) -> dict[str, Any]:
    body: dict[str, Any] = person.event_of(laboratory.microsoft, event_id).body
    return body


def by_person(laboratory: Laboratory, calendar_id: str, **event: Any) -> str:
    microsoft = laboratory.microsoft
    body = {
        "subject": "Theirs",
        "start": {"dateTime": "2026-05-04T10:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-05-04T11:00:00", "timeZone": "Europe/Berlin"},
    } | event
    item = person.insert(microsoft, person.calendar_of(microsoft, ADA, calendar_id), body)
    return microsoft.ids.item(item.key, item.generation, immutable=True)


def weekly(**more: Any) -> dict[str, Any]:
    return {
        "recurrence": {
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
            "range": {"type": "numbered", "startDate": "2026-05-04", "numberOfOccurrences": 6},
        }
    } | more


# ------------------------------------------------------------------------------------------- writing


async def test_pain_14_no_request_to_graph_carries_attendees(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, WITH_GUESTS)
    made = await put(account, calendar_id, edited(WITH_GUESTS), made)
    await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=made.version))
    bodies = [entry["body"] for name in WRITES for entry in requests_of(laboratory, name)]
    assert len(bodies) == 3
    assert all("attendees" not in (body or {}) for body in bodies)


async def test_pain_14_guests_of_the_audited_switch_are_invited_graph(laboratory: Laboratory) -> None:
    async with signed_in(laboratory) as signed:
        calendar = await signed.account.create_calendar(CalendarLook(name="Room 2"))
        look = replace(LOOK, guests=True)
        made = await put(signed.account, calendar.id, WITH_GUESTS, look=look)
        assert b"ATTENDEE" in made.ical
        assert made.guests is False
        assert len(laboratory.lab.outbox.entries) == 1
        laboratory.lab.outbox.entries.clear()
        # The switch is off again: a change would mail them, so there is none.
        with pytest.raises(HasGuests):
            await put(signed.account, calendar.id, edited(WITH_GUESTS), made)
        assert laboratory.lab.outbox.entries == []


async def test_pain_14_an_event_with_guests_is_neither_patched_nor_deleted_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SINGLE)
    guest = {"type": "required", "emailAddress": {"address": BEN, "name": "Ben"}}
    person.edit(laboratory.microsoft, made.remote_id, {"attendees": [guest]})
    found = await account.fetch(calendar_id, made.remote_id)
    assert isinstance(found, Upsert)
    assert found.guests
    for over in (found, replace(found, memo=b"")):
        with pytest.raises(HasGuests):
            await put(account, calendar_id, edited(SINGLE), over)
        with pytest.raises(HasGuests):
            await account.push(
                calendar_id, Delete(remote_id=over.remote_id, if_version=over.version, memo=over.memo)
            )


async def test_pain_4_a_spent_transaction_id_is_followed_by_the_next_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    seen = set()
    for _ in range(4):
        made = await put(account, calendar_id, SINGLE)
        seen.add(stored(laboratory, made.remote_id)["transactionId"])
        await account.push(calendar_id, Delete(remote_id=made.remote_id))
    assert seen == {transaction_id(KEY, calendar_id, generation) for generation in range(4)}


async def test_one_object_in_two_calendars_of_one_mailbox_is_two_events(
    account: GraphAccount, calendar_id: str
) -> None:
    other = (await account.create_calendar(CalendarLook(name="Other"))).id
    first = await put(account, calendar_id, SINGLE)
    second = await put(account, other, SINGLE)
    assert first.remote_id != second.remote_id
    for name in (calendar_id, other):
        assert len((await everything(account, name))[0]) == 1


async def test_pain_66_a_transaction_id_of_somebody_else_is_no_obstacle(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    laboratory.lab.faults.script("graph_transaction_taken", Match())
    made = await put(account, calendar_id, SINGLE)
    assert stored(laboratory, made.remote_id)["transactionId"] == transaction_id(KEY, calendar_id, 1)
    assert len((await everything(account, calendar_id))[0]) == 1


@pytest.mark.lab_settings(transaction_memory_s=60.0)
async def test_pain_3_a_create_repeated_hours_later_finds_its_event_by_marker_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    for ical_ in (SINGLE, SERIES, SAMPLES["dates"]):
        key = replace(KEY, uid=f"{len(ical_)}@example.org")
        first = await put(account, calendar_id, ical_, key=key)
        laboratory.lab.clock.advance(3600)
        again = await put(account, calendar_id, edited(ical_), key=key, is_repeat=True)
        assert again.remote_id == first.remote_id
        assert comparable(again.ical) == comparable(project(edited(ical_), LOOK))
    assert len((await everything(account, calendar_id))[0]) == 3


async def test_pain_3_a_twin_of_our_event_is_removed_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    first = await put(account, calendar_id, SINGLE)
    laboratory.lab.settings.ignore_transaction_id = True
    await put(account, calendar_id, SINGLE)
    laboratory.lab.settings.ignore_transaction_id = False
    assert len((await everything(account, calendar_id))[0]) == 2
    again = await put(account, calendar_id, SINGLE, is_repeat=True)
    assert list((await everything(account, calendar_id))[0]) == [again.remote_id]
    assert again.remote_id == first.remote_id


async def test_pain_5_a_copy_that_a_person_made_of_our_event_is_not_ours_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SINGLE)
    copied = {
        name: value
        for name, value in stored(laboratory, made.remote_id).items()
        if name in {"subject", "singleValueExtendedProperties"}
    }
    name = by_person(laboratory, calendar_id, **copied)
    items, _ = await everything(account, calendar_id)
    assert (items[made.remote_id].marker, items[name].marker) == (KEY.marker, None)
    assert items[name].resource_hash == ""


async def test_pain_1_with_an_empty_database_every_copy_is_found_by_its_marker_graph(
    account: GraphAccount, calendar_id: str
) -> None:
    keys = [replace(KEY, uid=f"{name}@example.org") for name in SAMPLES]
    for key, sample in zip(keys, SAMPLES.values(), strict=True):
        await put(account, calendar_id, sample, key=key)
    items, _ = await everything(account, calendar_id)
    assert {item.marker for item in items.values()} == {key.marker for key in keys}


async def test_a_persons_own_event_keeps_its_dress_and_never_gets_our_marker_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    name = by_person(laboratory, calendar_id, isOnlineMeeting=True, isReminderOn=True)
    items, _ = await everything(account, calendar_id)
    theirs = items[name]
    assert (theirs.marker, theirs.guests) == (None, False)
    changed = theirs.ical.replace(b"SUMMARY:Theirs", b"SUMMARY:Renamed")
    made = await put(account, calendar_id, changed, theirs)
    assert b"SUMMARY:Renamed" in made.ical
    body = stored(laboratory, name)
    assert body["isReminderOn"] is True
    assert not body.get("singleValueExtendedProperties")
    (patch,) = requests_of(laboratory, "graph.events.patch")
    assert set(patch["body"]) == {"subject"}


async def test_pain_16_our_event_has_back_link_and_no_reminder_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SAMPLES["markup"])
    body = stored(laboratory, made.remote_id)
    assert (body["isReminderOn"], body["responseRequested"], body["allowNewTimeProposals"]) == (False,) * 3
    assert "https://cal.example.org/o/1" in body["body"]
    assert b"cal.example.org" not in made.ical
    alarm = b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT10M\r\nDESCRIPTION:-\r\nEND:VALARM\r\nEND:VEVENT"
    ringing = SINGLE.replace(b"END:VEVENT", alarm)
    for policy, expected in ((Reminders.NONE, False), (Reminders.KEEP, True), (Reminders.DEFAULT, True)):
        key = replace(KEY, uid=f"{policy}@example.org")
        made = await put(account, calendar_id, ringing, key=key, look=replace(LOOK, reminders=policy))
        body = stored(laboratory, made.remote_id)
        assert body["isReminderOn"] is expected
        if policy is Reminders.KEEP:
            assert body["reminderMinutesBeforeStart"] == 10


async def test_show_as_sensitivity_and_categories_go_both_ways(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    times = ("DTSTART:20260327T090000Z", "DTEND:20260327T100000Z", "SUMMARY:Words")
    cases = {
        "free": ("TRANSP:TRANSPARENT",),
        "tentative": ("STATUS:TENTATIVE",),
        "busy": ("CATEGORIES:Blue,Atelier",),
        "oof": ("X-MICROSOFT-CDO-BUSYSTATUS:OOF",),
        "workingElsewhere": ("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",),
    }
    for word, lines in cases.items():
        key = replace(KEY, uid=f"{word}@example.org")
        made = await put(account, calendar_id, ical(*times, *lines, "CLASS:CONFIDENTIAL"), key=key)
        body = stored(laboratory, made.remote_id)
        assert (body["showAs"], body["sensitivity"]) == (word, "confidential")
        assert all(line.encode() in made.ical for line in lines if line != "CATEGORIES:Blue,Atelier")
    made = await put(account, calendar_id, ical(*times, *cases["busy"]))
    assert stored(laboratory, made.remote_id)["categories"] == ["Atelier", "Blue"]
    assert b"CATEGORIES:Atelier,Blue" in made.ical


async def test_pain_18_from_timed_to_all_day_and_back_graph(account: GraphAccount, calendar_id: str) -> None:
    made = await put(account, calendar_id, SINGLE)
    for sample in (SAMPLES["days"], SINGLE, SAMPLES["yearly"], SERIES, SAMPLES["dates"], SAMPLES["all-day"]):
        made = await put(account, calendar_id, sample, made)
        assert comparable(made.ical) == comparable(project(sample, LOOK))
        assert len((await everything(account, calendar_id))[0]) == 1


async def test_pain_26_all_day_is_a_date_whatever_the_zone_of_the_mailbox_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"):
        key = replace(KEY, uid=f"{zone}@example.org")
        made = await put(account, calendar_id, SAMPLES["days"], key=key, look=replace(LOOK, zone=zone))
        assert b"DTSTART;VALUE=DATE:20260327\r\nDTEND;VALUE=DATE:20260330" in made.ical
        assert stored(laboratory, made.remote_id)["start"]["local"] == "2026-03-27T00:00:00"


async def test_pain_22_a_zone_that_shares_its_windows_name_comes_back_as_itself_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    text = SERIES.replace(b"Europe/Berlin", b"Europe/Vienna")
    made = await put(account, calendar_id, text)
    assert stored(laboratory, made.remote_id)["start"]["name"] == "W. Europe Standard Time"
    assert b"TZID=Europe/Vienna:20260320T100000" in made.ical
    found = await account.fetch(calendar_id, made.remote_id)
    assert isinstance(found, Upsert)
    assert comparable(found.ical) == comparable(made.ical)


@pytest.mark.parametrize("keep", [False, True])
async def test_pain_17_new_times_of_a_series_keep_its_exceptions_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str, keep: bool
) -> None:
    laboratory.lab.settings.wipe_exceptions = not keep
    made = await put(account, calendar_id, SERIES)
    shifted = SERIES.replace(b"T100000", b"T110000").replace(b"T113000", b"T123000")
    made = await put(account, calendar_id, shifted, made)
    assert comparable(made.ical) == comparable(project(shifted, LOOK))
    body = stored(laboratory, made.remote_id)
    assert sorted(body["exceptions"]) == ["2026-03-27"]
    assert sorted(body["cancelled"]) == ["2026-04-03", "2026-04-10"]


async def test_pain_9_new_times_that_were_interrupted_are_no_edit_and_are_finished_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    shifted = SERIES.replace(b"T100000", b"T110000").replace(b"T113000", b"T123000")
    for skip in range(6):
        key = replace(KEY, uid=f"{skip}@example.org")
        made = await put(account, calendar_id, SERIES, key=key)
        _, cursor = await everything(account, calendar_id)
        laboratory.lab.faults.script("503_before", Match(), skip=skip + 1)
        with pytest.raises(Exception, match="not well"):
            await put(account, calendar_id, shifted, made, key=key)
        laboratory.lab.faults.clear()
        items, _ = await everything(account, calendar_id, cursor)
        found = items.get(made.remote_id, made)
        is_whole = comparable(found.ical) in {comparable(project(text, LOOK)) for text in (SERIES, shifted)}
        assert is_whole or found.is_unfinished, skip
        done = await put(account, calendar_id, shifted, found, key=key)
        assert comparable(done.ical) == comparable(project(shifted, LOOK))
        assert not done.is_unfinished


async def test_a_title_alone_does_not_touch_the_times_of_a_series_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SERIES)
    number = len(requests_of(laboratory, "graph.events.patch"))
    renamed = SERIES.replace(
        b"SUMMARY:Weekly\r\nEND:VEVENT\r\nBEGIN", b"SUMMARY:New\r\nEND:VEVENT\r\nBEGIN", 1
    )
    await put(account, calendar_id, renamed, made)
    patches = requests_of(laboratory, "graph.events.patch")[number:]
    assert len(patches) == 1
    assert not {"start", "end", "recurrence", "isAllDay"} & set(patches[0]["body"])


async def test_an_occurrence_that_was_left_out_can_take_place_again(
    account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SERIES)
    lines = [line for line in SERIES.split(b"\r\n") if not line.startswith(b"EXDATE")]
    restored = b"\r\n".join(lines)
    made = await put(account, calendar_id, restored, made)
    assert comparable(made.ical) == comparable(project(restored, LOOK))
    assert b"20260403" not in made.ical


async def test_many_exceptions_are_written_with_few_questions_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    exdates = ",".join(f"202604{day:02}T090000Z" for day in range(1, 21))
    text = ical("DTSTART:20260401T090000Z", "DTEND:20260401T100000Z", "RRULE:FREQ=DAILY;COUNT=60")
    await put(
        account, calendar_id, text.replace(b"\r\nEND:VEVENT", f"\r\nEXDATE:{exdates}\r\nEND:VEVENT".encode())
    )
    assert len(requests_of(laboratory, "graph.events.delete")) == 20
    assert len(requests_of(laboratory, "graph.events.instances")) <= 10  # pages of three


async def test_occurrences_that_follow_each_other_are_moved_in_an_order_that_works(
    account: GraphAccount, calendar_id: str
) -> None:
    """Each occurrence moves onto the day of the next one, which moves on as well."""
    lines = ["DTSTART:20260401T090000Z", "DTEND:20260401T100000Z", "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=4"]
    text = ical(*lines, "SUMMARY:Chain")
    for day in (3, 5, 7):
        override = [
            "BEGIN:VEVENT", "UID:sample@example.org", "DTSTAMP:20260101T000000Z",
            f"RECURRENCE-ID:202604{day:02}T090000Z", f"DTSTART:202604{day + 2:02}T080000Z",
            f"DTEND:202604{day + 2:02}T090000Z", "SUMMARY:Chain", "END:VEVENT", "END:VCALENDAR", "",
        ]  # fmt: skip
        text = text.replace(b"END:VCALENDAR\r\n", "\r\n".join(override).encode())
    made = await put(account, calendar_id, text)
    assert made.remote_id.startswith("AAkALg")
    assert comparable(made.ical) == comparable(project(text, LOOK))


# ----------------------------------------------------------------------------------- what is expanded


async def test_pain_20_what_outlook_cannot_repeat_like_is_single_events_and_changes_as_one(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    text = ical(
        "DTSTART;TZID=Europe/Berlin:20260331T100000", "DTEND;TZID=Europe/Berlin:20260331T110000",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4", "SUMMARY:Closing",
    )  # fmt: skip
    made = await put(account, calendar_id, text)
    assert made.remote_id.startswith("expanded:")
    assert made.ical.count(b"RDATE") == 3
    items, cursor = await everything(account, calendar_id)
    assert list(items) == [made.remote_id]
    shorter = text.replace(b"COUNT=4", b"COUNT=3").replace(b"Closing", b"Stocktaking")
    changed = await put(account, calendar_id, shorter, made)
    assert changed.remote_id == made.remote_id
    assert len(laboratory.microsoft.state.where) == 3
    items, cursor = await everything(account, calendar_id, cursor)
    assert items[made.remote_id].version == changed.version
    # One of its events is deleted by the person: the object has changed, it is not gone.
    (_, second, _) = sorted(_living(laboratory))
    person.delete(laboratory.microsoft, second)
    items, cursor = await everything(account, calendar_id, cursor)
    found = items[made.remote_id]
    assert isinstance(found, Upsert)
    assert found.ical.count(b"RDATE") == 1
    with pytest.raises(VersionConflict):
        await put(account, calendar_id, text, changed)
    gone = await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=found.version))
    assert gone == Removed(remote_id=made.remote_id)
    items, cursor = await everything(account, calendar_id, cursor)
    assert items[made.remote_id] == Removed(remote_id=made.remote_id)
    assert await account.fetch(calendar_id, made.remote_id) == Removed(remote_id=made.remote_id)


def _living(laboratory: Laboratory) -> list[str]:
    microsoft = laboratory.microsoft
    return [microsoft.ids.item(key, 0, immutable=True) for key in microsoft.state.where]


async def test_pain_20_an_endless_rule_is_written_out_inside_the_horizon_which_rolls(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    text = ical("DTSTART:20260131T100000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY", "SUMMARY:Month's end")
    with pytest.raises(Rejected, match="500 dates"):
        await put(account, calendar_id, text)
    months = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 9, 1, tzinfo=UTC))
    made = await put(account, calendar_id, text, look=replace(LOOK, horizon=months))
    assert len(laboratory.microsoft.state.where) == 4
    later = Window(start=datetime(2026, 4, 1, tzinfo=UTC), end=datetime(2026, 11, 1, tzinfo=UTC))
    number = len(requests_of(laboratory, "graph.events.create"))
    made = await put(account, calendar_id, text, made, look=replace(LOOK, horizon=later))
    assert len(laboratory.microsoft.state.where) == 4
    assert len(requests_of(laboratory, "graph.events.create")) - number == 1
    assert b"20261031T100000Z" in made.ical


async def test_a_crash_in_the_middle_of_an_expanded_series_is_mended_by_the_same_call(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    text = SAMPLES["dates"]
    laboratory.lab.faults.script("503_before", Match(operation="graph.events.create"), skip=1)
    with pytest.raises(Exception, match="not well"):
        await put(account, calendar_id, text)
    made = await put(account, calendar_id, text, is_repeat=True)
    assert len(laboratory.microsoft.state.where) == 3
    assert comparable(made.ical) == comparable(project(text, LOOK))


# ------------------------------------------------------------------------------------------- reading


async def test_pain_11_what_a_delta_calls_removed_is_asked_for_before_it_is_believed(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    inside = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 5, 1, tzinfo=UTC))
    made = await put(account, calendar_id, SINGLE)
    far = by_person(laboratory, calendar_id, start=_at("2031-05-04T10"), end=_at("2031-05-04T11"))
    _, cursor = await everything(account, calendar_id, window=inside)
    # Moved out of the window, and changed outside of it: both come as removed, neither is.
    person.edit(
        laboratory.microsoft, made.remote_id, {"start": _at("2030-01-01T10"), "end": _at("2030-01-01T11")}
    )
    person.edit(laboratory.microsoft, far, {"subject": "Far away"})
    items, cursor = await everything(account, calendar_id, cursor, inside)
    assert isinstance(items[made.remote_id], Upsert)
    assert b"DTSTART;TZID=Europe/Berlin:20300101T" in items[made.remote_id].ical
    assert b"Far away" in items[far].ical
    person.delete(laboratory.microsoft, made.remote_id)
    items, _ = await everything(account, calendar_id, cursor, inside)
    assert items == {made.remote_id: Removed(remote_id=made.remote_id)}


def _at(text: str) -> dict[str, str]:
    return {"dateTime": f"{text}:00:00", "timeZone": "Europe/Berlin"}


async def test_pain_13_a_long_series_costs_few_requests_to_read_and_to_lose_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    laboratory.lab.settings.page_cap = 500
    text = ical(
        "DTSTART:20260101T090000Z", "DTEND:20260101T093000Z", "RRULE:FREQ=DAILY;COUNT=700", "SUMMARY:Daily"
    )
    _, cursor = await everything(account, calendar_id)
    made = await put(account, calendar_id, text)
    number = len(laboratory.lab.journal.entries)
    items, cursor = await everything(account, calendar_id, cursor)
    assert list(items) == [made.remote_id]
    assert len(laboratory.lab.journal.entries) - number <= 6
    await account.push(calendar_id, Delete(remote_id=made.remote_id))
    number = len(laboratory.lab.journal.entries)
    items, _ = await everything(account, calendar_id, cursor)
    assert items[made.remote_id] == Removed(remote_id=made.remote_id)
    assert len(laboratory.lab.journal.entries) - number <= 6


@pytest.mark.parametrize("code", ["syncStateNotFound", "resyncRequired"])
async def test_pain_10_an_expired_delta_link_says_so(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str, code: str
) -> None:
    laboratory.lab.settings.delta_gone_code = code
    await put(account, calendar_id, SERIES)
    _, cursor = await everything(account, calendar_id)
    laboratory.lab.clock.advance(40 * 86_400)
    with pytest.raises(CursorExpired):
        await everything(account, calendar_id, cursor)


async def test_a_cursor_belongs_to_its_calendar_scope_window_and_host(
    account: GraphAccount, calendar_id: str
) -> None:
    window = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
    _, cursor = await everything(account, calendar_id, window=window)
    other = (await account.create_calendar(CalendarLook(name="Other"))).id
    with pytest.raises(CursorExpired):
        await everything(account, other, cursor)
    with pytest.raises(CursorExpired):
        account.pull(calendar_id, cursor=cursor, window=window, scope=Scope.BUSY)
    # A day later the same window still serves; when it has rolled by more than a month, it does not.
    day = timedelta(days=1)
    await everything(account, calendar_id, cursor, Window(start=window.start + day, end=window.end + day))
    rolled = Window(start=window.start + 40 * day, end=window.end + 40 * day)
    with pytest.raises(CursorExpired):
        await everything(account, calendar_id, cursor, rolled)
    with pytest.raises(CursorExpired):
        await everything(
            account, calendar_id, cursor.replace("http://127.0.0.1", "http://graph.attacker.example")
        )


async def test_links_to_another_host_never_get_the_token(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    for number in range(5):
        await put(account, calendar_id, SINGLE, key=replace(KEY, uid=f"{number}@example.org"))
    laboratory.lab.settings.page_cap = 2
    _, cursor = await everything(account, calendar_id)
    await put(account, calendar_id, SINGLE, key=replace(KEY, uid="new@example.org"))
    for operation, start in (("graph.events.list", None), ("graph.calendarView.delta", cursor)):
        laboratory.lab.faults.script("graph_page_foreign", Match(operation=operation))
        with pytest.raises(BadAnswer) as caught:
            await everything(account, calendar_id, start)
        assert caught.value.code == "foreignLink"


async def test_one_changed_occurrence_brings_the_whole_series_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    laboratory.lab.settings.delta_lost_occurrences = 1.0
    name = by_person(laboratory, calendar_id, **weekly())
    _, cursor = await everything(account, calendar_id)
    found = person.event_of(laboratory.microsoft, name)
    first, second = (
        laboratory.microsoft.ids.item(found.item.key, 0, immutable=True, day=day)
        for day in ("2026-05-11", "2026-05-18")
    )
    person.edit(
        laboratory.microsoft,
        first,
        {"subject": "Moved", "start": _at("2026-05-12T15"), "end": _at("2026-05-12T16")},
    )
    person.delete(laboratory.microsoft, second)
    items, _ = await everything(account, calendar_id, cursor)
    series = items[name]
    assert isinstance(series, Upsert)
    assert b"RECURRENCE-ID;TZID=Europe/Berlin:20260511T100000" in series.ical
    assert b"DTSTART;TZID=Europe/Berlin:20260512T150000" in series.ical
    assert b"EXDATE;TZID=Europe/Berlin:20260518T100000" in series.ical


async def test_outlooks_day_31_is_the_last_day_of_shorter_months(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    recurrence = {
        "pattern": {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31},
        "range": {"type": "endDate", "startDate": "2026-01-31", "endDate": "2026-06-30"},
    }
    name = by_person(
        laboratory, calendar_id, recurrence=recurrence, start=_at("2026-01-31T10"), end=_at("2026-01-31T11")
    )
    items, _ = await everything(account, calendar_id)
    text = items[name].ical.replace(b"\r\n ", b"")
    assert b"RRULE:FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1;UNTIL=20260630T080000Z" in text
    made = await put(account, calendar_id, items[name].ical.replace(b"Theirs", b"Ours"), items[name])
    assert made.remote_id == name
    assert stored(laboratory, name)["recurrence"]["pattern"]["dayOfMonth"] == 31


@pytest.mark.parametrize(
    ("kind", "is_read"),
    [
        ("graph_garbage_zone", False),
        ("graph_garbage_custom_zone", True),
        ("graph_garbage_enum", True),
        ("graph_garbage_types", False),
        ("graph_garbage_no_start", False),
        ("graph_garbage_backwards", False),
        ("graph_garbage_huge", False),
        ("graph_garbage_html", False),
    ],
)
async def test_pain_8_a_broken_event_is_parked_and_never_taken_for_deleted_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str, kind: str, is_read: bool
) -> None:
    name = by_person(laboratory, calendar_id)
    _, cursor = await everything(account, calendar_id)
    laboratory.lab.faults.script(kind, Match(), times=-1)
    for start in (None, cursor):
        if start is not None:
            person.edit(laboratory.microsoft, name, {"location": {"displayName": "Here"}})
        items, _ = await everything(account, calendar_id, start)
        item = items[name]
        assert isinstance(item, Upsert if is_read else Unreadable)
        if kind == "graph_garbage_enum":
            # Unknown words are read the strict way: private, and taking time.
            assert b"CLASS:PRIVATE" in item.ical
            assert b"TRANSPARENT" not in item.ical
    laboratory.lab.faults.clear()


async def test_pain_22_a_series_in_a_zone_that_nobody_knows_is_parked_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    name = by_person(laboratory, calendar_id, **weekly())
    master = person.event_of(laboratory.microsoft, name)
    body = dict(master.item.now.body)
    span = {**body["recurrence"]["range"], "recurrenceTimeZone": "tzone://Microsoft/Custom"}
    body["recurrence"] = {**body["recurrence"], "range": span}
    laboratory.microsoft.put(master.calendar, master.item.key, body)
    items, _ = await everything(account, calendar_id)
    assert isinstance(items[name], Unreadable)
    assert "time zone" in items[name].reason


async def test_a_declined_or_cancelled_meeting_takes_no_time(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    organizer = {"emailAddress": {"name": "Ben", "address": BEN}}
    name = by_person(laboratory, calendar_id, organizer=organizer)
    items, _ = await everything(account, calendar_id)
    assert items[name].guests
    with pytest.raises(HasGuests):
        await put(account, calendar_id, items[name].ical, items[name])


# ------------------------------------------------------------------------------------------ calendars


async def test_pain_67_a_calendar_that_is_gone_is_missing_graph(
    account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SINGLE)
    _, cursor = await everything(account, calendar_id)
    await account.delete_calendar(calendar_id)
    with pytest.raises(CalendarMissing):
        await everything(account, calendar_id, cursor)
    with pytest.raises(CalendarMissing):
        await account.fetch(calendar_id, made.remote_id)
    with pytest.raises(CalendarMissing):
        await put(account, calendar_id, edited(SINGLE), made)


async def test_only_calendars_that_were_made_here_can_be_deleted_graph(
    laboratory: Laboratory, account: GraphAccount
) -> None:
    theirs = laboratory.microsoft.new_calendar(ADA, "Private")
    for name in (laboratory.microsoft.calendar_id(theirs, ADA), "primary"):
        with pytest.raises(Forbidden):
            await account.delete_calendar(name)


async def test_a_name_that_is_taken_gets_a_number_and_no_calendar_is_taken_over(
    account: GraphAccount,
) -> None:
    look = CalendarLook(name="Atrium", zone="Europe/Berlin", color="#a0d0f0")
    first, second = [await account.create_calendar(look) for _ in range(2)]
    assert (first.name, second.name) == ("Atrium", "Atrium (2)")
    assert first.id != second.id
    assert first.color == "#a6d1f5"
    renamed = await account.change_calendar(second.id, CalendarLook(name="Atrium"))
    assert renamed.name == "Atrium (2)"


async def test_a_shared_calendar_is_written_through_its_own_path(laboratory: Laboratory) -> None:
    shared = laboratory.microsoft.new_calendar(BEN, "Rooms")
    person.share(laboratory.microsoft, shared, ADA, "write")
    from tests.contract.graph.graph_lab import config_for, connect

    config = config_for(laboratory.lab.base_url, shared="1")
    async with opened(config, await connect(config)) as signed:
        found = {each.name: each for each in await signed.account.calendars()}
        assert found["Ben Example"].access is Access.WRITE
        made = await put(signed.account, found["Ben Example"].id, SERIES)
        made = await put(signed.account, found["Ben Example"].id, edited(SERIES), made)
        assert len(shared.items) == 1


# ---------------------------------------------------------------------------------------------- busy


async def test_long_spans_and_many_addresses_are_asked_in_parts_graph(
    laboratory: Laboratory, account: GraphAccount
) -> None:
    window = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 7, 1, tzinfo=UTC))
    by_person(laboratory, "", start=_at("2026-03-01T10"), end=_at("2026-03-01T11"))
    names = [ADA, BEN, *(f"{number}@example.org" for number in range(25))]
    found = await account.busy(names, window)
    assert [span.kind for span in found[ADA]] == [BusyKind.BUSY]
    assert found[BEN] == []
    assert [span.kind for span in found["7@example.org"]] == [BusyKind.UNKNOWN]
    assert len(requests_of(laboratory, "graph.getSchedule")) == 8


async def test_what_is_cut_off_or_forbidden_is_unknown_never_free(
    laboratory: Laboratory, account: GraphAccount, signed: Signed
) -> None:
    window = Window(start=datetime(2026, 5, 1, tzinfo=UTC), end=datetime(2026, 6, 1, tzinfo=UTC))
    by_person(laboratory, "")
    laboratory.lab.settings.schedule_items = 0
    for _ in range(2):
        (span,) = (await account.busy([ADA], window))[ADA]
        assert span.kind is BusyKind.UNKNOWN
        laboratory.lab.faults.script("graph_403_access", Match(operation="graph.getSchedule"))
    assert signed.states
