"""Wrong input to the commands about accounts, links and conflicts: a sentence that helps, and nothing was done."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Cli
from tests.contract.lab.lab_client import LabClient
from tests.e2e.cli_inside import connect, run
from tests.e2e.google_world import environ
from tests.e2e.test_link_cli import lab

__all__ = ["lab"]  # the fixture

HUGE = "9" * 30
WRONG_LINKS = (
    (("--set", "foo=1"), "There is no setting 'foo'"),
    (("--set", "title={foo}"), "foo"),
    (("--set", "past_days=-1"), "past_days lies between"),
    (("--direction", "pull", "--role", "target"), "A link of direction pull has the role conflict"),
    (("--direction", "both", "--role", "conflict"), "A link of direction pull has the role conflict"),
)
# What needs no account: the command and a part of what it says.
WRONG = (
    ("account connect gogle --person ada --accept-terms", "installed are"),
    ("account connect google --person eve --accept-terms", "calgate person list"),
    ("account connect google --person ada --accept-terms --use all", "--use takes"),
    ("account connect google --person ada --accept-terms --url http://x.example", "no --url"),
    ("account connect google --person ada --accept-terms --login ada", "no --login"),
    ("account calendars nobody", "calgate account list"),
    ("account remove nobody", "calgate account list"),
    ("account uninvite zzz", "calgate account invitations"),
    ("account invite ada --provider google --days 0", "1 to 60 days"),
    ("link add nowhere nobody", "calgate resource list"),
    ("link add room nobody", "calgate account list"),
    ("link show zzz", "calgate link list"),
    ("link apply zzz", "calgate link plan"),
    ("link defaults foo=1", "There is no setting 'foo'"),
    ("link defaults sends_guests=yes", "link by link"),
    ("conflicts show 4711", "calgate conflicts list"),
    (f"conflicts show {HUGE}", "cannot be that large"),
    (f"conflicts resolve {HUGE} ours", "cannot be that large"),
)


async def test_wrong_options_of_link_add_make_no_calendar_at_the_provider(
    tmp_path: Path, lab: LabClient
) -> None:
    cli = Cli(tmp_path / "data", environ(lab.base))
    await run(cli, "person", "add", "ada")
    await run(cli, "resource", "add", "room", "--kind", "room", "--name", "Room")
    account = await connect(cli, lab)
    before = await run(cli, "account", "calendars", account["id"])
    for wrong, told in WRONG_LINKS:
        answer = await run(cli, "link", "add", "room", account["id"], *wrong, fails=True)
        assert told in answer["error"]["message"], wrong
    assert await run(cli, "account", "calendars", account["id"]) == before
    assert await run(cli, "link", "list") == []
    link = await run(cli, "link", "add", "room", account["id"])
    for command in (["log", link["id"], "--limit", HUGE], ["undo", link["id"], "--run", HUGE]):
        answer = await run(cli, "link", *command, fails=True)
        assert "cannot be that large" in answer["error"]["message"]
    answer = await run(
        cli, "link", "add", "room", account["id"], "--calendar", link["calendar_id"], fails=True
    )
    assert f"change that link ({link['id'][:8]})" in answer["error"]["message"]


async def test_each_wrong_command_says_what_to_do(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data", environ("http://127.0.0.1:9"))
    await run(cli, "person", "add", "ada")
    await run(cli, "resource", "add", "room", "--kind", "room", "--name", "Room")
    for command, told in WRONG:
        answer = await run(cli, *command.split(), fails=True)
        assert told in answer["error"]["message"], command
