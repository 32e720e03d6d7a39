"""Backup and restore: from either database into either, whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import column, func, select, table

from gateway.domain.errors import AlreadyExists, InvalidInput, InvalidSyncToken, PreconditionFailed, StoreFull
from gateway.domain.model import ResourceKind
from gateway.services import (
    Database,
    Transaction,
    backup,
    changes,
    exports,
    imports,
    principals,
    resources,
    startup,
)
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.settings import Settings
from gateway.store import audit, calendars, dump, instance, links, sealed
from gateway.store.schema import metadata
from tests.services.sync_world import make as make_link

CALENDAR = b"".join(
    line + b"\r\n"
    for line in (
        b"BEGIN:VCALENDAR", b"VERSION:2.0", b"PRODID:test",
        b"BEGIN:VEVENT", b"UID:one", b"DTSTAMP:20260101T000000Z", b"DTSTART:20260302T100000Z",
        b"DTEND:20260302T110000Z", b"RRULE:FREQ=WEEKLY", b"SUMMARY:Caf\xc3\xa9 \xf0\x9f\x8e\x89",
        b"END:VEVENT",
        b"BEGIN:VEVENT", b"UID:two", b"DTSTAMP:20260101T000000Z", b"DTSTART;VALUE=DATE:20260304",
        b"SUMMARY:Day", b"END:VEVENT",
        b"END:VCALENDAR",
    )
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def target_db(request: pytest.FixtureRequest, tmp_path: Path, now: datetime) -> Any:
    """A second, empty database: the file made on one must be restored on the other, too."""
    if request.param == "sqlite":
        from gateway.store.sqlite import sqlite_url

        (tmp_path / "target").mkdir()
        address = sqlite_url(tmp_path / "target" / "calgate.sqlite3")
    else:
        address = request.getfixturevalue("empty_postgresql_address")
    database = Database(address)
    startup.migrate(database, Settings(data=tmp_path), now=now)
    yield database
    database.close()


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_keys": _Secret(sealed.new_key())})


class _Secret:
    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value


def fill(db: Database, settings: Settings, now: datetime, limits: Limits) -> None:
    startup.open_sealer(db, settings)
    db.write(principals.add, "ann", now=now)
    db.write(principals.new_app_password, "ann", "phone", now)
    db.write(resources.add, "blue", kind=ResourceKind.ROOM, horizon=limits.horizon(now), now=now)
    load(db, CALENDAR, now, limits)


def load(db: Database, data: bytes, now: datetime, limits: Limits) -> None:
    calendar_id = db.read(resources.calendar_id, "blue")
    report = imports.import_file(
        db, calendar_id, data, origin=Origin(label="test"), clock=lambda: now, limits=limits
    )
    assert report.refused == []


def content(db: Database) -> dict[str, list[bytes]]:
    def read(tx: Transaction) -> dict[str, list[bytes]]:
        return {
            name: list(dump.lines(tx, name)) for name in dump.tables() if name not in {"instance", "audit"}
        }

    return db.read(read)


def restore(db: Database, settings: Settings, source: Path, now: datetime, **options: Any) -> Any:
    given = {"force": False, "recovered": None, "drops_sealed": False, "actor": "test", **options}
    return backup.restore(db, settings, source, now=now, **given)


def test_everything_comes_back_on_either_database(
    db: Database, target_db: Database, keyed: Settings, tmp_path: Path, now: datetime, limits: Limits
) -> None:
    fill(db, keyed, now, limits)
    file = tmp_path / "a.calgate"
    made = backup.backup(db, file, now=now)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = restore(target_db, keyed, file, now)
    assert done.rows == made.rows
    assert done.made_at_utc == now
    assert content(target_db) == content(db)
    calendar_id = target_db.read(resources.calendar_id, "blue")
    assert target_db.read(exports.export, calendar_id) == db.read(
        exports.export, db.read(resources.calendar_id, "blue")
    )
    # Numbering goes on behind what was restored.
    target_db.write(principals.add, "bob", now=now)
    target_db.write(resources.add, "red", kind=ResourceKind.ROOM, horizon=limits.horizon(now), now=now)
    assert target_db.read(audit.newest)[-1].action in {"instance.restore", "person.add"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_sync_tokens_of_before_are_refused(
    db: Database, keyed: Settings, tmp_path: Path, now: datetime, limits: Limits
) -> None:
    fill(db, keyed, now, limits)
    calendar_id = db.read(resources.calendar_id, "blue")
    backup.backup(db, tmp_path / "a.calgate", now=now)
    load(db, CALENDAR.replace(b"UID:one", b"UID:three"), now, limits)
    held = changes.token(db.read(calendars.get, calendar_id))
    restore(db, keyed, tmp_path / "a.calgate", now, force=True)
    with pytest.raises(InvalidSyncToken):
        db.read(lambda tx: changes.since(tx, calendars.get(tx, calendar_id), held))


def test_a_database_in_use_is_kept_without_force(
    db: Database, keyed: Settings, tmp_path: Path, now: datetime, limits: Limits
) -> None:
    fill(db, keyed, now, limits)
    backup.backup(db, tmp_path / "a.calgate", now=now)
    epoch = db.read(instance.epoch)
    with pytest.raises(PreconditionFailed, match="--force"):
        restore(db, keyed, tmp_path / "a.calgate", now)
    assert db.read(instance.epoch) == epoch


class TestDamage:
    @pytest.fixture
    def file(self, db: Database, keyed: Settings, tmp_path: Path, now: datetime, limits: Limits) -> Path:
        fill(db, keyed, now, limits)
        backup.backup(db, tmp_path / "a.calgate", now=now)
        return tmp_path / "a.calgate"

    def refused(self, db: Database, settings: Settings, file: Path, now: datetime, match: str) -> None:
        before, epoch = content(db), db.read(instance.epoch)
        with pytest.raises(InvalidInput, match=match):
            restore(db, settings, file, now, force=True)
        assert content(db) == before
        assert db.read(instance.epoch) == epoch

    def test_no_backup_at_all(self, db: Database, keyed: Settings, tmp_path: Path, now: datetime) -> None:
        (tmp_path / "x").write_bytes(b"hello")
        self.refused(db, keyed, tmp_path / "x", now, "damaged or no backup")
        self.refused(db, keyed, tmp_path / "none", now, "There is no file")

    def test_cut_short(self, db: Database, keyed: Settings, file: Path, now: datetime) -> None:
        file.write_bytes(file.read_bytes()[:-200])
        self.refused(db, keyed, file, now, "damaged")

    def test_no_flipped_byte_gets_in(self, file: Path) -> None:
        whole = file.read_bytes()
        caught = 0
        for position in range(0, len(whole), max(1, len(whole) // 300)):
            data = bytearray(whole)
            data[position] ^= 0xFF
            file.write_bytes(data)
            try:
                with backup._opened(file) as archive:
                    manifest = backup._checked(archive)
            except InvalidInput:
                caught += 1
            else:
                # Times and flags of the zip itself may be damaged without harm; the content may not.
                assert set(manifest["tables"]) == set(dump.tables())
        assert caught > 200

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"schema": "9999"}, "newer release"),
            ({"format": 99}, "newer release"),
            ({"tables": {"rocket": {}}}, "newer release"),
            ({"tables": None}, "damaged"),
            ({"made_at_utc": "yesterday"}, "damaged"),
        ],
    )
    def test_a_manifest_that_does_not_fit(
        self, db: Database, keyed: Settings, file: Path, now: datetime, change: dict[str, Any], match: str
    ) -> None:
        rewritten = rewrite(file, lambda manifest: {**manifest, **change})
        self.refused(db, keyed, rewritten, now, match)

    def test_a_file_of_an_older_release_has_fewer_columns(
        self, db: Database, keyed: Settings, file: Path, now: datetime
    ) -> None:
        """The column is nullable, as every column of a later release must be."""

        def without_email(manifest: dict[str, Any]) -> dict[str, Any]:
            return manifest

        rewritten = rewrite(file, without_email, drop=("principal", "email"))
        restore(db, keyed, rewritten, now, force=True)
        assert db.read(principals.get, "ann").email is None


def rewrite(file: Path, change: Any, *, drop: tuple[str, str] | None = None) -> Path:
    """Write the backup again with another manifest, with valid checksums throughout."""
    import hashlib

    target = file.with_name("rewritten.calgate")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        for name, member in manifest["tables"].items():
            data = old.read(f"{name}.jsonl")
            if drop and name == drop[0]:
                at = member["columns"].index(drop[1])
                member["columns"].pop(at)
                rows = [json.loads(line) for line in data.splitlines()]
                for row in rows:
                    row.pop(at)
                data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
                member["sha256"] = hashlib.sha256(data).hexdigest()
            new.writestr(f"{name}.jsonl", data)
        new.writestr("manifest.json", json.dumps(change(manifest)))
    return target


class TestFiles:
    def test_an_older_backup_is_replaced_and_anything_else_is_kept(
        self, sqlite_db: Database, tmp_path: Path, now: datetime
    ) -> None:
        file = tmp_path / "mon.calgate"
        backup.backup(sqlite_db, file, now=now)
        first = file.read_bytes()
        backup.backup(sqlite_db, file, now=now + timedelta(days=7))
        assert file.read_bytes() != first
        precious = tmp_path / "thesis.txt"
        precious.write_text("x")
        with pytest.raises(AlreadyExists):
            backup.backup(sqlite_db, precious, now=now)
        assert precious.read_text() == "x"

    def test_a_full_disk_leaves_nothing_behind(
        self, sqlite_db: Database, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        out = tmp_path / "out"
        out.mkdir()
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreFull):
            backup.backup(sqlite_db, out / "a.calgate", now=now)
        assert list(out.iterdir()) == []

    def test_it_is_one_snapshot(
        self, db: Database, keyed: Settings, tmp_path: Path, now: datetime, limits: Limits,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """A person added while it runs is in no table of the file."""
        fill(db, keyed, now, limits)
        whole = content(db)
        lines = dump.lines

        def and_somebody_comes(tx: Transaction, name: str) -> Any:
            if name == "principal":
                db.write(principals.add, "late", now=now)
            return lines(tx, name)

        # The snapshot begins with the first row read, so something is read before.
        monkeypatch.setattr(dump, "tables", lambda: sorted(whole, key=lambda name: name == "principal"))
        monkeypatch.setattr(dump, "lines", and_somebody_comes)
        backup.backup(db, tmp_path / "a.calgate", now=now)
        with zipfile.ZipFile(tmp_path / "a.calgate") as archive:
            assert archive.read("principal.jsonl") == b"".join(whole["principal"])


class TestKeys:
    PASSPHRASE = "correct horse battery"

    def test_they_come_back_with_the_passphrase_only(
        self, sqlite_db: Database, settings: Settings, tmp_path: Path, now: datetime, limits: Limits
    ) -> None:
        fill(sqlite_db, settings, now, limits)
        identity = sealed.ensure_instance_id(settings)
        key = settings.secret_key_path.read_text()
        backup.backup(sqlite_db, tmp_path / "a.calgate", now=now)
        backup.write_keys(settings, tmp_path / "keys", self.PASSPHRASE)
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600
        assert key.strip() not in (tmp_path / "keys").read_text()
        with pytest.raises(InvalidInput, match="passphrase is wrong"):
            backup.read_keys(tmp_path / "keys", "something else")

        other = Settings(data=tmp_path / "other")
        db = startup.open_database(other)
        startup.ready_for_command(db, other, now=now)
        recovered = backup.read_keys(tmp_path / "keys", self.PASSPHRASE)
        restore(db, other, tmp_path / "a.calgate", now, recovered=recovered)
        assert other.secret_key_path.read_text() == key
        assert other.instance_id_path.read_text().strip() == identity
        startup.open_sealer(db, other)
        db.close()

    def test_without_the_right_keys_nothing_is_restored_unless_that_is_accepted(
        self, sqlite_db: Database, settings: Settings, tmp_path: Path, now: datetime, limits: Limits
    ) -> None:
        fill(sqlite_db, settings, now, limits)
        backup.backup(sqlite_db, tmp_path / "a.calgate", now=now)
        other = Settings(data=tmp_path / "other")
        db = startup.open_database(other)
        startup.ready_for_command(db, other, now=now)
        with pytest.raises(PreconditionFailed, match="--without-keys"):
            restore(db, other, tmp_path / "a.calgate", now)
        assert db.read(principals.list_) == []
        restore(db, other, tmp_path / "a.calgate", now, drops_sealed=True)
        startup.open_sealer(db, other)
        db.close()

    def test_a_failed_restore_puts_the_keys_of_before_back(
        self, sqlite_db: Database, settings: Settings, tmp_path: Path, now: datetime, limits: Limits
    ) -> None:
        fill(sqlite_db, settings, now, limits)
        before = settings.secret_key_path.read_text()
        foreign = backup.Keys(secret_keys=(sealed.new_key(),), instance_id="ff" * 16)
        backup.backup(sqlite_db, tmp_path / "a.calgate", now=now)
        with pytest.raises(PreconditionFailed):
            restore(sqlite_db, settings, tmp_path / "a.calgate", now, force=True, recovered=foreign)
        assert settings.secret_key_path.read_text() == before
        assert not settings.instance_id_path.exists()

    def test_a_short_passphrase_is_refused(self, settings: Settings, tmp_path: Path) -> None:
        settings.data.mkdir()
        with pytest.raises(InvalidInput, match="at least 12"):
            backup.write_keys(settings, tmp_path / "keys", "short")


def test_links_are_paused_and_forget_their_cursors(db: Database) -> None:
    world = make_link(db)
    with db.transaction(write=True) as tx:
        links.change(tx, world.link_id, {"cursor": "abc", "state": "active"})
        dump.pause_links(tx)
        link = links.get(tx, world.link_id)
    assert link is not None
    assert (link.state.value, link.cursor, link.is_full) == ("restored", None, True)
    world.put("a")
    world.run()
    assert world.server.calls == 0


def test_every_table_is_in_the_backup_or_named_as_an_exception(db: Database) -> None:
    assert set(metadata.tables) - set(dump.tables()) == {"lease", "oauth_state", "token_bucket", "watch"}
    count = select(func.count(column("key"))).select_from(table("instance"))
    assert db.read(lambda tx: tx.execute(count).scalar_one()) >= 2
