"""Servers that lie, break off, mail people or are written to by others: nothing is lost, the reason is clear."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.lab.app import DEMO_PASSWORD, Laboratory, make_lab
from gateway.lab.caldav import person
from gateway.lab.caldav.model import Calendar
from gateway.lab.core.faults import Match
from gateway.providers.contract import (
    CalendarLook,
    Delete,
    ObjectKey,
    Presentation,
    Put,
    Removed,
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
    ProviderError,
    QuotaExhausted,
    RateLimited,
    SignInExpired,
    SignInRefused,
    Unavailable,
    VersionConflict,
)
from gateway.providers.samples import SERIES, SINGLE, WITH_GUESTS, edited
from plugins.caldav.account import CalDavAccount
from tests.contract.caldav.dav_account import Signed, connect, opened

SOAK = bool(os.environ.get("CALGATE_SOAK"))
TROUBLES = (
    "dav_html_200", "dav_html_207", "dav_html_404", "half_body", "dav_no_token", "dav_html_503", "500_before",
    "reset_before", "429_seconds", "401", "no_answer_before",
)  # fmt: skip
PRESENTATION = Presentation(zone="Europe/Berlin")


def fresh() -> ObjectKey:
    return ObjectKey(instance_id="i", resource_uuid="r", uid=f"{uuid4()}@example.org")


async def put(
    account: CalDavAccount, calendar_id: str, key: ObjectKey, ical: bytes = SINGLE, over: Upsert | None = None
) -> Upsert:
    write = Put(
        key=key,
        ical=ical,
        presentation=PRESENTATION,
        remote_id=over.remote_id if over else None,
        if_version=over.version if over else None,
    )
    made = await account.push(calendar_id, write)
    assert isinstance(made, Upsert)
    return made


async def pull(
    account: CalDavAccount, calendar_id: str, cursor: str | None = None
) -> tuple[dict[str, Any], str]:
    items: dict[str, Any] = {}
    last = ""
    async for page in account.pull(calendar_id, cursor=cursor, window=None):
        items |= {item.remote_id: item for item in page.items}
        last = page.cursor or last
    return items, last


def there(laboratory: Laboratory, calendar_id: str) -> Calendar:
    return laboratory.dav.calendar("ada", calendar_id.rstrip("/").rpartition("/")[2])


def fault(laboratory: Laboratory, kind: str, *, times: int = 1, **match: str) -> None:
    params = {"seconds": 600} if "no_answer" in kind else {}
    laboratory.lab.faults.script(kind, Match(**match), times=times, params=params)


# -- people


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


# -- tags and tokens


@pytest.mark.parametrize("etags", ["weak", "missing", "changing", "constant"])
@pytest.mark.parametrize("sync", [True, False])
async def test_tags_that_lie_hide_no_change_and_overwrite_nothing(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, etags: str, sync: bool
) -> None:
    laboratory.lab.settings.patch({"dav_etags": etags, "dav_sync_collection": sync})
    made = await put(account, calendar_id, key := fresh())
    _, cursor = await pull(account, calendar_id)
    person.edit_any(laboratory.dav, there(laboratory, calendar_id), made.remote_id)
    items, _ = await pull(account, calendar_id, cursor)
    if etags != "constant" or sync:
        assert b"edited by hand" in items[made.remote_id].ical
        assert items[made.remote_id].version != made.version
    with pytest.raises(VersionConflict):
        await put(account, calendar_id, key, edited(SINGLE), over=made)
    now = await account.fetch(calendar_id, made.remote_id)
    assert isinstance(now, Upsert)
    assert b"Edited" in (await put(account, calendar_id, key, edited(SINGLE), over=now)).ical


async def test_pain_06_an_object_that_is_rewritten_has_the_same_version_when_it_is_read_again_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    laboratory.lab.settings.patch({"dav_rewrite": True, "dav_drop_x": True})
    made = await put(account, calendar_id, fresh(), SERIES)
    items, _ = await pull(account, calendar_id)
    assert items == {made.remote_id: made}
    assert made.marker is not None


@pytest.mark.parametrize("kind", ["dav_old_token", "dav_old_token_bare", "dav_507"])
async def test_pain_10_an_expired_token_is_told_as_expired_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, kind: str
) -> None:
    await put(account, calendar_id, fresh())
    _, cursor = await pull(account, calendar_id)
    if kind == "dav_507":
        for calendar in laboratory.dav.state.calendars.values():
            calendar.seq += 1
            calendar.floor = calendar.seq
    else:
        fault(laboratory, kind)
    with pytest.raises(CursorExpired):
        await pull(account, calendar_id, cursor)
    assert len((await pull(account, calendar_id))[0]) == 1


async def test_pain_12_a_deletion_by_hand_is_seen_in_the_next_pull_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    for sync in (True, False):
        laboratory.lab.settings.patch({"dav_sync_collection": sync})
        made = await put(account, calendar_id, fresh())
        _, cursor = await pull(account, calendar_id)
        person.delete_any(laboratory.dav, there(laboratory, calendar_id), made.remote_id)
        items, _ = await pull(account, calendar_id, cursor)
        assert items == {made.remote_id: Removed(remote_id=made.remote_id)}


# -- answers that are none


@pytest.mark.parametrize(
    "kind",
    [*(TROUBLES if SOAK else TROUBLES[:3])],
)
@pytest.mark.parametrize(
    "operation", ["caldav.propfind", "caldav.sync-collection", "caldav.calendar-multiget"]
)
async def test_pain_08_an_answer_that_is_none_deletes_nothing_caldav(
    laboratory: Laboratory, kind: str, operation: str
) -> None:
    async with opened(laboratory.lab.base_url, "ada", DEMO_PASSWORD, timeout_s=0.5) as signed:
        account = signed.account
        calendar_id = (await account.create_calendar(CalendarLook(name="Room"))).id
        for _ in range(2):
            await put(account, calendar_id, fresh())
        items, cursor = await pull(account, calendar_id)
        assert len(items) == 2
        for known in (None, cursor):
            fault(laboratory, kind, times=5, operation=operation)
            items = {}
            with suppress(Unavailable, RateLimited, SignInExpired, CursorExpired):
                items, _ = await pull(account, calendar_id, known)
                assert not any(isinstance(item, Removed) for item in items.values())
                assert known is not None or len(items) == 2
            laboratory.lab.faults.clear()


@pytest.mark.parametrize("kind", ["dav_html_200", "dav_html_404", "dav_html_503", "no_answer_before"])
async def test_an_object_is_gone_only_if_its_calendar_answers(laboratory: Laboratory, kind: str) -> None:
    async with opened(laboratory.lab.base_url, "ada", DEMO_PASSWORD, timeout_s=0.5) as signed:
        calendar_id = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        made = await put(signed.account, calendar_id, fresh())
        fault(laboratory, kind, times=-1)
        with pytest.raises(Unavailable):
            await signed.account.fetch(calendar_id, made.remote_id)
        laboratory.lab.faults.clear()
        assert isinstance(await signed.account.fetch(calendar_id, made.remote_id), Upsert)


async def test_an_object_that_a_multiget_leaves_out_is_asked_for_by_itself(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    names = {(await put(account, calendar_id, fresh())).remote_id for _ in range(3)}
    fault(laboratory, "dav_one_missing")
    items, _ = await pull(account, calendar_id)
    assert set(items) == names
    assert all(isinstance(item, Upsert) for item in items.values())


async def test_addresses_elsewhere_are_not_believed(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, fresh())
    fault(laboratory, "dav_strangers", times=-1)
    items, _ = await pull(account, calendar_id)
    assert list(items) == [made.remote_id]


async def test_pain_24_one_bad_object_is_put_aside_and_the_rest_goes_on_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, fresh())
    calendar = there(laboratory, calendar_id)
    name = person.add(laboratory.dav, calendar, "DTSTART:20260327T090000Z", "SUMMARY:x")
    calendar.resources[name].body = calendar.resources[name].body.replace("20260327T", "99999999T")
    items, _ = await pull(account, calendar_id)
    assert isinstance(items[made.remote_id], Upsert)
    assert isinstance(items[name], Unreadable)
    assert "line" in items[name].reason
    assert "SUMMARY" not in items[name].reason


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("dav_507", QuotaExhausted), ("dav_423", Unavailable), ("dav_html_200", Unavailable),
        ("429_date", RateLimited), ("503_before", Unavailable), ("401", None), ("dav_412", None),
    ],
)  # fmt: skip
async def test_pain_30_a_refused_write_says_what_to_do_and_loses_nothing_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, kind: str, error: type[Exception] | None
) -> None:
    made = await put(account, calendar_id, key := fresh())
    fault(laboratory, kind, verb="PUT")
    if error is None:
        await put(account, calendar_id, key, edited(SINGLE), over=made)
    else:
        with pytest.raises(error) as caught:
            await put(account, calendar_id, key, edited(SINGLE), over=made)
        assert not isinstance(caught.value, SignInExpired)
        assert len(there(laboratory, calendar_id).resources) == 1
        await put(account, calendar_id, key, edited(SINGLE), over=made)
    assert "Edited" in there(laboratory, calendar_id).resources[made.remote_id].body


async def test_a_read_only_calendar_and_a_missing_one_are_told_apart(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    there(laboratory, calendar_id).read_only = True
    with pytest.raises(Forbidden):
        await put(account, calendar_id, fresh())
    (found,) = [one for one in await account.calendars() if one.id == calendar_id]
    assert found.access.name == "READ"
    assert (found.place or "").endswith(calendar_id)
    assert (found.place or "").startswith("http")
    del laboratory.dav.state.calendars[f"ada/{calendar_id.rstrip('/').rpartition('/')[2]}"]
    with pytest.raises(CalendarMissing):
        await pull(account, calendar_id)
    with pytest.raises(CalendarMissing):
        await put(account, calendar_id, fresh())


async def test_a_calendar_that_we_did_not_make_is_not_deleted(account: CalDavAccount) -> None:
    (own,) = [one.id for one in await account.calendars() if one.name == "Calendar"]
    with pytest.raises(Forbidden):
        await account.delete_calendar(own)
    for strange in ("/caldav/home/ada/../ben/calgate-1/", "https://evil.example.net/calgate-1/", "calgate-1"):
        await account.delete_calendar(strange)
    assert own in [one.id for one in await account.calendars()]


# -- signing in


async def test_a_wrong_password_is_refused_and_a_changed_one_expires(
    laboratory: Laboratory, signed: Signed
) -> None:
    with pytest.raises(SignInRefused):
        await connect(laboratory.lab.base_url, "ada", "wrong")
    laboratory.dav.state.people["ada"].password = "another"
    with pytest.raises(SignInExpired):
        await signed.account.calendars()


@pytest.mark.parametrize("path", ["", "/", "/caldav/", "/caldav/home/ada/", "/caldav/principals/ada"])
async def test_the_homes_are_found_from_any_address_of_the_server(laboratory: Laboratory, path: str) -> None:
    signed = await connect(laboratory.lab.base_url + path, "ada", DEMO_PASSWORD)
    assert b"/caldav/home/ada/" in signed.state
    assert DEMO_PASSWORD not in signed.name
    assert DEMO_PASSWORD not in repr(signed)


async def test_a_sign_in_page_in_place_of_a_server_is_told(laboratory: Laboratory) -> None:
    fault(laboratory, "dav_html_207", times=-1)
    with pytest.raises(BadAnswer):
        await connect(laboratory.lab.base_url, "ada", DEMO_PASSWORD)


async def test_the_window_is_the_engines_business(account: CalDavAccount, calendar_id: str) -> None:
    made = await put(account, calendar_id, fresh())
    window = Window(start=datetime(2030, 1, 1, tzinfo=UTC), end=datetime(2031, 1, 1, tzinfo=UTC))
    pages = [page async for page in account.pull(calendar_id, cursor=None, window=window)]
    assert [item.remote_id for page in pages for item in page.items] == [made.remote_id]


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


async def test_an_authority_of_ones_own_is_trusted_by_setting_only(tmp_path: Path) -> None:
    async with make_lab(tls=tmp_path, providers=frozenset({"caldav"})) as running:
        url = running.lab.base_url
        assert url.startswith("https://")
        async with opened(url, "ada", DEMO_PASSWORD, ca_file=str(tmp_path / "ca.pem")) as signed:
            assert len(await signed.account.calendars()) == 1
        with pytest.raises(Unavailable, match="ca_file"):
            await connect(url, "ada", DEMO_PASSWORD)


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


async def test_one_object_over_which_the_server_stumbles_hides_no_other(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    names = [(await put(account, calendar_id, fresh())).remote_id for _ in range(3)]
    fault(laboratory, "500_before", operation="caldav.calendar-multiget")
    fault(laboratory, "500_before", times=-1, path=names[1])
    items, _ = await pull(account, calendar_id)
    assert [isinstance(items[name], Upsert) for name in names] == [True, False, True]
    assert isinstance(items[names[1]], Unreadable)
    fault(laboratory, "500_before", times=-1)
    with pytest.raises(Unavailable):
        await pull(account, calendar_id)


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
