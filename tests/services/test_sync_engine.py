"""The engine's decisions against a provider in memory; what real ones do is proven in tests/e2e."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.errors import Clash
from gateway.domain.link_model import Direction, LinkState
from gateway.domain.model import Window
from gateway.providers.contract import marker_of
from gateway.providers.errors import Rejected, Unavailable
from gateway.services import links, occurrence_index, resources
from gateway.services.limits import Limits
from gateway.store import busy
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, event, make


@pytest.fixture
def world(db: Database) -> World:
    return make(db)


@pytest.fixture
def two_way(db: Database) -> World:
    return make(db, direction=Direction.BOTH)


def only(world: World) -> str:
    (remote_id,) = world.server.live()
    return remote_id


class TestPush:
    def test_a_change_is_pushed_once_and_then_nothing_is_written(self, world: World) -> None:
        world.put("a")
        world.run()
        assert [kind for kind, _ in world.server.writes] == ["create"]
        assert world.link().state is LinkState.ACTIVE
        for _ in range(3):
            world.poll()
            world.run()
        assert len(world.server.writes) == 1

    def test_an_edit_updates_and_a_deletion_deletes(self, world: World) -> None:
        world.put("a")
        world.run()
        world.put("a", event("a", "Planning"))
        world.run()
        assert b"Planning" in world.server.live()[only(world)].ical
        world.delete("a")
        world.run()
        assert world.server.live() == {}
        assert [kind for kind, _ in world.server.writes] == ["create", "update", "delete"]
        assert world.mappings() == []

    def test_pain_6_what_a_provider_rewrites_is_not_an_edit(self, world: World) -> None:
        world.put("a", event("a", "rewritten"))
        world.run()
        for _ in range(3):
            world.compare()
            world.run()
        assert len(world.server.writes) == 1
        assert world.tickets() == []

    def test_pain_3_a_lost_answer_leaves_exactly_one_event(self, world: World) -> None:
        world.put("a")
        world.server.after = [Unavailable(maybe_applied=True)]
        world.run()
        world.db.write(link_store.wake_account, world.account.id)
        world.run()
        assert [kind for kind, _ in world.server.writes] == ["create"]
        assert len(world.mappings()) == 1

    def test_deleted_before_the_answer_was_seen_leaves_nothing(self, world: World) -> None:
        world.put("a")
        world.server.after = [Unavailable(maybe_applied=True)]
        world.run()
        world.delete("a")
        world.db.write(link_store.wake_account, world.account.id)
        world.run()
        assert world.server.live() == {}
        assert world.mappings() == []

    def test_one_bad_object_is_parked_and_the_rest_goes_on(self, world: World) -> None:
        for uid in "abc":
            world.put(uid)
        world.run()
        world.put("b", event("b", "New"))
        world.put("c", event("c", "New"))
        world.server.before = [Rejected("no such rule")]
        world.run()
        assert len(world.parked()) == 1
        assert sum(b"New" in one.ical for one in world.server.live().values()) == 1
        (parked_uid,) = [ref for _, ref in world.parked()]
        world.put(parked_uid, event(parked_uid, "Newer"))
        world.run()
        assert world.parked() == {}

    def test_people_invited_there_stop_patches_and_deletions(self, world: World) -> None:
        world.put("a")
        world.run()
        world.server.events[only(world)].guests = True
        world.put("a", event("a", "Other"))
        world.run()
        world.delete("a")
        world.run()
        assert len(world.server.live()) == 1
        assert {one["reason"] for one in world.tickets()} == {"guests"}


class TestEcho:
    def test_pain_5_copies_are_never_sources(self, two_way: World) -> None:
        two_way.put("a")
        two_way.run()
        for _ in range(10):
            two_way.poll()
            two_way.run()
        assert list(two_way.here()) == ["a"]
        assert len(two_way.server.writes) == 1


class TestAdoption:
    def test_pain_1_with_an_empty_memory_every_copy_is_adopted(self, world: World) -> None:
        for uid in "abcde":
            world.put(uid)
        world.run()
        with world.db.transaction(write=True) as tx:
            from sqlalchemy import delete

            from gateway.store.schema_sync import mapping

            tx.execute(delete(mapping))
        world.server.writes.clear()
        world.compare()
        world.run()
        assert world.server.writes == []
        assert len(world.mappings()) == 5

    def test_our_copy_of_something_unknown_is_reported_and_left(self, world: World) -> None:
        world.server.person_adds("x", event("lost"), marker=marker_of("lost"))
        world.run()
        assert [one["reason"] for one in world.tickets()] == ["orphan"]
        assert "x" in world.server.live()

    def test_pain_2_an_empty_listing_creates_nothing(self, world: World) -> None:
        for uid in "abc":
            world.put(uid)
        world.run()
        world.server.shows_nothing = True
        world.compare()
        world.run()
        assert len(world.server.writes) == 3
        assert world.tickets() == []


class TestDrift:
    def test_reported_once_and_not_taken(self, world: World) -> None:
        world.put("a")
        world.run()
        world.server.person_edits(only(world), b"Stand-up", b"Stand-up")
        world.server.person_edits(only(world), b"DTSTAMP:20260301", b"DTSTAMP:20260302")
        world.poll()
        world.run()
        assert world.tickets() == []
        world.server.person_edits(only(world), b"Stand-up", b"Sit-down")
        for _ in range(3):
            world.poll()
            world.run()
        (ticket,) = world.tickets()
        assert (ticket["reason"], ticket["fields"]) == ("changed-there", ["title"])
        assert b"Stand-up" in world.here()["a"]
        assert len(world.server.writes) == 1

    def test_reverted(self, db: Database) -> None:
        world = make(db, drift="revert")
        world.put("a")
        world.run()
        world.server.person_edits(only(world), b"Stand-up", b"Sit-down")
        world.poll()
        world.run()
        assert b"Stand-up" in world.server.live()[only(world)].ical
        world.server.person_deletes(only(world))
        world.poll()
        world.run()
        assert len(world.server.live()) == 1

    def test_pain_7_a_copy_deleted_by_hand_stays_deleted_when_reported(self, world: World) -> None:
        world.put("a")
        world.run()
        world.server.person_deletes(only(world))
        world.poll()
        world.run()
        world.put("a", event("a", "Changed"))
        world.run()
        assert world.server.live() == {}
        assert [one["reason"] for one in world.tickets()] == ["deleted-there"]


class TestTwoWay:
    def test_a_new_event_comes_in_and_is_not_sent_back(self, two_way: World) -> None:
        two_way.server.person_adds("x", event("theirs", "Theirs"))
        two_way.run()
        assert list(two_way.here()) == ["theirs"]
        two_way.run()
        assert two_way.server.writes == []

    def test_an_edit_and_a_deletion_come_in(self, two_way: World) -> None:
        two_way.put("a")
        two_way.run()
        two_way.server.person_edits(only(two_way), b"Stand-up", b"Sit-down")
        two_way.poll()
        two_way.run()
        assert b"Sit-down" in two_way.here()["a"]
        two_way.server.person_deletes(only(two_way))
        two_way.poll()
        two_way.run()
        assert two_way.here() == {}
        assert len(two_way.server.writes) == 1

    def test_different_fields_are_merged(self, two_way: World) -> None:
        two_way.put("a", event("a", "Title", "20260310T090000Z", "LOCATION:Here"))
        two_way.run()
        two_way.server.person_edits(only(two_way), b"LOCATION:Here", b"LOCATION:There")
        two_way.put("a", event("a", "New title", "20260310T090000Z", "LOCATION:Here"))
        two_way.poll()
        two_way.run()
        for side in (two_way.here()["a"], two_way.server.live()[only(two_way)].ical):
            assert b"New title" in side
            assert b"LOCATION:There" in side
        assert two_way.tickets() == []

    def test_the_same_field_keeps_ours_and_a_ticket_keeps_theirs(self, two_way: World) -> None:
        two_way.put("a")
        two_way.run()
        two_way.server.person_edits(only(two_way), b"Stand-up", b"Theirs")
        two_way.put("a", event("a", "Ours"))
        two_way.poll()
        two_way.run()
        assert b"Ours" in two_way.here()["a"]
        assert b"Ours" in two_way.server.live()[only(two_way)].ical
        (ticket,) = two_way.tickets()
        assert ticket["reason"] == "both-changed"
        assert b"Theirs" in ticket["theirs"]

    def test_delete_here_edit_there_survives(self, two_way: World) -> None:
        two_way.put("a")
        two_way.run()
        two_way.server.person_edits(only(two_way), b"Stand-up", b"Edited")
        two_way.delete("a")
        two_way.poll()
        two_way.run()
        assert b"Edited" in two_way.here()["a"]
        assert [one["reason"] for one in two_way.tickets()] == ["delete-edit"]

    def test_edit_here_delete_there_survives(self, two_way: World) -> None:
        two_way.put("a")
        two_way.run()
        two_way.server.person_deletes(only(two_way))
        two_way.put("a", event("a", "Edited"))
        two_way.poll()
        two_way.run()
        assert b"Edited" in two_way.here()["a"]
        assert b"Edited" in two_way.server.live()[only(two_way)].ical

    def test_a_conflict_seen_only_when_writing_is_merged(self, two_way: World) -> None:
        two_way.put("a", event("a", "Title", "20260310T090000Z", "LOCATION:Here"))
        two_way.run()
        two_way.server.person_edits(only(two_way), b"LOCATION:Here", b"LOCATION:There")
        two_way.put("a", event("a", "New title", "20260310T090000Z", "LOCATION:Here"))
        two_way.run()  # no poll: the write itself meets the other version
        for side in (two_way.here()["a"], two_way.server.live()[only(two_way)].ical):
            assert b"New title" in side
            assert b"LOCATION:There" in side


class TestGuard:
    def test_pain_8_many_deletions_wait_for_a_person(self, two_way: World) -> None:
        for number in range(15):
            two_way.put(f"e{number}")
        two_way.run()
        for remote_id in list(two_way.server.live()):
            two_way.server.person_deletes(remote_id)
        two_way.poll()
        two_way.run()
        assert len(two_way.here()) == 15
        assert two_way.link().state is LinkState.WAITING
        plan = two_way.db.read(links.open_plan, two_way.link_id)
        assert plan is not None
        assert len(plan["items"]) == 15
        two_way.db.write(links.approve, plan["uuid"], actor="ada", now=two_way.now)
        two_way.run()
        assert two_way.here() == {}
        assert two_way.link().state is LinkState.ACTIVE

    def test_many_deletions_here_wait_too(self, world: World) -> None:
        for number in range(15):
            world.put(f"e{number}")
        world.run()
        for number in range(12):
            world.delete(f"e{number}")
        world.run()
        assert len(world.server.live()) == 15
        assert world.link().state is LinkState.WAITING


class TestBusy:
    @pytest.fixture
    def conflict(self, db: Database) -> World:
        return make(db, direction=Direction.PULL)

    def periods(self, world: World) -> list[str]:
        found = world.db.read(busy.within, world.calendar.id, 0, 2**40)
        return [one.busy.name for one in found]

    def test_busy_is_no_object_and_goes_with_the_link(self, conflict: World) -> None:
        conflict.server.person_adds("x", event("x"))
        conflict.server.person_adds("y", event("y", "Free", "20260311T090000Z", "TRANSP:TRANSPARENT"))
        conflict.run()
        assert self.periods(conflict) == ["BUSY", "FREE"]
        assert conflict.here() == {}
        conflict.server.person_deletes("x")
        conflict.poll()
        conflict.run()
        assert self.periods(conflict) == ["FREE"]
        conflict.db.write(links.remove, conflict.link_id, actor="ada", now=conflict.now)
        assert self.periods(conflict) == []

    def test_pain_24_an_unreadable_event_is_parked(self, conflict: World) -> None:
        conflict.server.person_adds("x", event("x"), problem="no start")
        conflict.server.person_adds("y", b"nonsense")
        conflict.server.person_adds("z", event("z"))
        conflict.run()
        assert self.periods(conflict) == ["BUSY"]
        assert len(conflict.parked()) == 2


class TestBusyCounts:
    def test_busy_time_there_blocks_here_and_shows_in_free_busy(self, db: Database) -> None:
        conflict = make(db, direction=Direction.PULL)
        conflict.server.person_adds("x", event("x"))
        conflict.run()
        with db.transaction(write=True) as tx:
            resources.set_(tx, "room", limits=Limits(), now=NOW, policy="refuse")
        with pytest.raises(Clash):
            conflict.put("a")
        conflict.put("b", event("b", "Later", "20260310T130000Z"))
        calendar = db.read(calendar_store.get, conflict.calendar.id)
        window = Window(start=NOW, end=NOW + timedelta(days=30))
        periods = db.read(occurrence_index.busy_periods, calendar, window, now=NOW)
        assert len(periods) == 2

    def test_busy_time_that_comes_later_opens_a_ticket(self, db: Database) -> None:
        conflict = make(db, direction=Direction.PULL)
        with db.transaction(write=True) as tx:
            resources.set_(tx, "room", limits=Limits(), now=NOW, policy="refuse")
        conflict.put("a")
        conflict.run()
        conflict.server.person_adds("x", event("x"))
        conflict.poll()
        conflict.run()
        (ticket,) = conflict.tickets()
        assert (ticket["reason"], ticket["object_uid"]) == ("busy-there", "a")
