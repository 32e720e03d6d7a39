"""Plans and settings: what would be written is shown, held and approved before it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.differences import Eyes
from gateway.domain.link_model import Direction, LinkPolicy, LinkState
from gateway.providers.contract import Item
from gateway.services import link_settings, links, sync_preview, sync_run
from gateway.store.database import Database
from gateway.sync.plan import decide
from tests.services.sync_world import World, event, make


@pytest.fixture
def world(db: Database) -> World:
    return make(db)


def context(world: World, policy: LinkPolicy | None = None) -> Any:
    ctx, _account = world.db.read(
        sync_run.preview_context,
        world.link_id,
        project=world.provider.project,
        instance_id=world.instance_id,
        limits=world.limits,
        public_url=None,
        now=world.now,
        policy=policy,
    )
    return ctx


def planned(world: World, *, eyes: Eyes = Eyes.PUBLIC) -> list[dict[str, Any]]:
    listing: list[Item] = [world.server.item(each) for each in world.server.live()]
    return world.db.read(sync_preview.plan_items, context(world), listing, decide=decide, eyes=eyes)


def acts(items: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return sorted((one["side"], one["action"], one["uid"]) for one in items)


def keep(world: World, items: list[dict[str, Any]]) -> str:
    return world.db.write(sync_preview.keep, context(world), items, now=world.now)


class TestPlan:
    def test_it_names_each_write_with_before_and_after(self, world: World) -> None:
        for uid in "abc":
            world.put(uid)
        world.run()
        world.put("a", event("a", "Moved", "20260310T120000Z"))
        world.delete("b")
        world.put("d")
        items = planned(world)
        assert acts(items) == [("there", "create", "d"), ("there", "delete", "b"), ("there", "update", "a")]
        update = next(one for one in items if one["action"] == "update")
        assert update["fields"] == ["time", "title"]
        assert update["changes"][1] == {"field": "title", "before": "Stand-up", "after": "Moved"}
        before = len(world.server.writes)
        world.run()
        kinds = sorted(kind for kind, _ in world.server.writes[before:])
        assert kinds == ["create", "delete", "update"]
        assert planned(world) == []

    def test_what_people_did_there_is_shown_and_a_plan_is_stored_without_text(self, db: Database) -> None:
        world = make(db, direction=Direction.BOTH)
        world.put("a")
        world.run()
        (remote_id,) = world.server.live()
        world.server.person_edits(remote_id, b"Stand-up", b"Canary")
        world.server.person_adds("x", event("theirs", "Canary too"))
        items = planned(world)
        assert [(one["side"], one["action"]) for one in items] == [("here", "update"), ("here", "create")]
        assert items[0]["changes"] == [{"field": "title", "before": "Stand-up", "after": "Canary"}]
        keep(world, items)
        stored = world.db.read(links.open_plan, world.link_id)
        assert stored is not None
        assert "Canary" not in repr(stored)
        assert stored["items"][0]["fields"] == ["title"]

    def test_pain_48_private_objects_are_hidden_from_whom_they_concern_not(self, world: World) -> None:
        world.put("a", event("a", "Canary", "20260310T090000Z", "CLASS:PRIVATE"))
        for eyes in (Eyes.TIMES, Eyes.PUBLIC):
            assert "Canary" not in repr(planned(world, eyes=eyes))
        (item,) = planned(world, eyes=Eyes.PUBLIC)
        assert item["changes"][0]["after"] == "20260310T090000Z to 20260310T100000Z"

    def test_with_an_empty_memory_it_says_adopt(self, world: World) -> None:
        from sqlalchemy import delete

        from gateway.store.schema_sync import mapping

        for uid in "abc":
            world.put(uid)
        world.run()
        with world.db.transaction(write=True) as tx:
            tx.execute(delete(mapping))
        world.put("c", event("c", "Other"))
        world.put("d")
        assert acts(planned(world)) == [
            ("here", "adopt", "a"),
            ("here", "adopt", "b"),
            ("here", "adopt", "c"),
            ("there", "create", "d"),
            ("there", "update", "c"),
        ]

    def test_guests_there_are_reported_not_planned(self, world: World) -> None:
        world.put("a")
        world.run()
        (remote_id,) = world.server.live()
        world.server.events[remote_id].guests = True
        world.put("a", event("a", "Other"))
        assert [(one["action"], one["why"]) for one in planned(world)] == [("report", "guests")]


class TestHeld:
    def many(self, db: Database) -> World:
        world = make(db, direction=Direction.BOTH)
        for number in range(15):
            world.put(f"e{number}")
        world.run()
        return world

    def test_pain_8_deletions_that_the_guard_stops_are_marked(self, db: Database) -> None:
        world = self.many(db)
        for remote_id in list(world.server.live())[:12]:
            world.server.person_deletes(remote_id)
        held = [one for one in planned(world) if one["held"]]
        assert len(held) == 12
        assert {(one["side"], one["action"]) for one in held} == {("here", "delete")}

    def test_pain_8_an_approved_plan_covers_what_it_names_and_no_more(self, db: Database) -> None:
        world = self.many(db)
        ids = list(world.server.live())
        for remote_id in ids[:2]:
            world.server.person_deletes(remote_id)
        world.db.write(links.pause, world.link_id, actor="ada", now=world.now)
        plan = keep(world, planned(world))
        for remote_id in ids[2:]:
            world.server.person_deletes(remote_id)
        world.db.write(links.approve, plan, actor="ada", now=world.now)
        world.run()
        assert len(world.here()) == 15
        assert world.link().state is LinkState.WAITING
        waiting = world.db.read(links.open_plan, world.link_id)
        assert waiting is not None
        assert len(waiting["items"]) == 15
        world.db.write(links.approve, waiting["uuid"], actor="ada", now=world.now)
        world.run()
        assert world.here() == {}

    def test_held_for_a_new_beginning_nothing_is_written_before_the_plan_is_approved(
        self, db: Database
    ) -> None:
        world = self.many(db)
        world.put("new")
        world.db.write(links.hold, world.link_id, actor="ada", now=world.now)
        before = len(world.server.writes)
        world.run()
        assert len(world.server.writes) == before
        plan = keep(world, planned(world))
        world.db.write(links.approve, plan, actor="ada", now=world.now)
        world.run()
        assert [kind for kind, _ in world.server.writes[before:]] == ["create"]
        assert world.link().state is LinkState.ACTIVE


class TestSettings:
    def change(self, world: World, *, existing: bool, **settings: Any) -> None:
        world.db.write(
            links.change, world.link_id, settings, to_existing=existing, actor="ada", now=world.now
        )

    def titles(self, world: World) -> list[bytes]:
        return sorted(
            line
            for one in world.server.live().values()
            for line in one.ical.split(b"\r\n")
            if line.startswith(b"SUMMARY")
        )

    def test_to_future_copies_stay_whatever_day_or_compare_comes(self, world: World) -> None:
        world.put("a")
        world.put("b")
        world.run()
        self.change(world, existing=False, title="Calgate: {title}")
        for _ in range(2):
            world.compare()
            world.run()
            world.later(days=1)
        assert self.titles(world) == [b"SUMMARY:Stand-up"] * 2
        world.put("b", event("b", "Budget"))
        world.put("c")
        world.run()
        assert self.titles(world) == [
            b"SUMMARY:Calgate: Budget",
            b"SUMMARY:Calgate: Stand-up",
            b"SUMMARY:Stand-up",
        ]

    def test_to_future_a_smaller_window_leaves_the_copies_that_are_there(self, world: World) -> None:
        world.put("a", event("a", "Later", "20260510T090000Z"))
        world.run()
        self.change(world, existing=False, future_days=10)
        world.compare()
        world.run()
        assert len(world.server.live()) == 1
        self.change(world, existing=True)
        world.run()
        assert world.server.live() == {}

    def test_to_future_an_object_that_still_waits_is_sent(self, world: World) -> None:
        world.put("a")
        world.run()
        world.put("a", event("a", "Edited before"))
        self.change(world, existing=False, title="Calgate: {title}")
        world.run()
        assert self.titles(world) == [b"SUMMARY:Calgate: Edited before"]

    def test_to_future_edits_there_are_still_merged(self, db: Database) -> None:
        world = make(db, direction=Direction.BOTH)
        world.put("a", event("a", "Title", "20260310T090000Z", "LOCATION:Here"))
        world.run()
        self.change(world, existing=False, description="{title} in {location}")
        (remote_id,) = world.server.live()
        world.server.person_edits(remote_id, b"LOCATION:Here", b"LOCATION:There")
        world.poll()
        world.run()
        assert b"LOCATION:There" in world.here()["a"]
        assert world.tickets() == []
        world.server.person_deletes(remote_id)
        world.poll()
        world.run()
        assert world.here() == {}

    def test_to_existing_every_copy_is_brought_to_it_its_dress_included(self, world: World) -> None:
        world.put("a")
        world.run()
        self.change(world, existing=True, title="Calgate: {title}")
        world.run()
        assert self.titles(world) == [b"SUMMARY:Calgate: Stand-up"]
        before = len(world.server.writes)
        self.change(world, existing=True, color="#112233")
        world.run()
        assert len(world.server.writes) == before + 1
        world.run()
        assert len(world.server.writes) == before + 1

    def test_the_preview_counts_what_would_be_touched_and_changes_nothing(self, world: World) -> None:
        world.put("a")
        world.put("b", event("b", "Private", "20260310T090000Z", "CLASS:PRIVATE"))
        world.put("c", event("c", "Far", "20270601T090000Z"))
        world.run()
        assert len(world.server.live()) == 2
        old = world.link().policy

        def effect(**settings: Any) -> tuple[int, int, int, int]:
            policy = old.changed(settings)
            found = world.db.read(link_settings.effect, context(world, policy), before=old)
            return found.copies, found.change, found.create, found.remove

        assert effect() == (2, 0, 0, 0)
        assert effect(title="{resource}") == (2, 1, 0, 0)
        assert effect(future_days=900) == (2, 0, 1, 0)
        assert effect(future_days=1) == (2, 0, 0, 2)
        assert effect(color="#112233") == (2, 2, 0, 0)
        assert effect(drift="revert") == (2, 0, 0, 0)
        assert world.link().policy == old
        assert replace(world.link(), wake=0, due_at_ms=None).kept_seq == 0
