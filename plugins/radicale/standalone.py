"""Radicale alone, for debugging: ``python -m radicale --config radicale.conf``.

Each plug-in then opens the database of its own option ``database_url``. Everything can be read; writing is
the gateway's business, as Radicale's own PUT would rewrite what clients sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from radicale import config

from gateway.domain.errors import StoreUnusable
from gateway.services import Database
from gateway.services.handle import Handle
from gateway.services.limits import Limits
from gateway.settings import Settings
from plugins.radicale.session import Session

OPTION = "database_url"


def extended(configuration: config.Configuration, section: str) -> config.Configuration:
    """Return the configuration with the option of ours in one section."""
    schema = {section: {OPTION: {"value": "", "help": "database of Calgate", "type": str}}}
    return configuration.copy(schema)


def session(configuration: config.Configuration, section: str) -> Session:
    """Return the session on the database that the section names.

    Raises:
        StoreUnusable: it names none.
    """
    url = configuration.get(section, OPTION)
    if not url:
        raise StoreUnusable(f"Set {OPTION} in [{section}], e.g. sqlite:///data/calgate.sqlite3.")
    return _session(url)


@lru_cache(maxsize=4)
def _session(url: str) -> Session:
    settings = Settings()
    db = Database(url, default_zone=settings.zone)
    return Session(
        Handle(db=db, settings=settings, limits=Limits.of(settings), clock=lambda: datetime.now(UTC))
    )
