"""The migrations end in exactly the schema of schema.py, on both databases."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import StoreBusy, StoreUnusable
from gateway.store import migrate
from gateway.store.database import Database
from gateway.store.migrate import SchemaState
from gateway.store.schema_sync import metadata
from gateway.store.sqlite import sqlite_url
from tests.conftest import NOW


def _as_text(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True)


def described(connection: Connection) -> dict[str, Any]:
    """Return everything the database says about its tables, in comparable form."""
    seen = inspect(connection)
    tables = {}
    for name in sorted(set(seen.get_table_names()) - {"alembic_version"}):
        tables[name] = {
            "columns": [
                {
                    key: str(column.get(key))
                    for key in ("name", "type", "nullable", "default", "autoincrement")
                }
                for column in seen.get_columns(name)
            ],
            "pk": seen.get_pk_constraint(name),
            "fks": sorted(map(_as_text, seen.get_foreign_keys(name))),
            "uniques": sorted(map(_as_text, seen.get_unique_constraints(name))),
            "indexes": sorted(map(_as_text, seen.get_indexes(name))),
            "checks": sorted(map(_as_text, seen.get_check_constraints(name))),
            "options": str(sorted(seen.get_table_options(name).items())),
        }
    return tables


class TestUpgradeHeadEqualsSchema:
    def test_on_sqlite(self, tmp_path: Path) -> None:
        migrated, declared = (Database(sqlite_url(tmp_path / name)) for name in ("a.db", "b.db"))
        migrate.upgrade(migrated, now=NOW)
        metadata.create_all(declared.engine)
        with migrated.engine.connect() as one, declared.engine.connect() as other:
            assert described(one) == described(other)

    def test_on_postgresql(self, empty_postgresql_address: str, postgresql_db: Database) -> None:
        declared = Database(empty_postgresql_address)
        metadata.create_all(declared.engine)
        with postgresql_db.engine.connect() as one, declared.engine.connect() as other:
            migrated, wanted = described(one), described(other)
        declared.close()
        # Only PostgreSQL has the belt under the conflict check, and only the migration knows it.
        migrated["busy_slot"]["checks"] = [
            line for line in migrated["busy_slot"]["checks"] if "ck_busy_slot_fits" not in line
        ]
        migrated["busy_slot"]["indexes"] = [
            line for line in migrated["busy_slot"]["indexes"] if "ex_busy_slot_overlap" not in line
        ]
        assert migrated == wanted


class TestState:
    def test_names_missing_ok_and_newer(self, tmp_path: Path) -> None:
        db = Database(sqlite_url(tmp_path / "a.db"))
        assert migrate.current_state(db) is SchemaState.MISSING
        migrate.upgrade(db, now=NOW)
        assert migrate.current_state(db) is SchemaState.OK
        with db.transaction(write=True) as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert migrate.current_state(db) is SchemaState.NEWER
        with pytest.raises(StoreUnusable, match="newer release"):
            migrate.upgrade(db, now=NOW)

    def test_an_old_sqlite_is_copied_before_it_is_migrated(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        db = Database(sqlite_url(tmp_path / "a.db"))
        migrate.upgrade(db, now=NOW)
        with db.transaction(write=True) as tx:
            tx.execute(text("INSERT INTO instance VALUES ('kept', 'yes')"))
        known = migrate.revisions()
        monkeypatch.setattr(migrate, "revisions", lambda: [*known, "9998"])
        monkeypatch.setattr(migrate, "_run", lambda _connection: None)
        copy = migrate.upgrade(db, now=NOW)
        assert copy is not None
        assert copy.stat().st_mode & 0o077 == 0
        with Database(sqlite_url(copy)).transaction(write=False) as tx:
            assert tx.execute(text("SELECT value FROM instance WHERE key = 'kept'")).scalar() == "yes"


class TestTwoStartsAtOnce:
    def run_together(self, address: str) -> list[BaseException]:
        errors: list[BaseException] = []

        def start() -> None:
            db = Database(address)
            try:
                migrate.upgrade(db, now=NOW)
                assert migrate.current_state(db) is SchemaState.OK
            except BaseException as error:  # noqa: BLE001 - handed to the main thread
                errors.append(error)
            finally:
                db.close()

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def test_sqlite_is_migrated_once(self, tmp_path: Path) -> None:
        assert self.run_together(sqlite_url(tmp_path / "a.db")) == []

    def test_postgresql_is_migrated_once(self, empty_postgresql_address: str) -> None:
        assert self.run_together(empty_postgresql_address) == []


def test_a_locked_table_ends_the_migration_without_waiting_long(
    postgresql_address: str, postgresql_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alters(connection: Connection) -> None:
        connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
        connection.execute(text("ALTER TABLE feed ADD COLUMN later integer"))

    monkeypatch.setattr(migrate, "_run", alters)
    with psycopg.connect(postgresql_address) as other:
        other.execute("SELECT * FROM feed")
        with pytest.raises(StoreBusy, match="repeat"):
            migrate.upgrade(postgresql_db, now=NOW)


class TestExclusion:
    """PostgreSQL's belt: two slots of one calendar cannot overlap."""

    @pytest.fixture
    def slot(self, postgresql_db: Database) -> Callable[[int, int, int, int], None]:
        def insert(calendar_id: int, object_id: int, start: int, end: int) -> None:
            with postgresql_db.transaction(write=True) as tx:
                tx.execute(text("SET LOCAL session_replication_role = replica"))  # no parents needed
                tx.execute(
                    text("INSERT INTO busy_slot VALUES (:c, :o, :s, :e)"),
                    {"c": calendar_id, "o": object_id, "s": start, "e": end},
                )

        return insert

    def test_overlap_is_refused_and_touching_is_not(self, slot: Callable[..., None]) -> None:
        slot(7, 1, 100, 200)
        slot(7, 2, 200, 300)
        slot(7, 3, 0, 100)
        with pytest.raises(DBAPIError, match="ex_busy_slot_overlap"):
            slot(7, 4, 199, 201)

    def test_neighbouring_calendars_never_meet(self, slot: Callable[..., None]) -> None:
        earliest, latest = -62135596800, 253402300800  # year 1 to the end of year 9999
        for number in (1, 2, 3, 16777215):
            slot(number, number, earliest, latest)
        with pytest.raises(DBAPIError, match="ex_busy_slot_overlap"):
            slot(2, 9, 0, 1)

    def test_what_does_not_fit_is_refused(self, slot: Callable[..., None]) -> None:
        with pytest.raises(DBAPIError, match="ck_busy_slot_fits"):
            slot(1, 1, 0, 2**39)
