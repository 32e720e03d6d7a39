"""The life of a link through the command line, against the laboratory: plan, settings, drift, undo, why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.lab.app import make_lab
from tests.conftest import Cli
from tests.contract.lab.lab_client import ADA, LabClient
from tests.e2e.cli_inside import connect, run
from tests.e2e.google_world import environ
from tests.e2e.test_google_sync import event
from tests.e2e.test_link_cli import live


@pytest.fixture
async def lab() -> AsyncIterator[LabClient]:
    async with make_lab() as laboratory, aiohttp.ClientSession() as session:
        client = LabClient(laboratory.lab.base_url, session)
        yield client
        assert await client.outbox() == []
        assert await client.violations() == []


async def put(cli: Cli, path: Path, *objects: bytes) -> None:
    """Import objects into the room."""
    inner = b"".join(one[one.index(b"BEGIN:VEVENT") : one.rindex(b"END:VCALENDAR")] for one in objects)
    head = objects[0][: objects[0].index(b"BEGIN:VEVENT")]
    await asyncio.to_thread(path.write_bytes, head + inner + b"END:VCALENDAR\r\n")
    await run(cli, "import", "room", str(path))


async def titles(lab: LabClient, calendar_id: str) -> list[str]:
    return sorted(one["summary"] for one in await live(lab, calendar_id))


async def world(cli: Cli, lab: LabClient) -> Any:
    """Return a link of a room to a calendar of Ada's own."""
    await run(cli, "resource", "add", "room", "--kind", "room", "--policy", "allow")
    await run(cli, "person", "add", "ada")
    await run(cli, "grant", "add", "manage", "--person", "ada", "--resource", "room")
    account = await connect(cli, lab)
    return await run(cli, "link", "add", "room", account["id"])


async def test_plan_apply_settings_drift_why_and_undo(tmp_path: Path, lab: LabClient) -> None:
    cli, file = Cli(tmp_path / "data", environ(lab.base)), tmp_path / "in.ics"
    link = await world(cli, lab)
    here = ("link", "sync", link["id"], "--here")
    await put(
        cli,
        file,
        event("a", "Visit"),
        event("b", "Secret").replace(b"END:VEVENT", b"CLASS:PRIVATE\r\nEND:VEVENT"),
    )
    plan = await run(cli, "link", "plan", link["id"])
    assert plan["summary"] == "adopt 0, create 2, update 0, delete 0"
    assert "Visit" in str(plan["items"])
    assert "Secret" not in str(plan["items"])
    assert "Busy" not in str(plan["items"])
    assert "Busy" in str((await run(cli, "link", "plan", link["id"], "--person", "ada"))["items"])
    assert await live(lab, link["calendar_id"]) == []
    applied = await run(cli, "link", "apply", (await run(cli, "link", "plan", link["id"]))["plan"])
    assert applied["state"] == "first-sync"
    await run(cli, *here)
    assert await titles(lab, link["calendar_id"]) == ["Busy", "Visit"]

    # settings: counted, then for the future only, then for every copy
    effect = await run(cli, "link", "set", link["id"], "title=R: {title}", "--preview")
    assert (effect["copies"], effect["change"]) == (2, 1)
    await run(cli, "link", "set", link["id"], "title=R: {title}")
    await run(cli, *here, "--full")
    assert await titles(lab, link["calendar_id"]) == ["Busy", "Visit"]
    await run(cli, "link", "set", link["id"], "title=R: {title}", "drift=propose", "--apply-to", "existing")
    await run(cli, *here)
    assert await titles(lab, link["calendar_id"]) == ["Busy", "R: Visit"]

    # undo of that run, and undo of the undo
    undone = await run(cli, "link", "undo", link["id"], "--preview")
    assert [one["action"] for one in undone["done"]] == ["update"]
    undone = await run(cli, "link", "undo", link["id"])
    assert await titles(lab, link["calendar_id"]) == ["Busy", "Visit"]
    await run(cli, *here, "--full")
    assert await titles(lab, link["calendar_id"]) == ["Busy", "Visit"]
    await run(cli, "link", "undo", link["id"], "--run", str(undone["undo_run"]))
    assert await titles(lab, link["calendar_id"]) == ["Busy", "R: Visit"]
    runs = await run(cli, "link", "runs", link["id"])
    assert [one["cause"] for one in runs[:2]] == [
        f"undo of run {undone['undo_run']}",
        f"undo of run {undone['run']}",
    ]

    # a proposal, shown and accepted by the owner
    (copy,) = [one for one in await live(lab, link["calendar_id"]) if one["summary"] == "R: Visit"]
    await lab.control(
        "PATCH",
        "google/events",
        calendar=link["calendar_id"],
        event_id=copy["id"],
        changes={"location": "Room 9"},
    )
    await run(cli, *here)
    (conflict,) = await run(cli, "conflicts", "list", "--person", "ada")
    assert conflict["reason"] == "proposed"
    shown = await run(cli, "conflicts", "show", str(conflict["id"]), "--person", "ada")
    assert shown["changes"] == [{"field": "location", "before": None, "after": "Room 9"}]
    why = await run(cli, "why", "room", "a")
    assert any("a proposal that waits" in sentence for sentence in why["links"][0]["sentences"])
    await run(cli, "conflicts", "accept", str(conflict["id"]), "--person", "ada")
    await run(cli, *here)
    assert await run(cli, "conflicts", "list") == []
    exported = await asyncio.to_thread(cli, "export", "room")
    assert "Room 9" in exported.stdout
    why = await run(cli, "why", "room", "a")
    assert why["links"][0]["is_there"] is True
    assert "Visit" not in str(why)
    assert ADA in why["links"][0]["name"]


