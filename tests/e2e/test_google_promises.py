"""What the engine promises over weeks: no echoes, no ghosts, no lapse, no starvation (behaviours.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.link_model import AccountState, Direction, LinkState
from gateway.lab.core.settings import Settings as Switches
from gateway.services import accounts, links
from gateway.store import busy, watches
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.contract.lab.lab_client import ADA, BEN
from tests.e2e.google_world import GoogleWorld, google_world
from tests.e2e.hooks import hooks
from tests.e2e.office import SOAK, SOON, event, series

IDLE_RUNS = 50
MANY = 10_000 if SOAK else 120
# Of the inserts, by each of four kinds; every refusal costs a listing of all.
REFUSED = 0.001 if SOAK else 0.01


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    switches = Switches(user_per_minute=0.0, project_per_minute=0.0)
    async with google_world(sqlite_db, switches=switches) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


def over(world: GoogleWorld) -> None:
    """Let every wait be over."""
    with world.db.transaction(write=True) as tx:
        for one in {link.account_id for link in link_store.listing(tx)}:
            link_store.wake_account(tx, one)


def times(hour: int = 15, days: int = 0) -> dict[str, Any]:
    at = SOON.replace(hour=hour) + timedelta(days=days)
    return {
        name: {"dateTime": moment.isoformat(), "timeZone": "UTC"}
        for name, moment in (("start", at), ("end", at + timedelta(hours=1)))
    }


async def test_pain_5_copies_of_copies_never_come_about(world: GoogleWorld) -> None:
    """Two two-way links and one of each other kind on one resource: fifty idle runs write nothing."""
    calendar, ada, ben = world.add_resource(), await world.connect(), await world.connect(BEN, "ben")
    both = [
        await world.link(calendar, ada, direction=Direction.BOTH),
        await world.link(calendar, ben, direction=Direction.BOTH),
    ]
    team = await world.person_makes_calendar("Team")
    await world.link(calendar, ada, remote=team)
    await world.link(calendar, ada, direction=Direction.PULL, remote=ADA)
    for number in range(3):
        world.put(calendar, f"e{number}", event(f"e{number}", f"Ours {number}", days=number))
    world.put(calendar, "s", series("s"))
    for number, link in enumerate(both):
        await world.person_adds(link.remote_id, summary="Theirs", **times(15 + 2 * number))
    for _ in range(3):
        await world.run(poll=True)
    expected = world.occurrences(calendar)
    assert len(world.here(calendar)) == 6
    writes, here = await world.writes(), world.here(calendar)
    for number in range(IDLE_RUNS):
        await world.run(poll=True, full=number % 10 == 0)
    assert await world.writes() == writes
    assert world.here(calendar) == here
    for link, account in zip(both, (ADA, BEN), strict=True):
        assert await world.seen(link.remote_id, account=account) == expected
    assert world.tickets() == []


async def test_pain_5_a_calendar_is_never_its_own_source(world: GoogleWorld) -> None:
    """Our copy, moved by hand into the calendar that blocks the resource, does not block it."""
    calendar, account = world.add_resource(), await world.connect()
    push = await world.link(calendar, account)
    pull = await world.link(calendar, account, direction=Direction.PULL, remote=ADA)
    world.put(calendar, "a", event("a"))
    await world.run()
    (name,) = await world.there(push.remote_id)
    await world.lab.control("POST", "google/move", calendar=push.remote_id, event_id=name, to=ADA)
    for _ in range(3):
        await world.run(poll=True)
    assert world.mappings(pull.id) == []
    assert world.db.read(busy.within, calendar.id, 0, 2**40) == []
    assert [one["reason"] for one in world.tickets()] == ["deleted-there"]


@pytest.mark.parametrize("direction", [Direction.PUSH, Direction.BOTH])
async def test_pain_7_a_deletion_here_wins_over_a_stale_copy(
    world: GoogleWorld, direction: Direction
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=direction)
    for uid in "abc":
        world.put(calendar, uid, event(uid, uid))
    await world.run()
    world.delete(calendar, "b")
    await world.run()
    # The lists of the provider still show it for a while.
    await world.lab.set(list_lag_s=60.0)
    for _ in range(3):
        await world.run(poll=True, full=True)
        assert sorted(world.here(calendar)) == ["a", "c"]
    await world.lab.set(list_lag_s=0.0)
    writes = await world.writes()
    for _ in range(2):
        await world.run(full=True)
    assert await world.writes() == writes
    assert await world.seen(link.remote_id) == world.occurrences(calendar)
    assert await world.counts("delete") == [1]


@pytest.mark.parametrize(("drift", "is_back"), [("report", False), ("revert", True)])
async def test_pain_7_a_copy_deleted_by_hand_follows_the_policy(
    world: GoogleWorld, drift: str, is_back: bool
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, drift=drift)
    world.put(calendar, "a", event("a"))
    world.put(calendar, "s", series("s"))
    await world.run()
    for name in list(await world.there(link.remote_id)):
        await world.person_deletes(link.remote_id, name)
    for _ in range(3):
        await world.run(poll=True)
        await world.run(full=True)
    seen = await world.seen(link.remote_id)
    assert seen == (world.occurrences(calendar) if is_back else [])
    assert len(world.tickets()) == (0 if is_back else 2)
    writes = await world.writes()
    await world.run(full=True)
    assert await world.writes() == writes


async def test_pain_15_people_stand_in_the_description_and_a_closed_account_waits_for_hours(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, description="{description}\n\nWith {guests}")
    guests = [f"ATTENDEE;CN=Guest {number}:mailto:g{number}@example.com" for number in range(3)]
    world.put(calendar, "a", event("a", "Visit", "DESCRIPTION:Agenda", *guests))
    await world.run()
    (there,) = (await world.there(link.remote_id)).values()
    assert "Agenda\n\nWith Guest 0, Guest 1, Guest 2" in there["description"]
    assert "attendees" not in there
    log = (await world.lab.control("GET", "log"))["entries"]
    assert not any("attendees" in str(one["body"]) for one in log if one["method"] != "GET")
    await world.lab.fault("403_quotaExceeded", operation="calendar.events.insert")
    world.put(calendar, "b", event("b"))
    await world.run()
    stopped = world.status(link.id)
    now_ms = world.db.read(link_store.clock_ms)
    assert stopped.not_before_ms - now_ms > 3_500_000
    assert stopped.state is LinkState.ACTIVE
    for uid in "cd":  # waking it does not shorten the wait
        world.put(calendar, uid, event(uid))
        await world.run(poll=False)
    assert await world.counts("insert") == [2]
    over(world)
    await world.run()
    assert len(await world.there(link.remote_id)) == 4


async def test_pain_16_a_copy_has_no_guests_and_no_reminder_unless_a_setting_says_so(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    quiet = await world.link(calendar, account, remote=await world.person_makes_calendar("Quiet"))
    loud = await world.link(
        calendar, account, remote=await world.person_makes_calendar("Loud"), reminders="keep"
    )
    alarm = ("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "DESCRIPTION:x", "END:VALARM")
    world.put(calendar, "a", event("a", "Visit", "ATTENDEE:mailto:guest@example.com", *alarm))
    await world.run()
    found = []
    for link in (quiet, loud):
        (there,) = (await world.there(link.remote_id)).values()
        assert "attendees" not in there
        found.append(there["reminders"][ADA])
    assert found[0] == {"useDefault": False}
    assert found[1]["overrides"] == [{"method": "popup", "minutes": 15}]


@pytest.mark.parametrize("fault", ["503_before", "refresh_500", "no_answer_before", "403_quotaExceeded"])
async def test_pain_30_trouble_that_passes_is_never_called_a_bad_sign_in(
    world: GoogleWorld, fault: str
) -> None:
    patience_s, world.accounts.timeout_s = world.accounts.timeout_s, 0.3
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    await world.run()
    await world.lab.control("POST", "expire-tokens")
    await world.lab.fault(fault, times=-1, params={"seconds": 0.4})
    world.put(calendar, "a", event("a"))
    for _ in range(3):
        await world.run(poll=True)
        over(world)
    (found,) = world.db.read(accounts.listing)
    assert found.state is AccountState.CONNECTED
    assert world.status(link.id).state is LinkState.ACTIVE
    assert world.status(link.id).error is not None
    await world.lab.control("DELETE", "faults")
    world.accounts.timeout_s = patience_s
    world.accounts.forget(account.id)
    over(world)
    await world.run()
    assert len(await world.there(link.remote_id)) == 1
    assert world.status(link.id).error is None


async def test_pain_31_subscriptions_are_renewed_at_half_of_their_life(world: GoogleWorld) -> None:
    await world.lab.set(webhook_http=True)
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    async with hooks(world):
        await world.run()
        (first,) = await channels(world)
        life_s = first["expires_in_s"]
        for share, is_renewed in ((0.3, False), (0.55, True)):
            world.worker.clock = lambda share=share: datetime.now(UTC) + timedelta(seconds=life_s * share)
            await world.run(poll=True)
            (now,) = await channels(world)
            assert (now["id"] != first["id"]) is is_renewed
    assert world.status(link.id).state is LinkState.ACTIVE


async def test_pain_31_a_lost_subscription_costs_delay_and_is_made_anew(world: GoogleWorld) -> None:
    await world.lab.set(webhook_http=True)
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    async with hooks(world):
        await world.run()
        (lost,) = await channels(world)
        # Silently: no message says so, and this change is not told.
        await world.lab.fault("webhook_channel_gone")
        await world.person_adds(link.remote_id, summary="Untold", **times())
        await world.lab.control("POST", "webhooks/idle")
        assert await channels(world) == []
        await world.run()
        assert world.here(calendar) == {}
        await world.run(poll=True)
        assert len(world.here(calendar)) == 1
        (anew,) = await channels(world)
        assert anew["id"] != lost["id"]
        # It tells again; no poll is needed.
        await world.person_adds(link.remote_id, summary="Told", **times(17))
        await world.lab.control("POST", "webhooks/idle")
        async with asyncio.timeout(10):
            while len(world.here(calendar)) < 2:
                await world.run()
        # One that speaks is kept, whatever polling finds.
        await world.run(poll=True)
        (kept,) = await channels(world)
        assert kept["id"] == anew["id"]


async def test_pain_31_where_subscriptions_are_refused_polling_goes_on(world: GoogleWorld) -> None:
    await world.lab.set(webhook_http=True)
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    await world.lab.fault("channel_refused", times=-1)
    async with hooks(world):
        for number in range(3):
            await world.person_adds(link.remote_id, summary="Theirs", **times(15, number))
            await world.run(poll=True)
            assert len(world.here(calendar)) == number + 1
    # Asked once, and not again at every poll.
    assert await world.counts("watch") == [1]
    known = world.db.read(watches.of_link, link.id)
    assert known is not None
    assert known["expires_at_utc"] <= datetime.now(UTC)


async def test_pain_31_a_refused_renewal_leaves_the_old_subscription_telling(world: GoogleWorld) -> None:
    await world.lab.set(webhook_http=True)
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    async with hooks(world):
        await world.run()
        (first,) = await channels(world)
        await world.lab.fault("channel_refused")
        world.worker.clock = lambda: datetime.now(UTC) + timedelta(seconds=first["expires_in_s"] * 0.55)
        await world.run(poll=True)
        assert (await world.lab.fired())["channel_refused"] == 1
        assert [one["id"] for one in await channels(world)] == [first["id"]]
        await world.person_adds(link.remote_id, summary="Told", **times())
        await world.lab.control("POST", "webhooks/idle")
        async with asyncio.timeout(10):
            while not world.here(calendar):
                await world.run()
        # Asked again later, and then the old one is stopped.
        world.worker.clock = lambda: datetime.now(UTC) + timedelta(seconds=first["expires_in_s"] * 0.6)
        await world.run(poll=True)
        (now,) = await channels(world)
        assert now["id"] != first["id"]


async def test_pain_33_a_first_sync_under_quota_arrives_whole_and_starves_nobody(world: GoogleWorld) -> None:
    """Scripted refusals all along; the other account's link is served in between."""
    await world.lab.set(page_cap=2500)
    calendar, ada, ben = world.add_resource(), await world.connect(), await world.connect(BEN, "ben")
    hall = world.add_resource("hall")
    for number in range(MANY):
        world.put(calendar, f"e{number}", event(f"e{number}", f"Event {number}", days=number % 90))
    link = await world.link(calendar, ada)
    other = await world.link(hall, ben)
    kinds = ("403_rateLimitExceeded", "429_seconds", "403_userRateLimitExceeded", "429_date")
    await world.lab.control(
        "POST", "storms", seed=1, account=ADA, operation="calendar.events.insert",
        rates=dict.fromkeys(kinds, REFUSED), params={kind: {"retry_after_s": 7} for kind in kinds},
    )  # fmt: skip
    done: list[int] = []
    waited = 0
    for round_ in range(2000):
        world.put(hall, "h", event("h", f"Round {round_}"))
        await world.run()
        ((title, *_),) = await world.seen(other.remote_id, account=BEN)
        assert title == f"Round {round_}"  # never waits for the other account
        now = world.status(link.id)
        done.append(now.done)
        if now.state is LinkState.ACTIVE and not now.is_full:
            break
        assert now.done <= now.total
        waited += now.not_before_ms - world.db.read(link_store.clock_ms) > 5000  # Retry-After, obeyed
        over(world)
    assert await world.seen(link.remote_id) == world.occurrences(calendar)
    assert len(world.mappings(link.id)) == MANY
    assert done[0] < done[-1]
    assert waited > 0
    assert sum((await world.lab.fired()).values()) >= 2
    # Each refused insert was repeated once: nothing was sent twice.
    (inserts,) = await world.counts("insert")
    refused = sum((await world.lab.fired()).values())
    assert inserts <= MANY + refused + len(done)


async def channels(world: GoogleWorld) -> list[dict[str, Any]]:
    found = await world.lab.control("GET", "google/channels")
    return list(found["channels"])


async def test_removing_a_link_ends_its_subscription(world: GoogleWorld) -> None:
    await world.lab.set(webhook_http=True)
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    async with hooks(world):
        await world.run()
        assert len(await channels(world)) == 1
        await world.connector.stop_watch(world.status(link.id), account)
        world.db.write(links.remove, link.id, actor="test", now=world.clock())
        assert await channels(world) == []
