"""Real clients on a calendar of which a person may see free/busy only: none of them fails on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import caldav
import pytest

from tests.dav_world import make_event
from tests.interop.test_clients import principal, vdirsyncer

BASE = "/dav/alice/free/"


def fill(world: Any) -> None:
    world.alice.put(BASE + "one.ics", make_event("one", "SUMMARY:Hidden"))
    series = make_event(
        "series",
        "SUMMARY:Hidden",
        "RRULE:FREQ=DAILY;COUNT=5",
        start="20260312T090000Z",
        end="20260312T100000Z",
    )
    world.alice.put(BASE + "series.ics", series)
    world.alice.put(
        BASE + "task.ics", make_event("task").replace(b"VEVENT", b"VTODO").replace(b"DTEND", b"DUE")
    )


def test_caldav_lists_searches_and_follows_a_masked_calendar(sqlite_world: Any) -> None:
    fill(sqlite_world)
    calendars = {one.get_display_name(): one for one in principal(sqlite_world, "dave").calendars()}
    assert set(calendars) == {"Free", "Room"}
    free = calendars["Free"]
    assert free.get_supported_components() == ["VEVENT"]
    assert [str(one.icalendar_component["SUMMARY"]) for one in free.events()] == ["Busy", "Busy"]
    assert free.todos() == []
    start = datetime(2026, 3, 10, tzinfo=UTC)
    assert len(free.search(start=start, end=start + timedelta(days=5), event=True, expand=True)) == 4
    assert free.search(event=True, summary="Hidden") == []
    objects = free.objects_by_sync_token(load_objects=True)
    assert len(list(objects)) == 2
    sqlite_world.alice("DELETE", BASE + "one.ics")
    updated, deleted = objects.sync()
    assert (len(list(updated)), len(list(deleted))) == (0, 1)
    with pytest.raises(caldav.lib.error.AuthorizationError):
        free.save_event(make_event("mine").decode())


def test_vdirsyncer_copies_a_masked_calendar_once(sqlite_world: Any, tmp_path: Path) -> None:
    fill(sqlite_world)
    run = vdirsyncer(tmp_path, sqlite_world, login="dave")
    run("discover")
    run("sync")
    folder = tmp_path / "local" / "free"
    before = {path.name: path.read_bytes() for path in folder.glob("*.ics")}
    assert len(before) == 2
    assert not any(b"Hidden" in data for data in before.values())
    run("sync")
    assert {path.name: path.read_bytes() for path in folder.glob("*.ics")} == before
