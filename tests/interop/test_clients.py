"""Real client libraries and programs against the door."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import caldav
import pytest

from tests.dav_world import make_event


def principal(world: Any, login: str = "bob", path: str = "") -> Any:
    client = caldav.DAVClient(
        url=world.base + path, username=login, password=world.people[login].password, enable_rfc6764=False
    )
    return client.principal()


@pytest.mark.parametrize("path", ["", "/dav/", "/dav/bob/"])
def test_caldav_finds_lists_saves_searches_and_follows(sqlite_world: Any, path: str) -> None:
    calendars = {
        calendar.get_display_name(): calendar for calendar in principal(sqlite_world, path=path).calendars()
    }
    assert set(calendars) == {"Free", "Room"}
    free = calendars["Free"]
    start = datetime(2026, 3, 10, 9, tzinfo=UTC)
    free.save_event(dtstart=start, dtend=start + timedelta(hours=1), summary="Saved by caldav", uid="one")
    series = make_event("series", "RRULE:FREQ=DAILY;COUNT=5", "SUMMARY:Series")
    free.save_event(series.decode())
    free.save_todo(summary="A task", uid="task")

    def summaries(**search: Any) -> list[str]:
        return sorted(str(found.icalendar_component["SUMMARY"]) for found in free.search(**search))

    assert summaries(start=start, end=start + timedelta(days=1), event=True) == ["Saved by caldav", "Series"]
    assert summaries(start=start, end=start + timedelta(days=3), event=True, expand=True) == [
        "Saved by caldav", "Series", "Series", "Series",
    ]  # fmt: skip
    assert summaries(todo=True) == ["A task"]
    assert summaries(event=True, summary="Saved") == ["Saved by caldav"]
    found = free.event_by_uid("one")
    objects = free.objects_by_sync_token(load_objects=True)
    assert len(list(objects)) == 3
    found.icalendar_component["SUMMARY"] = "Changed"
    found.save()
    free.event_by_uid("series").delete()
    updated, deleted = objects.sync()
    assert [str(one.icalendar_component["SUMMARY"]) for one in updated] == ["Changed"]
    assert len(deleted) == 1
    assert summaries(event=True) == ["Changed"]


def test_caldav_makes_a_calendar_and_cannot_delete_it(sqlite_world: Any) -> None:
    made = principal(sqlite_world).make_calendar(name="Mine", cal_id="mine")
    assert made.get_display_name() == "Mine"
    with pytest.raises(caldav.lib.error.AuthorizationError):
        made.delete()
    made.save_event(make_event("one").decode())
    assert len(made.events()) == 1


def test_caldav_is_told_that_it_may_not_write(sqlite_world: Any) -> None:
    (free,) = [
        one for one in principal(sqlite_world, "carol").calendars() if one.get_display_name() == "Free"
    ]
    with pytest.raises(caldav.lib.error.AuthorizationError):
        free.save_event(make_event("one").decode())


def vdirsyncer(tmp_path: Path, world: Any, login: str = "bob") -> Any:
    """Return what runs vdirsyncer both ways between a folder and a person's calendar."""
    config = tmp_path / "vdirsyncer.conf"
    config.write_text(
        f"""[general]
status_path = "{tmp_path}/status/"
[pair bob]
a = "local"
b = "remote"
collections = [["free", "free", "free"]]
conflict_resolution = "b wins"
[storage local]
type = "filesystem"
path = "{tmp_path}/local/"
fileext = ".ics"
[storage remote]
type = "caldav"
url = "{world.base}/"
username = "{login}"
password = "{world.people[login].password}"
"""
    )

    def run(command: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "vdirsyncer", "-c", str(config), command],
            input="y\n" * 5,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return run


def test_vdirsyncer_keeps_a_folder_and_a_calendar_alike(sqlite_world: Any, tmp_path: Path) -> None:
    run = vdirsyncer(tmp_path, sqlite_world)
    bob, base = sqlite_world.bob, "/dav/bob/free/"
    bob.put(base + "server.ics", make_event("server", "SUMMARY:on the server"))
    run("discover")
    folder = tmp_path / "local" / "free"
    (folder / "folder.ics").write_bytes(make_event("folder", "SUMMARY:in the folder"))
    run("sync")
    assert {path.read_bytes() for path in folder.glob("*.ics")} == {
        make_event("server", "SUMMARY:on the server"), make_event("folder", "SUMMARY:in the folder"),
    }  # fmt: skip
    assert len(bob.sync(base).hrefs) == 2
    token = bob.sync(base).xml.findtext("{DAV:}sync-token")
    run("sync")
    assert bob.sync(base, token).hrefs == []  # nothing to do, nothing written
    (local,) = [path for path in folder.glob("*.ics") if b"UID:server" in path.read_bytes()]
    local.write_bytes(make_event("server", "SUMMARY:changed in the folder"))
    bob("DELETE", next(h for h in bob.sync(base).hrefs if b"UID:folder" in bob("GET", h).body))
    run("sync")
    assert [path.read_bytes() for path in folder.glob("*.ics")] == [
        make_event("server", "SUMMARY:changed in the folder")
    ]
    assert [bob("GET", href).body for href in bob.sync(base).hrefs] == [
        make_event("server", "SUMMARY:changed in the folder")
    ]
