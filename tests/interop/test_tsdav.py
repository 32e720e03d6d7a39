"""tsdav, a CalDAV client in JavaScript, against the door (``tsdav/client.mjs`` is what it does)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests import node

HERE = Path(__file__).parent / "tsdav"


def test_tsdav_finds_writes_queries_and_follows(sqlite_world: Any) -> None:
    node.install(HERE)
    bob = sqlite_world.bob
    command = [node.NODE, HERE / "client.mjs", sqlite_world.base, "bob", bob.password]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    steps = {one["step"]: one["found"] for one in map(json.loads, ended.stdout.splitlines())}
    listed = steps.pop("calendars")
    assert {name for name, _, _ in listed} == {"Free", "Room"}
    assert all(components == ["VEVENT", "VTODO", "VJOURNAL", "VAVAILABILITY"] for _, components, _ in listed)
    assert all({"calendarQuery", "calendarMultiget", "syncCollection"} <= set(one) for _, _, one in listed)
    assert steps == {
        "created": [201, 201, 412],  # it sends If-None-Match: *
        "listed": [["one.ics", True, True], ["series.ics", False, True]],
        "week": ["series.ics"],
        "expanded": [["DTSTART:20260312T090000Z", "DTSTART:20260313T090000Z"]],
        "by url": ["one.ics"],
        "updated": 204,
        "outdated": 412,
        "deleted": 204,
        "dirty": True,
        "synced": [["two.ics"], ["one.ics"], ["series.ics"]],
        "busy": [200, True],
        "made": [201],
        "then": ["Free", "Mine", "Room"],
    }
