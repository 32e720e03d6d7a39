"""What comes back as it was agreed costs next to nothing: no parsing, no look at the object here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.fingerprint import fingerprint, is_same_but_name
from gateway.domain.link_model import Direction
from gateway.services import sync_pull
from gateway.store.database import Database
from tests.services.sync_world import event, make
from tests.statements import statements


def test_two_texts_are_the_same_whatever_their_stamps_and_names() -> None:
    one = event("a", "Visit")
    other = event("b" * 90, "Visit").replace(b"b" * 70, b"b" * 70 + b"\r\n ").replace(b"0301T", b"0302T")
    assert is_same_but_name(one, other)
    assert fingerprint(one) == fingerprint(other)
    assert not is_same_but_name(one, event("a", "Visit "))
    # What only looks like a name, at the beginning of a folded line, is text.
    folded = event("a", "Visit", "20260310T090000Z", "DESCRIPTION:x\r\n UID:1")
    assert not is_same_but_name(folded, folded.replace(b" UID:1", b" UID:2"))


def test_an_echo_is_neither_parsed_nor_compared_with_what_is_here(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first sync that a quota interrupts lists all its copies again and again: 1.3 ms went into each."""
    world = make(db)
    world.server.page_size = 100
    for number in range(30):
        world.put(f"e{number}", event(f"e{number}", f"Visit {number}"))
    world.run()
    for remote_id in world.server.live():
        world.server.touch(remote_id)  # only its version moves
    for name in ("content_hash", "views"):
        monkeypatch.setattr(sync_pull, name, _never)
    world.poll()
    with statements(db) as counted:
        world.run()
    assert world.link().error is None
    asked = [sql for sql, _ in counted if sql.startswith("SELECT mapping.") and "remote_id IN" in sql]
    assert len(asked) == 4  # two for each slice of 25: ours, and of other links
    assert [one.version for one in world.mappings()] == [
        str(world.server.events[one.remote_id].version) for one in world.mappings()
    ]


def test_what_an_item_of_a_page_does_is_seen_by_the_next_one(db: Database) -> None:
    world = make(db, direction=Direction.BOTH)
    world.server.page_size = 100
    for uid in "abc":
        world.put(uid, event(uid, f"Visit {uid}"))
    world.run()
    first, second, _third = sorted(world.server.live())
    changed = world.server.events[second]
    world.server.events[second] = replace(changed, ical=changed.ical.replace(b"Visit", b"Moved"))
    for remote_id in (first, second, first, second):
        world.server.touch(remote_id)
    world.poll()
    world.run()
    assert sum(b"SUMMARY:Moved" in ical for ical in world.here().values()) == 1
    writes = list(world.server.writes)
    world.compare()
    world.run()
    assert world.server.writes == writes
    assert world.tickets() == []


def _never(*_more: object) -> None:
    raise AssertionError("an echo needs this not")
