"""Undo against chance: whatever a run wrote is taken back, stays so, and comes again when the undo is undone."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from shutil import copyfile

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.domain.link_model import Direction
from gateway.store.database import Database
from gateway.store.sqlite import sqlite_url
from tests.services.sync_world import World, event, make
from tests.services.test_undo import Undoing

UIDS = ("a", "b", "c", "d")
# What happens to an object between two runs: it is written with a title, or deleted.
acts = st.dictionaries(st.sampled_from(UIDS), st.sampled_from(["One", "Two", "Three", None]), min_size=1)
EXAMPLES = 60 if os.environ.get("CALGATE_SOAK") else 5


def state(world: World) -> tuple[dict[str, bytes], list[bytes]]:
    """Return the titles here by UID, and those there."""
    here = {uid: _title(ical) for uid, ical in world.here().items()}
    return here, sorted(_title(one.ical) for one in world.server.live().values())


def _title(ical: bytes) -> bytes:
    return next(line for line in ical.split(b"\r\n") if line.startswith(b"SUMMARY"))


def do(world: World, changes: dict[str, str | None]) -> None:
    here = world.here()
    for uid, title in changes.items():
        if title is not None:
            world.put(uid, event(uid, title, f"202603{10 + UIDS.index(uid)}T090000Z"))
        elif uid in here:
            world.delete(uid)


@example(first={"c": "One"}, second={"a": "One", "b": "One", "c": None}, direction=Direction.PUSH)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=acts, second=acts, direction=st.sampled_from([Direction.PUSH, Direction.BOTH]))
def test_there_is_as_it_was_before_the_run_and_again_as_after_it(
    sqlite_template: Path,
    tmp_path: Path,
    first: dict[str, str | None],
    second: dict[str, str | None],
    direction: Direction,
) -> None:
    path = tmp_path / f"{uuid.uuid4().hex}.sqlite3"
    copyfile(sqlite_template, path)
    db = Database(sqlite_url(path), synchronous="OFF")
    try:
        undoing = Undoing(make(db, direction=direction))
        world = undoing.world
        if direction is Direction.PUSH:
            world.server.person_adds("hers", event("hers", "Hers", "20260320T090000Z"))
        do(world, first)
        world.run()
        _, before = state(world)
        do(world, second)
        writes = len(world.server.writes)
        world.run()
        if len(world.server.writes) == writes:
            return
        _, after = state(world)
        undone = undoing.undo()
        assert undone.refused == ()
        undoing.settle()
        assert state(world)[1] == before
        quiet = len(world.server.writes)
        undoing.settle()
        assert len(world.server.writes) == quiet
        undoing.undo(undone.undo_run_id)
        undoing.settle()
        assert state(world)[1] == after
        assert world.tickets() == []
    finally:
        db.close()
