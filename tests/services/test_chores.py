"""Chores: each does its work on every calendar, and doing it again does nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.errors import InvalidSyncToken, NotFound
from gateway.domain.model import Calendar, ObjectKind
from gateway.services import chores, objects
from gateway.store import audit
from gateway.store.database import Database
from tests.worlds import World, at, vevent


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
def rooms(world: World) -> list[Calendar]:
    return [world.resource(f"room-{number}") for number in range(3)]


def test_holds_that_are_over_go_with_a_tombstone(world: World, rooms: list[Calendar]) -> None:
    for hour, room in enumerate(rooms, 10):
        world.put(room, "hold", vevent("hold"), kind=ObjectKind.HOLD, expires_at_utc=at(0, hour))
        world.put(room, "stays", vevent("stays", at(2)))
    assert chores.expire_holds(world.db, now=at(0, 9, 59)) == 0
    assert chores.expire_holds(world.db, now=at(0, 11)) == 2
    assert chores.expire_holds(world.db, now=at(0, 11)) == 0
    assert [world.listing(room).keys() for room in rooms] == [{"stays"}, {"stays"}, {"hold", "stays"}]
    assert [(c.op, c.href) for c in world.log(rooms[0])][-1] == ("delete", "hold")


def test_a_booking_does_not_expire(world: World, rooms: list[Calendar]) -> None:
    world.put(rooms[0], "hold", vevent("a"), kind=ObjectKind.HOLD, expires_at_utc=at(0, 10))
    world.put(rooms[0], "hold", vevent("a", title="Confirmed"), kind=ObjectKind.BOOKING)
    assert chores.expire_holds(world.db, now=at(500)) == 0
    assert world.listing(rooms[0]).keys() == {"hold"}


def test_every_horizon_moves_to_the_day(world: World, rooms: list[Calendar]) -> None:
    world.put(rooms[0], "a", vevent("a", None, None, "RRULE:FREQ=WEEKLY"))
    later = world.now + timedelta(days=30)
    chores.move_horizons(world.db, limits=world.limits, now=later)
    assert {world.calendar(room).index for room in rooms} == {world.limits.horizon(later)}


def test_a_clock_that_goes_back_moves_the_horizon_back(world: World, rooms: list[Calendar]) -> None:
    for days in (30, 0):
        now = world.now + timedelta(days=days)
        chores.move_horizons(world.db, limits=world.limits, now=now)
        assert world.calendar(rooms[0]).index == world.limits.horizon(now)


def test_old_tombstones_and_audit_lines_are_forgotten(world: World, rooms: list[Calendar]) -> None:
    world.put(rooms[0], "a", vevent("a"))
    token = world.token(rooms[0])
    world.delete(rooms[0], "a")
    kept = {"tombstones": timedelta(days=90), "audit_lines": timedelta(days=730)}
    assert chores.forget(world.db, now=world.now + timedelta(days=89), **kept) == 0
    assert world.follow(rooms[0], token, {"a": "x"})[1] == {}
    assert chores.forget(world.db, now=world.now + timedelta(days=731), **kept) == 3  # three resource.add
    assert world.db.read(audit.newest) == []
    with pytest.raises(InvalidSyncToken):
        world.follow(rooms[0], token, {})


def test_a_calendar_that_goes_meanwhile_does_not_stop_the_others(
    world: World, rooms: list[Calendar], monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in rooms:
        world.put(room, "hold", vevent("hold"), kind=ObjectKind.HOLD, expires_at_utc=at(0, 10))
    real = objects.expire_holds_of

    def first_is_gone(tx, calendar_id, *, now):
        if calendar_id == rooms[0].id:
            raise NotFound
        return real(tx, calendar_id, now=now)

    monkeypatch.setattr(objects, "expire_holds_of", first_is_gone)
    assert chores.expire_holds(world.db, now=at(0, 11)) == 2
