"""Drift from the edit over there to the answer: report, revert and propose, and who may answer."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.link_model import Choice, Direction
from gateway.domain.model import Level, Principal
from gateway.services import disputes, grants, principals
from gateway.store import audit
from gateway.store.database import Database
from tests.services.sync_world import World, event, make


def only(world: World) -> str:
    (remote_id,) = world.server.live()
    return remote_id


def edited(db: Database, old: bytes, new: bytes, *, ical: bytes | None = None, **settings: Any) -> World:
    """Return a world with one copy that somebody has edited over there."""
    world = make(db, **settings)
    world.put("a", ical)
    world.run()
    world.server.person_edits(only(world), old, new)
    world.poll()
    world.run()
    return world


def answer(world: World, choice: Choice, person: Principal | None = None) -> None:
    (ticket,) = world.tickets()
    world.db.write(
        disputes.resolve,
        ticket["id"],
        choice,
        limits=world.limits,
        actor=person.login if person else "operator",
        person=person,
        now=world.now,
    )
    world.run()


def person(world: World, login: str, level: Level | None = None) -> Principal:
    made = world.db.write(principals.add, login, name=login.title(), now=world.now)
    if level is not None:
        world.db.write(grants.add, level, login=login, resource="room", now=world.now)
    return made


class TestPropose:
    def test_accepted_it_is_taken_over_here(self, db: Database) -> None:
        world = edited(db, b"Stand-up", b"Sit-down", drift="propose")
        assert [one["reason"] for one in world.tickets()] == ["proposed"]
        assert b"Stand-up" in world.here()["a"]
        answer(world, Choice.THEIRS)
        assert b"Sit-down" in world.here()["a"]
        assert b"Sit-down" in world.server.live()[only(world)].ical
        assert world.tickets() == []
        for _ in range(2):
            world.compare()
            world.run()
        assert world.tickets() == []

    def test_declined_ours_goes_out_again(self, db: Database) -> None:
        world = edited(db, b"Stand-up", b"Sit-down", drift="propose")
        answer(world, Choice.OURS)
        assert b"Stand-up" in world.server.live()[only(world)].ical
        assert b"Stand-up" in world.here()["a"]
        world.poll()
        world.run()
        assert world.tickets() == []
        lines = world.db.read(audit.newest, limit=5)
        assert "conflict.ours" in [one.action for one in lines]

    def test_a_newer_edit_is_the_proposal(self, db: Database) -> None:
        world = edited(db, b"Stand-up", b"First", drift="propose")
        world.server.person_edits(only(world), b"First", b"Second")
        world.poll()
        world.run()
        answer(world, Choice.THEIRS)
        assert b"Second" in world.here()["a"]

    @pytest.mark.parametrize(("choice", "left"), [(Choice.THEIRS, 0), (Choice.OURS, 1)])
    def test_a_deletion_is_a_proposal_too(self, db: Database, choice: Choice, left: int) -> None:
        world = make(db, drift="propose")
        world.put("a")
        world.run()
        world.server.person_deletes(only(world))
        world.poll()
        world.run()
        answer(world, choice)
        assert len(world.here()) == len(world.server.live()) == left

    def test_pain_48_a_mask_is_never_accepted_as_a_title(self, db: Database) -> None:
        private = event("a", "Secret", "20260310T090000Z", "CLASS:PRIVATE")
        world = edited(db, b"SUMMARY:Busy", b"SUMMARY:Dentist", ical=private, drift="propose")
        with pytest.raises(InvalidInput, match="nothing"):
            answer(world, Choice.THEIRS)
        assert b"Secret" in world.here()["a"]
        assert len(world.tickets()) == 1

    def test_of_a_templated_copy_only_what_was_meant_is_taken(self, db: Database) -> None:
        world = edited(
            db, b"DTSTART:20260310T09", b"DTSTART:20260310T08", drift="propose", title="R: {title}"
        )
        answer(world, Choice.THEIRS)
        assert b"DTSTART:20260310T08" in world.here()["a"]
        assert b"SUMMARY:Stand-up" in world.here()["a"]
        assert b"SUMMARY:R: Stand-up" in world.server.live()[only(world)].ical


class TestWho:
    def test_only_who_manages_the_resource_sees_and_answers(self, db: Database) -> None:
        world = edited(db, b"Stand-up", b"Sit-down", drift="propose")
        (ticket,) = world.tickets()
        writer, manager = person(world, "ben", Level.WRITE), person(world, "cleo", Level.MANAGE)
        assert db.read(disputes.listing, person=writer) == []
        for who in (writer, person(world, "dora")):
            with pytest.raises(NotFound):
                db.read(disputes.show, ticket["id"], person=who)
            with pytest.raises(NotFound):
                answer(world, Choice.THEIRS, who)
        assert len(db.read(disputes.listing, person=manager)) == 1
        answer(world, Choice.THEIRS, manager)
        assert b"Sit-down" in world.here()["a"]

    def test_pain_48_what_differs_is_shown_to_whom_it_concerns(self, db: Database) -> None:
        private = event("a", "Secret", "20260310T090000Z", "CLASS:PRIVATE")
        world = edited(db, b"SUMMARY:Busy", b"SUMMARY:Canary", ical=private, drift="propose")
        (ticket,) = world.tickets()
        shown = db.read(disputes.show, ticket["id"])
        assert shown["changes"] == [{"field": "title", "before": None, "after": None, "hidden": True}]
        manager = person(world, "cleo", Level.MANAGE)
        shown = db.read(disputes.show, ticket["id"], person=manager)
        assert shown["changes"] == [{"field": "title", "before": "Busy", "after": "Canary"}]

    def test_both_changed_shows_ours_against_theirs(self, db: Database) -> None:
        world = make(db, direction=Direction.BOTH)
        world.put("a")
        world.run()
        world.server.person_edits(only(world), b"Stand-up", b"Theirs")
        world.put("a", event("a", "Ours"))
        world.poll()
        world.run()
        (ticket,) = world.tickets()
        shown = db.read(disputes.show, ticket["id"])
        assert shown["changes"] == [{"field": "title", "before": "Ours", "after": "Theirs"}]
        answer(world, Choice.THEIRS)
        assert b"Theirs" in world.here()["a"]
        assert b"Theirs" in world.server.live()[only(world)].ical
