"""Connecting a CalDAV account and linking a room to it, as an operator does it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.bench.stock import stock_radicale
from tests.conftest import Cli
from tests.dav_world import make_event
from tests.servers import Server

CONNECT = ("account", "connect", "caldav", "--person", "ann", "--accept-terms", "--login", "ann")


@pytest.fixture
def room(cli: Cli) -> Cli:
    cli.environment["CALGATE_CALDAV_ALLOW_LOOPBACK"] = "1"
    cli.json("person", "add", "ann")
    cli.json("resource", "add", "blue", "--kind", "room", "--zone", "Europe/Berlin")
    return cli


def test_a_room_is_linked_to_a_stock_radicale_and_left_without_a_trace(room: Cli, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with stock_radicale(tmp_path / "there") as url, Server(room.variables()):
        room.environment["CALGATE_ACCOUNT_PASSWORD"] = "secret word"
        made = room.json(*CONNECT, "--url", url)
        assert "secret" not in str(made)
        start = datetime.now(UTC) + timedelta(days=3)
        event = make_event(
            "one", "SUMMARY:Review", start=f"{start:%Y%m%dT%H0000Z}", end=f"{start:%Y%m%dT%H3000Z}"
        )
        (tmp_path / "one.ics").write_bytes(event)
        room.json("import", "blue", tmp_path / "one.ics")
        link = room.json("link", "add", "blue", made["id"])
        (calendar,) = room.json("account", "calendars", made["id"])
        assert calendar["id"] == link["calendar_id"]
        deadline = time.monotonic() + 60
        there = ""
        while "SUMMARY:Review" not in there and time.monotonic() < deadline:
            there = requests.get(url + calendar["id"], auth=("ann", "x"), timeout=10).text
            time.sleep(0.1)
        assert "SUMMARY:Review" in there
        assert "UID:one" not in there
        room.json("account", "remove", made["id"], "--copies", "delete")
        assert "SUMMARY" not in requests.get(url + calendar["id"], auth=("ann", "x"), timeout=10).text


def test_a_password_is_never_an_argument_and_its_lack_is_told(room: Cli) -> None:
    ended = room(*CONNECT, "--url", "http://127.0.0.1:1")
    assert ended.code != 0
    assert "CALGATE_ACCOUNT_PASSWORD" in ended.stderr
    assert room(*CONNECT, "--password", "x").code == 2
