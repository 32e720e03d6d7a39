"""Links to CalDAV calendars and calendar files through the real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import requests

from gateway.domain.errors import GatewayError
from gateway.domain.link_model import AccountState, Direction, LinkState
from gateway.lab.caldav import person
from gateway.lab.caldav.world import Dav
from gateway.lab.core.errors import Refusal
from gateway.lab.core.faults import Match
from gateway.services import links, why
from gateway.store import accounts as account_store
from gateway.store import busy
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store.database import Database
from gateway.sync.leave import Copies, Leaver
from tests.bench.stock import stock_radicale
from tests.contract.ics.ics_server import calendar, file_server
from tests.contract.ics.ics_server import event as file_event
from tests.e2e.caldav_world import CalDavWorld, caldav_world
from tests.e2e.office import INSTANCE, SOON, event, series


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[CalDavWorld]:
    async with caldav_world(sqlite_db) as opened:
        yield opened


def reason(world: CalDavWorld, link_id: object) -> str:
    return str(world.status(link_id).error)  # type: ignore[arg-type]  # a link's id


async def test_pain_5_what_is_booked_here_is_there_and_idle_runs_write_nothing_caldav(
    world: CalDavWorld,
) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect(), direction=Direction.BOTH)
    for uid in ("a", "b"):
        world.put(room, uid, event(uid, f"Meeting {uid}"))
    world.put(room, "s", series("s"))
    await world.run()
    there = world.there(link.remote_id)
    assert len(there) == 3
    assert sorted(body.partition("SUMMARY:")[2].partition("\r\n")[0] for body in there.values()) == [
        "Meeting a", "Meeting b", "Series",
    ]  # fmt: skip
    written = world.writes()
    for turn in range(10):
        await world.run(poll=True, full=turn % 5 == 0)
    assert world.writes() == written
    assert world.tickets() == []


async def test_what_a_person_does_there_comes_here_over_a_two_way_link(world: CalDavWorld) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect(), direction=Direction.BOTH)
    world.put(room, "a", event("a"))
    await world.run()
    remote = world.calendar_there(link.remote_id)
    dav = world.laboratory.dav
    (name,) = remote.resources
    person.change(dav, remote, name, summary="SUMMARY:By phone")
    fresh = person.add(
        dav, remote, f"DTSTART:{SOON:%Y%m%dT%H%M%SZ}", "DURATION:PT30M", "SUMMARY:Hers", "X-OWN:kept",
        "BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:x", "TRIGGER:-PT5M", "END:VALARM",
    )  # fmt: skip
    await world.run(poll=True)
    here = world.here(room)
    assert b"SUMMARY:By phone" in here["a"]
    assert len(here) == 2
    (uid,) = set(here) - {"a"}
    world.put(room, uid, here[uid].replace(b"SUMMARY:Hers", b"SUMMARY:Ours now"))
    await world.run()
    assert "SUMMARY:Ours now" in remote.resources[fresh].body
    assert "X-OWN:kept" in remote.resources[fresh].body
    assert "TRIGGER:-PT5M" in remote.resources[fresh].body
    person.delete_any(dav, remote, fresh)
    person.delete_any(dav, remote, name)
    await world.run(poll=True)
    assert world.here(room) == {}


async def test_pain_7_a_copy_that_is_changed_or_deleted_by_hand_follows_the_policy_caldav(
    world: CalDavWorld,
) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect(), drift="revert")
    world.put(room, "a", event("a"))
    world.put(room, "b", event("b"))
    await world.run()
    remote = world.calendar_there(link.remote_id)
    one, two = remote.resources
    person.edit_any(world.laboratory.dav, remote, one)
    person.delete_any(world.laboratory.dav, remote, two)
    await world.run(poll=True)
    bodies = list(world.there(link.remote_id).values())
    assert len(bodies) == 2
    assert not any("edited by hand" in body for body in bodies)


async def test_pain_1_a_calendar_that_was_kept_is_adopted_copy_by_copy_caldav(world: CalDavWorld) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect())
    for uid in ("a", "b", "c"):
        world.put(room, uid, event(uid))
    await world.run()
    names = set(world.there(link.remote_id))
    await world.db.awrite(links.pause, link.id, actor="test", now=world.clock())
    await world.db.awrite(links.remove, link.id, actor="test", now=world.clock())
    written = world.writes()
    again = await world.link(room, await world.connect(), remote=link.remote_id)
    await world.run()
    assert again.remote_id == link.remote_id
    assert set(world.there(link.remote_id)) == names
    assert world.writes() == written
    assert len(world.mappings(again.id)) == 3


async def test_pain_68_removing_a_link_removes_exactly_ours_caldav(world: CalDavWorld) -> None:
    room = world.add_resource()
    account = await world.connect()
    (own,) = [
        one.id for one in await (await world.accounts.open(account)).calendars() if one.name == "Calendar"
    ]
    link = await world.link(room, account, remote=own)
    hers = person.add(
        world.laboratory.dav, world.calendar_there(own), f"DTSTART:{SOON:%Y%m%dT%H%M%SZ}", "SUMMARY:Hers"
    )
    world.put(room, "a", event("a"))
    world.put(room, "b", event("b"))
    await world.run()
    assert len(world.there(own)) == 3
    invited = next(name for name in world.there(own) if name != hers)
    person.invite_any(world.laboratory.dav, world.calendar_there(own), invited)
    leaver = Leaver(accounts=world.accounts)
    left = await leaver.leave(world.status(link.id), account, Copies.OURS, actor="test")
    assert set(world.there(own)) == {hers, invited}
    assert (left.removed, len(left.kept), left.foreign, left.is_proven) == (1, 1, 1, True)


@pytest.mark.parametrize("kind", ["dav_html_200", "dav_html_404", "503_before", "half_body", "reset_before"])
async def test_pain_8_trouble_deletes_nothing_here_and_is_over_when_it_is_over_caldav(
    world: CalDavWorld, kind: str
) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect(), direction=Direction.BOTH)
    world.put(room, "a", event("a"))
    await world.run()
    world.laboratory.lab.faults.script(kind, Match(), times=-1)
    for full in (False, True):
        await world.run(poll=True, full=full)
        assert set(world.here(room)) == {"a"}
        assert reason(world, link.id) not in {"", "None"}
        assert world.status(link.id).state not in {LinkState.MISSING, LinkState.FORBIDDEN}
    world.laboratory.lab.faults.clear()
    await world.run(poll=True)
    assert set(world.here(room)) == {"a"}
    assert len(world.there(link.remote_id)) == 1


async def test_pain_28_a_withdrawn_app_password_waits_for_the_person_and_keeps_the_queue_caldav(
    world: CalDavWorld,
) -> None:
    room = world.add_resource()
    account = await world.connect()
    link = await world.link(room, account)
    await world.run()
    world.laboratory.dav.state.people["ada"].password = "new one"
    world.put(room, "a", event("a"))
    await world.run()
    found = world.db.read(account_store.get, account.id)
    assert found is not None
    assert found.state is AccountState.RECONNECT
    assert world.there(link.remote_id) == {}
    await world.connect(password="new one")
    await world.run()
    assert len(world.there(link.remote_id)) == 1


async def test_a_room_and_a_stock_radicale_agree_in_both_directions(
    world: CalDavWorld, tmp_path: Path
) -> None:
    with stock_radicale(tmp_path) as url:
        room = world.add_resource()
        account = await world.connect(url, "ann", "any word")
        link = await world.link(room, account, direction=Direction.BOTH)
        world.put(room, "s", series("s"))
        world.put(room, "a", event("a", "Meeting"))
        await world.run()
        signed = requests.Session()
        signed.auth = ("ann", "any word")
        text = signed.get(url + link.remote_id, timeout=10).text
        assert text.count("BEGIN:VEVENT") == 3
        (mapping,) = [one for one in world.mappings(link.id) if one.uid == "a"]
        place = f"{url}{link.remote_id}{mapping.remote_id}"
        body = signed.get(place, timeout=10).content.replace(b"SUMMARY:Meeting", b"SUMMARY:Moved by hand")
        assert signed.put(place, body, headers={"Content-Type": "text/calendar"}, timeout=10).ok
        hers = event("hers", "Hers", days=2)
        assert signed.put(
            f"{url}{link.remote_id}hers.ics", hers, headers={"Content-Type": "text/calendar"}, timeout=10
        ).ok
        await world.run(poll=True)
        here = world.here(room)
        assert b"SUMMARY:Moved by hand" in here["a"]
        assert any(b"SUMMARY:Hers" in ical for ical in here.values())
        leaver = Leaver(accounts=world.accounts)
        cleared = await leaver.leave(world.status(link.id), account, Copies.OURS, actor="test")
        left = signed.get(url + link.remote_id, timeout=10).text
        assert (cleared.removed, cleared.is_proven, left.count("BEGIN:VEVENT")) == (2, True, 1)
        assert "SUMMARY:Hers" in left


async def test_pain_64_a_calendar_file_blocks_and_names_its_broken_line_ics(world: CalDavWorld) -> None:
    async with file_server() as server:
        start, end = f"{SOON:%Y%m%dT%H%M%SZ}", f"{SOON:%Y%m%dT}235900Z"
        server.body = calendar(
            file_event("one", start, end), file_event("two", start, end, "TRANSP:TRANSPARENT")
        )
        room = world.add_resource()
        account = await world.connect(server.url, "", "", provider="ics")
        link = await world.link(room, account, remote="file", direction=Direction.PULL)
        await world.run()
        assert world.here(room) == {}
        known = world.db.read(busy.remote_ids, link.id)
        assert known == {"one", "two"}
        # Whatever goes wrong, the last good state stays, and the reason is told.
        good = server.body
        for body, told in ((b"", "empty"), (good[:-30], "END:VCALENDAR"), (b"<html></html>", "line 1")):
            server.body = body
            await world.run(poll=True)
            assert world.db.read(busy.remote_ids, link.id) == known
            assert told in reason(world, link.id)
            assert "secret-word" not in reason(world, link.id)
        server.body = calendar(file_event("two", start, end), file_event("bad", "20269999T000000Z"))
        await world.run(poll=True)
        assert world.db.read(busy.remote_ids, link.id) == {"two"}
        assert any("line" in row["reason"] for row in world.parked(link.id).values())


async def test_a_link_that_writes_to_a_file_is_refused(world: CalDavWorld) -> None:
    async with file_server() as server:
        account = await world.connect(server.url, "", "", provider="ics")
        with pytest.raises(GatewayError):
            await world.link(world.add_resource(), account, remote="file")


async def test_pain_2_a_listing_that_shows_nothing_for_a_moment_changes_nothing_caldav(
    world: CalDavWorld,
) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect(), direction=Direction.BOTH)
    for uid in ("a", "b", "c"):
        world.put(room, uid, event(uid))
    await world.run()
    written, there = world.writes(), world.there(link.remote_id)
    for sync in (True, False):
        world.laboratory.lab.settings.patch({"dav_sync_collection": sync})
        world.laboratory.lab.faults.script("dav_empty", Match(), times=-1)
        await world.run(poll=True, full=True)
        await world.run(poll=True)
        world.laboratory.lab.faults.clear()
        await world.run(poll=True, full=True)
        assert set(world.here(room)) == {"a", "b", "c"}
        assert world.there(link.remote_id) == there
        assert world.writes() == written


async def test_pain_67_a_calendar_that_is_gone_asks_and_stops_nothing_else_caldav(world: CalDavWorld) -> None:
    room, other = world.add_resource(), world.add_resource("other")
    account = await world.connect()
    link, well = await world.link(room, account), await world.link(other, account)
    world.put(room, "a", event("a"))
    world.put(other, "b", event("b"))
    await world.run()
    calendar = world.calendar_there(link.remote_id)
    del world.laboratory.dav.state.calendars[f"ada/{calendar.segment}"]
    world.put(other, "c", event("c"))
    await world.run(poll=True)
    assert world.status(link.id).state is LinkState.MISSING
    assert world.status(well.id).state is LinkState.ACTIVE
    assert len(world.there(well.remote_id)) == 2
    assert set(world.here(room)) == {"a"}


async def test_pain_5_a_published_file_with_our_own_copies_blocks_nothing_ics(world: CalDavWorld) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect())
    world.put(room, "a", event("a"))
    await world.run()
    (copy,) = world.there(link.remote_id).values()
    async with file_server() as server:
        server.body = copy.encode()
        account = await world.connect(server.url, "", "", provider="ics")
        published = await world.link(room, account, remote="file", direction=Direction.PULL)
        await world.run()
        assert world.status(published.id).error is None
        assert world.db.read(busy.remote_ids, published.id) == set()


async def test_pain_4_a_name_that_was_deleted_is_taken_again_caldav(world: CalDavWorld) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect())
    for title in ("First", "Second", "Third"):
        world.put(room, "a", event("a", title))
        await world.run()
        (copy,) = world.there(link.remote_id).values()
        assert f"SUMMARY:{title}" in copy
        world.delete(room, "a")
        await world.run()
        assert world.there(link.remote_id) == {}


@pytest.mark.parametrize("form", ["seconds", "date", "bare", "long"])
async def test_pain_33_a_server_that_asks_for_patience_gets_it_and_everything_arrives_caldav(
    world: CalDavWorld, form: str
) -> None:
    room = world.add_resource()
    account = await world.connect()
    link = await world.link(room, account)
    world.laboratory.lab.faults.script(f"429_{form}", Match(verb="PUT"), times=3)
    for number in range(20):
        world.put(room, f"e{number}", event(f"e{number}", days=number % 5))
    for _ in range(5):
        await world.run()
        if form == "long" and len(world.there(link.remote_id)) < 20:
            # Nobody comes back before the two minutes that were named.
            asked = world.laboratory.lab.journal.number
            await world.run()
            assert world.laboratory.lab.journal.number == asked
        with world.db.transaction(write=True) as tx:
            link_store.wake_account(tx, account.id)
    assert world.laboratory.lab.faults.fired[f"429_{form}"] == 3
    assert len(world.there(link.remote_id)) == 20


async def test_pain_22_a_zone_that_nobody_knows_is_told_and_never_read_as_utc_caldav(
    world: CalDavWorld,
) -> None:
    room = world.add_resource()
    link = await world.link(room, await world.connect(), direction=Direction.BOTH)
    remote = world.calendar_there(link.remote_id)
    start = f"DTSTART:{SOON:%Y%m%dT%H%M%S}Z"
    name = person.add(world.laboratory.dav, remote, start, "DURATION:PT1H", "SUMMARY:Hers")
    # Servers that check nothing hold such things.
    stored = remote.resources[name]
    stored.body = stored.body.replace(start, start.replace(":", ";TZID=Nowhere/Land:").rstrip("Z"))
    await world.run(poll=True)
    assert world.here(room) == {}
    (aside,) = world.parked(link.id).values()
    assert "Nowhere/Land" in aside["reason"]
    person.change(world.laboratory.dav, remote, name, dtstart=start)
    await world.run(poll=True)
    assert (len(world.here(room)), world.parked(link.id)) == (1, {})


async def test_a_series_that_the_server_refuses_is_told_in_its_words_and_goes_out_once_it_is_changed(
    world: CalDavWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = world.add_resource()
    account = await world.connect()
    link = await world.link(room, account)
    allowed = Dav._check

    def check(self: Dav, calendar: Any, name: str, body: str) -> None:
        if "COUNT=9" in body:
            raise Refusal(403, "max-instances", "Too many.")
        allowed(self, calendar, name, body)

    monkeypatch.setattr(Dav, "_check", check)
    world.put(room, "s", series("s", weeks=9))
    world.put(room, "a", event("a"))
    await world.run()
    assert len(world.there(link.remote_id)) == 1
    assert world.status(link.id).state is LinkState.ACTIVE
    (aside,) = world.parked(link.id).values()
    told = "it has too many occurrences for it (max-instances)"
    assert told in aside["reason"]
    explained = world.db.read(
        why.explain,
        world.db.read(calendar_store.get, room.id),
        "s",
        project_of=lambda name: world.accounts.provider(name).project,
        instance_id=INSTANCE,
        limits=world.limits,
        public_url=None,
        now=world.clock(),
    )
    (face,) = explained.links
    assert told in " ".join(face.sentences)
    assert face.is_there is not True
    world.put(room, "s", series("s", weeks=5))
    await world.run()
    assert (len(world.there(link.remote_id)), world.parked(link.id)) == (2, {})
