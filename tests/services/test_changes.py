"""Sync tokens and the change log: what a reader learns, and which tokens are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.errors import InvalidSyncToken
from gateway.domain.model import Calendar
from gateway.services import changes
from gateway.store import instance
from gateway.store.database import Database, Transaction
from tests.worlds import World, at, vevent


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
def room(world: World) -> Calendar:
    return world.resource()


def since(world: World, room: Calendar, token: str, limit: int | None = None) -> changes.ChangeSet:
    def read(tx: Transaction) -> changes.ChangeSet:
        return changes.since(tx, world.calendar(room), token, limit=limit)

    return world.db.read(read)


def prune(world: World, room: Calendar) -> None:
    world.db.write(changes.prune, room.id, before=world.now)


def fill(world: World, room: Calendar, count: int) -> None:
    for number in range(count):
        world.put(room, f"o{number}", vevent(f"o{number}", at(number)))


def test_nothing_new_is_empty_and_keeps_the_token(world: World, room: Calendar) -> None:
    fill(world, room, 2)
    token = world.token(room)
    found = since(world, room, token)
    assert (found.changes, found.token, found.is_truncated) == ((), token, False)


def test_each_name_is_told_once_with_its_newest_state(world: World, room: Calendar) -> None:
    start = world.token(room)
    fill(world, room, 3)
    world.put(room, "o0", vevent("o0", title="Changed"))
    world.delete(room, "o1")
    world.delete(room, "o2")
    again = world.put(room, "o2", vevent("o2", at(2)))
    found = since(world, room, start)
    assert [(c.href, c.op) for c in found.changes] == [("o0", "put"), ("o1", "delete"), ("o2", "put")]
    assert found.changes[-1].etag == again.etag


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_lead_to_the_same_state(world: World, room: Calendar, limit: int) -> None:
    start = world.token(room)
    fill(world, room, 6)
    world.delete(room, "o3")
    world.move(room, "o4", room, "renamed")
    first = since(world, room, start, limit)
    assert len(first.changes) <= limit
    assert first.is_truncated == (limit < 7)
    assert world.follow(room, start, {}, limit=limit) == (world.token(room), world.listing(room))


def test_a_limit_of_nothing_skips_nothing(world: World, room: Calendar) -> None:
    start = world.token(room)
    fill(world, room, 2)
    found = since(world, room, start, 0)
    assert (found.changes, found.token, found.is_truncated) == ((), start, True)


def test_a_change_between_two_pages_is_not_missed(world: World, room: Calendar) -> None:
    fill(world, room, 5)
    start = f"{world.token(room).rpartition(':')[0]}:0"
    page = since(world, room, start, 2)
    state = {c.href: c.etag or "" for c in page.changes}
    world.delete(room, page.changes[0].href)
    world.put(room, "o4", vevent("o4", at(4), title="Changed"))
    assert world.follow(room, page.token, state, limit=2)[1] == world.listing(room)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda _: "http://radicale.org/ns/sync/00112233",
        lambda token: token + "0000000000000000000",
        lambda token: token.replace("urn:", "URN:"),
        lambda token: f"{token}\n",
        lambda token: token.rpartition(":")[0] + ":٣",
        lambda token: token.rpartition(":")[0] + ":-1",
        lambda token: token.rpartition(":")[0] + ":01",
        lambda token: token.rpartition(":")[0] + ":3",
        lambda token: token.rpartition(":")[0] + ":999999999999999999",
    ],
    ids=["empty", "foreign", "long", "case", "newline", "digits", "negative", "zero", "next", "future"],
)
def test_tokens_that_were_never_given_out_are_refused(world: World, room: Calendar, change) -> None:
    fill(world, room, 2)
    with pytest.raises(InvalidSyncToken):
        since(world, room, change(world.token(room)))


def test_the_token_of_another_calendar_is_refused(world: World, room: Calendar) -> None:
    other = world.resource("other")
    fill(world, room, 1)
    fill(world, other, 1)
    with pytest.raises(InvalidSyncToken):
        since(world, room, world.token(other))


def test_tokens_of_before_a_restore_are_refused(world: World, room: Calendar) -> None:
    fill(world, room, 2)
    token = world.token(room)
    world.db.write(instance.new_epoch)
    with pytest.raises(InvalidSyncToken):
        since(world, room, token)
    assert since(world, room, world.token(room)).changes == ()


class TestPruning:
    def test_tokens_that_need_a_forgotten_tombstone_are_refused(self, world: World, room: Calendar) -> None:
        fill(world, room, 3)
        before = world.token(room)
        world.delete(room, "o1")
        at_tombstone = world.token(room)
        world.now += timedelta(days=100)
        world.put(room, "o9", vevent("o9", at(9)))
        prune(world, room)
        with pytest.raises(InvalidSyncToken):
            since(world, room, before)
        assert [c.href for c in since(world, room, at_tombstone).changes] == ["o9"]

    def test_young_tombstones_stay(self, world: World, room: Calendar) -> None:
        fill(world, room, 2)
        token = world.token(room)
        world.delete(room, "o1")
        prune(world, room)
        assert [(c.href, c.op) for c in since(world, room, token).changes] == [("o1", "delete")]

    def test_superseded_lines_go_and_nobody_notices(self, world: World, room: Calendar) -> None:
        token = world.token(room)
        for title in "abcdef":
            world.put(room, "o", vevent("o", title=title))
        prune(world, room)
        assert [c.seq for c in since(world, room, token).changes] == [6]
        assert world.follow(room, token, {})[1] == world.listing(room)

    def test_a_name_that_was_reused_is_no_tombstone(self, world: World, room: Calendar) -> None:
        fill(world, room, 1)
        token = world.token(room)
        world.delete(room, "o0")
        world.put(room, "o0", vevent("o0"))
        world.now += timedelta(days=100)
        prune(world, room)
        assert [(c.href, c.op) for c in since(world, room, token).changes] == [("o0", "put")]

    def test_pruning_twice_is_pruning_once(self, world: World, room: Calendar) -> None:
        fill(world, room, 2)
        world.delete(room, "o1")
        world.now += timedelta(days=1)
        prune(world, room)
        first = world.calendar(room)
        prune(world, room)
        assert world.calendar(room) == first
        assert (first.min_seq, first.seq) == (3, 3)
