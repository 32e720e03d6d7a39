"""From settings to a database that is ready to use: migrations, epoch, default zone, keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.domain.errors import StoreUnusable
from gateway.services.limits import Limits
from gateway.settings import Settings
from gateway.store import accounts, calendars, resources
from gateway.store import instance as store
from gateway.store import migrate as migrations
from gateway.store.database import NOT_POSTGRESQL, Database, Transaction
from gateway.store.migrate import SchemaState
from gateway.store.sealed import Sealer, ensure_canary, ensure_instance_id, has_canary, load_keys
from gateway.store.sqlite import sqlite_url

_INSTANCE_ID = "instance-id-sha256"
_SPARE_CONNECTIONS = 4  # chores, sign-in and readiness beside the two pools


def open_database(settings: Settings) -> Database:
    """Return the database of the settings, whatever is in it; SQLite's directory is made.

    Raises:
        StoreUnusable: the directory cannot be made, or the address is no PostgreSQL address.
    """
    if settings.database_url is None:
        _make_private(settings.data)
        url = sqlite_url(settings.sqlite_path)
    else:
        url = settings.database_url.get_secret_value()
        if url.startswith("sqlite"):  # the file's place is CALGATE_DATA, beside its keys
            raise StoreUnusable(NOT_POSTGRESQL)
    return Database(
        url,
        threads=settings.db_threads,
        connections=settings.dav_threads + settings.db_threads + _SPARE_CONNECTIONS,
        synchronous=settings.sqlite_synchronous,
        default_zone=settings.zone,
    )


def ready_database(db: Database, settings: Settings, *, now: datetime) -> Sealer:
    """Make the database ready for the server; SQLite is migrated on the way, PostgreSQL never is.

    A changed ``CALGATE_ZONE`` moves floating and all-day times of every resource without a zone of its
    own, so their occurrence index is rebuilt here, before anybody reads it.

    Raises:
        StoreUnusable: not migrated, from a newer release, unreachable, or keys of another database.
    """
    ready_for_command(db, settings, now=now)
    if db.default_zone != settings.zone:
        db.write(_adopt_zone, settings.zone, limits=Limits.of(settings), now=now)
        db.default_zone = settings.zone
    return open_sealer(db, settings)


def ready_for_command(db: Database, settings: Settings, *, now: datetime) -> None:
    """Make the database ready for one command beside a server.

    The default zone is the one that the database was last served with: the environment of a command
    may differ from the server's, and must not move anybody's times.

    Raises:
        StoreUnusable: not migrated, from a newer release or unreachable.
    """
    _make_usable(db, now=now)
    zone = db.read(store.default_zone)
    if zone is None:
        db.write(prepare, default_zone=settings.zone)
        zone = db.read(store.default_zone)
    db.default_zone = zone or settings.zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """From which migration to which; ``copy`` is the file of before, where one was made (SQLite)."""

    before: str | None
    after: str
    copy: Path | None


def migrate(db: Database, settings: Settings, *, now: datetime) -> Migrated:
    """Bring the database to the schema of this release.

    Raises:
        StoreUnusable: it is from a newer release, or does not answer.
        StoreBusy: a table stayed locked; nothing was changed.
    """
    before = db.read(_revision)
    copy = migrations.upgrade(db, now=now)
    db.write(prepare, default_zone=settings.zone)
    return Migrated(before=before, after=migrations.head(), copy=copy)


def _revision(tx: Transaction) -> str | None:
    return migrations.current_revision(tx.connection)


def prepare(tx: Transaction, *, default_zone: str) -> None:
    """Give a fresh database its epoch and default zone; a prepared one stays as it is."""
    if store.default_zone(tx) is None:
        store.set_default_zone(tx, default_zone)
    if not store.epoch(tx):
        store.new_epoch(tx)


def open_sealer(db: Database, settings: Settings) -> Sealer:
    """Return what seals secrets at rest, having checked that the keys belong to this database.

    Raises:
        StoreUnusable: no key, a malformed key, or the key of another database.
    """
    is_known = db.read(has_canary)
    has_file = settings.secret_key_path.exists() or settings.secret_keys or settings.secret_keys_file
    if is_known and settings.is_sqlite and not has_file:
        # A fresh key would open nothing and lie where the lost one belongs.
        raise StoreUnusable(f"{settings.secret_key_path} is missing; put it back from where it is kept.")
    sealer = Sealer(load_keys(settings))
    if is_known:
        db.read(ensure_canary, sealer)
    else:
        db.write(ensure_canary, sealer)
    return sealer


def open_instance_id(db: Database, settings: Settings, *, adopts_new: bool = False) -> str:
    """Return the id that seeds the ids of our copies at providers; the same on every node.

    It lies beside the keys, so the database keeps only its hash: a node with another id would make every
    copy a second time.

    Args:
        db: a database that is ready.
        settings: for the id itself, or the file that holds it.
        adopts_new: the old one is lost for good; copies are then found by their marker.

    Raises:
        StoreUnusable: another node of this database has another id.
    """
    own = settings.instance_id or ensure_instance_id(settings)
    digest = hashlib.sha256(own.encode()).hexdigest()
    known = db.read(store.get, _INSTANCE_ID)
    if known == digest:
        return own
    # One node alone, and nothing at any provider yet: a lost id costs nothing.
    is_harmless = db.is_sqlite and not db.read(accounts.listing)
    if known is not None and not adopts_new and not is_harmless:
        raise StoreUnusable(
            "This node's instance id is not the one that this database was used with. Put back instance.id"
            " or set CALGATE_INSTANCE_ID as on the other nodes; if it is lost for good, run"
            " `calgate keys adopt-instance`."
        )
    db.write(store.put, _INSTANCE_ID, digest)
    return own


def _adopt_zone(tx: Transaction, zone: str, *, limits: Limits, now: datetime) -> int:
    from gateway.services.occurrence_index import rebuild

    store.set_default_zone(tx, zone)
    tx.default_zone = zone
    following = resources.ids_without_zone(tx)
    if following:
        resources.touch(tx, following, now=now)
    for resource_id in following:
        calendar = calendars.of_resource(tx, resource_id)
        rebuild(tx, calendar.id, horizon=limits.horizon(now))
    return len(following)


def _make_usable(db: Database, *, now: datetime) -> None:
    state = migrations.current_state(db)
    if state is SchemaState.OK:
        return
    if state is SchemaState.NEWER:
        raise StoreUnusable("This database is from a newer release of Calgate; install that release.")
    if not db.is_sqlite:
        raise StoreUnusable("The database has no or old tables; run `calgate migrate`.")
    migrations.upgrade(db, now=now)


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnusable(
            f"The data directory {path} cannot be made ({error.strerror}); set CALGATE_DATA."
        ) from error
