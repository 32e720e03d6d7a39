"""A running CalDAV door with people, resources and grants; `dav` speaks to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import requests
from aiohttp import web

from gateway.domain.model import Level, ResourceKind
from gateway.http.dav import door
from gateway.http.deps import Deps
from gateway.http.metrics import Metrics
from gateway.http.sign_in import SignIn
from gateway.services import Database, grants, principals, resources
from gateway.services.limits import Limits
from gateway.settings import Settings

PREFIXES = {
    "D": "DAV:",
    "C": "urn:ietf:params:xml:ns:caldav",
    "CS": "http://calendarserver.org/ns/",
    "IC": "http://apple.com/ns/ical/",
    "CG": "urn:calgate:xml:ns",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in PREFIXES.items())


def make_event(
    uid: str, *lines: str, start: str = "20260310T090000Z", end: str = "20260310T100000Z"
) -> bytes:
    """Return one event; ``lines`` are further properties."""
    body = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", f"UID:{uid}",
        "DTSTAMP:20260301T000000Z", f"DTSTART:{start}", f"DTEND:{end}", *lines, "END:VEVENT",
        "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(body).encode()


@dataclass
class Reply:
    """An answer; ``xml`` parses it."""

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    body: bytes

    @property
    def xml(self) -> ET.Element:
        return ET.fromstring(self.body)

    def found(self, path: str) -> list[ET.Element]:
        return self.xml.findall(path, PREFIXES)

    @property
    def hrefs(self) -> list[str]:
        return [node.text or "" for node in self.found("D:response/D:href")]

    def by_href(self) -> dict[str, ET.Element]:
        return {node.findtext("D:href", "", PREFIXES): node for node in self.found("D:response")}

    @property
    def conditions(self) -> set[str]:
        """Return the preconditions of a DAV error body, or of one inside an answer per property."""
        errors = self.xml.iter("{DAV:}error")
        return {child.tag.partition("}")[2] for error in errors for child in error} - {"message"}

    @property
    def message(self) -> str:
        return self.xml.findtext("CG:message", "", PREFIXES)


@dataclass
class Dav:
    """A client of one person."""

    base: str
    login: str
    password: str
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body.encode() if isinstance(body, str) else body
        answer = self.session.request(
            method,
            self.base + path,
            data=data or None,
            headers=sent,
            auth=(self.login.encode(), self.password.encode()),
            allow_redirects=False,
            timeout=30,
        )
        return Reply(answer.status_code, answer.headers, answer.content)

    def home(self) -> str:
        return f"/dav/{quote(self.login)}/"

    def put(self, path: str, ical: bytes, **headers: str) -> Reply:
        return self("PUT", path, ical, **{"Content_Type": "text/calendar; charset=utf-8"} | headers)

    def propfind(self, path: str, *props: str, depth: str = "0", **headers: str) -> Reply:
        inner = "".join(f"<{prop}/>" for prop in props)
        body = f"<D:propfind {_DECLARED}><D:prop>{inner}</D:prop></D:propfind>" if props else ""
        return self("PROPFIND", path, body, Depth=depth, **headers)

    def report(self, path: str, name: str, inner: str, **headers: str) -> Reply:
        return self("REPORT", path, f"<{name} {_DECLARED}>{inner}</{name}>", **headers)

    def sync(self, path: str, token: str = "", limit: int | None = None) -> Reply:
        limited = f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>" if limit else ""
        inner = f"<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>{limited}"
        return self.report(path, "D:sync-collection", f"{inner}<D:prop><D:getetag/></D:prop>")

    def query(
        self, path: str, inner: str, props: str = "<D:getetag/><C:calendar-data/>", more: str = ""
    ) -> Reply:
        wanted = f'<C:filter><C:comp-filter name="VCALENDAR">{inner}</C:comp-filter></C:filter>'
        return self.report(path, "C:calendar-query", f"<D:prop>{props}</D:prop>{wanted}{more}")


class Server:
    """The door on a port of its own, in a thread with its own event loop."""

    def __init__(self, db: Database, settings: Settings, clock: Any) -> None:
        self.db, self.settings, self._clock = db, settings, clock
        self.base = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(30)
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def settle(self) -> None:
        """Wait until what requests write down beside themselves is written down."""

        async def noted() -> None:
            await asyncio.gather(*self.sign_in._notes)

        asyncio.run_coroutine_threadsafe(noted(), self._loop).result(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to the test
            self._error = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        metrics = Metrics()
        sign_in = SignIn(db=self.db, settings=self.settings, clock=self._clock, metrics=metrics)
        self.sign_in = sign_in
        deps = Deps(
            db=self.db,
            settings=self.settings,
            limits=Limits.of(self.settings),
            clock=self._clock,
            sign_in=sign_in,
            metrics=metrics,
        )
        app = web.Application(client_max_size=self.settings.max_body_bytes)
        door.add(app, deps)
        runner = web.AppRunner(app, max_line_size=16 * 1024)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.base = f"http://{host}:{port}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
        await sign_in.drain()


@pytest.fixture
def event() -> Any:
    return make_event


@pytest.fixture
def dav_settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", max_object_bytes=64 * 1024, zone="Europe/Berlin")


@dataclass
class World:
    """The server and the people of the tests."""

    server: Server
    db: Database
    now: datetime
    people: dict[str, Dav]

    @property
    def base(self) -> str:
        return self.server.base

    def __getattr__(self, login: str) -> Dav:
        try:
            return self.people[login]
        except KeyError:
            raise AttributeError(login) from None


def populate(db: Database, settings: Settings, now: datetime) -> dict[str, str]:
    """Make alice (manages), bob (writes), carol (reads), dave (free/busy); return their app passwords."""
    horizon = Limits.of(settings).horizon(now)
    passwords = {}
    with db.transaction(write=True) as tx:
        for login in ("alice", "bob", "carol", "dave"):
            principals.add(tx, login, name=login.title(), email=f"{login}@example.org", now=now)
            passwords[login] = principals.new_app_password(tx, login, "test", now)[1]
        resources.add(tx, "room", kind=ResourceKind.ROOM, name="Room", horizon=horizon, now=now)
        resources.add(
            tx,
            "free",
            kind=ResourceKind.PERSON,
            name="Free",
            policy="allow",
            zone="Europe/Berlin",
            horizon=horizon,
            now=now,
        )
        resources.add(tx, "secret", kind=ResourceKind.ROOM, name="Secret", horizon=horizon, now=now)
        for slug in ("room", "free"):
            for login, level in (
                ("alice", Level.MANAGE),
                ("bob", Level.WRITE),
                ("carol", Level.READ),
                ("dave", Level.FREEBUSY),
            ):
                grants.add(tx, level, login=login, resource=slug, now=now)
    return passwords


@pytest.fixture
def world(db: Database, dav_settings: Settings, now: datetime) -> Iterator[World]:
    yield from _world(db, dav_settings, now)


@pytest.fixture
def sqlite_world(sqlite_db: Database, dav_settings: Settings, now: datetime) -> Iterator[World]:
    yield from _world(sqlite_db, dav_settings, now)


def _world(db: Database, settings: Settings, now: datetime) -> Iterator[World]:
    passwords = populate(db, settings, now)
    server = Server(db, settings, lambda: now)
    server.start()
    people = {login: Dav(server.base, login, password) for login, password in passwords.items()}
    try:
        yield World(server, db, now, people)
    finally:
        server.stop()
