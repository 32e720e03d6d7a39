"""One gateway's database and keys on either engine, with the command that works on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.services import startup
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from tests.conftest import NOW, Cli
from tests.e2e.office import INSTANCE


@dataclass(frozen=True)
class Instance:
    db: Database
    settings: Settings
    sealer: Sealer
    environment: dict[str, str]

    @property
    def own_id(self) -> str:
        """Return the id that seeds the ids of copies."""
        return startup.open_instance_id(self.db, self.settings)

    def cli(self, **more: str) -> Cli:
        """Return the command on this database."""
        return Cli(self.settings.data, self.environment | more)


@contextmanager
def open_instance(data: Path, postgresql_address: str | None = None) -> Iterator[Instance]:
    """Open an instance on SQLite, or on a PostgreSQL database that is migrated."""
    environment: dict[str, str] = {}
    if postgresql_address is not None:
        environment["CALGATE_DATABASE_URL"] = postgresql_address
        environment["CALGATE_SECRET_KEYS"] = new_key()
        environment["CALGATE_INSTANCE_ID"] = INSTANCE
    settings = Settings.model_validate(
        {"data": data} | {name.removeprefix("CALGATE_").lower(): value for name, value in environment.items()}
    )
    db = startup.open_database(settings)
    try:
        sealer = startup.ready_database(db, settings, now=NOW)
        yield Instance(db=db, settings=settings, sealer=sealer, environment=environment)
    finally:
        db.close()
