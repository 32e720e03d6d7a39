"""The command as an operator meets it: a program with arguments, output and an exit code."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from gateway.store.sealed import Sealer
from tests.conftest import NOW, Cli
from tests.e2e.cli_inside import run

CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n"
    "BEGIN:VEVENT\r\nUID:good\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260302T100000Z\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:bad\r\nDTSTAMP:20260101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_an_operators_first_hour(cli_on_both: Cli, tmp_path: Path) -> None:
    """Everything by --json, each output one object or list, on a fresh data directory."""
    cli = cli_on_both
    person = cli.json("person", "add", "Ann@example.org", "--name", "Ann Á")
    assert (person["login"], person["name"]) == ("ann@example.org", "Ann Á")
    made = cli.json("person", "app-password", "ann@example.org", "--label", "phone")
    assert made["login"] == "ann@example.org"
    assert made["password"]
    assert cli.json("person", "password", "ann@example.org", "--stdin", stdin="correct horse\n")
    assert cli.json("person", "list")[0]["has_password"] is True

    room = cli.json("resource", "add", "blue", "--kind", "room", "--zone", "Europe/Berlin",
                    "--department", "floor", "--buffer-before", "10")  # fmt: skip
    assert (room["slug"], room["zone"], room["buffer_before_s"]) == ("blue", "Europe/Berlin", 600)
    assert cli.json("resource", "set", "blue", "--seats", "12")["seats"] == 12
    assert cli.json("resource", "show", "blue")["seats"] == 12
    assert [each["slug"] for each in cli.json("resource", "list", "--kind", "room")] == ["blue"]

    cli.json("group", "add", "team")
    assert cli.json("group", "member", "team", "--add", "ann@example.org")["members"] == ["ann@example.org"]
    granted = cli.json(
        "grant", "add", "write", "--group", "team", "--department", "floor", "--face", "caldav"
    )
    assert granted["level"] == "write"
    assert cli.json("grant", "list") == [granted]
    assert cli.json("grant", "remove", str(granted["id"]))["removed"] is True

    report = cli.json("import", "blue", "-", stdin=CALENDAR)
    assert (report["added"], len(report["refused"])) == (1, 1)
    assert "DTSTART" in report["refused"][0]["reason"]
    again = cli.json("import", "blue", "-", stdin=CALENDAR)
    assert (again["added"], again["unchanged"]) == (0, 1)
    exported = cli("export", "blue")
    assert "UID:good" in exported.stdout
    assert cli.json("export", "blue")["ical"].encode() == exported.stdout.encode()
    out = cli.json("export", "blue", "--output", tmp_path / "blue.ics")
    assert out["objects"] == 1

    backup = cli.json("backup", tmp_path / "all.calgate")
    assert backup["rows"] > 5
    assert cli.json("resource", "remove", "blue")["removed"] is True
    assert cli.json("resource", "list") == []
    assert cli.json("restore", tmp_path / "all.calgate", "--force")["rows"] == backup["rows"]
    assert [each["slug"] for each in cli.json("resource", "list")] == ["blue"]

    assert cli.json("person", "app-password", "ann@example.org", "--revoke", str(made["id"]))["revoked"]
    assert cli.json("person", "app-password", "ann@example.org", "--list")[0]["revoked"] is not None
    assert cli.json("person", "remove", "ann@example.org")["removed"] is True
    assert cli.json("group", "remove", "team")["removed"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["resource", "show", "nothing"], "not-found", "calgate resource list"),
        (["resource", "add", "Blue", "--kind", "room"], "invalid-name", "lower-case"),
        (["resource", "add", "b", "--kind", "room", "--zone", "Mars/X"], "invalid-input", "IANA"),
        (["person", "password", "nobody", "--stdin"], "not-found", "calgate person list"),
        (["import", "nothing", "/nonexistent/file"], "gateway-error", "cannot be read"),
        (["restore", "/nonexistent/file"], "invalid-input", "no file"),
        (["migrate", "--database-url", "mysql://x/y"], "store-unusable", "postgresql://"),
        (["migrate", "--database-url", "sqlite:////x/y"], "store-unusable", "CALGATE_DATA"),
        (["migrate", "--database-url", "nonsense"], "store-unusable", "postgresql://user:password@host"),
        (["migrate", "--database-url", "postgresql://h:port/x"], "store-unusable", "cannot be read"),
    ],
)
def test_refused_is_one_sentence_and_exit_code_1(
    cli: Cli, arguments: list[str], code: str, says: str
) -> None:
    ended = cli(*arguments)
    assert ended.code == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("calgate: ")
    assert says in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    as_json = cli(*arguments, "--json")
    assert as_json.code == 1
    assert as_json.json["error"]["code"] == code


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["resource", "add"],
        ["resource", "add", "x", "--kind", "boat"],
        ["resource", "list", "--what"],
        ["grant", "add", "all", "--person", "a", "--resource", "x"],
        ["grant", "add", "read", "--resource", "x"],
        ["grant", "add", "read", "--person", "a"],
    ],
)
def test_wrong_usage_is_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    ended = cli(*arguments)
    assert ended.code == 2
    assert "calgate" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_bad_setting_is_named_without_its_value(cli: Cli) -> None:
    ended = cli("resource", "list", CALGATE_PORT="99999")
    assert ended.code == 2
    assert "CALGATE_PORT" in ended.stderr
    ended = cli("resource", "list", CALGATE_DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/x")
    assert ended.code == 1
    assert "geheim" not in ended.stderr + ended.stdout


def test_a_bad_settings_file_is_named(cli: Cli, tmp_path: Path) -> None:
    """A file that is not there was passed over in silence, a broken one was "something unforeseen"."""
    file = tmp_path / "calgate.toml"
    for content, says in ((None, "there is no file"), ("port = ", "no TOML"), ("prot = 1", "setting 'prot'")):
        if content is not None:
            file.write_text(content)
        ended = cli("resource", "list", CALGATE_CONFIG=str(file))
        assert ended.code == 2
        assert says in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1


def test_data_can_be_given_as_an_option(cli: Cli, tmp_path: Path) -> None:
    cli.json("person", "add", "ann", "--data", tmp_path / "elsewhere")
    assert cli.json("person", "list") == []
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o700


def test_postgresql_without_tables_says_migrate(cli: Cli, empty_postgresql_address: str) -> None:
    ended = cli("person", "list", CALGATE_DATABASE_URL=empty_postgresql_address)
    assert ended.code == 1
    assert "calgate migrate" in ended.stderr
    assert cli("migrate", CALGATE_DATABASE_URL=empty_postgresql_address).code == 0
    assert cli("person", "list", CALGATE_DATABASE_URL=empty_postgresql_address).code == 0


def test_the_unforeseen_is_a_sentence_and_a_log_without_data(cli: Cli, tmp_path: Path) -> None:
    """A broken row makes the command fail where nothing is expected to."""
    from sqlalchemy import text

    from gateway.store.database import Database
    from gateway.store.sqlite import sqlite_url

    cli.json("resource", "add", "blue", "--kind", "room")
    db = Database(sqlite_url(cli.data / "calgate.sqlite3"))
    with db.transaction(write=True) as tx:
        tx.execute(text("UPDATE resource SET kind = 'canary-word'"))
    db.close()
    ended = cli("resource", "list")
    assert ended.code == 1
    assert "Traceback" not in ended.stderr
    assert "error.log" in ended.stderr
    log = cli.data / "error.log"
    assert "canary-word" not in log.read_text() + ended.stderr
    assert "ValueError" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "Traceback" in cli("resource", "list", CALGATE_DEBUG="1").stderr


def test_keys_travel_with_a_passphrase(cli: Cli, tmp_path: Path) -> None:
    cli.json("person", "add", "ann")
    secret = {"CALGATE_BACKUP_PASSPHRASE": "correct horse battery"}
    made = cli("backup", tmp_path / "a", "--with-keys", tmp_path / "keys", "--json", **secret)
    assert made.code == 0, made.stderr
    other = Cli(tmp_path / "other")
    ended = other("restore", tmp_path / "a", "--keys", tmp_path / "keys", "--json", **secret)
    assert ended.code == 0, ended.stderr
    assert [each["login"] for each in other.json("person", "list")] == ["ann"]
    assert (other.data / "secret.key").read_text() == (cli.data / "secret.key").read_text()
    wrong = Cli(tmp_path / "third")(
        "restore", tmp_path / "a", "--keys", tmp_path / "keys", CALGATE_BACKUP_PASSPHRASE="wrong one, surely"
    )
    assert wrong.code == 1
    assert "passphrase" in wrong.stderr


class TestDoctor:
    def test_settings_with_their_source_and_masked_secrets(self, cli: Cli, tmp_path: Path) -> None:
        config = tmp_path / "calgate.toml"
        config.write_text("audit_days = 30\n")
        ended = cli("doctor", "--json", CALGATE_CONFIG=str(config), CALGATE_SECRET_KEYS="hidden-key",
                    CALGATE_PORT="9999")  # fmt: skip
        rows = {row["name"]: row for row in ended.json["settings"]}
        assert (rows["CALGATE_PORT"]["value"], rows["CALGATE_PORT"]["source"]) == (9999, "environment")
        assert (rows["CALGATE_AUDIT_DAYS"]["value"], rows["CALGATE_AUDIT_DAYS"]["source"]) == (30, "file")
        assert rows["CALGATE_HOST"]["source"] == "default"
        assert rows["CALGATE_SECRET_KEYS"]["value"] == "********"
        assert "hidden-key" not in ended.stdout + ended.stderr

    def test_pain_51_says_what_clients_cannot_subscribe_to(self, cli: Cli) -> None:
        ended = cli("doctor", "--json", CALGATE_PUBLIC_URL="http://127.0.0.1:8080")
        found = [check for check in ended.json["checks"] if check["name"] == "address"]
        assert [check["state"] for check in found] == ["warning", "warning"]
        assert "no TLS" in found[0]["text"]
        assert "cannot reach it" in found[1]["text"]
        assert all(check["remedy"] for check in found)

    def test_a_directory_that_everybody_may_read_is_a_warning(self, cli: Cli) -> None:
        cli.json("person", "add", "ann")
        cli.data.chmod(0o755)
        (check,) = [each for each in cli("doctor", "--json").json["checks"] if each["name"] == "data"]
        assert check["state"] == "warning"
        assert "chmod" in check["remedy"]

    def test_wrong_keys_are_broken_and_exit_code_1(self, cli: Cli) -> None:
        from gateway.services import startup
        from gateway.settings import Settings
        from gateway.store.sealed import new_key

        settings = Settings(data=cli.data)
        db = startup.open_database(settings)
        startup.ready_database(db, settings, now=NOW)
        db.close()
        ended = cli("doctor", "--json", CALGATE_SECRET_KEYS=new_key())
        assert ended.code == 1
        (check,) = [each for each in ended.json["checks"] if each["name"] == "keys"]
        assert check["state"] == "broken"

    def test_an_unreachable_database_is_broken_and_the_rest_is_checked(self, cli: Cli) -> None:
        ended = cli("doctor", "--json", CALGATE_DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/x",
                    CALGATE_SECRET_KEYS="x")  # fmt: skip
        assert ended.code == 1
        states = {check["name"]: check["state"] for check in ended.json["checks"]}
        assert states["database"] == "broken"
        assert "zones" in states
        assert "geheim" not in ended.stdout

    def test_series_are_compared_with_a_second_opinion(self, cli: Cli) -> None:
        cli.json("resource", "add", "blue", "--kind", "room")
        series = CALENDAR.replace("DTSTART:20260302T100000Z", "DTSTART:20260302T100000Z\r\nRRULE:FREQ=DAILY")
        cli.json("import", "blue", "-", stdin=series)
        (check,) = [
            each for each in cli("doctor", "--deep", "--json").json["checks"] if each["name"] == "series"
        ]
        assert check["state"] == "ok"
        assert check["text"].startswith("1 series")

    def test_a_fresh_key_can_be_made(self, cli: Cli) -> None:
        key = cli.json("doctor", "--new-key")["key"]
        assert Sealer([key]).open("p", 1, Sealer([key]).seal("p", 1, "x")) == "x"
        assert cli.json("doctor", "--new-key")["key"] != key


def test_output_may_end_early(cli: Cli) -> None:
    """`calgate ... | head` is no error."""
    import subprocess
    import sys

    for number in range(3):
        cli.json("person", "add", f"p{number}")
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "person", "list", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli.variables(),
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()


def test_help_names_every_command(cli: Cli) -> None:
    ended = cli("--help")
    assert ended.code == 0
    for name in ("resource", "person", "group", "grant", "import", "export", "serve", "migrate", "backup",
                 "restore", "doctor"):  # fmt: skip
        assert name in ended.stdout
    assert json.loads(cli("resource", "list", "--json").stdout) == []


@pytest.mark.parametrize("command", [("account", "connect"), ("connection", "add")])
async def test_a_misspelt_provider_is_told_with_the_names_there_are_before_any_terms(
    cli: Cli, command: tuple[str, ...]
) -> None:
    more = ("--mailbox", "ada@example.org") if "add" in command else ()
    wrong = (await run(cli, *command, "gogle", "--person", "ada", *more, fails=True))["error"]["message"]
    assert "google (Google Calendar), graph (Microsoft 365), ics" in wrong
    assert "--accept-terms" not in wrong
    right = (await run(cli, *command, "google", "--person", "ada", *more, fails=True))["error"]["message"]
    assert "--accept-terms" in right
