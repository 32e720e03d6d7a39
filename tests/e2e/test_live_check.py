"""The live check against both simulators: its recorded answers hold, and nothing is left behind, come what may.

`WRITE_ANSWERS=1` writes what the simulators answer now into the files that `calgate live-check` compares with.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import InvalidInput
from gateway.store.database import Database
from gateway.sync.live_answers import FOLDER, Difference, differences, known
from gateway.sync.live_check import PREFIX, LiveCheck
from tests.conftest import Cli
from tests.contract.lab.lab_client import ADA, LabClient
from tests.e2e.caldav_world import caldav_world
from tests.e2e.cli_inside import connect, run
from tests.e2e.google_world import GoogleWorld, environ, google_world
from tests.e2e.graph_world import graph_world
from tests.e2e.test_link_life import lab

__all__ = ["lab"]


@pytest.fixture
async def google(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    async with google_world(sqlite_db) as world:
        yield world


async def check(world: Any, provider: str, **more: Any) -> LiveCheck:
    account = await world.connect()
    return LiveCheck(
        provider=world.accounts.provider(provider),
        account=await world.accounts.open(account),
        now=datetime.now(UTC),
        pause_s=0.0,
        **more,
    )


async def calendars(world: GoogleWorld) -> list[str]:
    """Return the living calendars of checks at Google."""
    dump = await world.lab.control("GET", "google/dump")
    return [
        one["id"]
        for one in dump["calendars"]
        if not one["deleted"] and str(one["summary"]).startswith(PREFIX)
    ]


WORLDS: dict[str, Any] = {"google": google_world, "graph": graph_world, "caldav": caldav_world}


@pytest.mark.parametrize("provider", sorted(WORLDS))
async def test_the_simulators_answer_as_recorded(sqlite_db: Database, provider: str) -> None:
    async with AsyncExitStack() as stack:
        world: Any = await stack.enter_async_context(WORLDS[provider](sqlite_db))
        found = await check(world, provider)
        facts = await found.run()
        assert world.laboratory.lab.outbox.entries == []
        assert world.laboratory.lab.journal.violations == []
    if os.environ.get("WRITE_ANSWERS") == "1":
        FOLDER.mkdir(exist_ok=True)
        lines = ",\n".join(f"  {json.dumps(list(fact))}" for fact in facts)
        (FOLDER / f"{provider}.json").write_text(f"[\n{lines}\n]\n", "utf-8")
    expected = known(provider)
    assert expected is not None
    assert differences(expected, facts) == []
    assert found.left == []
    # Nothing in the record is an accident of the moment.
    assert ("series", "differs in", "nothing") in facts
    assert ("delete", "twice", "Removed") in facts


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("503_before", "calendar.events.insert"),
        ("504_after", "calendar.events.patch"),
        ("reset_before", "calendar.events.list"),
        ("500_before", "calendar.calendars.delete"),
    ],
)
async def test_whatever_fails_the_calendar_is_gone_afterwards(
    google: GoogleWorld, kind: str, operation: str
) -> None:
    found = await check(google, "google")
    await google.lab.fault(kind, operation=operation, times=2)
    await found.run()
    assert found.left == []
    assert await calendars(google) == []
    expected = known("google")
    assert expected is not None
    if operation != "calendar.calendars.delete":
        assert differences(expected, found.facts) != []


async def test_what_could_not_be_removed_is_named(google: GoogleWorld) -> None:
    found = await check(google, "google")
    await google.lab.fault("500_before", operation="calendar.calendars.delete", times=-1)
    await found.run()
    assert found.left == ["calendar"]


async def test_a_calendar_of_ones_own_must_be_empty_and_is_empty_again(google: GoogleWorld) -> None:
    team = str((await google.lab.control("POST", "google/calendars", account=ADA, summary="Team"))["id"])
    found = await check(google, "google", calendar_id=team)
    await found.run()
    assert await google.there(team) == {}
    assert found.left == []
    at = {"dateTime": "2027-01-01T10:00:00Z", "timeZone": "UTC"}
    await google.person_adds(team, summary="Hers", start=at, end=at | {"dateTime": "2027-01-01T11:00:00Z"})
    with pytest.raises(InvalidInput, match="empty"):
        await (await check(google, "google", calendar_id=team)).run()
    assert len(await google.there(team)) == 1


async def test_a_provider_that_behaves_otherwise_is_found_out(google: GoogleWorld) -> None:
    await google.lab.set(ignore_if_match=True)
    found = await check(google, "google")
    await found.run()
    expected = known("google")
    assert expected is not None
    assert Difference(
        step="stale", fact="an old version is", simulator="VersionConflict", here="taken"
    ) in differences(expected, found.facts)


async def test_the_command_compares_and_ends_with_an_error_where_something_differs(
    tmp_path: Path, lab: LabClient
) -> None:
    cli = Cli(tmp_path / "data", environ(lab.base))
    await run(cli, "person", "add", "ada")
    refused = await run(cli, "live-check", "google", fails=True)
    assert "Name one account" in refused["error"]["message"]
    await connect(cli, lab)
    shown = await run(cli, "live-check", "google")
    assert (shown["compared"], shown["differences"], shown["left_behind"]) == (True, [], [])
    await lab.set(ignore_if_match=True)
    shown = await run(cli, "live-check", "google", fails=True)
    assert [one["step"] for one in shown["differences"]][:1] == ["stale"]
