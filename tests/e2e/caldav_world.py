"""A resource, accounts at CalDAV servers and calendar files, and a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.domain.link_model import Account
from gateway.lab.app import DEMO_PASSWORD, Laboratory, make_lab
from gateway.lab.caldav.model import Calendar as RemoteCalendar
from gateway.lab.caldav.paths import place_of
from gateway.lab.core.settings import Settings as Switches
from gateway.providers.contract import SignInKind
from gateway.providers.registry import Registry
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from plugins.caldav.provider import CalDavProvider
from plugins.ics.provider import IcsProvider
from tests.e2e.office import INSTANCE, Office, open_engine

ENVIRON = {"CALGATE_CALDAV_ALLOW_LOOPBACK": "1", "CALGATE_ICS_ALLOW_LOOPBACK": "1"}


@dataclass(kw_only=True)
class CalDavWorld(Office):
    laboratory: Laboratory

    async def connect(
        self, url: str = "", login: str = "ada", password: str = DEMO_PASSWORD, *, provider: str = "caldav"
    ) -> Account:
        """Fill in the form as a person would."""
        fields = {"url": url or self.laboratory.lab.base_url, "login": login, "password": password}
        return await self.connector.with_fields(
            provider, fields, kind=SignInKind.PASSWORD, principal_id=self.person().id, actor="test"
        )

    def calendar_there(self, calendar_id: str) -> RemoteCalendar:
        """Return a calendar of the laboratory's server."""
        place = place_of(calendar_id)
        return self.laboratory.dav.calendar(place.login, place.segment)

    def there(self, calendar_id: str) -> dict[str, str]:
        """Return the objects of a calendar of the laboratory's server."""
        return {name: one.body for name, one in self.calendar_there(calendar_id).resources.items()}

    def writes(self) -> int:
        """Return how many objects were written or deleted through the door."""
        counts = self.laboratory.lab.journal.counts
        return int(counts["caldav.put"] + counts["caldav.delete"])


@asynccontextmanager
async def caldav_world(
    db: Database, *, sealer: Sealer | None = None, instance_id: str = INSTANCE, **switches: Any
) -> AsyncIterator[CalDavWorld]:
    """Start a laboratory and everything that talks to it; nobody may be mailed."""
    sealer = sealer or Sealer([new_key()])
    registry = Registry(providers={"caldav": CalDavProvider(), "ics": IcsProvider()})
    async with (
        make_lab(providers=frozenset({"caldav"}), settings=Switches(**switches)) as laboratory,
        open_engine(db, registry, ENVIRON, sealer=sealer, instance_id=instance_id) as (accounts, worker),
    ):
        yield CalDavWorld(db=db, accounts=accounts, sealer=sealer, worker=worker, laboratory=laboratory)
        assert laboratory.lab.outbox.entries == []
        assert laboratory.lab.journal.violations == []
