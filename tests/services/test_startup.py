"""From settings to a ready database; the default zone in effect is the server's."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.domain.errors import StoreUnusable
from gateway.domain.model import ResourceKind, Window, from_epoch_s
from gateway.services import Database, imports, resources, startup
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.settings import Settings
from gateway.store import calendars, instance, occurrences
from gateway.store.sealed import new_key

FLOATING = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:f\r\nDTSTAMP:20260101T000000Z\r\n"
    b"DTSTART:20260302T100000\r\nDTEND:20260302T110000\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
def on_both(request: pytest.FixtureRequest, db_address: str, tmp_path: Path) -> Settings:
    """Settings of a migrated database, once per engine."""
    if db_address.startswith("sqlite"):
        return Settings(data=tmp_path / "data")
    return Settings(data=tmp_path / "data", database_url=db_address, secret_keys=new_key())


def served(settings: Settings, now: datetime) -> Database:
    db = startup.open_database(settings)
    startup.ready_database(db, settings, now=now)
    return db


def starts(db: Database, slug: str) -> list[datetime]:
    def read(tx: Any) -> list[datetime]:
        calendar = calendars.get(tx, resources.calendar_id(tx, slug))
        window = Window(
            start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=60)
        )
        return [from_epoch_s(span.start_ts) for span in occurrences.in_window(tx, calendar, window)]

    return db.read(read)


def add(db: Database, slug: str, now: datetime, limits: Limits, **fields: Any) -> None:
    db.write(resources.add, slug, kind=ResourceKind.ROOM, horizon=limits.horizon(now), now=now, **fields)
    calendar_id = db.read(resources.calendar_id, slug)
    report = imports.import_file(
        db, calendar_id, FLOATING, origin=Origin(label="test"), clock=lambda: now, limits=limits
    )
    assert report.added == 1


class TestDefaultZone:
    def test_a_new_default_moves_only_what_follows_it(
        self, on_both: Settings, now: datetime, limits: Limits
    ) -> None:
        db = served(on_both, now)
        add(db, "follows", now, limits)
        add(db, "has-its-own", now, limits, zone="Asia/Tokyo")
        assert starts(db, "follows")[0] == datetime(2026, 3, 2, 10, tzinfo=UTC)
        tokyo = starts(db, "has-its-own")
        db.close()

        db = served(on_both.model_copy(update={"zone": "America/New_York"}), now)
        assert starts(db, "follows") == [
            datetime(2026, 3, 2, 15, tzinfo=UTC),
            datetime(2026, 3, 9, 14, tzinfo=UTC),  # summer time has begun there
            datetime(2026, 3, 16, 14, tzinfo=UTC),
        ]
        assert starts(db, "has-its-own") == tokyo
        assert db.read(resources.get, "follows").zone == "America/New_York"
        db.close()

    def test_a_command_with_another_environment_moves_nothing(
        self, on_both: Settings, now: datetime, limits: Limits
    ) -> None:
        berlin = on_both.model_copy(update={"zone": "Europe/Berlin"})
        db = served(berlin, now)
        add(db, "follows", now, limits)
        db.close()

        db = startup.open_database(on_both)
        startup.ready_for_command(db, on_both, now=now)
        assert db.read(instance.default_zone) == "Europe/Berlin"
        assert db.read(resources.get, "follows").zone == "Europe/Berlin"
        add(db, "later", now, limits)
        assert starts(db, "later") == starts(db, "follows")
        db.close()

    def test_a_new_zone_of_a_resource_moves_its_floating_times(
        self, db: Database, now: datetime, limits: Limits
    ) -> None:
        add(db, "blue", now, limits)
        db.write(resources.set_, "blue", zone="Asia/Tokyo", limits=limits, now=now)
        assert starts(db, "blue")[0] == datetime(2026, 3, 2, 1, tzinfo=UTC)


class TestFirstStart:
    def test_sqlite_makes_a_private_directory_and_everything_in_it(
        self, settings: Settings, now: datetime
    ) -> None:
        db = served(settings, now)
        assert stat.S_IMODE(settings.data.stat().st_mode) == 0o700
        assert db.read(instance.epoch)
        assert settings.secret_key_path.exists()
        epoch = db.read(instance.epoch)
        db.close()
        db = served(settings, now)
        assert db.read(instance.epoch) == epoch
        db.close()

    def test_postgresql_is_never_migrated_on_the_way(
        self, empty_postgresql_address: str, tmp_path: Path, now: datetime
    ) -> None:
        settings = Settings(data=tmp_path, database_url=empty_postgresql_address, secret_keys=new_key())
        db = startup.open_database(settings)
        with pytest.raises(StoreUnusable, match="calgate migrate"):
            startup.ready_database(db, settings, now=now)
        result = startup.migrate(db, settings, now=now)
        assert (result.before, result.copy) == (None, None)
        startup.ready_database(db, settings, now=now)
        assert startup.migrate(db, settings, now=now).before == result.after
        db.close()

    def test_a_newer_database_is_refused(self, on_both: Settings, now: datetime) -> None:
        db = startup.open_database(on_both)
        with db.transaction(write=True) as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreUnusable, match="newer release"):
            startup.ready_database(db, on_both, now=now)
        db.close()

    def test_the_keys_of_another_database_are_refused(self, on_both: Settings, now: datetime) -> None:
        served(on_both, now).close()
        other = Settings(**{**on_both.model_dump(), "secret_keys": new_key()})
        db = startup.open_database(other)
        with pytest.raises(StoreUnusable, match="does not belong"):
            startup.ready_database(db, other, now=now)
        db.close()

    def test_a_data_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreUnusable, match="CALGATE_DATA"):
            startup.open_database(Settings(data=tmp_path / "file" / "data"))


def test_damaged_file_says_so_and_what_to_do(tmp_path: Path, now: datetime) -> None:
    """It was "something unforeseen (DatabaseError)": nobody thinks of the backup then."""
    settings = Settings(data=tmp_path / "data")
    served(settings, now).close()
    with settings.sqlite_path.open("r+b") as handle:
        handle.write(b"\x17" * 4096)
    db = startup.open_database(settings)
    try:
        with pytest.raises(StoreUnusable, match="damaged; move it away and restore a backup"):
            startup.ready_for_command(db, settings, now=now)
    finally:
        db.close()


class TestInstanceId:
    def test_another_id_is_refused_once_accounts_depend_on_it(self, db: Database, tmp_path: Path) -> None:
        from tests.services.sync_world import make

        make(db)
        first = Settings(data=tmp_path / "a", instance_id="ab" * 16)
        other = Settings(data=tmp_path / "b", instance_id="cd" * 16)
        assert startup.open_instance_id(db, first) == "ab" * 16
        assert startup.open_instance_id(db, first) == "ab" * 16
        with pytest.raises(StoreUnusable, match="adopt-instance"):
            startup.open_instance_id(db, other)
        assert startup.open_instance_id(db, other, adopts_new=True) == "cd" * 16

    def test_alone_and_without_accounts_a_lost_id_costs_nothing(
        self, sqlite_db: Database, tmp_path: Path
    ) -> None:
        for word in ("ab", "cd"):
            settings = Settings(data=tmp_path / word, instance_id=word * 16)
            assert startup.open_instance_id(sqlite_db, settings) == word * 16
