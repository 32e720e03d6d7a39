"""A small organisation for tests of feeds: people, resources, objects, and the door on its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.domain.conditional import ANY
from gateway.domain.model import ConflictPolicy, Level, ObjectKind, Resource, ResourceKind
from gateway.http.deps import Deps
from gateway.http.feeds import door
from gateway.http.metrics import Metrics
from gateway.http.sign_in import SignIn
from gateway.services import Database, Transaction, feeds, grants, objects, principals, resources
from gateway.services.feeds import NewFeed
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import prepare
from gateway.settings import Settings
from gateway.store import calendars


def event(uid: str, *lines: str, head: str = "", around: str = "") -> bytes:
    """Return one calendar object; ``lines`` are those of its VEVENT without UID and DTSTAMP."""
    body = "\r\n".join(lines)
    return (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//test//EN\r\n{head}BEGIN:VEVENT\r\nUID:{uid}\r\n"
        f"DTSTAMP:20260101T000000Z\r\n{body}\r\nEND:VEVENT\r\n{around}END:VCALENDAR\r\n"
    ).encode()


@dataclass
class World:
    """One database with a clock that only moves when told."""

    db: Database
    settings: Settings
    now: datetime
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        self.limits = Limits.of(self.settings)

    def resource(self, slug: str, **fields: Any) -> Resource:
        kind = fields.pop("kind", ResourceKind.ROOM)
        fields = {"zone": "Europe/Berlin", "policy": ConflictPolicy.ALLOW, **fields}
        horizon = self.limits.horizon(self.now)
        return self.db.write(resources.add, slug, kind=kind, horizon=horizon, now=self.now, **fields)

    def person(self, login: str) -> None:
        self.db.write(principals.add, login, now=self.now)

    def grant(self, level: Level, **ends: Any) -> int:
        return self.db.write(grants.add, level, now=self.now, **ends).id

    def put(self, slug: str, data: bytes, *, kind: ObjectKind | None = None, href: str | None = None) -> str:
        """Store an object and return its href."""

        def write(tx: Transaction) -> str:
            calendar = calendars.of_resource(tx, resources.get(tx, slug).id)
            prepared = prepare(data, calendar, limits=self.limits, now=self.now, kind=kind)
            name = href or f"{abs(hash(prepared.parsed.uid))}.ics"
            objects.put(
                tx, calendar.id, name, prepared, origin=Origin(label="test"), now=self.now, limits=self.limits,
                condition=ANY,
            )  # fmt: skip
            return name

        return self.db.write(write)

    def delete(self, slug: str, href: str) -> None:
        def write(tx: Transaction) -> None:
            calendar = calendars.of_resource(tx, resources.get(tx, slug).id)
            objects.delete(tx, calendar.id, href, origin=Origin(label="test"), now=self.now)

        self.db.write(write)

    def feed(self, *slugs: str, **fields: Any) -> NewFeed:
        return self.db.write(feeds.create, slugs, settings=self.settings, now=self.now, **fields)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def app(self) -> web.Application:
        metrics = Metrics()
        deps = Deps(
            db=self.db,
            settings=self.settings,
            limits=self.limits,
            clock=lambda: self.now,
            sign_in=cast("SignIn", None),  # feeds have no sign-in
            metrics=metrics,
        )
        app = web.Application()
        door.add(app, deps)
        return app

    @asynccontextmanager
    async def client(self) -> AsyncIterator[TestClient[Any, Any]]:
        """Serve the door alone and yield a client that sends no header on its own."""
        server = TestServer(self.app())
        async with TestClient(
            server, auto_decompress=False, skip_auto_headers=["Accept-Encoding", "Accept", "User-Agent"]
        ) as client:
            yield client
