"""What the tests themselves stand on: a PostgreSQL database that was lent before is as if freshly migrated."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from gateway.services import principals
from gateway.store.database import Database
from tests.conftest import NOW
from tests.postgresql import TEMPLATE, Address, Databases


def contents(address: str) -> dict[str, list[str]]:
    """Return the rows of every table and the state of every sequence."""
    with psycopg.connect(address) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace"
        )
        return {
            name: sorted(str(row) for row in connection.execute(f'SELECT * FROM "{name}"'))  # noqa: S608 - ours
            for (name,) in tables.fetchall()
        }


def name(address: str) -> str:
    return str(conninfo_to_dict(address)["dbname"])


def names(address: Address) -> set[str]:
    with psycopg.connect(address("postgres")) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


def test_rows_sequences_and_connections_of_one_test_are_gone_for_the_next(
    postgresql_server: Address,
) -> None:
    databases = Databases(postgresql_server)
    fresh = contents(postgresql_server(TEMPLATE))
    with databases.one() as first:
        db = Database(first)
        for number in range(3):
            db.write(principals.add, f"p{number}", now=NOW)
        assert contents(first) != fresh
        with psycopg.connect(first) as connection:
            connection.execute("DELETE FROM alembic_version")
        left_open = psycopg.connect(first)
        left_open.execute("UPDATE alembic_version SET version_num = version_num")
    with databases.one() as second:
        assert second == first
        assert contents(second) == fresh
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    left_open.close()
    db.close()
    databases.close()


@pytest.mark.parametrize(
    "harm",
    [
        "CREATE TABLE more (id integer)",
        "ALTER TABLE feed ADD COLUMN later integer",
        "ALTER TABLE feed DROP COLUMN kinds",
        "DROP TABLE feed CASCADE",
        "CREATE INDEX later ON feed (title)",
        "ANALYZE",
        "INSERT INTO instance (key, value) SELECT 'n' || n, repeat('x', 1000) FROM generate_series(1, 9000) n",
    ],
)
def test_a_database_with_other_definitions_or_sizes_is_not_lent_again(
    postgresql_server: Address, harm: str
) -> None:
    databases = Databases(postgresql_server)
    with databases.one() as first, psycopg.connect(first, autocommit=True) as connection:
        connection.execute(harm)
    assert name(first) not in names(postgresql_server)
    with databases.one() as second:
        assert second != first
    databases.close()
    assert name(second) not in names(postgresql_server)
