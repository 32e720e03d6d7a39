"""Two commands connect a simulated Google account; what is PUT over CalDAV is on the provider's page."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.lab.app import make_lab
from tests.conftest import ROOT, Cli
from tests.contract.lab.lab_client import ADA, LabClient
from tests.e2e.google_world import environ
from tests.e2e.office import event
from tests.servers import Server


@pytest.fixture
async def lab() -> AsyncIterator[LabClient]:
    async with make_lab() as laboratory, aiohttp.ClientSession() as session:
        client = LabClient(laboratory.lab.base_url, session)
        yield client
        assert await client.outbox() == []
        assert await client.violations() == []


async def run(cli: Cli, *arguments: str) -> Any:
    """Run a command beside the laboratory of this process; return what it printed as JSON."""
    ran = await asyncio.to_thread(cli, *arguments, "--json")
    assert ran.code == 0, ran.stderr
    return ran.json


async def connect(cli: Cli, lab: LabClient, *more: str) -> Any:
    """Run `account connect`, open the page that it names as a person would, and wait for its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "account", "connect", "google", "--person", "ada",
        "--accept-terms", "--json", *more,
        cwd=ROOT, env=cli.variables(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), 30)
    back = await lab.approve(json.loads(line)["open"], account=ADA)
    async with lab.session.get(back) as answer:
        assert answer.status == 200
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def live(lab: LabClient, calendar_id: str) -> list[dict[str, Any]]:
    dump = await lab.control("GET", "google/dump")
    return [
        one
        for calendar in dump["calendars"]
        if calendar["id"] == calendar_id
        for one in calendar["events"]
        if one.get("status") != "cancelled"
    ]


async def test_two_commands_connect_and_a_put_arrives_within_a_second(tmp_path: Path, lab: LabClient) -> None:
    cli = Cli(tmp_path / "data", environ(lab.base))
    await run(cli, "resource", "add", "room", "--kind", "room")
    await run(cli, "person", "add", "ada")
    await run(cli, "grant", "add", "write", "--person", "ada", "--resource", "room")
    secret = (await run(cli, "person", "app-password", "ada"))["password"]
    server = await asyncio.to_thread(Server(cli.variables()).start)
    try:
        account = await connect(cli, lab)
        link = await run(cli, "link", "add", "room", account["id"], "--wait")
        assert link["state"] == "active"
        authorization = base64.b64encode(f"ada:{secret}".encode()).decode()
        async with lab.session.put(
            f"{server.url}/dav/ada/room/a.ics",
            data=event("a", "Visit"),
            headers={"Authorization": f"Basic {authorization}", "Content-Type": "text/calendar"},
        ) as answer:
            assert answer.status == 201, await answer.text()
        begun = time.monotonic()
        while not await live(lab, link["calendar_id"]) and time.monotonic() < begun + 60:
            await asyncio.sleep(0.02)
        (there,) = await live(lab, link["calendar_id"])
        assert there["summary"] == "Visit"
        print(f"arrived after {time.monotonic() - begun:.3f} s")
        lines = await run(cli, "link", "log", link["id"])
        assert [line["action"] for line in lines] == ["create"]
        page = re.search(r"https?://[^\s\"<]+/o/[^\s\"<]+", json.dumps(there))
        assert page is not None
        async with lab.session.get(page[0], headers={"Authorization": f"Basic {authorization}"}) as answer:
            assert "Visit" in await answer.text()
        async with lab.session.get(page[0]) as answer:
            assert answer.status == 401
        removed = await run(cli, "link", "remove", link["id"], "--copies", "delete")
        assert removed["copies_removed"] == 1
        assert await live(lab, link["calendar_id"]) == []
        gone = await run(cli, "account", "remove", account["id"])
        assert gone["revoked"] is True
    finally:
        await asyncio.to_thread(server.stop)
