"""The checks of ``calgate doctor`` on this machine: files, database, keys, zones, Radicale."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.cli.checks_address import check_public_url
from gateway.cli.finding import Finding, State, broken, note, ok, warning
from gateway.domain.errors import StoreError
from gateway.services import Database, startup
from gateway.settings import Settings
from gateway.store import instance, migrate
from gateway.store.migrate import SchemaState
from gateway.store.sealed import Sealer, check_canary, has_canary, load_keys
from gateway.store.sqlite import sqlite_driver

__all__ = ["Finding", "State", "examine"]

_SAFE_SQLITE = (3, 51, 3)  # the WAL-reset bug is mended from here on
_LITTLE_BYTES = 1024**3
_NOTHING_BYTES = 50 * 1024**2
_CLOCK_TOLERANCE = timedelta(seconds=5)
_RELEASED = datetime(2026, 1, 1, tzinfo=UTC)


def examine(settings: Settings, *, now: datetime, deep: bool) -> list[Finding]:
    """Run every check; one that fails to run is reported and does not stop the others."""
    found: list[Finding] = []
    local: list[Callable[[], Iterator[Finding]]] = [
        lambda: check_data(settings),
        lambda: check_space(settings),
        lambda: check_driver(settings),
        lambda: check_zones(settings),
        lambda: check_public_url(settings.public_url),
        lambda: check_radicale(settings),
    ]
    for check in local:
        found += _guarded(check)
    found += _guarded(lambda: _check_database(settings, now=now, deep=deep))
    return found


def _guarded(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except StoreError as error:
        found.append(broken("database", str(error), "Mend that first; other checks need the database."))
    except Exception as error:  # noqa: BLE001 - the doctor must get to the end and say what it could not see
        found.append(
            broken("doctor", f"A check failed to run ({type(error).__name__}).", "Please report it.")
        )
    return found


def check_data(settings: Settings) -> Iterator[Finding]:
    """The data directory exists, can be written, and is nobody else's business."""
    path = settings.data
    if not path.exists():
        if settings.is_sqlite:
            yield note("data", f"{path} does not exist yet.", "The first command or start makes it.")
        return
    if not os.access(path, os.W_OK | os.X_OK):
        yield broken("data", f"{path} cannot be written.", "Give it to the account that runs Calgate.")
        return
    if not settings.is_sqlite:
        yield ok("data", f"{path} can be written.")
        return
    for each in (path, settings.sqlite_path, settings.secret_key_path):
        if each.exists() and stat.S_IMODE(each.stat().st_mode) & 0o006 and _is_reachable(path, each):
            yield warning("data", f"Everybody on this machine may read {each}.", f"chmod o-rwx {each}")
            return
    yield ok("data", f"{path} can be written, and others cannot read it.")


def _is_reachable(directory: Path, each: Path) -> bool:
    # A private directory protects what lies in it.
    return each == directory or bool(stat.S_IMODE(directory.stat().st_mode) & 0o001)


def check_space(settings: Settings) -> Iterator[Finding]:
    """There is room on the disk."""
    if not settings.data.exists():
        return
    free = shutil.disk_usage(settings.data).free
    shown = f"{free / 1024**3:.1f} GB free."
    if free < _NOTHING_BYTES:
        yield broken("disk", shown, "Make room: writes will be refused with 507.")
    elif free < _LITTLE_BYTES:
        yield warning("disk", shown, "Make room before writes are refused.")
    else:
        yield ok("disk", shown)


def check_driver(settings: Settings) -> Iterator[Finding]:
    """SQLite is a version without the bug that can corrupt a file with several connections."""
    if not settings.is_sqlite:
        return
    driver = sqlite_driver()
    version = tuple(int(part) for part in driver.sqlite_version.split("."))
    shown = f"SQLite {driver.sqlite_version} by {driver.__name__.partition('.')[0]}."
    if version >= _SAFE_SQLITE:
        yield ok("sqlite", shown)
    else:
        yield warning(
            "sqlite",
            f"{shown} Versions before 3.51.3 can damage the file when two connections write at once.",
            "Install pysqlite3 0.6.1 or newer into the environment of Calgate, or use PostgreSQL.",
        )


def check_zones(settings: Settings) -> Iterator[Finding]:
    """The time zone database is there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        ZoneInfo(settings.zone)
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        yield broken("zones", "There is no time zone database.", "Install the package tzdata.")
        return
    try:
        yield ok("zones", f"Time zones are there (package tzdata {version('tzdata')}).")
    except PackageNotFoundError:
        yield note("zones", "Time zones come from the system.", "Keep its tzdata up to date.")


def check_radicale(settings: Settings) -> Iterator[Finding]:
    """radicale.conf is there and safe, and so is the Radicale that is installed."""
    from gateway.http.dav.host import check

    problems = check(settings)
    for problem in problems:
        yield broken("caldav", problem, "Change radicale.conf, or start without CALGATE_RADICALE_CONF.")
    if not problems:
        yield ok("caldav", "radicale.conf is accepted.")


# -- the database -----------------------------------------------------------------------------------


def _check_database(settings: Settings, *, now: datetime, deep: bool) -> Iterator[Finding]:
    if settings.is_sqlite and not settings.sqlite_path.exists():
        yield note("database", "There is no database yet.", "The first command or start makes it.")
        return
    db = startup.open_database(settings)
    try:
        state = migrate.current_state(db)
        yield _schema(state, db)
        if state is not SchemaState.OK:
            return
        yield _keys(db, settings)
        yield _clock(db, now=now)
        if deep:
            from gateway.cli.checks_deep import check_series

            yield from check_series(db, now=now)
    finally:
        db.close()


def _schema(state: SchemaState, db: Database) -> Finding:
    name = "SQLite" if db.is_sqlite else "PostgreSQL"
    match state:
        case SchemaState.OK:
            return ok("database", f"{name} answers; schema {migrate.head()}.")
        case SchemaState.NEWER:
            return broken("database", "It is from a newer release.", "Install that release.")
        case SchemaState.MISSING:
            return broken("database", f"{name} answers, but has no tables.", "Run `calgate migrate`.")
        case SchemaState.OLD:
            return broken("database", "It is from an older release.", "Run `calgate migrate`.")


def _keys(db: Database, settings: Settings) -> Finding:
    try:
        if not db.read(has_canary) and settings.is_sqlite and not settings.secret_key_path.exists():
            return note("keys", "There is no key yet.", "The first start makes it.")
        sealer = Sealer(load_keys(settings))
    except StoreError as error:
        return broken("keys", str(error), "Without keys the server does not start.")
    if not db.read(check_canary, sealer):
        return broken(
            "keys",
            "The keys are not those of this database.",
            "Put back secret.key from your backup, or set CALGATE_SECRET_KEYS.",
        )
    return ok("keys", "The keys belong to this database. Keep a copy apart: calgate backup --with-keys.")


def _clock(db: Database, *, now: datetime) -> Finding:
    if now < _RELEASED:
        return broken("clock", f"The clock says {now:%Y-%m-%d}.", "Set it; feeds and holds depend on it.")
    if not db.is_sqlite:
        apart = abs(db.read(instance.clock) - datetime.now(UTC))
        if apart > _CLOCK_TOLERANCE:
            return warning(
                "clock",
                f"This machine and PostgreSQL differ by {apart.total_seconds():.0f} s.",
                "Run a time service (NTP) on both.",
            )
    return ok("clock", f"{now:%Y-%m-%d %H:%M} UTC.")
