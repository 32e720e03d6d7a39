"""Bring a database to the schema of this release, once, whoever starts first.

SQLite: behind a lock file beside the database, with a copy made by ``VACUUM INTO`` where there is data.
PostgreSQL: behind an advisory lock, giving up where a table stays locked for four seconds, so that a
migration never stops a running release.
"""

from __future__ import annotations

import enum
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import StoreBusy, StoreFull, StoreUnusable
from gateway.store.database import Database, Transaction
from gateway.store.failures import translate
from gateway.store.sqlite import begin_sqlite, sqlite_driver

_MIGRATIONS = Path(__file__).with_name("migrations")
_ADVISORY_KEY = 0x63616C67617465  # "calgate"
_VERSION_TABLE = "alembic_version"


class SchemaState(enum.StrEnum):
    """How the database compares with this release."""

    OK = "ok"
    MISSING = "missing"
    OLD = "old"
    NEWER = "newer"


def revisions() -> list[str]:
    """Return the numbers of all migrations, oldest first."""
    return sorted(path.name[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def head() -> str:
    """Return the number of the newest migration of this release."""
    return revisions()[-1]


def current_revision(connection: Connection) -> str | None:
    """Return the number of the newest migration in the database, or None where there is none."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    version: str | None = connection.execute(
        text(f"SELECT version_num FROM {_VERSION_TABLE}")  # noqa: S608 - a constant
    ).scalar_one_or_none()
    return version


def state_in(tx: Transaction) -> SchemaState:
    """Compare the database with this release inside a transaction."""
    return _state(current_revision(tx.connection))


def current_state(db: Database) -> SchemaState:
    """Compare the database with this release.

    Raises:
        StoreError: the database does not answer.
    """
    return db.read(state_in)


def _state(revision: str | None) -> SchemaState:
    if revision is None:
        return SchemaState.MISSING
    if revision == head():
        return SchemaState.OK
    return SchemaState.OLD if revision in revisions() else SchemaState.NEWER


def upgrade(db: Database, *, now: datetime) -> Path | None:
    """Run what is missing; return the path of the copy made before, or None where none was needed.

    Raises:
        StoreUnusable: the database is from a newer release.
        StoreBusy: a table or the database stayed locked; nothing was changed.
    """
    if db.is_sqlite:
        return _upgrade_sqlite(db, now=now)
    try:
        with db.transaction(write=True) as tx:
            tx.execute(text("SET LOCAL lock_timeout = '60s'"))
            tx.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_KEY})"))
            tx.execute(text("SET LOCAL lock_timeout = '4s'"))
            _run(tx.connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":
            raise StoreBusy(
                "A table stayed locked, so nothing was changed; repeat `calgate migrate` in a quiet moment."
            ) from error
        raise
    return None


def _upgrade_sqlite(db: Database, *, now: datetime) -> Path | None:
    path = Path(db.engine.url.database or "")
    with _locked(path.with_name("migrate.lock")):
        state = current_state(db)
        if state is SchemaState.OK:
            return None
        _refuse_newer(state)
        copy = _copy_before(db, path, now=now) if state is SchemaState.OLD else None
        try:
            with db.engine.connect() as connection:
                _run_without_foreign_keys(connection)
        except DBAPIError as error:
            raise translate(error) from error
        return copy


def _run_without_foreign_keys(connection: Connection) -> None:
    # Batch mode drops and renames tables; with foreign keys on, the drop would cascade into their rows.
    driver = connection.connection.driver_connection
    if driver is None:
        raise StoreUnusable
    driver.execute("PRAGMA foreign_keys=OFF").close()
    try:
        with connection.begin():
            begin_sqlite(driver, write=True)
            _run(connection)
            if broken := connection.execute(text("PRAGMA foreign_key_check")).all():
                raise StoreUnusable(
                    f"The migration left {len(broken)} broken references; nothing was changed."
                )
    finally:
        driver.execute("PRAGMA foreign_keys=ON").close()


def _run(connection: Connection) -> None:
    # Seen again inside the lock: another node may have been first.
    state = _state(current_revision(connection))
    _refuse_newer(state)
    if state is SchemaState.OK:
        return
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


def _refuse_newer(state: SchemaState) -> None:
    if state is SchemaState.NEWER:
        raise StoreUnusable("This database is from a newer release of Calgate; install that release.")


def _copy_before(db: Database, path: Path, *, now: datetime) -> Path:
    copies = path.parent / "backups"
    copies.mkdir(mode=0o700, exist_ok=True)
    copy = copies / f"before-migration-{now:%Y%m%dT%H%M%SZ}.sqlite3"
    copy.unlink(missing_ok=True)
    try:
        with db.engine.connect() as connection:
            # VACUUM does not run inside a transaction, and SQLAlchemy would begin one.
            driver = connection.connection.driver_connection
            if driver is None:
                raise StoreUnusable
            driver.execute("VACUUM INTO ?", (str(copy),)).close()
    except sqlite_driver().Error as error:  # the driver's own: SQLAlchemy has not seen this statement
        copy.unlink(missing_ok=True)
        raise StoreFull(
            f"The copy before the migration could not be written ({error}); nothing was changed. Make room."
        ) from error
    copy.chmod(0o600)
    return copy


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
