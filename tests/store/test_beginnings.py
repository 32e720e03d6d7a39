"""What runs begin with, for however many links in the same few statements; and when polls are looked for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import event as events
from sqlalchemy import insert, select, update

from gateway.domain.link_model import LinkId
from gateway.services import sync_run
from gateway.store import beginnings, links, mappings, sync_log, wakeup, watches
from gateway.store.database import Database, Transaction
from gateway.store.schema_sync import link, remote_calendar
from gateway.store.sqlite import sqlite_driver
from gateway.sync.wakeup import Wakeups
from tests.services.sync_world import World, event, make
from tests.statements import statements


@pytest.fixture
def world(db: Database) -> World:
    return make(db)


def multiply(world: World, count: int) -> list[LinkId]:
    """Add links to the one of the world, each to a calendar of its own there."""

    def add(tx: Transaction) -> list[LinkId]:
        row = dict(tx.execute(select(link)).one()._mapping)
        there = dict(tx.execute(select(remote_calendar)).one()._mapping)
        del row["id"], there["id"]
        for number in range(count):
            other = there | {"remote_id": f"cal{number}"}
            (row["remote_calendar_id"],) = tx.execute(
                insert(remote_calendar).values(**other).returning(remote_calendar.c.id)
            ).one()
            tx.execute(insert(link).values(**row | {"uuid": f"copy-{number}"}))
        return [LinkId(one) for one in tx.execute(select(link.c.id)).scalars()]

    return world.db.write(add)


def test_many_links_begin_with_as_many_statements_as_one(world: World) -> None:
    ids = multiply(world, 6)
    with world.db.transaction(write=False) as tx:
        beginnings.of_links(tx, ids[:1])
        with statements(world.db) as for_one:
            beginnings.of_links(tx, ids[:1])
        with statements(world.db) as for_all:
            found = beginnings.of_links(tx, [*ids, LinkId(10**6)])
    assert len(for_one) == len(for_all) == 3
    assert set(found) == set(ids)
    assert {one.link.remote_id for one in found.values()} == {"cal", *(f"cal{number}" for number in range(6))}
    assert {one.account.id for one in found.values()} == {world.account.id}
    assert {one.calendar.id for one in found.values()} == {world.calendar.id}


def test_no_link_needs_no_statement(world: World) -> None:
    with world.db.transaction(write=False) as tx, statements(world.db) as found:
        assert beginnings.of_links(tx, []) == {}
    assert found == []


def test_signs_are_those_of_each_link(world: World) -> None:
    _, other = multiply(world, 1)
    world.put("a")
    world.run()
    with world.db.transaction(write=True) as tx:
        watches.save(
            tx, other, channel_id="c", secret="s", memo={},
            expires_at_utc=world.now + timedelta(days=2), renew_at_utc=world.now + timedelta(days=1),
        )  # fmt: skip
        tx.execute(update(link).where(link.c.id == other).values(is_full=True))
    world.db.write(links.change, world.link_id, {})
    with world.db.transaction(write=True) as tx:
        mappings.mark_dirty(tx, world.link_id)
        found = beginnings.of_links(tx, [world.link_id, other])
    mine, others = found[world.link_id].signs, found[other].signs
    assert mine.has_dirty
    assert not others.has_dirty
    assert mine.watched_until_utc is None
    assert others.watched_until_utc == world.now + timedelta(days=2)
    assert others.renew_at_utc == world.now + timedelta(days=1)


def test_an_idle_poll_costs_one_statement_of_its_own(world: World) -> None:
    ids = multiply(world, 5)
    world.run()

    def idle(some: list[LinkId]) -> int:
        with world.db.transaction(write=True) as tx:
            now_ms = links.clock_ms(tx)
            tx.execute(update(link).where(link.c.id.in_(some)).values(pull_at=now_ms, due_at=now_ms))
        with statements(world.db) as found:
            asyncio.run(world.arun())
        return len(found)

    few, more = idle(ids[:2]), idle(ids[:4])
    # Whether something is due and since when (2), claiming, three readings; then one end for each.
    assert more - few == 2
    assert few <= 12


def test_a_change_of_one_object_costs_few_statements_and_all_of_them_run_on_the_driver(world: World) -> None:
    world.put("a")
    world.run()
    world.put("a", event("a", "Other"))
    through_sqlalchemy: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        through_sqlalchemy.append(statement)

    events.listen(world.db.engine, "before_cursor_execute", note)
    try:
        with statements(world.db) as found:
            asyncio.run(world.arun())
    finally:
        events.remove(world.db.engine, "before_cursor_execute", note)
    assert [kind for kind, _ in world.server.writes] == ["create", "update"]
    # Claiming and what follows it (1 + 1 + 3 + 2, and 2 once nothing is left), the plan (4), its record (5).
    assert len(found) <= 18, [text.split()[:4] for text, _ in found]
    assert through_sqlalchemy == []
    (_, newest) = sorted(world.db.read(sync_log.runs, world.link_id), key=lambda one: one["id"])
    assert (newest["outcome"], newest["counts"]) == ("ok", {"update": 1})
    assert newest["ended_at_utc"] is not None


def test_what_is_marked_while_its_run_ends_is_sent_by_the_next(world: World) -> None:
    for uid in "ab":
        world.put(uid)
    world.run()
    world.put("a", event("a", "Other"))
    give_back, marked = sync_run.give_back_done, []

    def mark_first(tx: Transaction, *given: Any, **named: Any) -> bool:
        if not marked:
            marked.append("b")
            mappings.save(tx, world.link_id, "b", {"is_dirty": True, "sent_hash": ""})
        return give_back(tx, *given, **named)

    with mock.patch.object(sync_run, "give_back_done", mark_first):
        world.run()
    assert marked == ["b"]
    assert not any(one.is_dirty for one in world.mappings())
    assert [kind for kind, _ in world.server.writes] == ["create", "create", "update", "update"]


@pytest.mark.parametrize(
    ("is_poll", "grid_ms", "rounded_by"), [(True, 1, 0), (True, 1000, 500), (False, 1000, 0)]
)
def test_polls_are_looked_for_in_bunches_and_nothing_else_is(
    world: World, is_poll: bool, grid_ms: int, rounded_by: int
) -> None:
    with world.db.transaction(write=True) as tx:
        at_ms = (links.clock_ms(tx) // 1000 + 3600) * 1000 + 500
        tx.execute(update(link).values(due_at=at_ms, pull_at=at_ms if is_poll else 0))
        before_ms = links.clock_ms(tx)
        left_ms = links.next_due_ms(tx, polls_at_ms=grid_ms)
        after_ms = links.clock_ms(tx)
    assert left_ms is not None
    assert before_ms + left_ms <= at_ms + rounded_by <= after_ms + left_ms


def test_only_a_commit_that_made_work_wakes_the_worker(sqlite_db: Database) -> None:
    world = make(sqlite_db)
    world.run()
    heard: list[int] = []
    others = wakeup.CrossProcess(sqlite_db, lambda: heard.append(1))
    connection = sqlite_driver().connect(sqlite_db.engine.url.database or "")
    try:
        seen = others.look(connection, None)
        world.db.write(links.sweep)
        with world.db.transaction(write=True) as tx:
            tx.execute(update(link).values(total=7))
        changed = others.look(connection, seen)
        assert changed != seen
        assert heard == []
        world.put("a")
        assert others.look(connection, changed) != changed
        assert heard == [1]
    finally:
        connection.close()


async def test_a_wake_up_that_nobody_has_heard_yet_is_not_told_again(sqlite_db: Database) -> None:
    wakeups = Wakeups(sqlite_db)
    told: list[Any] = []
    with mock.patch.object(wakeups, "_loop") as loop:
        loop.is_closed.return_value = False
        loop.call_soon_threadsafe.side_effect = told.append
        wakeups._from_thread()
        assert len(told) == 1
        wakeups.signal()
        wakeups._from_thread()
        assert len(told) == 1
        await wakeups.wait()
        wakeups._from_thread()
        assert len(told) == 2
