"""A web server with one calendar file, which does what the test wants."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.domain.content_lines import write
from gateway.providers.contract import SignedIn
from gateway.providers.registry import configuration
from plugins.ics.account import IcsAccount
from plugins.ics.provider import IcsProvider


def calendar(*events: str, head: tuple[str, ...] = ()) -> bytes:
    """Return a file; an event is its lines, separated by newlines."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Feed//EN", *head]
    for event in events:
        lines += ["BEGIN:VEVENT", "DTSTAMP:20260101T000000Z", *event.splitlines(), "END:VEVENT"]
    return write([*lines, "END:VCALENDAR"])


def event(uid: str, start: str = "20260327T090000Z", end: str = "20260327T100000Z", *more: str) -> str:
    """Return the lines of an event."""
    return "\n".join([f"UID:{uid}", f"DTSTART:{start}", f"DTEND:{end}", f"SUMMARY:{uid}", *more])


@dataclass
class FileServer:
    """What is served, and what was asked."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    has_validators: bool = True
    login: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    hang_s: float = 0.0
    cut: bool = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append({name.lower(): value for name, value in request.headers.items()})
        if self.hang_s:
            await asyncio.sleep(self.hang_s)
        if self.login and request.headers.get("Authorization") is None:
            return web.Response(status=401)
        etag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'
        if self.status == 200 and self.has_validators and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        headers = dict(self.headers)
        if self.has_validators:
            headers["ETag"] = etag
        if self.cut:
            response = web.StreamResponse(status=200, headers=headers)
            response.content_length = len(self.body)
            await response.prepare(request)
            await response.write(self.body[: len(self.body) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(status=self.status, body=self.body, headers=headers)


@asynccontextmanager
async def file_server() -> AsyncIterator[FileServer]:
    """Serve on a free port of this machine."""
    server = FileServer(body=calendar(event("one"), event("two")))
    app = web.Application()
    app.add_routes([web.get("/{rest:.*}", server.serve)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/secret-word/feed.ics"
    try:
        yield server
    finally:
        await runner.cleanup()


def config_for(**changes: str) -> dict[str, str]:
    """Return the plug-in's settings for a server on this machine."""
    return configuration(IcsProvider(), {"CALGATE_ICS_ALLOW_LOOPBACK": "1"}) | changes


async def connect(url: str, *, login: str = "", password: str = "", **changes: str) -> SignedIn:
    """Connect an address as a person does."""
    answer = {"url": url, "login": login, "password": password}
    return await asyncio.to_thread(
        IcsProvider().sign_in.complete, config_for(**changes), b"", answer, now=datetime.now(UTC)
    )


async def opened(url: str, *, login: str = "", password: str = "", **changes: str) -> IcsAccount:
    """Return a connected account."""
    signed = await connect(url, login=login, password=password, **changes)
    provider = IcsProvider()
    config = config_for(**changes) | dict(provider.sign_in.settings_of({}, signed.state))
    return provider.open(None, config)  # type: ignore[arg-type]  # no request goes through the signed-in client
