"""What `make run` promises: two commands connect a simulated account to a demo resource."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import caldav

from tests.conftest import ROOT, Cli
from tests.contract.lab.graph_client import Microsoft
from tests.contract.lab.lab_client import LabClient, events, timed
from tests.servers import Server

PERSON = "anna@example.org"
_WAIT_S = 60


def _connect(cli: Cli, provider: str = "google") -> tuple[subprocess.Popen[str], str]:
    """Start the first command and return it with the address of the consent page."""
    command = [sys.executable, "-m", "gateway", "account", "connect", provider, "--person", "anna"]
    process = subprocess.Popen(
        [*command, "--accept-terms", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=cli.variables(),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{"):
            return process, str(json.loads(line)["open"])
    raise AssertionError("no consent page was announced")


async def _until(found: Any) -> Any:
    for _ in range(_WAIT_S * 5):
        if result := await found():
            return result
        await asyncio.sleep(0.2)
    raise AssertionError("it did not come")


async def test_two_commands_connect_a_simulated_google_account(cli: Cli) -> None:
    with Server(cli.variables(), "--demo") as server:
        lab_address = re.search(r"Google, simulated:\s+(http://\S+?)/lab/", server.output)
        assert lab_address is not None, server.output
        async with aiohttp.ClientSession() as session:
            lab = LabClient(lab_address[1], session)
            process, consent = await asyncio.to_thread(_connect, cli)
            back = await lab.approve(consent, account=PERSON)
            async with session.get(back) as answer:
                assert answer.status == 200
            out, err = await asyncio.to_thread(process.communicate, timeout=_WAIT_S)
            assert process.returncode == 0, err
            account = json.loads(out)
            await asyncio.to_thread(cli.json, "link", "add", "room-atlas", account["id"])

            # An object that arrives over CalDAV is on the provider's page.
            api = await lab.api(PERSON)
            target = await _until(lambda: _calendar(api))
            password = re.search(r"password (\S+)", server.output)
            assert password is not None
            day = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
            await asyncio.to_thread(_put, server.url, password[1], day)
            await _until(lambda: _titles(api, target, "Visit from the north"))

            # What is busy there blocks here, without anybody asking: a booking of that time is refused.
            await _until(lambda: _channels(lab))
            await api.insert(timed(day, "15:00", "20:00", summary="Taken elsewhere"), target)
            event = _ics(day, "160000", "170000", "clash")
            url = f"{server.url}/dav/anna/room-atlas/clash.ics"
            headers = {
                "Authorization": aiohttp.encode_basic_auth("anna", password[1]),
                "Content-Type": "text/calendar; charset=utf-8",
            }

            async def refused() -> bool:
                async with session.put(url, data=event, headers=headers) as answer:
                    if answer.status in {201, 204}:
                        await (await session.delete(url, headers=headers)).read()
                    return answer.status == 409

            await _until(refused)

            # The same laboratory is Microsoft too, and the resource can have both.
            other = Microsoft(lab.base, session)
            process, consent = await asyncio.to_thread(_connect, cli, "graph")
            async with session.get(await other.approve(consent, account=PERSON)) as answer:
                assert answer.status == 200
            out, err = await asyncio.to_thread(process.communicate, timeout=_WAIT_S)
            assert process.returncode == 0, err
            await asyncio.to_thread(cli.json, "link", "add", "room-atlas", json.loads(out)["id"])
            await _until(lambda: _in_outlook(other, "Visit from the north"))
            assert await lab.outbox() == []
            assert await lab.violations() == []


async def _calendar(api: Any) -> str | None:
    items, _token, _pages = await api.pages("users/me/calendarList")
    return next((item["id"] for item in items if "Atlas" in item["summary"]), None)


async def _channels(lab: LabClient) -> list[Any]:
    return list((await lab.control("GET", "google/channels"))["channels"])


async def _titles(api: Any, calendar: str, title: str) -> bool:
    items, _token, _pages = await api.pages(events(calendar))
    return any(item.get("summary") == title for item in items)


async def _in_outlook(lab: Microsoft, title: str) -> bool:
    dump = await lab.control("GET", "microsoft/dump")
    calendars = [each for each in dump["calendars"] if "Atlas" in each["name"]]
    return any(event["subject"] == title for each in calendars for event in each["events"])


def _ics(day: str, start: str, end: str, uid: str, title: str = "Meeting") -> str:
    day = day.replace("-", "")
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", f"UID:{uid}",
        "DTSTAMP:20260101T000000Z", f"DTSTART:{day}T{start}Z", f"DTEND:{day}T{end}Z", f"SUMMARY:{title}",
        "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(lines)


def _put(base: str, password: str, day: str) -> None:
    client = caldav.DAVClient(url=base, username="anna", password=password)
    calendar = client.calendar(url=f"{base}/dav/anna/room-atlas/")
    calendar.save_event(_ics(day, "180000", "190000", "visit", "Visit from the north"))
