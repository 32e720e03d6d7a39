"""A newcomer's five minutes, with the commands that the README prints."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import caldav
import icalendar
import pytest

from tests.conftest import ROOT, Cli
from tests.servers import Server

# Next week, whenever the tests run: a page shows the weeks around today.
_DAY = f"{datetime.now(UTC) + timedelta(days=7):%Y%m%d}"
OWN_FILE = f"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Somebody//Elsewhere//EN\r
METHOD:PUBLISH\r
BEGIN:VEVENT\r
UID:team-meeting@example.org\r
DTSTAMP:20260101T000000Z\r
DTSTART;TZID=W. Europe Standard Time:{_DAY}T100000\r
DTEND;TZID=W. Europe Standard Time:{_DAY}T110000\r
RRULE:FREQ=WEEKLY;COUNT=6\r
SUMMARY:Team meeting\r
DESCRIPTION:Bring the numbers.\r
END:VEVENT\r
END:VCALENDAR\r
""".encode()


def fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    """GET without following anything; header names in lower case."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()


def titles(ics: bytes) -> set[str]:
    return {str(event["SUMMARY"]) for event in icalendar.Calendar.from_ical(ics).walk("VEVENT")}


def readme_commands() -> list[list[str]]:
    """The commands of the README's section on one's own calendar, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Your own calendar", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^    (calgate .*)$", section, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "my-calendar.ics"
    path.write_bytes(OWN_FILE)
    return path


def test_the_readme_leads_from_nothing_to_a_calendar(cli: Cli, own_file: Path, tmp_path: Path) -> None:
    with Server(cli.variables(), anew=True) as server:
        results: dict[str, Any] = {}
        for command in readme_commands():
            command = [str(own_file) if word == "my-calendar.ics" else word for word in command]
            ended = cli(*command, "--json", anew=True, CALGATE_PUBLIC_URL=server.url)
            assert ended.code == 0, (command, ended.stderr)
            results[" ".join(command[:2])] = json.loads(ended.stdout)
        feed = results["feed create"]
        password = results["person app-password"]["password"]

        status, headers, body = fetch(feed["url"])
        assert status == 200
        assert headers["content-type"] == "text/calendar; charset=utf-8"
        assert titles(body) == {"Team meeting"}
        assert b"Bring the numbers" not in body, "a feed of titles shows no description"

        status, headers, page = fetch(feed["html"])
        assert status == 200
        assert headers["content-type"].startswith("text/html")
        assert b"Team meeting" in page

        client = caldav.DAVClient(url=server.url, username="maria", password=password)
        calendar = next(each for each in client.principal().calendars() if "meeting-room" in str(each.url))
        assert {str(event.icalendar_component["SUMMARY"]) for event in calendar.events()} == {"Team meeting"}

        _sync_with_vdirsyncer(server.url, password, tmp_path)
        copies = list((tmp_path / "local").glob("*/*.ics"))
        assert any(b"Team meeting" in copy.read_bytes() for copy in copies)
    assert "Team meeting" not in server.log
    assert password not in server.log


def _sync_with_vdirsyncer(url: str, password: str, folder: Path) -> None:
    config = folder / "vdirsyncer.conf"
    config.write_text(
        f"""
[general]
status_path = "{folder}/status/"
[pair rooms]
a = "local"
b = "calgate"
collections = ["from b"]
[storage local]
type = "filesystem"
path = "{folder}/local/"
fileext = ".ics"
[storage calgate]
type = "caldav"
url = "{url}/dav/"
username = "maria"
password = "{password}"
""",
        encoding="utf-8",
    )
    for step in (["discover", "rooms"], ["sync"]):
        ended = subprocess.run(
            [sys.executable, "-m", "vdirsyncer", "-c", str(config), *step],
            input=b"y\n" * 10,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr.decode()


class TestDemo:
    def test_the_demo_prints_ways_in_that_work_and_finds_its_data_again(self, cli: Cli) -> None:
        with Server(cli.variables(), "--demo") as server:
            first = self._ways_in(server)
            _status, _headers, body = fetch(first["feed"])
            assert len(titles(body)) >= 3
            self._works(first)
            assert server.stop() == 0
        with Server(cli.variables(), "--demo") as server:
            second = self._ways_in(server)
            assert second["password"] == first["password"]
            assert second["feed"].rsplit("/", 2)[1:] == first["feed"].rsplit("/", 2)[1:]
            self._works(second)

    def test_the_demo_leaves_an_instance_with_data_alone(self, cli: Cli) -> None:
        cli.json("resource", "add", "own", "--kind", "room")
        with Server(cli.variables(), "--demo") as server:
            assert "demo organisation" not in server.output
        assert [each["slug"] for each in cli.json("resource", "list")] == ["own"]

    def _ways_in(self, server: Server) -> dict[str, str]:
        found = re.search(
            r"Feed.*?:\s+(?P<feed>\S+\.ics).*?CalDAV:\s+(?P<dav>\S+)"
            r".*?login (?P<login>\S+)\s+password (?P<password>\S+)",
            server.output,
            re.DOTALL,
        )
        assert found is not None, server.output
        return found.groupdict()

    def _works(self, ways_in: dict[str, str]) -> None:
        status, _headers, _page = fetch(ways_in["feed"].removesuffix(".ics") + ".html")
        assert status == 200
        client = caldav.DAVClient(url=ways_in["dav"], username=ways_in["login"], password=ways_in["password"])
        assert client.calendar(url=ways_in["dav"]).events()
