"""Undo of a run: both sides, for 30 days, with what has changed since left alone and named."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.link_model import Direction
from gateway.domain.model import ObjectKind
from gateway.providers.errors import Unavailable
from gateway.providers.registry import Registry
from gateway.services import chores, links, objects, undo
from gateway.services.prepare import prepare
from gateway.store import calendars as calendar_store
from gateway.store import deleted, sync_log
from gateway.store import links as link_store
from gateway.store import objects as object_store
from gateway.store.database import Database
from gateway.store.schema_sync import deleted_object
from gateway.sync.accounts import Accounts
from gateway.sync.undo import Undoer, Undone
from tests.services.sync_world import ME, World, event, make


@dataclass
class Undoing:
    """A world with an undoer."""

    world: World

    def newest(self) -> int:
        return int(self.world.db.read(undo.runs, self.world.link_id)[0]["id"])

    async def _work(self, run_id: int | None, *, preview: bool) -> Any:
        world = self.world
        accounts = Accounts(
            db=world.db,
            registry=Registry(providers={"memory": world.provider}),
            sealer=world.sealer,
            clock=lambda: world.now,
            environ={},
            requests_per_minute=1e9,
        )
        undoer = Undoer(accounts=accounts, instance_id=world.instance_id, limits=world.limits)
        try:
            return await (undoer.preview if preview else undoer.undo)(world.link(), run_id)
        finally:
            await accounts.close()

    def undo(self, run_id: int | None = None) -> Undone:
        found: Undone = asyncio.run(self._work(run_id, preview=False))
        return found

    def preview(self, run_id: int | None = None) -> Any:
        return asyncio.run(self._work(run_id, preview=True))

    def settle(self) -> None:
        """Let the engine look at everything, twice: what an undo brought back must stay."""
        for _ in range(2):
            self.world.compare()
            self.world.run()


@pytest.fixture
def one_way(db: Database) -> Undoing:
    return Undoing(make(db))


@pytest.fixture
def two_way(db: Database) -> Undoing:
    return Undoing(make(db, direction=Direction.BOTH))


def texts(world: World) -> list[bytes]:
    return sorted(
        line
        for one in world.server.live().values()
        for line in one.ical.split(b"\r\n")
        if line.startswith(b"SUMMARY")
    )


class TestThere:
    def test_an_update_is_taken_back_and_stays_until_the_object_changes(self, one_way: Undoing) -> None:
        world = one_way.world
        world.put("a")
        world.run()
        world.put("a", event("a", "Wrong"))
        world.run()
        undone = one_way.undo()
        assert undone.done == (("there", "update", "a"),)
        assert undone.refused == ()
        one_way.settle()
        assert texts(world) == [b"SUMMARY:Stand-up"]
        assert b"Wrong" in world.here()["a"]
        assert world.tickets() == []
        world.put("a", event("a", "Right"))
        world.run()
        assert texts(world) == [b"SUMMARY:Right"]

    @pytest.mark.parametrize("direction", [Direction.PUSH, Direction.BOTH])
    def test_a_create_is_taken_back_and_an_undo_is_undone(self, db: Database, direction: Direction) -> None:
        undoing = Undoing(make(db, direction=direction))
        world = undoing.world
        for uid in "abc":
            world.put(uid)
        world.run()
        undone = undoing.undo()
        assert {way for _, way, _ in undone.done} == {"delete"}
        undoing.settle()
        assert world.server.live() == {}
        assert sorted(world.here()) == ["a", "b", "c"]
        undoing.undo(undone.undo_run_id)
        undoing.settle()
        assert len(world.server.live()) == 3
        assert sorted(world.here()) == ["a", "b", "c"]
        assert world.tickets() == []

    def test_a_copy_that_was_undone_comes_back_with_the_next_change_or_goes_with_its_object(
        self, one_way: Undoing
    ) -> None:
        world = one_way.world
        world.put("a")
        world.put("b")
        world.run()
        one_way.undo()
        world.put("a", event("a", "Changed"))
        world.delete("b")
        world.run()
        assert texts(world) == [b"SUMMARY:Changed"]
        assert [one.uid for one in world.mappings()] == ["a"]

    def test_what_was_deleted_here_comes_back_on_both_sides(self, one_way: Undoing) -> None:
        world = one_way.world
        world.put("a")
        world.put("b", event("b", "Private", "20260310T090000Z", "CLASS:PRIVATE"))
        # What no copy shows comes back, too: nothing of it is taken from there.
        whole = event("c", "Review", "20260311T090000Z", "X-OWN:kept", "ATTENDEE:mailto:guest@example.org")
        world.put("c", whole)
        world.run()
        before = world.here()
        shown = texts(world)
        for uid in "abc":
            world.delete(uid)
        world.run()
        assert texts(world) == []
        undone = one_way.undo()
        assert sorted(undone.done) == [("here", "put-back", uid) for uid in "abc"]
        assert undone.refused == ()
        one_way.settle()
        assert world.here() == before
        assert texts(world) == shown

    def test_of_what_was_not_kept_the_copy_brings_back_what_it_shows(self, one_way: Undoing) -> None:
        world = one_way.world
        world.put("a")
        world.put("b", event("b", "Private", "20260310T090000Z", "CLASS:PRIVATE"))
        world.run()
        world.delete("a")
        world.delete("b")
        world.run()
        world.db.write(deleted.forget, before=world.now + timedelta(days=1))
        undone = one_way.undo()
        assert undone.done == (("here", "put-back", "a"),)
        assert [(one.uid, one.why) for one in undone.refused] == [
            ("b", "it is gone here, and its copy did not hold all of it")
        ]
        one_way.settle()
        assert sorted(world.here()) == ["a"]
        assert texts(world) == [b"SUMMARY:Stand-up"]

    def test_each_run_brings_back_the_object_that_it_lost(self, one_way: Undoing) -> None:
        world = one_way.world
        runs = []
        for title in ("First", "Second"):
            world.put("a", event("a", title, "20260310T090000Z", "CLASS:PRIVATE"))
            world.run()
            world.later(minutes=1)
            world.delete("a")
            world.run()
            runs.append(one_way.newest())
            world.later(minutes=1)
        one_way.undo(runs[0])
        one_way.settle()
        assert b"SUMMARY:First" in world.here()["a"]

    def test_without_a_copy_nothing_is_kept_and_after_thirty_days_no_longer(self, one_way: Undoing) -> None:
        world = one_way.world
        world.put("a")
        world.run()
        world.put("never sent", event("never sent"))
        for uid in ("a", "never sent"):
            world.delete(uid)

        def kept() -> list[str]:
            with world.db.transaction(write=False) as tx:
                return [row.uid for row in tx.execute(select(deleted_object.c.uid))]

        assert kept() == ["a"]
        days = timedelta(days=90)
        for later, left in ((29, ["a"]), (2, [])):
            world.later(days=later)
            chores.forget(world.db, now=world.now, tombstones=days, audit_lines=days)
            assert kept() == left

    def test_what_has_changed_since_is_left_alone_and_named(self, one_way: Undoing) -> None:
        world = one_way.world
        for uid in "abcd":
            world.put(uid)
        world.run()
        run_id = one_way.newest()
        by_uid = {one.uid: one.remote_id for one in world.mappings()}
        world.put("a", event("a", "Later"))
        world.run()
        world.server.person_edits(by_uid["b"], b"Stand-up", b"Edited there")
        world.server.events[by_uid["c"]].guests = True
        undone = one_way.undo(run_id)
        assert [uid for _, _, uid in undone.done] == ["d"]
        assert {one.uid: one.why for one in undone.refused} == {
            "a": "its copy has changed since",
            "b": "its copy was changed there since",
            "c": "people were invited to it there",
        }
        assert len(world.server.live()) == 3

    def test_an_outage_leaves_a_record_of_what_was_done_and_the_rest_can_be_undone(
        self, one_way: Undoing
    ) -> None:
        world = one_way.world
        for uid in "abc":
            world.put(uid)
        world.run()
        run_id = one_way.newest()

        calls = iter(range(100))

        def fail() -> None:
            if next(calls) == 3:
                raise Unavailable("away")

        world.server.on_call = fail
        with pytest.raises(Unavailable):
            one_way.undo(run_id)
        world.server.on_call = None
        assert len(world.server.live()) == 2
        undone = one_way.undo(run_id)
        assert len(undone.done) == 2
        assert len(undone.refused) == 1
        assert world.server.live() == {}


class TestHere:
    def test_a_wiped_calendar_comes_back(self, two_way: Undoing) -> None:
        world = two_way.world
        for number in range(5):
            world.put(f"e{number}")
        fresh = world.db.read(calendar_store.get, world.calendar.id)
        block = prepare(event("block"), fresh, limits=world.limits, now=world.now, kind=ObjectKind.BLOCK)
        world.db.write(
            objects.put, fresh.id, "block.ics", block, origin=ME, now=world.now, limits=world.limits
        )
        world.run()
        before = world.here()
        for remote_id in list(world.server.live()):
            world.server.person_deletes(remote_id)
        world.poll()
        world.run()
        assert world.here() == {}
        assert len(two_way.preview().steps) == 6
        assert world.here() == {}
        undone = two_way.undo()
        assert len(undone.done) == 6
        two_way.settle()
        assert world.here() == before
        assert len(world.server.live()) == 6
        stored = world.db.read(object_store.by_uid, world.calendar.id, "block")
        assert stored is not None
        assert (stored.kind, stored.href) == (ObjectKind.BLOCK, "block.ics")

    def test_an_edit_that_came_in_is_taken_back_on_both_sides(self, two_way: Undoing) -> None:
        world = two_way.world
        world.put("a")
        world.run()
        (remote_id,) = world.server.live()
        world.server.person_edits(remote_id, b"Stand-up", b"Sit-down")
        world.poll()
        world.run()
        two_way.undo()
        two_way.settle()
        assert b"Stand-up" in world.here()["a"]
        assert texts(world) == [b"SUMMARY:Stand-up"]
        assert world.tickets() == []

    def test_pain_68_events_that_came_in_go_here_and_stay_there(self, two_way: Undoing) -> None:
        world = two_way.world
        world.server.person_adds("x", event("theirs", "Theirs"))
        world.run()
        assert list(world.here()) == ["theirs"]
        undone = two_way.undo()
        assert undone.done == (("here", "take-back", "theirs"),)
        two_way.settle()
        assert world.here() == {}
        assert world.server.writes == []
        two_way.undo(undone.undo_run_id)
        two_way.settle()
        assert list(world.here()) == ["theirs"]
        assert world.server.writes == []

    def test_what_was_edited_here_since_is_left_alone(self, two_way: Undoing) -> None:
        world = two_way.world
        world.server.person_adds("x", event("x"))
        world.server.person_adds("y", event("y"))
        world.run()
        stored = world.db.read(object_store.by_uid, world.calendar.id, "x")
        assert stored is not None
        fresh = world.db.read(calendar_store.get, world.calendar.id)
        edited = prepare(event("x", "Mine"), fresh, limits=world.limits, now=world.now)
        world.db.write(
            objects.put, fresh.id, stored.href, edited, origin=ME, now=world.now, limits=world.limits
        )
        undone = two_way.undo()
        assert [uid for _, _, uid in undone.done] == ["y"]
        assert [(one.uid, one.why) for one in undone.refused] == [("x", "it has changed here since")]
        assert b"Mine" in world.here()["x"]

    def test_the_kind_of_an_object_survives_an_edit_over_there(self, two_way: Undoing) -> None:
        world = two_way.world
        fresh = world.db.read(calendar_store.get, world.calendar.id)
        block = prepare(event("a"), fresh, limits=world.limits, now=world.now, kind=ObjectKind.BLOCK)
        world.db.write(objects.put, fresh.id, "a.ics", block, origin=ME, now=world.now, limits=world.limits)
        world.run()
        (remote_id,) = world.server.live()
        world.server.person_edits(remote_id, b"Stand-up", b"Sit-down")
        world.poll()
        world.run()
        stored = world.db.read(object_store.by_uid, world.calendar.id, "a")
        assert stored is not None
        assert stored.kind is ObjectKind.BLOCK
        assert b"Sit-down" in stored.ical


class TestRuns:
    def test_after_thirty_days_it_is_over_and_the_texts_are_gone(self, one_way: Undoing) -> None:
        world = one_way.world
        world.put("a")
        world.run()
        world.put("a", event("a", "Canary"))
        world.run()
        run_id = one_way.newest()
        world.put("a", event("a", "Third"))
        world.run()
        kept = world.db.read(sync_log.writes_of, world.link_id, one_way.newest())
        assert b"Canary" in kept[0]["before"]
        world.later(days=31)
        with pytest.raises(InvalidInput, match="30 days"):
            one_way.undo(run_id)
        chores.forget(world.db, now=world.now, tombstones=timedelta(days=90), audit_lines=timedelta(days=90))
        for one in world.db.read(undo.runs, world.link_id):
            assert all(
                line["before"] is None for line in world.db.read(sync_log.writes_of, world.link_id, one["id"])
            )
        assert "before" not in world.db.read(links.log, world.link_id)[0]

    def test_an_unknown_run_and_a_link_without_any_are_refused(self, one_way: Undoing) -> None:
        for run_id in (None, 999):
            with pytest.raises(NotFound, match="link runs"):
                one_way.undo(run_id)

    def test_a_run_at_work_is_stopped_before_anything_is_undone(self, one_way: Undoing) -> None:
        world = one_way.world
        world.put("a")
        world.run()
        claim = world.db.write(link_store.claim_one, world.link_id, lease_ms=60_000)
        assert claim is not None
        from gateway.sync import exclusive

        async def take() -> bool:
            async with exclusive.exclusive(world.db, world.link_id, patience_s=0.2, grace_s=0.0):
                return world.db.write(link_store.holds, claim)

        assert asyncio.run(take()) is False
        world.put("b")
        world.run()
        assert len(world.server.live()) == 2
