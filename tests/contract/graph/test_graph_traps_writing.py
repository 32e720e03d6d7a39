"""The traps of writing to Graph, each provoked at the laboratory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.core.faults import Match
from gateway.lab.microsoft import person
from gateway.providers.compare import comparable
from gateway.providers.contract import CalendarLook, Delete, Reminders, Upsert
from gateway.providers.errors import HasGuests
from gateway.providers.samples import SAMPLES, SERIES, SINGLE, WITH_GUESTS, edited
from plugins.graph.account import GraphAccount
from plugins.graph.mapping import project
from plugins.graph.quirks.transactions import transaction_id
from tests.contract.graph.graph_lab import by_person, signed_in, stored
from tests.contract.lab.graph_client import BEN
from tests.contract.remote import KEY, LOOK, everything, ical, put, requests_of

WRITES = ("graph.events.create", "graph.events.patch", "graph.events.delete")


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
