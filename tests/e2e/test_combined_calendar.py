"""Two resources share one calendar of a simulated Google account; defaults reach both."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Cli
from tests.contract.lab.lab_client import LabClient
from tests.e2e.cli_inside import connect, run
from tests.e2e.google_world import environ
from tests.e2e.office import event
from tests.e2e.test_link_cli import lab, live

__all__ = ["lab"]  # the fixture


async def test_resources_share_one_calendar_and_inherit_settings(tmp_path: Path, lab: LabClient) -> None:
    cli = Cli(tmp_path / "data", environ(lab.base))
    await run(cli, "person", "add", "ada")
    for name in ("room", "annex"):
        await run(cli, "resource", "add", name, "--kind", "room", "--name", name.title())
    account = await connect(cli, lab)
    await run(cli, "link", "defaults", "back_link=no")
    made = [await run(cli, "link", "add", name, account["id"], "--combined") for name in ("room", "annex")]
    assert made[0]["calendar_id"] == made[1]["calendar_id"]
    for name in ("room", "annex"):
        path = tmp_path / f"{name}.ics"
        path.write_bytes(event("same", "Visit"))
        await run(cli, "import", name, str(path))
    for one in made:
        await run(cli, "link", "sync", one["id"], "--here", "--full")
    there = await live(lab, made[0]["calendar_id"])
    assert sorted(one["summary"] for one in there) == ["Visit (Annex)", "Visit (Room)"]
    assert not any("source" in one or "/o/" in one.get("description", "") for one in there)
    touched = await run(cli, "link", "defaults", "--resource", "annex", "title={title}", "--preview")
    assert set(touched.values()) == {0}  # both have the title of shared calendars as their own
    await run(cli, "link", "set", made[1]["id"], "--unset", "title", "--existing")
    await run(cli, "link", "sync", made[1]["id"], "--here")
    touched = await run(cli, "link", "defaults", "title=R: {title}", "--preview")
    assert touched == {"links": 1, "copies": 1, "change": 1, "create": 0, "remove": 0, "refused": 0}
    touched = await run(cli, "link", "defaults", "kinds=block", "--resource", "annex", "--preview")
    assert touched == {"links": 1, "copies": 1, "change": 0, "create": 0, "remove": 1, "refused": 0}
    there = await live(lab, made[0]["calendar_id"])
    assert sorted(one["summary"] for one in there) == ["Visit", "Visit (Room)"]
    assert await run(cli, "conflicts", "list") == []
