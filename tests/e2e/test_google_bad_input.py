"""Bad input from the provider and to the webhook door: one object is parked with its reason, the rest goes on."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from gateway.domain.errors import InvalidInput
from gateway.domain.link_model import Direction, Link, LinkState
from gateway.domain.model import Calendar
from gateway.lab.core.settings import Settings as Switches
from gateway.services import accounts, links
from gateway.store import busy
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.e2e.google_world import GoogleWorld, google_world
from tests.e2e.hooks import hooks
from tests.e2e.office import SOAK, SOON, ZONE, event, series

READS = ("calendar.events.list", "calendar.events.get", "calendar.events.instances")
SPOILED = (
    "garbage_types", "garbage_no_start", "garbage_backwards", "garbage_huge", "garbage_enum", "garbage_html",
    "unknown_zone",
)  # fmt: skip
PARKED = {"garbage_types", "garbage_no_start", "garbage_backwards"}
BROKEN = ("garbage_not_json", "garbage_list", "garbage_empty", "half_body", "page_elsewhere")


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    switches = Switches(user_per_minute=0.0, project_per_minute=0.0, page_cap=50, webhook_http=True)
    async with google_world(sqlite_db, switches=switches) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


def over(world: GoogleWorld) -> None:
    with world.db.transaction(write=True) as tx:
        for account in accounts.listing(tx):
            link_store.wake_account(tx, account.id)


def times(hour: int = 15, days: int = 0) -> dict[str, Any]:
    at = SOON.replace(hour=hour) + timedelta(days=days)
    return {
        name: {"dateTime": moment.isoformat(), "timeZone": "UTC"}
        for name, moment in (("start", at), ("end", at + timedelta(hours=1)))
    }


async def everywhere(world: GoogleWorld, kind: str) -> None:
    for operation in READS:
        await world.lab.fault(kind, operation=operation, times=-1)


async def test_pain_24_one_bad_event_is_put_aside_and_the_rest_goes_on(world: GoogleWorld) -> None:
    """The first event of each answer is spoiled, whoever asks and as often as we ask."""
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    for uid in "ab":
        world.put(calendar, uid, event(uid, uid))
    world.put(calendar, "s", series("s"))
    for number in range(3):
        await world.person_adds(link.remote_id, summary=f"Theirs {number}", **times(15, number))
    await world.run()
    assert len(world.here(calendar)) == 6
    for number, kind in enumerate(SPOILED):
        await _spoiled(world, calendar, link, kind, number)


async def _spoiled(world: GoogleWorld, calendar: Calendar, link: Link, kind: str, number: int) -> None:
    stored, known = world.occurrences(calendar), len(world.here(calendar))
    writes = await world.counts("insert", "delete")
    await everywhere(world, kind)
    title = f"New beside {kind}"
    new = await world.person_adds(link.remote_id, summary=title, **times(18, number))
    for _ in range(2):
        over(world)
        await world.run(poll=True, full=True)
    # Nothing is deleted on either side because something could not be read, and nothing is made twice.
    assert len(await world.there(link.remote_id)) >= known + 1, kind
    assert await world.counts("insert", "delete") == writes, kind
    assert len(world.here(calendar)) >= known, kind
    if kind in PARKED:
        (aside,) = world.parked(link.id).values()
        assert aside["reason"].startswith("This event cannot be read: "), kind
        assert any(one[0] == title for one in world.occurrences(calendar)) or aside["ref"] == new, kind
        assert [one for one in world.occurrences(calendar) if one in stored] == stored, kind
    await world.lab.control("DELETE", "faults")
    for _ in range(2):
        over(world)
        await world.run(full=True)
    assert world.parked(link.id) == {}, kind
    assert world.status(link.id).state is LinkState.ACTIVE, kind
    assert await world.seen(link.remote_id) == world.occurrences(calendar), kind
    assert len(world.here(calendar)) == known + 1, kind


async def test_an_answer_that_is_no_answer_moves_nothing(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    pull = await world.link(calendar, account, direction=Direction.PULL, remote="ada@example.com")
    for uid in "abc":
        world.put(calendar, uid, event(uid, uid))
    await world.person_adds(pull.remote_id, summary="Own", **times(19))
    await world.run()
    here, there = world.here(calendar), await world.there(link.remote_id)
    periods = world.db.read(busy.within, calendar.id, 0, 2**40)
    for kind in BROKEN:
        for full in (False, True):
            await world.lab.fault(kind, operation="calendar.events.list", times=-1)
            over(world)
            await world.run(poll=True, full=full)
            assert world.status(link.id).error is not None, kind
            await world.lab.control("DELETE", "faults")
            assert world.here(calendar) == here, kind
            assert await world.there(link.remote_id) == there, kind
            assert world.db.read(busy.within, calendar.id, 0, 2**40) == periods, kind
        over(world)
        await world.run(full=True)
        assert world.status(link.id).error is None, kind
        assert world.status(link.id).state is LinkState.ACTIVE, kind


async def test_thousands_of_exceptions_are_taken_or_put_aside_and_never_stop_the_rest(
    world: GoogleWorld,
) -> None:
    number = 4500 if SOAK else 120
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    start = SOON - timedelta(days=20)
    master = await world.person_adds(
        link.remote_id,
        summary="Daily",
        recurrence=["RRULE:FREQ=DAILY"],
        start={"dateTime": f"{start:%Y-%m-%d}T08:00:00", "timeZone": ZONE},
        end={"dateTime": f"{start:%Y-%m-%d}T08:30:00", "timeZone": ZONE},
    )
    google = world.laboratory.google
    events = google.state.calendars[link.remote_id].events
    body = events[master].now.body
    for day in range(number):
        at = {"dateTime": f"{start + timedelta(days=day):%Y-%m-%d}T08:00:00", "timeZone": ZONE}
        end = {"dateTime": f"{start + timedelta(days=day):%Y-%m-%d}T09:15:00", "timeZone": ZONE}
        name = f"{master}_{start + timedelta(days=day):%Y%m%d}t080000z"
        moved = {
            **body,
            "id": name,
            "recurringEventId": master,
            "originalStartTime": at,
            "start": at,
            "end": end,
        }
        moved.pop("recurrence")
        google.put(google.state.calendars[link.remote_id], name, moved)
    await world.person_adds(link.remote_id, summary="Beside", **times(18))
    await world.lab.set(page_cap=2500)
    await world.run()
    titles = {one[0] for one in world.occurrences(calendar)}
    assert "Beside" in titles
    assert world.status(link.id).state is LinkState.ACTIVE
    if number > 4000:
        (aside,) = world.parked(link.id).values()
        assert "more than 4000 exceptions" in aside["reason"]
    else:
        assert "Daily" in titles
        long = [one for one in world.occurrences(calendar) if one[0] == "Daily" and one[2] - one[1] == 4500]
        assert len(long) >= 110
    writes = await world.writes()
    await world.run(full=True)
    assert await world.writes() == writes


async def test_a_foreign_series_that_cannot_be_kept_is_put_aside_with_its_own_reason(
    world: GoogleWorld,
) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    start = f"{SOON:%Y%m%d}T150000Z"
    odd = await world.person_adds(
        link.remote_id,
        summary="Never",
        recurrence=["RRULE:FREQ=DAILY;COUNT=2"],
        **times(15),
    )
    body = world.laboratory.google.state.calendars[link.remote_id].events[odd].now.body
    for recurrence, reason in (
        (["RRULE:FREQ=DAILY;COUNT=1", f"EXDATE:{start}"], "kept here: it takes place at no time."),
        (["RRULE:FREQ=HOURLY"], "kept here: its rule is one that Google does not document"),
        (["X-RULE:NEVER"], "read: the recurrence holds a line that is no rule and no date."),
        (["RRULE:FREQ=SOMETIMES"], "read: "),
    ):
        body["recurrence"] = recurrence
        google = world.laboratory.google
        google.put(google.state.calendars[link.remote_id], odd, body)
        await world.run(poll=True)
        (aside,) = world.parked(link.id).values()
        assert aside["ref"] == odd
        assert aside["reason"].startswith(f"This event cannot be {reason}"), aside["reason"]
        assert "Google cannot repeat" not in aside["reason"]
        assert world.here(calendar) == {}


async def test_markup_comes_in_as_plain_text_and_goes_out_as_it_was_meant(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    await world.person_adds(
        link.remote_id,
        summary="<b>Bold</b>",
        description="<p>One &amp; two</p><script>alert(1)</script><ul><li>three</li></ul>",
        **times(15),
    )
    world.put(calendar, "a", event("a", "a < b && c", "DESCRIPTION:<script>x</script> stays text"))
    await world.run()
    (theirs,) = [text for uid, text in world.here(calendar).items() if uid != "a"]
    assert b"DESCRIPTION:One & two\\n- three" in theirs
    assert b"alert" not in theirs
    (ours,) = [one for one in (await world.there(link.remote_id)).values() if one["summary"] == "a < b && c"]
    assert "&lt;script&gt;x&lt;/script&gt; stays text" in ours["description"]
    here = world.here(calendar)
    writes = await world.writes()
    await world.run(full=True)
    assert (world.here(calendar), await world.writes()) == (here, writes)


async def test_a_description_of_megabytes_from_here_is_cut_there_and_kept_here(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    long = event("a", "Long", "DESCRIPTION:" + "x" * 400_000)
    world.put(calendar, "a", long)
    world.put(calendar, "b", event("b", "Short"))
    await world.run()
    assert len(await world.there(link.remote_id)) == 2
    assert (
        max(len(one.get("description", "")) for one in (await world.there(link.remote_id)).values()) <= 8192
    )
    assert world.here(calendar)["a"] == long
    writes = await world.writes()
    await world.run(full=True)
    assert await world.writes() == writes


TEMPLATES = (
    "{title", "title}", "{nothing}", "{title.__class__}", "{0}", "{title!r}", "{title:>99999999}", "{{title}",
    "x" * 2001, "{config[secret]}", "%(title)s {", "${title",
)  # fmt: skip


async def test_templates_with_errors_or_reaching_outside_are_refused_when_saved(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    before = world.status(link.id).policy
    for template, name in itertools.product(TEMPLATES, ("title", "description")):
        with pytest.raises(InvalidInput):
            world.db.write(
                links.change, link.id, {name: template}, to_existing=False, actor="test", now=world.clock()
            )
    assert world.status(link.id).policy == before


async def test_what_stands_in_a_template_is_text_and_nothing_else(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, title="%s {{x}} $title {title}")
    world.put(calendar, "a", event("a", "{description} %(link)s"))
    await world.run()
    (there,) = (await world.there(link.remote_id)).values()
    assert there["summary"] == "%s {x} $title {description} %(link)s"


async def test_pain_32_forged_doubled_and_huge_messages_only_ever_cause_a_pull(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    async with hooks(world) as door, aiohttp.ClientSession() as session:
        await world.run()
        (channel,) = world.laboratory.google.state.channels.values()

        async def send(body: bytes = b"", **changes: str) -> int:
            headers = {
                "X-Goog-Channel-ID": channel.id,
                "X-Goog-Channel-Token": channel.token,
                "X-Goog-Resource-State": "exists",
                "X-Goog-Resource-ID": channel.resource_id,
            } | {f"X-Goog-{name.replace('_', '-')}": value for name, value in changes.items()}
            async with session.post(f"{door}/hooks/google", data=body, headers=headers) as answer:
                return answer.status

        before = await world.counts("list")
        forged = [
            await send(Channel_Token="0" * 32),
            await send(Channel_Token=""),
            await send(Channel_ID="unknown"),
            await send(Channel_ID="x" * 5000),
            await send(Resource_State="levitates"),
            await send(b"x" * 5_000_000),
            await send(b"{}" * 40_000, Channel_Token="wrong"),
        ]
        assert set(forged) == {202}  # a forger learns nothing
        await world.run()
        assert await world.counts("list") == before
        # Genuine ones, doubled and with any body: one pull for all of them, and its content is the provider's.
        here = world.here(calendar)
        for _ in range(5):
            assert await send(b'{"items": [{"id": "forged", "status": "cancelled"}]}') == 202
            assert await send(b"\xff<html>") == 202
        await world.run()
        (after,) = await world.counts("list")
        assert after <= before[0] + 2
        assert world.here(calendar) == here
        assert world.status(link.id).state is LinkState.ACTIVE