async def test_pain_68_leaving_with_the_calendar_or_with_our_copies_only(
    tmp_path: Path, lab: LabClient
) -> None:
    cli, file = Cli(tmp_path / "data", environ(lab.base)), tmp_path / "in.ics"
    link = await world(cli, lab)
    here = ("link", "sync", link["id"], "--here")
    await put(cli, file, event("a", "Visit"), event("b", "Other"))
    await run(cli, *here)
    other = await lab.control(
        "POST",
        "google/events",
        account=ADA,
        calendar=link["calendar_id"],
        event={
            "summary": "Hers",
            "start": {"dateTime": "2026-12-01T15:00:00Z", "timeZone": "UTC"},
            "end": {"dateTime": "2026-12-01T16:00:00Z", "timeZone": "UTC"},
        },
    )
    refused = await run(cli, "link", "remove", link["id"], "--copies", "calendar", fails=True)
    assert "1 events of their own" in refused["error"]["message"]
    assert (await run(cli, "link", "show", link["id"]))["state"] == "active"
    removed = await run(cli, "link", "remove", link["id"], "--copies", "ours")
    assert (removed["copies_removed"], removed["foreign"], removed["proven"]) == (2, 1, True)
    assert await titles(lab, link["calendar_id"]) == ["Hers"]

    # Linked again the calendar is empty of ours; without the person's event it goes as a whole.
    await lab.control(
        "DELETE", "google/events", account=ADA, calendar=link["calendar_id"], event_id=other["id"]
    )
    again = await run(cli, "link", "add", "room", link["account"], "--calendar", link["calendar_id"])
    await run(cli, "link", "sync", again["id"], "--here")
    assert await titles(lab, link["calendar_id"]) == ["Other", "Visit"]
    gone = await run(cli, "link", "remove", again["id"], "--copies", "calendar")
    assert gone["calendar_gone"] is True
    dump = await lab.control("GET", "google/dump")
    assert [one["deleted"] for one in dump["calendars"] if one["id"] == link["calendar_id"]] == [True]
    assert await run(cli, "link", "list") == []


async def test_pain_1_a_new_database_adopts_after_a_plan_and_creates_nothing_twice(
    tmp_path: Path, lab: LabClient
) -> None:
    cli, file = Cli(tmp_path / "data", environ(lab.base)), tmp_path / "in.ics"
    link = await world(cli, lab)
    await put(cli, file, *(event(uid, "Visit") for uid in "abc"))
    await run(cli, "link", "sync", link["id"], "--here")
    before = {one["id"] for one in await live(lab, link["calendar_id"])}

    fresh = Cli(tmp_path / "fresh", environ(lab.base))
    (tmp_path / "fresh").mkdir(mode=0o700)
    instance = (tmp_path / "data" / "instance.id").read_bytes()
    (tmp_path / "fresh" / "instance.id").write_bytes(instance)
    other = await world_of_a_new_database(fresh, lab)
    await put(fresh, file, *(event(uid, "Visit") for uid in "abcd"))
    made = await run(fresh, "link", "add", "room", other["id"], "--calendar", link["calendar_id"])
    assert made["state"] == "restored"
    assert made["plan"]["summary"] == "adopt 3, create 1, update 0, delete 0"
    await run(fresh, "link", "sync", made["id"], "--here")
    assert {one["id"] for one in await live(lab, link["calendar_id"])} == before
    await run(fresh, "link", "apply", made["plan"]["plan"])
    await run(fresh, "link", "sync", made["id"], "--here")
    after = {one["id"] for one in await live(lab, link["calendar_id"])}
    assert before < after
    assert len(after) == 4

    plan = await run(fresh, "link", "reconnect", made["id"])
    assert plan["summary"] == "adopt 0, create 0, update 0, delete 0"
    assert (await run(fresh, "link", "show", made["id"]))["state"] == "restored"
    await run(fresh, "link", "reconnect", made["id"], "--apply")
    await run(fresh, "link", "sync", made["id"], "--here")
    assert (await run(fresh, "link", "show", made["id"]))["state"] == "active"
    assert {one["id"] for one in await live(lab, link["calendar_id"])} == after


async def world_of_a_new_database(cli: Cli, lab: LabClient) -> Any:
    """Return the account of a database that knows nothing of the one before."""
    await run(cli, "resource", "add", "room", "--kind", "room", "--policy", "allow")
    await run(cli, "person", "add", "ada")
    return await connect(cli, lab)
