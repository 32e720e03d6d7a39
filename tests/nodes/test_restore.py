"""Back up, go on writing, restore: no client is left with a wrong state, on both databases.

What was written after the backup is lost at the server, as a restore says. A client must not believe that
it is still there, and must not miss what the restore brought back: its sync token is refused, it lists anew.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.dav_client import DavClient, Replica, TokenRefused
from tests.servers import Server
from tests.worlds import at, vevent


@dataclass
class Office:
    """A server's data with one person and one room."""

    cli: Cli
    password: str

    @contextmanager
    def online(self) -> Iterator[DavClient]:
        with (
            Server(self.cli.variables()) as server,
            DavClient(f"{server.url}/dav/ann/room/", "ann", self.password) as client,
        ):
            yield client


@pytest.fixture
def office(cli_on_both: Cli) -> Office:
    cli_on_both.json("person", "add", "ann")
    cli_on_both.json("resource", "add", "room", "--kind", "room")
    cli_on_both.json("grant", "add", "write", "--person", "ann", "--resource", "room")
    return Office(cli_on_both, cli_on_both.json("person", "app-password", "ann")["password"])


def put(client: DavClient, name: str, day: int, title: str = "Meeting") -> None:
    assert client.put(name, vevent(name, at(day, 10), title=title)).status in {201, 204}


def test_after_a_restore_every_client_lists_anew_and_ends_right(office: Office, tmp_path: Path) -> None:
    saved = tmp_path / "saved.zip"
    early, late, away = Replica(), Replica(), Replica()
    with office.online() as client:
        for number in range(5):
            put(client, f"o{number}", number)
        early.pull(client)
        away.pull(client)
        office.cli.json("backup", saved)
        # The same numbers of the log will be given out again after the restore, for other changes.
        put(client, "o0", 0, "changed after the backup")
        assert client.delete("o1").status in {200, 204}
        put(client, "lost", 30)
        late.pull(client)
        assert late.objects.keys() == {"o0", "o2", "o3", "o4", "lost"}
    restored = office.cli("restore", saved, "--force", "--json")
    assert restored.code == 0, restored.stderr
    with office.online() as client:
        for token in (early.token, late.token):
            with pytest.raises(TokenRefused):
                client.sync(token)
        # The clash of tokens that must not happen: as many changes as before, but different ones.
        put(client, "new-1", 40)
        put(client, "new-2", 41)
        put(client, "new-3", 42)
        for replica in (early, late, away):
            replica.pull(client)
            assert replica.restarts == 1
            assert replica.objects.keys() == {"o0", "o1", "o2", "o3", "o4", "new-1", "new-2", "new-3"}
            for name, data in replica.objects.items():
                assert client.get(name).body == data
            assert b"changed after" not in replica.objects["o0"]
        put(client, "o2", 2, "and on")
        early.pull(client)
        assert early.restarts == 1
        assert b"and on" in early.objects["o2"]


def test_a_damaged_file_is_refused_and_changes_nothing(office: Office, tmp_path: Path) -> None:
    saved, damaged = tmp_path / "saved.zip", tmp_path / "damaged.zip"
    replica = Replica()
    with office.online() as client:
        put(client, "a", 1)
        office.cli.json("backup", saved)
        put(client, "b", 2)
        replica.pull(client)
    whole = saved.read_bytes()
    with zipfile.ZipFile(saved) as archive:
        largest = max(archive.infolist(), key=lambda member: member.compress_size)
    inside = largest.header_offset + 30 + len(largest.filename) + largest.compress_size // 2
    flipped = whole[:inside] + bytes(255 - byte for byte in whole[inside : inside + 4]) + whole[inside + 4 :]
    for content in (b"", whole[: len(whole) // 2], flipped, b"BEGIN:VCALENDAR\r\n"):
        damaged.write_bytes(content)
        refused = office.cli("restore", damaged, "--force")
        assert refused.code == 1, refused.stdout
        assert refused.stderr.startswith("calgate: ")
        assert "Traceback" not in refused.stderr
    with office.online() as client:
        replica.pull(client)
        assert replica.restarts == 0, "a refused restore leaves tokens good"
        assert replica.objects.keys() == {"a", "b"}


def test_a_database_in_use_is_not_replaced_unasked(office: Office, tmp_path: Path) -> None:
    saved = tmp_path / "saved.zip"
    with office.online() as client:
        put(client, "a", 1)
        office.cli.json("backup", saved)
        put(client, "b", 2)
        refused = office.cli("restore", saved)
        assert refused.code == 1
        assert "--force" in refused.stderr
        assert client.get("b").status == 200
