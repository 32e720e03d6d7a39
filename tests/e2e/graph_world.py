"""A resource, a simulated Microsoft account connected to it through its consent page, and a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from gateway.domain.link_model import Account
from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.settings import Settings as Switches
from gateway.providers.contract import Use
from gateway.providers.registry import Registry
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from plugins.graph.provider import GraphProvider
from tests.contract.lab.graph_client import ADA, CLIENT_ID, CLIENT_SECRET, REDIRECT, Microsoft
from tests.contract.lab.lab_client import query_of
from tests.e2e.office import INSTANCE, Office, open_engine

ALL_USES = frozenset({Use.OWN_CALENDARS, Use.LIST, Use.WRITE, Use.READ})


def environ(base: str) -> dict[str, str]:
    """Return the settings of the Microsoft plug-in for a laboratory."""
    return {
        "CALGATE_GRAPH_CLIENT_ID": CLIENT_ID,
        "CALGATE_GRAPH_CLIENT_SECRET": CLIENT_SECRET,
        "CALGATE_GRAPH_LOGIN_URL": base,
        "CALGATE_GRAPH_API_BASE": f"{base}/v1.0",
        "CALGATE_GRAPH_ALLOW_LOOPBACK": "1",
    }


@dataclass(kw_only=True)
class GraphWorld(Office):
    lab: Microsoft
    laboratory: Laboratory

    async def connect(self, account: str = ADA, login: str = "ada") -> Account:
        """Go through the consent page as a person would."""

        async def consent(url: str) -> dict[str, str]:
            return query_of(await self.lab.approve(url, account=account))

        return await self.sign_in("graph", consent, login=login, redirect_uri=REDIRECT, uses=ALL_USES)

    # -- looking at the provider ----------------------------------------------------------------------

    async def there(self, calendar_id: str) -> dict[str, dict[str, Any]]:
        """Return the living events and masters of a calendar by id, past all paging and lag."""
        dump = await self.lab.control("GET", "microsoft/dump")
        for one in dump["calendars"]:
            if one["id"] == calendar_id:
                return {event["id"]: event for event in one["events"] if not event["deleted"]}
        return {}

    async def writes(self) -> int:
        """Return how many event writes the provider has seen."""
        counts = (await self.lab.control("GET", "status"))["counts"]
        return sum(counts.get(f"graph.events.{name}", 0) for name in ("create", "patch", "delete"))

    async def person_edits(self, event_id: str, **changes: Any) -> None:
        await self.lab.control("PATCH", "microsoft/events", account=ADA, event_id=event_id, changes=changes)

    async def person_deletes(self, event_id: str) -> None:
        await self.lab.control("DELETE", "microsoft/events", account=ADA, event_id=event_id)

    async def person_adds(self, calendar_id: str, **event: Any) -> str:
        made = await self.lab.control(
            "POST", "microsoft/events", account=ADA, calendar=calendar_id, event=event
        )
        return str(made["id"])


@asynccontextmanager
async def graph_world(
    db: Database,
    *,
    sealer: Sealer | None = None,
    instance_id: str = INSTANCE,
    switches: Switches | None = None,
) -> AsyncIterator[GraphWorld]:
    """Start a laboratory and everything that talks to it."""
    made = make_lab(settings=switches, providers=frozenset({"microsoft"}))
    async with made as laboratory, aiohttp.ClientSession() as session:
        address = laboratory.lab.base_url
        sealer = sealer or Sealer([new_key()])
        registry = Registry(providers={"graph": GraphProvider()})
        engine = open_engine(db, registry, environ(address), sealer=sealer, instance_id=instance_id)
        async with engine as (accounts, worker):
            yield GraphWorld(
                db=db,
                lab=Microsoft(address, session),
                laboratory=laboratory,
                accounts=accounts,
                sealer=sealer,
                worker=worker,
            )
