"""A resource, a simulated Google account connected to it through its consent page, and a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from gateway.domain.link_model import Account
from gateway.domain.model import Window
from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.settings import Settings as Switches
from gateway.providers.contract import Use
from gateway.providers.registry import Registry
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from plugins.google.provider import GoogleProvider
from tests.contract.lab.lab_client import (
    ADA,
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT,
    LabClient,
    events,
    query_of,
)
from tests.e2e.office import AROUND, INSTANCE, ZONE, Occurrence, Office, open_engine

__all__ = ["INSTANCE", "GoogleWorld", "environ", "google_world", "occurrences_at"]
ALL_USES = frozenset({Use.OWN_CALENDARS, Use.LIST, Use.WRITE, Use.READ})


def environ(base: str) -> dict[str, str]:
    """Return the settings of the Google plug-in for a laboratory."""
    return {
        "CALGATE_GOOGLE_CLIENT_ID": CLIENT_ID,
        "CALGATE_GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "CALGATE_GOOGLE_API_BASE": f"{base}/calendar/v3",
        "CALGATE_GOOGLE_AUTH_URL": f"{base}/o/oauth2/v2/auth",
        "CALGATE_GOOGLE_TOKEN_URL": f"{base}/token",
        "CALGATE_GOOGLE_REVOKE_URL": f"{base}/revoke",
        "CALGATE_GOOGLE_ALLOW_LOOPBACK": "1",
    }


@dataclass(kw_only=True)
class GoogleWorld(Office):
    lab: LabClient
    laboratory: Laboratory

    async def connect(self, account: str = ADA, login: str = "ada") -> Account:
        """Go through the consent page as a person would."""

        async def consent(url: str) -> dict[str, str]:
            return query_of(await self.lab.approve(url, account=account))

        return await self.sign_in("google", consent, login=login, redirect_uri=REDIRECT, uses=ALL_USES)

    # -- looking at the provider ----------------------------------------------------------------------

    async def there(self, calendar_id: str, *, account: str = ADA) -> dict[str, dict[str, Any]]:
        """Return the live events of a calendar at the provider, past all paging and lag."""
        dump = await self.lab.control("GET", "google/dump")
        for one in dump["calendars"]:
            if one["id"] == calendar_id:
                return {event["id"]: event for event in one["events"] if event.get("status") != "cancelled"}
        return {}

    async def seen(self, calendar_id: str, *, account: str = ADA) -> list[Occurrence]:
        """Return every occurrence of a calendar as its owner sees it there."""
        return await occurrences_at(self.lab, calendar_id, account=account)

    async def writes(self) -> int:
        """Return how many event writes the provider has seen."""
        counts = (await self.lab.control("GET", "status"))["counts"]
        return sum(
            counts.get(f"calendar.events.{name}", 0) for name in ("insert", "patch", "update", "delete")
        )

    async def counts(self, *names: str) -> list[int]:
        """Return how often the provider was called by each of these (``insert``, ``list``...)."""
        counts = (await self.lab.control("GET", "status"))["counts"]
        return [counts.get(f"calendar.events.{name}", 0) for name in names]

    async def person_edits(self, calendar_id: str, event_id: str, **changes: Any) -> None:
        await self.lab.control(
            "PATCH", "google/events", calendar=calendar_id, event_id=event_id, changes=changes
        )

    async def person_deletes(self, calendar_id: str, event_id: str) -> None:
        await self.lab.control(
            "DELETE", "google/events", account=ADA, calendar=calendar_id, event_id=event_id
        )

    async def person_adds(self, calendar_id: str, **event: Any) -> str:
        made = await self.lab.control("POST", "google/events", account=ADA, calendar=calendar_id, event=event)
        return str(made["id"])

    async def person_makes_calendar(self, title: str, *, account: str = ADA) -> str:
        made = await self.lab.control("POST", "google/calendars", account=account, summary=title, zone=ZONE)
        return str(made["id"])


async def occurrences_at(
    lab: LabClient, calendar_id: str, *, account: str = ADA, window: Window = AROUND
) -> list[Occurrence]:
    """Return every occurrence of a calendar; the laboratory expands series with an engine of its own."""
    page_cap = (await lab.control("GET", "settings"))["page_cap"]["value"]
    await lab.set(page_cap=2500)
    items, _token, _pages = await (await lab.api(account)).pages(
        events(calendar_id),
        singleEvents="true",
        timeMin=window.start.isoformat(),
        timeMax=window.end.isoformat(),
        maxResults=2500,
    )
    await lab.set(page_cap=page_cap)
    return sorted(
        (
            str(item.get("summary") or "Busy"),
            _instant(item["start"]),
            _instant(item["end"]),
            item.get("transparency") == "transparent",
        )
        for item in items
        if item["status"] != "cancelled"
    )


def _instant(value: dict[str, str]) -> float:
    if "date" in value:
        return datetime.fromisoformat(value["date"]).replace(tzinfo=ZoneInfo(ZONE)).timestamp()
    return datetime.fromisoformat(value["dateTime"]).timestamp()


@asynccontextmanager
async def google_world(
    db: Database,
    *,
    sealer: Sealer | None = None,
    instance_id: str = INSTANCE,
    switches: Switches | None = None,
) -> AsyncIterator[GoogleWorld]:
    """Start a laboratory and everything that talks to it."""
    async with make_lab(settings=switches) as laboratory, aiohttp.ClientSession() as session:
        address = laboratory.lab.base_url
        sealer = sealer or Sealer([new_key()])
        registry = Registry(providers={"google": GoogleProvider()})
        async with open_engine(db, registry, environ(address), sealer=sealer, instance_id=instance_id) as (
            accounts,
            worker,
        ):
            yield GoogleWorld(
                db=db,
                lab=LabClient(address, session),
                laboratory=laboratory,
                accounts=accounts,
                sealer=sealer,
                worker=worker,
            )
