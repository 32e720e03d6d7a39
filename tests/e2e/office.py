"""A gateway without its doors: resources, links and a worker on one database, whatever the providers are."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import text_of
from gateway.domain.link_model import Account, Direction, Link, LinkId
from gateway.domain.model import Calendar, Classification, ResourceKind, Window
from gateway.domain.recurrence import iter_instances
from gateway.domain.recurrence_faces import busy_of
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
from gateway.store.sealed import Sealer
from gateway.sync.accounts import Accounts
from gateway.sync.connect import Connector
from gateway.sync.wakeup import Wakeups
from gateway.sync.worker import Worker

INSTANCE = "0123456789abcdef0123456789abcdef"
ZONE = "Europe/Berlin"
SOAK = bool(os.environ.get("CALGATE_SOAK"))
SOON = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=3)
AROUND = Window(start=SOON - timedelta(days=30), end=SOON + timedelta(days=200))
Occurrence = tuple[str, float, float, bool]
"""What a person sees of one occurrence: title, start, end (both in epoch seconds), whether it is free."""


@dataclass(kw_only=True)
class Office:
    db: Database
    accounts: Accounts
    sealer: Sealer
    worker: Worker
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def connector(self) -> Connector:
        return Connector(accounts=self.accounts)

    # -- setting up -----------------------------------------------------------------------------------

    def add_resource(self, slug: str = "room", zone: str = ZONE) -> Calendar:
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

    async def sign_in(
        self, provider: str, consent: Any, *, login: str, redirect_uri: str, uses: frozenset[Use]
    ) -> Account:
        """Connect an account; ``consent`` goes to the provider's page and returns the redirect's query."""
        challenge = await self.connector.begin(
            provider,
            principal_id=self.person(login).id,
            redirect_uri=redirect_uri,
            accepts_terms=True,
            uses=uses,
        )
        return await self.connector.complete(await consent(challenge.url), actor="test")

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

    async def run(self, *, poll: bool = False, full: bool = False) -> int:
        """Run every due link until nothing is due; return how many turns that took."""
        if poll or full:
            for one in await self.db.aread(link_store.listing):
                await self.db.awrite(links.request_sync, one.id, is_full=full)
        return await self.worker.run_until_idle()

    # -- looking --------------------------------------------------------------------------------------

    def here(self, calendar: Calendar) -> dict[str, bytes]:
        with self.db.transaction(write=False) as tx:
            uids = object_store.uids(tx, calendar.id)
            return {one.uid: one.ical for one in object_store.by_uids(tx, calendar.id, uids)}

    def occurrences(
        self, calendar: Calendar, *, as_seen_by: LinkId | None = None, window: Window = AROUND
    ) -> list[Occurrence]:
        """Return every occurrence here; ``as_seen_by``: private ones are masked as that link masks them."""
        found: list[Occurrence] = []
        # What came from that calendar goes back there as it is.
        theirs = {one.uid for one in self.mappings(as_seen_by) if not one.is_ours} if as_seen_by else set()
        for uid, ical in self.here(calendar).items():
            obj = parse_object(ical, max_bytes=len(ical))
            is_private = obj.classification is not Classification.PUBLIC
            masked = as_seen_by is not None and uid not in theirs
            for one in iter_instances(obj, zone=ZoneInfo(calendar.resource.zone), window=window, limit=5000):
                title = " ".join((text_of(one.component, "SUMMARY") or "").split()) or "Busy"
                if masked and is_private:
                    title = "Busy"
                is_free = not busy_of(one.component).blocks
                found.append((title, one.start.timestamp(), one.end.timestamp(), is_free))
        return sorted(found)

    def status(self, link_id: LinkId) -> Link:
        found = self.db.read(link_store.get, link_id)
        assert found is not None
        return found

    def tickets(self) -> list[dict[str, Any]]:
        return self.db.read(tickets.listing)

    def parked(self, link_id: LinkId) -> dict[Any, Any]:
        return self.db.read(sync_log.parked, link_id)

    def mappings(self, link_id: LinkId) -> list[Any]:
        found: list[Any] = []
        while page := self.db.read(mappings.page, link_id, after_id=found[-1].id if found else 0):
            found += page
        return found


@asynccontextmanager
async def open_engine(
    db: Database,
    registry: Registry,
    environ: Mapping[str, str],
    *,
    sealer: Sealer,
    instance_id: str = INSTANCE,
) -> AsyncIterator[tuple[Accounts, Worker]]:
    """Open what talks to providers; the worker runs only where a test runs it."""
    accounts = Accounts(
        db=db,
        registry=registry,
        sealer=sealer,
        clock=lambda: datetime.now(UTC),
        environ=dict(environ),
        requests_per_minute=1e6,
    )
    accounts.timeout_s = 120.0  # on a machine that has much else to do; who tests impatience sets another
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
        yield accounts, worker
    finally:
        await accounts.close()


def event(uid: str, title: str = "Stand-up", *lines: str, days: int = 0) -> bytes:
    """Return an event of one hour at nine (UTC), some days after ``SOON``."""
    start = SOON + timedelta(days=days)
    body = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//test//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260301T000000Z",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{title}",
        *lines,
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(body).encode()


def series(uid: str, title: str = "Series", *, days: int = 0, weeks: int = 4, moved: int = 1) -> bytes:
    """Return a weekly series at noon in Berlin; its second occurrence is moved, its third left out."""
    first = SOON + timedelta(days=days)

    def at(week: int, hour: int = 12) -> str:
        return f"TZID={ZONE}:{first + timedelta(weeks=week):%Y%m%d}T{hour:02d}0000"

    body = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", f"UID:{uid}",
        "DTSTAMP:20260301T000000Z", f"DTSTART;{at(0)}", "DURATION:PT1H",
        f"RRULE:FREQ=WEEKLY;COUNT={weeks}", f"EXDATE;{at(2)}", f"SUMMARY:{title}", "END:VEVENT",
        "BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260301T000000Z", f"RECURRENCE-ID;{at(1)}",
        f"DTSTART;{at(1, 14 + moved)}", "DURATION:PT2H", f"SUMMARY:{title} moved", "END:VEVENT",
        "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(body).encode()
