"""A resource, a simulated Google account connected to it through its consent page, and a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from gateway.domain.link_model import Account, Direction, Link, LinkId
from gateway.domain.model import Calendar, ResourceKind
from gateway.lab.app import Laboratory, make_lab
from gateway.providers.contract import Use
from gateway.providers.registry import Registry
from gateway.services import links, objects, principals, resources
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import prepare
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store import mappings, sync_log, tickets
from gateway.store import objects as object_store
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from gateway.sync.accounts import Accounts
from gateway.sync.connect import Connector
from gateway.sync.wakeup import Wakeups
from gateway.sync.worker import Worker
from plugins.google.provider import GoogleProvider
from tests.contract.lab.lab_client import ADA, CLIENT_ID, CLIENT_SECRET, REDIRECT, LabClient, _query

INSTANCE = "0123456789abcdef0123456789abcdef"
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


@dataclass
class GoogleWorld:
    db: Database
    lab: LabClient
    laboratory: Laboratory
    accounts: Accounts
    sealer: Sealer
    worker: Worker
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def connector(self) -> Connector:
        return Connector(accounts=self.accounts)

    # -- setting up -----------------------------------------------------------------------------------

    def add_resource(self, slug: str = "room", zone: str = "Europe/Berlin") -> Calendar:
        def make(tx: Any) -> Calendar:
            made = resources.add(
                tx, slug, kind=ResourceKind.ROOM, name=slug.title(), zone=zone, policy="allow",
                now=self.clock(), horizon=self.limits.horizon(self.clock()),
            )  # fmt: skip
            return calendar_store.of_resource(tx, made.id)

        return self.db.write(make)

    def person(self, login: str = "ada") -> Any:
        found = self.db.read(principals.find_by_login, login)
        return found or self.db.write(principals.add, login, name=login.title(), now=self.clock())

    async def connect(self, account: str = ADA, login: str = "ada") -> Account:
        """Go through the consent page as a person would."""
        challenge = await self.connector.begin(
            "google",
            principal_id=self.person(login).id,
            redirect_uri=REDIRECT,
            accepts_terms=True,
            uses=ALL_USES,
        )
        assert challenge.url is not None
        back = await self.lab.approve(challenge.url, account=account)
        return await self.connector.complete(_query(back), actor="test")

    async def link(
        self,
        calendar: Calendar,
        account: Account,
        *,
        direction: Direction = Direction.PUSH,
        remote: str | None = None,
        **settings: Any,
    ) -> Link:
        """Link to a calendar of our own, or to the one named."""
        if remote is None:
            row = await self.connector.dedicated_calendar(account, calendar)
        else:
            row = await self.connector.calendar_row(account, remote)
        return await self.db.awrite(
            links.add, calendar, account, remote_calendar_id=row, direction=direction, settings=settings,
            actor="test", now=self.clock(),
        )  # fmt: skip

    # -- acting here ----------------------------------------------------------------------------------

    def put(self, calendar: Calendar, uid: str, ical: bytes) -> None:
        fresh = self.db.read(calendar_store.get, calendar.id)
        prepared = prepare(ical, fresh, limits=self.limits, now=self.clock())
        origin = Origin(label="test")
        known = self.db.read(object_store.by_uid, calendar.id, uid)
        href = known.href if known is not None else f"{uid}.ics"
        self.db.write(
            objects.put, calendar.id, href, prepared, origin=origin, now=self.clock(), limits=self.limits
        )

    def delete(self, calendar: Calendar, uid: str) -> None:
        stored = self.db.read(object_store.by_uid, calendar.id, uid)
        assert stored is not None
        self.db.write(objects.delete, calendar.id, stored.href, origin=Origin(label="test"), now=self.clock())

    def here(self, calendar: Calendar) -> dict[str, bytes]:
        with self.db.transaction(write=False) as tx:
            uids = object_store.uids(tx, calendar.id)
            return {one.uid: one.ical for one in object_store.by_uids(tx, calendar.id, uids)}

    async def run(self, *, poll: bool = False, full: bool = False) -> None:
        """Run every due link until nothing is due."""
        if poll or full:
            for one in await self.db.aread(link_store.listing):
                await self.db.awrite(links.request_sync, one.id, is_full=full)
        await self.worker.run_until_idle()

    def status(self, link_id: LinkId) -> Link:
        found = self.db.read(link_store.get, link_id)
        assert found is not None
        return found

    def tickets(self) -> list[dict[str, Any]]:
        return self.db.read(tickets.listing)

    def parked(self, link_id: LinkId) -> dict[Any, Any]:
        return self.db.read(sync_log.parked, link_id)

    def mappings(self, link_id: LinkId) -> list[Any]:
        return self.db.read(mappings.page, link_id)

    # -- looking at the provider ----------------------------------------------------------------------

    async def there(self, calendar_id: str, *, account: str = ADA) -> dict[str, dict[str, Any]]:
        """Return the live events of a calendar at the provider, past all paging and lag."""
        dump = await self.lab.control("GET", "google/dump")
        for one in dump["calendars"]:
            if one["id"] == calendar_id:
                return {event["id"]: event for event in one["events"] if event.get("status") != "cancelled"}
        return {}

    async def writes(self) -> int:
        """Return how many event writes the provider has seen."""
        counts = (await self.lab.control("GET", "status"))["counts"]
        return sum(
            counts.get(f"calendar.events.{name}", 0) for name in ("insert", "patch", "update", "delete")
        )

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


@asynccontextmanager
async def google_world(
    db: Database, *, sealer: Sealer | None = None, instance_id: str = INSTANCE
) -> AsyncIterator[GoogleWorld]:
    """Start a laboratory and everything that talks to it."""
    async with make_lab() as laboratory, aiohttp.ClientSession() as session:
        address = laboratory.lab.base_url
        sealer = sealer or Sealer([new_key()])
        accounts = Accounts(
            db=db,
            registry=Registry(providers={"google": GoogleProvider()}),
            sealer=sealer,
            clock=lambda: datetime.now(UTC),
            environ=environ(address),
            requests_per_minute=1e6,
        )
        worker = Worker(
            db=db,
            accounts=accounts,
            wakeups=Wakeups(db),
            limits=Limits(),
            clock=lambda: datetime.now(UTC),
            instance_id=instance_id,
            public_url="https://cal.example.org",
        )
        try:
            yield GoogleWorld(
                db=db,
                lab=LabClient(address, session),
                laboratory=laboratory,
                accounts=accounts,
                sealer=sealer,
                worker=worker,
            )
        finally:
            await accounts.close()
