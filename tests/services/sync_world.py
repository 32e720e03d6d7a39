"""One resource, one account at the memory provider and a worker, for tests of the engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.link_model import Account, Direction, Link, LinkId
from gateway.domain.model import Calendar, ResourceKind
from gateway.providers.contract import Access, RemoteCalendar, SignedIn
from gateway.providers.registry import Registry
from gateway.services import accounts, links, objects, principals, resources
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
from gateway.sync.wakeup import Wakeups
from gateway.sync.worker import Worker
from tests.conftest import NOW
from tests.memory_provider import MemoryProvider, Server

ME = Origin(label="test")


def event(uid: str, title: str = "Stand-up", start: str = "20260310T090000Z", *lines: str) -> bytes:
    end = f"{start[:9]}{int(start[9:11]) + 1:02d}{start[11:]}"
    body = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//test//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260301T000000Z",
        f"DTSTART:{start}",
        f"DTEND:{end}",
        f"SUMMARY:{title}",
        *lines,
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(body).encode()


@dataclass
class World:
    db: Database
    calendar: Calendar
    account: Account
    link_id: LinkId
    server: Server
    provider: MemoryProvider
    sealer: Sealer
    limits: Limits = field(default_factory=Limits)
    now: datetime = NOW
    instance_id: str = "instance"

    def put(self, uid: str, ical: bytes | None = None) -> None:
        data = ical or event(uid)
        calendar = self.db.read(calendar_store.get, self.calendar.id)
        prepared = prepare(data, calendar, limits=self.limits, now=self.now)
        self.db.write(
            objects.put, self.calendar.id, f"{uid}.ics", prepared, origin=ME, now=self.now, limits=self.limits
        )

    def delete(self, uid: str) -> None:
        stored = self.db.read(object_store.by_uid, self.calendar.id, uid)
        assert stored is not None
        self.db.write(objects.delete, self.calendar.id, stored.href, origin=ME, now=self.now)

    def here(self) -> dict[str, bytes]:
        with self.db.transaction(write=False) as tx:
            uids = object_store.uids(tx, self.calendar.id)
            return {one.uid: one.ical for one in object_store.by_uids(tx, self.calendar.id, uids)}

    def link(self) -> Link:
        found = self.db.read(link_store.get, self.link_id)
        assert found is not None
        return found

    def tickets(self) -> list[dict[str, Any]]:
        return self.db.read(tickets.listing)

    def parked(self) -> dict[Any, Any]:
        return self.db.read(sync_log.parked, self.link_id)

    def mappings(self) -> list[Any]:
        return self.db.read(mappings.page, self.link_id)

    def poll(self) -> None:
        """Make the link ask the provider at its next run."""
        self.db.write(links.request_sync, self.link_id, is_full=False)

    def compare(self) -> None:
        self.db.write(links.request_sync, self.link_id, is_full=True)

    async def arun(self, *, worker: Worker | None = None) -> None:
        wakeups = Wakeups(self.db)
        accounts_pool = Accounts(
            db=self.db,
            registry=Registry(providers={"memory": self.provider}),
            sealer=self.sealer,
            clock=lambda: self.now,
            environ={},
            requests_per_minute=1e9,
        )
        try:
            made = Worker(
                db=self.db,
                accounts=accounts_pool,
                wakeups=wakeups,
                limits=self.limits,
                clock=lambda: self.now,
                instance_id=self.instance_id,
            )
            await made.run_until_idle()
        finally:
            await accounts_pool.close()

    def run(self) -> None:
        """Run every due link until nothing is due."""
        asyncio.run(self.arun())

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


def make(
    db: Database,
    *,
    direction: Direction = Direction.PUSH,
    server: Server | None = None,
    **settings: Any,
) -> World:
    sealer = Sealer([new_key()])
    provider = MemoryProvider(server)

    def setup(tx: Any) -> tuple[Calendar, Account, LinkId]:
        person = principals.add(tx, "ada", name="Ada", now=NOW)
        made = resources.add(
            tx,
            "room",
            kind=ResourceKind.ROOM,
            name="Room",
            now=NOW,
            horizon=Limits().horizon(NOW),
            policy="allow",
        )
        calendar = calendar_store.of_resource(tx, made.id)
        account = accounts.complete(
            tx, sealer, SignedIn(account_id="person", name="ada@provider.test", state=b"s"),
            provider="memory", kind="user", principal_id=person.id, terms_version="1", state=None,
            actor="test", now=NOW,
        )  # fmt: skip
        rows = accounts.save_calendars(
            tx, account.id, [RemoteCalendar(id="cal", name="Calendar", access=Access.OWN)], now=NOW
        )
        link = links.add(
            tx, calendar, account, remote_calendar_id=rows[0], direction=direction, settings=settings,
            actor="test", now=NOW,
        )  # fmt: skip
        return calendar, account, link.id

    calendar, account, link_id = db.write(setup)
    return World(
        db=db,
        calendar=calendar,
        account=account,
        link_id=link_id,
        server=provider.server,
        provider=provider,
        sealer=sealer,
    )
