"""Connecting a CalDAV account or a calendar file and linking a room to it, as an operator does it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.bench.stock import stock_radicale
from tests.conftest import Cli
from tests.contract.ics.ics_server import file_server
from tests.dav_world import make_event
from tests.e2e.cli_inside import run
from tests.servers import Server

CONNECT = ("account", "connect", "caldav", "--person", "ann", "--accept-terms", "--login", "ann")


@pytest.fixture
async def room(cli: Cli) -> Cli:
    cli.environment |= {"CALGATE_CALDAV_ALLOW_LOOPBACK": "1", "CALGATE_ICS_ALLOW_LOOPBACK": "1"}
    await run(cli, "person", "add", "ann")
    await run(cli, "resource", "add", "blue", "--kind", "room", "--zone", "Europe/Berlin")
    return cli


async def test_a_room_is_linked_to_a_stock_radicale_and_left_without_a_trace(
    room: Cli, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    room.environment["CALGATE_ACCOUNT_PASSWORD"] = "secret word"

    def shown(url: str) -> str:
        return requests.get(url, auth=("ann", "x"), timeout=10).text

    with stock_radicale(tmp_path / "there") as url, Server(room.variables()):
        made = await run(room, *CONNECT, "--url", url)
        assert "secret" not in str(made)
        start = datetime.now(UTC) + timedelta(days=3)
        event = make_event(
            "one", "SUMMARY:Review", start=f"{start:%Y%m%dT%H0000Z}", end=f"{start:%Y%m%dT%H3000Z}"
        )
        (tmp_path / "one.ics").write_bytes(event)
        await run(room, "import", "blue", str(tmp_path / "one.ics"))
        link = await run(room, "link", "add", "blue", made["id"])
        (calendar,) = await run(room, "account", "calendars", made["id"])
        assert calendar["id"] == link["calendar_id"]
        place, there = url + calendar["id"], ""
        deadline = time.monotonic() + 60
        while "SUMMARY:Review" not in there and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            there = await asyncio.to_thread(shown, place)
        assert "SUMMARY:Review" in there
        assert "UID:one" not in there
        await run(room, "account", "remove", made["id"], "--copies", "delete")
        assert "SUMMARY" not in await asyncio.to_thread(shown, place)


async def test_a_calendar_file_is_connected_and_can_only_be_read(room: Cli) -> None:
    async with file_server() as server:
        made = await run(
            room, "account", "connect", "ics", "--person", "ann", "--accept-terms", "--url", server.url
        )
        assert "secret-word" not in str(made)
        refused = await run(room, "link", "add", "blue", made["id"], "--calendar", "file", fails=True)
        assert "pull" in str(refused)
        link = await run(room, "link", "add", "blue", made["id"], "--calendar", "file", "--direction", "pull")
        assert (link["role"], link["calendar_id"]) == ("conflict", "file")


def test_a_password_is_never_an_argument_and_its_lack_is_told(room: Cli) -> None:
    ended = room(*CONNECT, "--url", "http://127.0.0.1:1")
    assert ended.code != 0
    assert "CALGATE_ACCOUNT_PASSWORD" in ended.stderr
    assert room(*CONNECT, "--password", "x").code == 2
