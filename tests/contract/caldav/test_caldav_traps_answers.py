"""Servers that lie, break off or refuse: what they say is not believed where it cannot be, the reason is clear."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.lab.app import DEMO_PASSWORD, Laboratory, make_lab
from gateway.lab.caldav import person
from gateway.providers.contract import CalendarLook, Removed, Unreadable, Upsert, Window
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    CursorExpired,
    Forbidden,
    QuotaExhausted,
    RateLimited,
    SignInExpired,
    SignInRefused,
    Unavailable,
    VersionConflict,
)
from gateway.providers.samples import SERIES, SINGLE, edited
from plugins.caldav.account import CalDavAccount
from tests.contract.caldav.dav_account import Signed, connect, opened
from tests.contract.caldav.dav_lab import fault, fresh, put, there
from tests.contract.remote import PATIENCE_S, everything

SOAK = bool(os.environ.get("CALGATE_SOAK"))
TROUBLES = (
    "dav_html_200", "dav_html_207", "dav_html_404", "half_body", "dav_no_token", "dav_html_503", "500_before",
    "reset_before", "429_seconds", "401", "no_answer_before",
)  # fmt: skip


@pytest.mark.parametrize("etags", ["weak", "missing", "changing", "constant"])
@pytest.mark.parametrize("sync", [True, False])
async def test_tags_that_lie_hide_no_change_and_overwrite_nothing(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, etags: str, sync: bool
) -> None:
    laboratory.lab.settings.patch({"dav_etags": etags, "dav_sync_collection": sync})
    made = await put(account, calendar_id, key := fresh())
    _, cursor = await everything(account, calendar_id)
    person.edit_any(laboratory.dav, there(laboratory, calendar_id), made.remote_id)
    items, _ = await everything(account, calendar_id, cursor)
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
    items, _ = await everything(account, calendar_id)
    assert items == {made.remote_id: made}
    assert made.marker is not None


@pytest.mark.parametrize("kind", ["dav_old_token", "dav_old_token_bare", "dav_507"])
async def test_pain_10_an_expired_token_is_told_as_expired_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, kind: str
) -> None:
    await put(account, calendar_id, fresh())
    _, cursor = await everything(account, calendar_id)
    if kind == "dav_507":
        for calendar in laboratory.dav.state.calendars.values():
            calendar.seq += 1
            calendar.floor = calendar.seq
    else:
        fault(laboratory, kind)
    with pytest.raises(CursorExpired):
        await everything(account, calendar_id, cursor)
    assert len((await everything(account, calendar_id))[0]) == 1


async def test_pain_12_a_deletion_by_hand_is_seen_in_the_next_pull_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    for sync in (True, False):
        laboratory.lab.settings.patch({"dav_sync_collection": sync})
        made = await put(account, calendar_id, fresh())
        _, cursor = await everything(account, calendar_id)
        person.delete_any(laboratory.dav, there(laboratory, calendar_id), made.remote_id)
        items, _ = await everything(account, calendar_id, cursor)
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
    async with opened(laboratory.lab.base_url, "ada", DEMO_PASSWORD) as signed:
        account = signed.account
        calendar_id = (await account.create_calendar(CalendarLook(name="Room"))).id
        for _ in range(2):
            await put(account, calendar_id, fresh())
        items, cursor = await everything(account, calendar_id)
        assert len(items) == 2
        for known in (None, cursor):
            fault(laboratory, kind, times=5, operation=operation)
            items = {}
            signed.wait(0.5 if kind.startswith("no_answer") else PATIENCE_S)
            with suppress(Unavailable, RateLimited, SignInExpired, CursorExpired):
                items, _ = await everything(account, calendar_id, known)
                assert not any(isinstance(item, Removed) for item in items.values())
                assert known is not None or len(items) == 2
            laboratory.lab.faults.clear()
            signed.wait(PATIENCE_S)


@pytest.mark.parametrize("kind", ["dav_html_200", "dav_html_404", "dav_html_503", "no_answer_before"])
async def test_an_object_is_gone_only_if_its_calendar_answers(laboratory: Laboratory, kind: str) -> None:
    async with opened(laboratory.lab.base_url, "ada", DEMO_PASSWORD) as signed:
        calendar_id = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        made = await put(signed.account, calendar_id, fresh())
        fault(laboratory, kind, times=-1)
        signed.wait(0.5 if kind.startswith("no_answer") else PATIENCE_S)
        with pytest.raises(Unavailable):
            await signed.account.fetch(calendar_id, made.remote_id)
        laboratory.lab.faults.clear()
        signed.wait(PATIENCE_S)
        assert isinstance(await signed.account.fetch(calendar_id, made.remote_id), Upsert)


async def test_an_object_that_a_multiget_leaves_out_is_asked_for_by_itself(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    names = {(await put(account, calendar_id, fresh())).remote_id for _ in range(3)}
    fault(laboratory, "dav_one_missing")
    items, _ = await everything(account, calendar_id)
    assert set(items) == names
    assert all(isinstance(item, Upsert) for item in items.values())


async def test_addresses_elsewhere_are_not_believed(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, fresh())
    fault(laboratory, "dav_strangers", times=-1)
    items, _ = await everything(account, calendar_id)
    assert list(items) == [made.remote_id]


async def test_pain_24_one_bad_object_is_put_aside_and_the_rest_goes_on_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, fresh())
    calendar = there(laboratory, calendar_id)
    name = person.add(laboratory.dav, calendar, "DTSTART:20260327T090000Z", "SUMMARY:x")
    calendar.resources[name].body = calendar.resources[name].body.replace("20260327T", "99999999T")
    items, _ = await everything(account, calendar_id)
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
        await everything(account, calendar_id)
    with pytest.raises(CalendarMissing):
        await put(account, calendar_id, fresh())


async def test_a_calendar_that_we_did_not_make_is_not_deleted(account: CalDavAccount) -> None:
    (own,) = [one.id for one in await account.calendars() if one.name == "Calendar"]
    with pytest.raises(Forbidden):
        await account.delete_calendar(own)
    for strange in ("/caldav/home/ada/../ben/calgate-1/", "https://evil.example.net/calgate-1/", "calgate-1"):
        await account.delete_calendar(strange)
    assert own in [one.id for one in await account.calendars()]


async def test_one_object_over_which_the_server_stumbles_hides_no_other(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str
) -> None:
    names = [(await put(account, calendar_id, fresh())).remote_id for _ in range(3)]
    fault(laboratory, "500_before", operation="caldav.calendar-multiget")
    fault(laboratory, "500_before", times=-1, path=names[1])
    items, _ = await everything(account, calendar_id)
    assert [isinstance(items[name], Upsert) for name in names] == [True, False, True]
    assert isinstance(items[names[1]], Unreadable)
    fault(laboratory, "500_before", times=-1)
    with pytest.raises(Unavailable):
        await everything(account, calendar_id)


async def test_the_window_is_the_engines_business(account: CalDavAccount, calendar_id: str) -> None:
    made = await put(account, calendar_id, fresh())
    window = Window(start=datetime(2030, 1, 1, tzinfo=UTC), end=datetime(2031, 1, 1, tzinfo=UTC))
    pages = [page async for page in account.pull(calendar_id, cursor=None, window=window)]
    assert [item.remote_id for page in pages for item in page.items] == [made.remote_id]


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


async def test_an_authority_of_ones_own_is_trusted_by_setting_only(tmp_path: Path) -> None:
    async with make_lab(tls=tmp_path, providers=frozenset({"caldav"})) as running:
        url = running.lab.base_url
        assert url.startswith("https://")
        async with opened(url, "ada", DEMO_PASSWORD, ca_file=str(tmp_path / "ca.pem")) as signed:
            assert len(await signed.account.calendars()) == 1
        with pytest.raises(Unavailable, match="ca_file"):
            await connect(url, "ada", DEMO_PASSWORD)
