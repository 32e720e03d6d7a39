"""Complaints of users of other products (behaviours.md), against the laboratory over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.link_model import AccountState, Choice, Direction, LinkState
from gateway.services import accounts as account_service
from gateway.services import backup, disputes, links, startup
from gateway.settings import Settings
from gateway.store import links as link_store
from gateway.store.database import Database
from gateway.sync.leave import Copies, Leaver
from gateway.sync.preview import preview
from tests.conftest import NOW
from tests.contract.lab.lab_client import ADA, CLIENT_ID
from tests.e2e.google_world import INSTANCE, GoogleWorld, google_world
from tests.e2e.office import SOON, event


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    async with google_world(sqlite_db) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


def over(world: GoogleWorld) -> None:
    """Let every wait be over."""
    with world.db.transaction(write=True) as tx:
        for account in account_service.listing(tx):
            link_store.wake_account(tx, account.id)


async def test_pain_4_a_deleted_id_is_revived_or_replaced_and_never_doubled(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    for allowed in (True, False):
        await world.lab.set(allow_revival=allowed)
        world.put(calendar, "a", event("a"))
        await world.run()
        world.delete(calendar, "a")
        await world.run()
        assert await world.there(link.remote_id) == {}
        world.put(calendar, "a", event("a", "Back"))
        await world.run()
        assert len(await world.there(link.remote_id)) == 1
        world.delete(calendar, "a")
        await world.run()


@pytest.mark.parametrize("fault", ["503_after", "reset_after", "half_body", "duplicate_commit"])
async def test_pain_3_an_answer_that_never_came_leaves_one_event(world: GoogleWorld, fault: str) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    await world.run()
    await world.lab.fault(fault, operation="calendar.events.insert")
    world.put(calendar, "a", event("a"))
    for _ in range(3):
        await world.run()
        over(world)
    assert len(await world.there(link.remote_id)) == 1
    assert (await world.lab.fired())[fault] == 1


@pytest.mark.parametrize(
    "fault", ["503_before", "garbage_html", "garbage_not_json", "garbage_empty", "half_body"]
)
async def test_pain_2_and_8_a_failed_or_empty_listing_creates_and_deletes_nothing(
    world: GoogleWorld, fault: str
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    for uid in "abc":
        world.put(calendar, uid, event(uid))
    await world.run()
    writes = await world.writes()
    await world.lab.fault(fault, operation="calendar.events.list", times=-1)
    over(world)
    await world.run(full=True)
    assert sorted(world.here(calendar)) == ["a", "b", "c"]
    assert await world.writes() == writes
    await world.lab.control("DELETE", "faults")
    over(world)
    await world.run(full=True)
    assert sorted(world.here(calendar)) == ["a", "b", "c"]
    assert (await world.writes(), len(await world.there(link.remote_id))) == (writes, 3)
    assert world.status(link.id).state is LinkState.ACTIVE


async def test_pain_10_expired_sync_tokens_lose_and_double_nothing(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    for uid in "abcde":
        world.put(calendar, uid, event(uid))
    await world.run()
    await world.lab.control("POST", "google/expire-sync-tokens")
    await world.lab.fault("410_paging", operation="calendar.events.list")
    (first, *_) = sorted(await world.there(link.remote_id))
    await world.person_deletes(link.remote_id, first)
    for _ in range(2):
        over(world)
        await world.run(poll=True)
    assert len(world.here(calendar)) == 4
    assert len(await world.there(link.remote_id)) == 4


async def test_pain_14_an_object_with_guests_mails_nobody(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    await world.link(calendar, account)
    past = event("p", "Past", "ATTENDEE:mailto:guest@example.com", days=-20)
    world.put(calendar, "p", past)
    world.put(calendar, "f", event("f", "Future", "ORGANIZER:mailto:o@example.com"))
    await world.run()
    log = (await world.lab.control("GET", "log"))["entries"]
    sent = [
        one for one in log if one["method"] in {"POST", "PATCH", "PUT", "DELETE"} and "/events" in one["path"]
    ]
    assert sent
    for one in sent:
        assert "guest@example.com" not in str(one["body"])
        assert "sendUpdates" in str(one)


async def test_pain_17_and_21_a_series_with_a_moved_occurrence_goes_and_comes_back(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    start = f"{SOON:%Y%m%d}T090000"
    moved = f"{SOON + timedelta(days=7):%Y%m%d}"
    gone = f"{SOON + timedelta(days=14):%Y%m%d}"
    ical = event("s", "Series").decode().replace(
        f"DTSTART:{SOON:%Y%m%dT%H%M%SZ}", f"DTSTART;TZID=Europe/Berlin:{start}"
    ).replace(
        f"DTEND:{SOON + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
        f"DURATION:PT1H\r\nRRULE:FREQ=WEEKLY;COUNT=40\r\nEXDATE;TZID=Europe/Berlin:{gone}T090000",
    ).replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:s\r\nDTSTAMP:20260301T000000Z\r\n"
        f"RECURRENCE-ID;TZID=Europe/Berlin:{moved}T090000\r\nDTSTART;TZID=Europe/Berlin:{moved}T140000\r\n"
        "DURATION:PT1H\r\nSUMMARY:Moved\r\nEND:VEVENT\r\nEND:VCALENDAR",
    )  # fmt: skip
    world.put(calendar, "s", ical.encode())
    await world.run()
    there = await world.there(link.remote_id)
    masters = [one for one in there.values() if one.get("recurrence")]
    assert len(masters) == 1
    assert masters[0]["start"]["timeZone"] == "Europe/Berlin"
    assert any(one.get("summary") == "Moved" for one in there.values())
    writes = await world.writes()
    await world.run(full=True)
    assert await world.writes() == writes
    await world.person_edits(link.remote_id, masters[0]["id"], summary="Renamed")
    await world.run(poll=True)
    (here,) = world.here(calendar).values()
    assert b"SUMMARY:Renamed" in here
    assert b"COUNT=40" in here
    assert b"RECURRENCE-ID" in here


async def test_pain_28_a_withdrawn_grant_is_told_once_and_the_queue_is_drained_later(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    await world.run()
    await world.lab.control("POST", "google/revoke", account=ADA, client_id=CLIENT_ID)
    await world.lab.control("POST", "expire-tokens")
    world.put(calendar, "a", event("a"))
    await world.run()
    (found,) = world.db.read(account_service.listing)
    assert found.state is AccountState.RECONNECT
    for uid in "bc":
        world.put(calendar, uid, event(uid))
        await world.run()
    from gateway.store import audit

    told = [one for one in world.db.read(audit.newest) if one.action == "account.reconnect"]
    assert len(told) == 1
    await world.connect()
    await world.run()
    assert len(await world.there(link.remote_id)) == 3


async def test_pain_29_one_refresh_at_a_time_and_the_rotated_token_is_kept(world: GoogleWorld) -> None:
    await world.lab.set(rotate_refresh_tokens=True)
    account = await world.connect()
    rooms = [world.add_resource(f"room{number}") for number in range(4)]
    for room in rooms:
        await world.link(room, account)
    await world.run()
    before = (await world.lab.control("GET", "status"))["counts"]
    for _ in range(3):
        await world.lab.control("POST", "expire-tokens")
        for room in rooms:
            world.put(room, "a", event("a", f"Turn {_}"))
        await world.run()
    after = (await world.lab.control("GET", "status"))["counts"]
    assert after["oauth.refresh_token"] - before.get("oauth.refresh_token", 0) == 3
    (found,) = world.db.read(account_service.listing)
    assert found.state is AccountState.CONNECTED


async def test_pain_33_everything_arrives_under_a_tight_quota(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    for number in range(40):
        world.put(calendar, f"e{number}", event(f"e{number}", days=number % 9))
    for kind in ("403_rateLimitExceeded", "429_seconds", "403_userRateLimitExceeded", "429_date"):
        await world.lab.fault(kind, operation="calendar.events.insert", skip=5)
    for _ in range(8):
        await world.run()
        over(world)
    assert len(await world.there(link.remote_id)) == 40


async def test_pain_67_a_deleted_calendar_is_asked_about(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    other = await world.link(world.add_resource("hall"), account)
    await world.run()
    await world.lab.control("DELETE", f"google/calendars/{link.remote_id}")
    world.put(calendar, "a", event("a"))
    await world.run(poll=True)
    assert world.status(link.id).state is LinkState.MISSING
    assert world.status(other.id).state is LinkState.ACTIVE


async def test_pain_68_leaving_removes_exactly_our_copies(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    team = str((await world.lab.control("POST", "google/calendars", account=ADA, summary="Team"))["id"])
    theirs = await world.person_adds(
        team,
        summary="Theirs",
        start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00Z", "timeZone": "UTC"},
        end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00Z", "timeZone": "UTC"},
    )
    link = await world.link(calendar, account, direction=Direction.BOTH, remote=team)
    for uid in "abc":
        world.put(calendar, uid, event(uid))
    await world.run()
    assert len(await world.there(team)) == 4
    leaver = Leaver(accounts=world.accounts)
    left = await leaver.leave(world.status(link.id), account, Copies.OURS, actor="test")
    assert (left.removed, left.foreign, left.is_proven) == (3, 1, True)
    assert list(await world.there(team)) == [theirs]


async def test_conflicts_are_answered_with_one_word(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    world.put(calendar, "a", event("a", "Ours"))
    world.put(calendar, "b", event("b", "Ours too"))
    await world.run()
    by_title = {one["summary"]: name for name, one in (await world.there(link.remote_id)).items()}
    await world.person_edits(link.remote_id, by_title["Ours"], summary="Theirs")
    await world.person_deletes(link.remote_id, by_title["Ours too"])
    await world.run(poll=True)
    tickets = {one["reason"]: one for one in world.db.read(disputes.listing)}
    assert tickets.keys() == {"changed-there", "deleted-there"}
    for reason, choice in (("changed-there", Choice.THEIRS), ("deleted-there", Choice.OURS)):
        world.db.write(
            disputes.resolve,
            tickets[reason]["id"],
            choice,
            limits=world.limits,
            actor="ada",
            now=world.clock(),
        )
    await world.run()
    assert world.db.read(disputes.listing) == []
    assert await world.seen(link.remote_id) == world.occurrences(calendar)
    assert b"SUMMARY:Theirs" in world.here(calendar)["a"]


async def test_restored_links_write_nothing_before_an_approved_plan(tmp_path: Path) -> None:
    """Back up, change both sides, restore, resume: no deletion over there."""
    settings = Settings(data=tmp_path / "data")
    db = startup.open_database(settings)
    sealer = startup.ready_database(db, settings, now=NOW)
    async with google_world(db, sealer=sealer) as world:
        calendar, account = world.add_resource(), await world.connect()
        link = await world.link(calendar, account)
        for uid in "abc":
            world.put(calendar, uid, event(uid, uid))
        await world.run()
        await asyncio.to_thread(backup.backup, db, tmp_path / "a.calgate", now=world.clock())
        world.put(calendar, "d", event("d", "after the backup"))
        world.put(calendar, "a", event("a", "changed after the backup"))
        world.delete(calendar, "b")
        await world.run()
        assert len(await world.there(link.remote_id)) == 3
        await asyncio.to_thread(
            lambda: backup.restore(
                db, settings, tmp_path / "a.calgate", force=True, recovered=None, drops_sealed=False,
                now=world.clock(), actor="test",
            )
        )  # fmt: skip
        world.accounts.forget(account.id)
        writes = await world.writes()
        await world.run(poll=True)
        assert world.status(link.id).state is LinkState.RESTORED
        assert await world.writes() == writes
        plan = await preview(
            world.accounts, world.status(link.id), instance_id=INSTANCE, limits=world.limits, public_url=None
        )
        assert {item["action"] for item in plan.items} <= {"report", "update", "adopt"}
        assert await world.writes() == writes
        world.db.write(links.approve, plan.uuid, actor="ada", now=world.clock())
        await world.run()
        assert world.status(link.id).state is LinkState.ACTIVE
        counts = (await world.lab.control("GET", "status"))["counts"]
        # The one deletion is that of `b`, before the restore.
        assert counts.get("calendar.events.delete", 0) == 1
        titles = {one["summary"] for one in (await world.there(link.remote_id)).values()}
        assert "after the backup" in titles
    db.close()
