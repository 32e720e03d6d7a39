"""An instance with linked rooms for the rows of the sync engine: set up, filled, and looked at afterwards.

The rows run the gateway, the laboratory and the writer in processes of their own. Times are compared by the
clock of the machine: that of a commit is taken by the writer when its transaction has returned, that of its
arrival by the laboratory's journal.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.domain.link_model import Account, Direction, Link, LinkId
from gateway.domain.model import Calendar, ResourceKind
from gateway.providers.contract import SignInKind, Use
from gateway.services import Database, Sealer, links, objects, principals, resources, startup
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import Prepared, prepare
from gateway.settings import Settings
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store import migrate
from gateway.sync.engine import Engine, open_engine
from tests.conftest import ROOT, Cli
from tests.contract.lab.graph_client import Microsoft
from tests.contract.lab.lab_client import REDIRECT, LabClient, query_of
from tests.e2e.google_world import environ as google_environ
from tests.e2e.graph_world import environ as graph_environ

_WRITER = Origin(label="bench")
_USES = frozenset({Use.OWN_CALENDARS, Use.LIST, Use.WRITE, Use.READ})


def utc_now() -> datetime:
    """Return the current instant as aware UTC."""
    return datetime.now(UTC)


def providers(base: str) -> dict[str, str]:
    """Return the settings of the plug-ins towards a laboratory, and towards this machine."""
    return google_environ(base) | graph_environ(base) | {"CALGATE_CALDAV_ALLOW_LOOPBACK": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A calendar here and what it is linked to."""

    calendar: Calendar
    link: Link
    account: Account


