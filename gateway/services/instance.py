"""The instance as a whole: opening its database, its epoch and its default zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from gateway.domain.errors import StoreUnusable
from gateway.domain.model import Window
from gateway.settings import Settings
from gateway.store import instance as store
from gateway.store import migrate, resources
from gateway.store.database import Database, Transaction, sqlite_url
from gateway.store.migrate import SchemaState
from gateway.store.sealed import Sealer, ensure_canary, has_canary, load_keys


def horizon(settings: Settings, now: datetime) -> Window:
    """Return what the occurrence index covers from ``now``: whole UTC days."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(
        start=day - timedelta(days=settings.index_past_days),
        end=day + timedelta(days=settings.index_future_days),
    )


def connect(settings: Settings) -> Database:
    """Return the database of the settings, whatever is in it; on SQLite its directory is made.

    Raises:
        StoreUnusable: the directory cannot be made, or the address is no PostgreSQL address.
    """
    # Sum of all threads that may hold a connection, and two for background work.
    connections = settings.dav_threads + settings.db_threads + 2
    if settings.database_url is None:
        _make_private(settings.data)
        url = sqlite_url(settings.sqlite_path)
    else:
        url = settings.database_url.get_secret_value()
    return Database(
        url,
        threads=settings.db_threads,
        connections=connections,
        synchronous=settings.sqlite_synchronous,
    )


def open_database(settings: Settings, *, now: datetime) -> Database:
    """Return a database that is ready to use; SQLite is migrated on the way, PostgreSQL never is.

    Raises:
        StoreUnusable: not migrated, from a newer release, or unreachable.
    """
    db = connect(settings)
    try:
        _make_usable(db, now=now)
        if db.read(store.epoch) == "":
            db.write(prepare, default_zone=settings.zone)
    except BaseException:
        db.close()
        raise
    return db


def open_sealer(db: Database, settings: Settings) -> Sealer:
    """Return what seals secrets at rest, having checked that the keys belong to this database.

    Raises:
        StoreUnusable: no key, a malformed key, or the key of another database.
    """
    sealer = Sealer(load_keys(settings))
    if not db.read(has_canary):
        db.write(ensure_canary, sealer)
    else:
        db.read(ensure_canary, sealer)
    return sealer


def _make_usable(db: Database, *, now: datetime) -> None:
    state = migrate.current_state(db)
    if state is SchemaState.OK:
        return
    if state is SchemaState.NEWER or not db.is_sqlite:
        raise StoreUnusable(_what_to_do(state))
    migrate.upgrade(db, now=now)


def _what_to_do(state: SchemaState) -> str:
    if state is SchemaState.NEWER:
        return "This database is from a newer release of Calgate; install that release."
    return "The database has no or old tables; run `calgate migrate`."


def prepare(tx: Transaction, *, default_zone: str) -> None:
    """Give a fresh database its epoch and default zone; a prepared one stays as it is."""
    if not store.epoch(tx):
        store.new_epoch(tx)
        store.set_default_zone(tx, default_zone)


def adopt_zone(tx: Transaction, zone: str, *, horizon: Window, limit: int) -> int:
    """Make ``zone`` the default and rebuild the index of every calendar that follows it.

    Called by the server at start. A command never does this: its environment may differ from the
    server's. Returns how many calendars were rebuilt.
    """
    if store.default_zone(tx) == zone:
        return 0
    from gateway.services.objects import rebuild_index

    store.set_default_zone(tx, zone)
    count = 0
    for resource_id, _calendar_id in resources.calendar_ids_without_zone(tx):
        if (resource := resources.by_id(tx, resource_id)) is not None:
            rebuild_index(tx, resources.calendar_of(tx, resource), horizon=horizon, limit=limit)
            count += 1
    return count


def is_ready(db: Database) -> bool:
    """Return whether the database answers and has this release's tables."""
    return migrate.current_state(db) is SchemaState.OK


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnusable(
            f"The data directory {path} cannot be made ({error.strerror}); set CALGATE_DATA."
        ) from error
