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

FREE_PAIR = 'collections = [["free", "free", "free"]]'


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


def vdirsyncer(
    tmp_path: Path,
    world: Any,
    pair: str = FREE_PAIR,
    *,
    login: str = "bob",
) -> Any:
    """Return what runs vdirsyncer both ways between a folder and a person's calendar."""
    config = tmp_path / "vdirsyncer.conf"
    config.write_text(
        f"""[general]
status_path = "{tmp_path}/status/"
[pair bob]
a = "local"
b = "remote"
{pair}
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


def test_vdirsyncer_makes_a_calendar_and_keeps_its_name_and_colour(sqlite_world: Any, tmp_path: Path) -> None:
    folder = tmp_path / "local" / "mine"
    folder.mkdir(parents=True)
    (folder / "one.ics").write_bytes(make_event("one"))
    (folder / "color").write_text("#00ff00", "utf-8")
    run = vdirsyncer(tmp_path, sqlite_world, 'collections = ["from a"]\nmetadata = ["displayname", "color"]')
    run("discover")
    run("sync")
    run("metasync")
    bob = sqlite_world.bob
    found = bob.propfind("/dav/bob/mine/", "D:displayname", "IC:calendar-color").found(".//D:prop/*")
    assert [node.text for node in found] == ["mine", "#00ff00"]
    assert (folder / "displayname").read_text("utf-8") == "mine"
    (folder / "displayname").write_text("Mine", "utf-8")
    run("metasync")
    assert bob.propfind("/dav/bob/mine/", "D:displayname").xml.findtext(".//{DAV:}displayname") == "Mine"
    assert [bob("GET", href).body for href in bob.sync("/dav/bob/mine/").hrefs] == [make_event("one")]


def test_caldav_asks_for_busy_time_components_and_many_objects_at_once(sqlite_world: Any) -> None:
    free = next(one for one in principal(sqlite_world).calendars() if one.get_display_name() == "Free")
    assert set(free.get_supported_components()) >= {"VEVENT", "VTODO", "VJOURNAL"}
    for number in range(3):
        free.save_event(make_event(f"u{number}", f"SUMMARY:{number}").decode())
    free.save_journal(summary="A note", dtstart=datetime(2026, 3, 10, tzinfo=UTC).date(), uid="note")
    assert len(free.journals()) == 1
    urls = [one.url for one in free.events()]
    assert {str(one.icalendar_component["SUMMARY"]) for one in free.multiget(urls)} == {"0", "1", "2"}
    start = datetime(2026, 3, 10, tzinfo=UTC)
    busy = free.freebusy_request(start, start + timedelta(days=1))
    assert "20260310T090000Z/20260310T100000Z" in busy.data
    task = free.save_todo(summary="Weekly", due=start, uid="task", rrule={"FREQ": "WEEKLY"})
    task.complete(handle_rrule=True)
    assert [str(one.icalendar_component["SUMMARY"]) for one in free.todos()] == ["Weekly"]
    assert len(free.todos(include_completed=True)) == 2