@dataclass(slots=True, kw_only=True)
class EngineWorld:
    """An instance of its own, its database open for the writer.

    Attributes:
        variables: settings of the gateway's processes beside the data directory.
    """

    settings: Settings
    db: Database
    sealer: Sealer
    variables: Mapping[str, str]
    rooms: list[Room] = field(default_factory=list)

    @property
    def cli(self) -> Cli:
        """Return the command on this instance."""
        return Cli(self.settings.data, {"CALGATE_LOG_LEVEL": "error", **self.variables})

    def add_resource(self, slug: str) -> Calendar:
        """Make a resource that takes everything."""

        def make(tx: Any) -> Calendar:
            made = resources.add(
                tx, slug, kind=ResourceKind.ROOM, name=slug.title(), zone="Europe/Berlin", policy="allow",
                now=utc_now(), horizon=Limits().horizon(utc_now()),
            )  # fmt: skip
            return calendar_store.of_resource(tx, made.id)

        return self.db.write(make)

    def person(self, login: str) -> Any:
        """Return a person, new or known."""
        found = self.db.read(principals.find_by_login, login)
        return found or self.db.write(principals.add, login, name=login.title(), now=utc_now())

    def link(self, calendar: Calendar, account: Account, row: int, **settings: Any) -> Room:
        """Link a calendar to one of an account; nothing runs yet."""
        made = self.db.write(
            links.add, calendar, account, remote_calendar_id=row, direction=Direction.PUSH, settings=settings,
            actor="bench", now=utc_now(),
        )  # fmt: skip
        room = Room(calendar=calendar, link=made, account=account)
        self.rooms.append(room)
        return room

    def engine(self) -> AbstractAsyncContextManager[Engine]:
        """Open an engine with the settings of the gateway's processes; its worker stands still."""
        return open_engine(self.db, self.settings, self.sealer, clock=utc_now, environ=self.variables)

    async def lab_rooms(self, lab: LabClient, provider: str, emails: Sequence[str]) -> None:
        """Connect accounts of the laboratory through their consent pages, each with a room of its own."""
        for email in emails:
            calendar = self.add_resource(email.partition("@")[0])
            await self.lab_account(lab, provider, email, calendar)

    async def lab_account(
        self, lab: LabClient, provider: str, email: str, *calendars: Calendar, **settings: Any
    ) -> None:
        """Connect one account and link calendars to ones of its own there."""
        async with self.engine() as engine:
            account = await _connect(engine, lab, provider, email, self.person(email.partition("@")[0]).id)
            for calendar in calendars:
                row = await engine.connector.dedicated_calendar(account, calendar)
                self.link(calendar, account, row, **settings)

    async def dav_account(self, url: str, login: str, password: str, *calendars: Calendar) -> None:
        """Connect one account of a CalDAV server and link calendars to ones of its own there."""
        async with self.engine() as engine:
            account = await engine.connector.with_fields(
                "caldav",
                {"url": url, "login": login, "password": password},
                kind=SignInKind.PASSWORD,
                principal_id=self.person(login).id,
                actor="bench",
            )
            for calendar in calendars:
                row = await engine.connector.dedicated_calendar(account, calendar)
                self.link(calendar, account, row)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run one of the above where no laboratory is asked."""
        asyncio.run(work)

    def prepared(self, room: Room, uid: str, title: str) -> Prepared:
        """Return an event ready to be stored, so that storing it is all that the writer's turn costs."""
        return prepare(event(uid, title), room.calendar, limits=Limits(), now=utc_now())

    def put(self, room: Room, uid: str, prepared: Prepared) -> float:
        """Store an event and return the time of its commit."""
        self.db.write(
            objects.put, room.calendar.id, f"{uid}.ics", prepared, origin=_WRITER, now=utc_now(),
            limits=Limits(),
        )  # fmt: skip
        return time.time()

    def wait_until_idle(self, *, timeout_s: float = 120.0, only: LinkId | None = None) -> None:
        """Wait until every link, or one, has done what there is to do; asks seldom."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = [one for one in self.db.read(link_store.listing) if only in {None, one.id}]
            behind = self.db.read(link_store.behind, [one.id for one in found])
            troubled = [one.error for one in found if one.error]
            if troubled:
                raise RuntimeError(f"a link has trouble: {troubled[0]}")
            if all(one.synced_at_utc and not behind[one.id] for one in found):
                return
            time.sleep(0.5)
        raise RuntimeError("the links are still busy")


async def _connect(engine: Engine, lab: LabClient, provider: str, email: str, principal_id: Any) -> Account:
    challenge = await engine.connector.begin(
        provider, principal_id=principal_id, redirect_uri=REDIRECT, accepts_terms=True, uses=_USES
    )
    assert challenge.url is not None
    hands = Microsoft(lab.base, lab.session) if provider == "graph" else lab
    back = await hands.approve(challenge.url, account=email)
    return await engine.connector.complete(query_of(back), actor="bench")


@contextmanager
def engine_world(directory: Path, variables: Mapping[str, str], **settings: Any) -> Iterator[EngineWorld]:
    """Open a new instance under a directory."""
    chosen = Settings(data=directory / "data", **settings)
    db = startup.open_database(chosen)
    try:
        migrate.upgrade(db, now=utc_now())
        sealer = startup.ready_database(db, chosen, now=utc_now())
        startup.open_instance_id(db, chosen)
        yield EngineWorld(settings=chosen, db=db, sealer=sealer, variables=variables)
    finally:
        db.close()


@contextmanager
def program(world: EngineWorld, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python program of ours on an instance; an end before its time is an error."""
    world.settings.data.mkdir(exist_ok=True)
    log = world.settings.data / f"program-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=world.cli.variables(), stdout=out, stderr=out
        )
        try:
            yield process
            if process.poll() is not None:
                raise RuntimeError(f"{command} has ended: {log.read_text()[-3000:]}")
        finally:
            process.terminate()
            process.wait(timeout=60)


def event(uid: str, title: str, *, hours: int = 0) -> bytes:
    """Return a calendar object of everyday size, tomorrow in the resource's own zone."""
    start = (utc_now() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    start += timedelta(hours=hours)
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Bench//EN", "BEGIN:VEVENT", f"UID:{uid}",
        "DTSTAMP:20260101T000000Z", f"DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID=Europe/Berlin:{start + timedelta(hours=1):%Y%m%dT%H%M%S}", f"SUMMARY:{title}",
        "LOCATION:Building 7", "DESCRIPTION:What this is about\\, in a line of everyday length.",
        "STATUS:CONFIRMED", "SEQUENCE:0", "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()
