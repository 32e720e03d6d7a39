"""How SQLite answers what every write asks: by an index each, however large the calendar is."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.store import changes, deleted, objects, occurrences
from gateway.store.database import Database
from gateway.store.hot import Hot

BINDS = {"calendar_id": 1, "href": "a", "uid": "b", "now": "2026-01-01 00:00:00.000000"}
BINDS |= {"windows": "[[1, 2]]", "longest": 60, "except_object": 0, "start": 1, "end": 2, "low": 0}


def plan(db: Database, statement: Any) -> list[str]:
    if isinstance(statement, Hot):
        statement = statement._statement
    compiled = statement.compile(db.engine)
    values = tuple(BINDS.get(name, compiled.params[name]) for name in compiled.positiontup)
    with db.transaction(write=False) as tx:
        rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)
        return [row[3] for row in rows]


@pytest.mark.parametrize(
    ("statement", "steps"),
    [
        (objects._MET, {"(calendar_id=? AND href=?)", "(calendar_id=? AND uid=?)", "(expires_at_utc<?)"}),
        (objects._EXPIRED, {"(expires_at_utc<?)"}),
        (objects._BY_HREF, {"(calendar_id=? AND href=?)"}),
        (objects._BY_UID, {"(calendar_id=? AND uid=?)"}),
        (changes._NEWEST, {"(calendar_id=? AND seq=?)", "(calendar_id=? AND href=?)"}),
        # Pruning once looked for a newer line from each line to the end of the log: minutes at 100,000.
        (changes._PRUNE, {"(calendar_id=?)", "(calendar_id=? AND href=?)"}),
        # SQLite is free to begin at either end of what says that there is a copy.
        (deleted._KEEP, {"(calendar_id=?)", "(link_id=? AND uid=?)"}),
        (occurrences._BLOCKING_SQLITE, {"(calendar_id=? AND start_ts>? AND start_ts<?)"}),
        (occurrences._IN_WINDOW, {"(calendar_id=? AND start_ts>? AND start_ts<?)"}),
    ],
    ids=["met", "expired", "href", "uid", "newest change", "prune", "kept", "blocking", "in window"],
)
def test_no_statement_of_a_write_walks_a_whole_calendar(
    sqlite_db: Database, statement: Any, steps: set[str]
) -> None:
    found = [step for step in plan(sqlite_db, statement) if step.startswith(("SCAN", "SEARCH"))]
    walks = [step for step in found if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert not walks, found
    by_row = ("(rowid=?)",)
    used = {step[step.rindex("(") :] for step in found if "VIRTUAL TABLE" not in step}
    assert used - set(by_row) == steps, found
