"""Servers that mail people, carry out twice or are written to by others: one event is there, and nothing is lost."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.caldav import person
from gateway.lab.core.faults import Match
from gateway.providers.contract import CalendarLook, Delete, ObjectKey, Upsert
from gateway.providers.errors import HasGuests, ProviderError, Unavailable, VersionConflict
from gateway.providers.samples import SERIES, SINGLE, WITH_GUESTS, edited
from plugins.caldav.account import CalDavAccount
from tests.contract.caldav.dav_lab import fault, fresh, put, there


async def test_pain_14_no_guest_is_written_and_nobody_is_mailed_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, fresh(), WITH_GUESTS)
    (stored,) = there(laboratory, calendar_id).resources.values()
    assert "ATTENDEE" not in stored.body
    assert "ORGANIZER" not in stored.body
    await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=made.version))
    sent = [entry for entry in laboratory.lab.journal.entries if entry["method"] == "DELETE"]
    assert [entry["headers"]["Schedule-Reply".lower()] for entry in sent] == ["F"]
    assert laboratory.lab.outbox.entries == []


async def test_pain_16_no_reminder_is_written_by_default_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    alarm = b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nDESCRIPTION:x\r\nEND:VALARM\r\nEND:VEVENT"
    await put(account, calendar_id, fresh(), SINGLE.replace(b"END:VEVENT", alarm))
    (stored,) = there(laboratory, calendar_id).resources.values()
    assert "VALARM" not in stored.body


async def test_the_laboratory_mails_guests_of_an_organizer_and_holds_back_replies_only(
    laboratory: Laboratory, calendar_id: str
) -> None:
    calendar = there(laboratory, calendar_id)
    guest = "ATTENDEE:mailto:ben@example.net"
    lines = ("DTSTART:20260327T090000Z", "SUMMARY:x", guest)
    name = person.add(laboratory.dav, calendar, *lines, "ORGANIZER:mailto:ada@example.net")
    laboratory.dav.delete(calendar, name, operation="test", reply=False)
    other = person.add(
        laboratory.dav,
        calendar,
        *lines,
        "ORGANIZER:mailto:ben@example.net",
        "ATTENDEE:mailto:ada@example.net",
    )
    laboratory.dav.delete(calendar, other, operation="test", reply=False)
    again = person.add(
        laboratory.dav,
        calendar,
        *lines,
        "ORGANIZER:mailto:ben@example.net",
        "ATTENDEE:mailto:ada@example.net",
    )
    laboratory.dav.delete(calendar, again, operation="test", reply=True)
    assert [entry["why"] for entry in laboratory.lab.outbox.entries] == [
        "REQUEST",
        "CANCEL",
        "REPLY",
    ]
    laboratory.lab.outbox.entries.clear()


async def test_an_event_to_which_people_were_invited_there_is_left_alone(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, key := fresh())
    person.invite_any(laboratory.dav, there(laboratory, calendar_id), made.remote_id)
    found = await account.fetch(calendar_id, made.remote_id)
    assert isinstance(found, Upsert)
    assert found.guests
    for over in (made, found):
        with pytest.raises(HasGuests):
            await put(account, calendar_id, key, edited(SINGLE), over=over)
        with pytest.raises(HasGuests):
            await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=over.version))
    assert laboratory.lab.journal.counts["caldav.delete"] == 0


@pytest.mark.parametrize("ignores", [False, True])
@pytest.mark.parametrize("act", ["edits", "deletes", "invites"])
async def test_what_a_person_does_right_before_a_write_is_met_by_the_condition(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, act: str, ignores: bool
) -> None:
    """With a server that looks at no condition only what was done before our look is seen: that is told."""
    made = await put(account, calendar_id, key := fresh())
    if ignores:
        laboratory.lab.settings.patch({"dav_ignore_conditions": True})
        getattr(person, f"{act.removesuffix('s')}_any")(
            laboratory.dav, there(laboratory, calendar_id), made.remote_id
        )
    else:
        fault(laboratory, f"dav_person_{act}", verb="PUT")
    with pytest.raises(ProviderError) as caught:
        await put(account, calendar_id, key, edited(SINGLE), over=made)
    assert isinstance(caught.value, (VersionConflict, HasGuests)) or (
        act == "deletes" and caught.value.retry.value == "never"
    )
    kept = [one.body for one in there(laboratory, calendar_id).resources.values()]
    assert not any("Edited Sample" in body for body in kept)


async def test_a_persons_own_event_keeps_what_we_do_not_know(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    calendar = there(laboratory, calendar_id)
    name = person.add(
        laboratory.dav, calendar, "DTSTART:20260327T090000Z", "DTEND:20260327T100000Z", "SUMMARY:Mine",
        "X-APPLE-TRAVEL:yes", "COMMENT:kept", "BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:x",
        "TRIGGER:-PT5M", "END:VALARM",
    )  # fmt: skip
    found = await account.fetch(calendar_id, name)
    assert isinstance(found, Upsert)
    assert found.marker is None
    uid = calendar.resources[name].body.partition("UID:")[2].partition("\r\n")[0]
    made = await put(
        account, calendar_id, fresh(), found.ical.replace(b"SUMMARY:Mine", b"SUMMARY:Ours"), over=found
    )
    body = calendar.resources[name].body
    for kept in ("X-APPLE-TRAVEL:yes", "COMMENT:kept", "TRIGGER:-PT5M", f"UID:{uid}", "SUMMARY:Ours"):
        assert kept in body
    assert "CALGATE" not in body.upper()
    assert (made.marker, made.remote_id) == (None, name)


async def test_an_own_event_with_oneself_as_its_only_guest_may_be_changed(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    calendar = there(laboratory, calendar_id)
    for host, is_left_alone in (("ada", False), ("ben", True)):
        name = person.add(
            laboratory.dav, calendar, "DTSTART:20260327T090000Z", "SUMMARY:x",
            f"ORGANIZER:mailto:{host}@example.net", "ATTENDEE:mailto:ada@example.net",
        )  # fmt: skip
        found = await account.fetch(calendar_id, name)
        assert isinstance(found, Upsert)
        assert found.guests is is_left_alone


# -- repetition


@pytest.mark.parametrize("kind", ["reset_after", "500_after", "503_after", "504_after", "half_body"])
async def test_pain_03_a_create_whose_end_was_not_seen_makes_one_event_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, kind: str
) -> None:
    key = fresh()
    fault(laboratory, kind, verb="PUT")
    try:
        await put(account, calendar_id, key, SERIES)
    except Unavailable as error:
        # A PUT is idempotent: where the connection alone broke, the HTTP client has sent it again itself.
        told = error.maybe_applied
    else:
        told = kind in {"half_body", "reset_after"}
    assert told
    await put(account, calendar_id, key, SERIES)
    assert len(there(laboratory, calendar_id).resources) == 1


async def test_a_request_that_a_proxy_carries_out_twice_makes_one_event(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    laboratory.lab.faults.script("duplicate_commit", Match(verb="PUT"), params={"answer": "second"})
    made = await put(account, calendar_id, key := fresh())
    laboratory.lab.faults.script("duplicate_commit", Match(verb="PUT"), params={"answer": "second"})
    with suppress(VersionConflict):  # the first one has changed it: read and planned again
        await put(account, calendar_id, key, edited(SINGLE), over=made)
    (stored,) = there(laboratory, calendar_id).resources.values()
    assert "Edited" in stored.body


async def test_pain_01_a_copy_under_another_name_is_adopted_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, key := fresh())
    calendar = there(laboratory, calendar_id)
    calendar.resources["moved.ics"] = calendar.resources.pop(made.remote_id)
    again = await put(account, calendar_id, key, SERIES)
    assert (again.remote_id, len(calendar.resources)) == ("moved.ics", 1)


async def test_something_else_at_the_place_of_a_copy_is_not_overwritten(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, key := fresh())
    calendar = there(laboratory, calendar_id)
    calendar.resources[made.remote_id].body = calendar.resources[made.remote_id].body.replace(
        "calgate", "someone"
    )
    again = await put(account, calendar_id, key)
    assert again.remote_id != made.remote_id
    assert again.marker == key.marker
    assert "someone" in calendar.resources[made.remote_id].body


@pytest.mark.lab_settings(dav_uid_scope="account")
async def test_one_object_in_two_calendars_of_an_account_has_two_uids(
    account: CalDavAccount, calendar_id: str
) -> None:
    other = (await account.create_calendar(CalendarLook(name="Room 2"))).id
    key = fresh()
    twin = ObjectKey(instance_id=key.instance_id, resource_uuid="another", uid=key.uid)
    one, two = await put(account, calendar_id, key), await put(account, other, twin)
    assert one.marker == two.marker
    assert one.resource_hash != two.resource_hash


async def test_every_write_to_an_object_carries_a_condition(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    key = fresh()
    made = await put(account, calendar_id, key, SERIES)
    made = await put(account, calendar_id, key, edited(SERIES), over=made)
    await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=made.version))
    writes = [entry for entry in laboratory.lab.journal.entries if entry["method"] in {"PUT", "DELETE"}]
    assert [sorted(set(entry["headers"]) & {"if-match", "if-none-match"}) for entry in writes] == [
        ["if-none-match"], ["if-match"], ["if-match"],
    ]  # fmt: skip


@pytest.mark.lab_settings(dav_trash_bin=True)
async def test_a_uid_that_lies_in_a_trash_bin_is_not_insisted_on(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    key = fresh()
    names = set()
    for _ in range(2):
        made = await put(account, calendar_id, key)
        assert (await put(account, calendar_id, key)).remote_id == made.remote_id
        assert made.marker == key.marker
        names.add(made.remote_id)
        await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=made.version))
    assert len(names) == 2
    assert there(laboratory, calendar_id).resources == {}
