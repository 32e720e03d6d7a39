"""`why` has a sentence for every reason for which an object is there or not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.link_model import Direction, LinkState
from gateway.domain.model import FeedLevel, ObjectKind
from gateway.providers.errors import Rejected, Unavailable
from gateway.services import feeds, links, objects, why
from gateway.services.prepare import prepare
from gateway.services.why import Explanation, Face
from gateway.settings import Settings
from gateway.store import calendars as calendar_store
from gateway.store.database import Database
from tests.services.sync_world import ME, World, event, make


@pytest.fixture
def world(db: Database) -> World:
    return make(db)


def ask(world: World, uid: str = "a") -> Explanation:
    return world.db.read(
        why.explain,
        world.db.read(calendar_store.get, world.calendar.id),
        uid,
        project_of=lambda _name: world.provider.project,
        instance_id=world.instance_id,
        limits=world.limits,
        public_url=None,
        now=world.now,
    )


def link(world: World, uid: str = "a") -> Face:
    (found,) = ask(world, uid).links
    return found


def says(world: World, *words: str, uid: str = "a", is_there: bool | None) -> None:
    found = link(world, uid)
    text = " ".join(found.sentences)
    for word in words:
        assert word in text, text
    assert found.is_there is is_there


def put_block(world: World) -> None:
    fresh = world.db.read(calendar_store.get, world.calendar.id)
    block = prepare(event("a"), fresh, limits=world.limits, now=world.now, kind=ObjectKind.BLOCK)
    world.db.write(objects.put, fresh.id, "a.ics", block, origin=ME, now=world.now, limits=world.limits)


class TestLinks:
    def test_there_and_equal_with_the_last_write_and_its_cause(self, world: World) -> None:
        world.put("a")
        says(world, "There should be a copy.", "It has no copy.", "To be done there: create.", is_there=False)
        world.run()
        says(world, "It has a copy.", "create there at", "because of: first sync (run", is_there=True)
        assert link(world).facts["equal"] is True

    def test_window_kind_state_and_class(self, db: Database) -> None:
        world = make(db, kinds="booking")
        put_block(world)
        world.put("far", event("far", "Far", "20290310T090000Z"))
        world.put("off", event("off", "Off", "20260310T090000Z", "STATUS:CANCELLED"))
        world.put("dark", event("dark", "Canary", "20260310T090000Z", "CLASS:CONFIDENTIAL"))
        world.run()
        says(world, "copies booking; this is a block", is_there=False)
        says(world, "no occurrence in the link's window", uid="far", is_there=False)
        says(world, "It is cancelled", uid="off", is_there=False)
        says(world, "CONFIDENTIAL", "Busy", uid="dark", is_there=True)
        assert "Canary" not in repr(ask(world, "dark"))

    def test_nothing_here_and_who_deleted_it(self, world: World) -> None:
        assert "never was here" in " ".join(ask(world).here.sentences)
        world.put("a")
        world.run()
        world.delete("a")
        assert "deleted by test" in " ".join(ask(world).here.sentences)
        says(world, "To be done there: delete.", is_there=True)
        world.run()
        says(world, "no such object here", "delete there", is_there=False)

    def test_put_aside_with_its_reason(self, world: World) -> None:
        world.run()
        world.put("a")
        world.server.before = [Rejected("no such rule")]
        world.run()
        says(world, "put aside (here) after 1 tries", "no such rule", is_there=None)

    def test_waiting_for_the_account_the_link_or_the_next_try(self, world: World) -> None:
        world.put("a")
        world.server.before = [Unavailable("The provider is away.")]
        world.run()
        says(world, "The last try failed: The provider is away.", is_there=False)
        world.db.write(links.pause, world.link_id, actor="ada", now=world.now)
        says(world, "The link is paused", is_there=False)

    def test_held_by_the_guard(self, world: World) -> None:
        for number in range(15):
            world.put(f"e{number}")
        world.run()
        for number in range(12):
            world.delete(f"e{number}")
        world.run()
        assert world.link().state is LinkState.WAITING
        says(world, "held by the guard", "many deletions at once", uid="e1", is_there=True)

    @pytest.mark.parametrize(
        ("drift", "word"), [("report", "it was reported"), ("propose", "a proposal that waits")]
    )
    def test_changed_and_deleted_by_hand(self, db: Database, drift: str, word: str) -> None:
        world = make(db, drift=drift)
        world.put("a")
        world.put("b")
        world.run()
        by_uid = {one.uid: one.remote_id for one in world.mappings()}
        world.server.person_edits(by_uid["a"], b"Stand-up", b"Canary")
        world.server.person_deletes(by_uid["b"])
        world.poll()
        world.run()
        says(world, word, "(fields: title)", "conflicts show", is_there=True)
        says(world, "deleted there by hand", uid="b", is_there=False)
        assert "Canary" not in repr(ask(world))

    def test_guests_and_earlier_settings(self, world: World) -> None:
        world.put("a")
        world.run()
        world.server.events[next(iter(world.server.live()))].guests = True
        world.put("a", event("a", "Other"))
        world.run()
        says(world, "neither changed nor deleted", is_there=True)
        world.put("b")
        world.run()
        world.db.write(
            links.change,
            world.link_id,
            {"title": "R: {title}"},
            to_existing=False,
            actor="ada",
            now=world.now,
        )
        says(world, "earlier settings", uid="b", is_there=True)

    def test_a_conflict_link_copies_nothing_and_a_foreign_event_is_named(self, db: Database) -> None:
        says(make(db, direction=Direction.PULL), "only reads", is_there=False)

    def test_a_person_s_own_event(self, db: Database) -> None:
        world = make(db, direction=Direction.BOTH)
        world.server.person_adds("x", event("theirs"))
        world.run()
        says(world, "a person's own event", uid="theirs", is_there=True)
        assert "by the link to Calendar" in " ".join(ask(world, "theirs").here.sentences)


class TestFeeds:
    def feed(self, world: World, **more: Any) -> str:
        made = world.db.write(
            feeds.create,
            ["room"],
            settings=Settings(feeds_keep_secret=False),
            now=world.now,
            **({"level": FeedLevel.FULL} | more),
        )
        return made.feed.uuid

    def says(self, world: World, word: str, *, uid: str = "a", is_there: bool) -> None:
        (found,) = ask(world, uid).feeds
        assert word in " ".join(found.sentences), found.sentences
        assert found.is_there is is_there

    def test_in_the_feed_by_window_and_level(self, world: World) -> None:
        world.put("a")
        world.put("far", event("far", "Far", "20290310T090000Z"))
        world.put("dark", event("dark", "Canary", "20260310T090000Z", "CLASS:PRIVATE"))
        made = self.feed(world)
        self.says(world, "with the level full", is_there=True)
        self.says(world, "no occurrence in the feed's window", uid="far", is_there=False)
        self.says(world, "busy without any text, because its class is PRIVATE", uid="dark", is_there=True)
        self.says(world, "no such object", uid="nothing", is_there=False)
        assert "Canary" not in repr(ask(world, "dark"))
        world.db.write(feeds.revoke, made, now=world.now)
        self.says(world, "was revoked", is_there=False)

    def test_a_feed_of_one_kind_and_of_free_busy(self, world: World) -> None:
        put_block(world)
        self.feed(world, kinds=[ObjectKind.BOOKING], level=FeedLevel.FREEBUSY)
        self.says(world, "shows only booking; this is a block", is_there=False)
        world.put("b")
        self.says(world, "free/busy only", uid="b", is_there=True)
