"""The laboratory as a web application: puts core and providers together, starts and stops them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.lab.core.control import Control
from gateway.lab.core.identity import Account, Client
from gateway.lab.core.lab import HEADER, HEADER_VALUE, Lab
from gateway.lab.core.pipeline import serve
from gateway.lab.core.settings import Settings
from gateway.lab.core.tls import server_context
from gateway.lab.google.channels import notify
from gateway.lab.google.control import GoogleControl
from gateway.lab.google.door import ROOT, CalendarDoor
from gateway.lab.google.fault_kinds import google_kinds, token_kinds, webhook_kinds
from gateway.lab.google.garbage import garbage_kinds
from gateway.lab.google.person_faults import person_kinds
from gateway.lab.google.rooms import ROOMS
from gateway.lab.google.token_door import TokenDoor
from gateway.lab.google.web import Pages
from gateway.lab.google.world import Google

DEMO_CLIENT = Client(
    client_id="calgate-lab.apps.googleusercontent.com",
    client_secret="calgate-lab-secret",  # noqa: S106 - a known demo value, worth nothing
    redirect_uris=[],
    desktop=True,
)
DEMO_ACCOUNTS = (
    Account(email="ada@example.com", name="Ada", zone="Europe/Berlin", domain="example.com"),
    Account(email="ben@example.com", name="Ben", zone="America/New_York", domain="example.com"),
)


class Laboratory:
    """Lab, providers and web application of one simulator."""

    def __init__(self, *, state_file: Path | None = None, settings: Settings | None = None) -> None:
        self.lab = Lab(state_file=state_file, settings=settings)
        self.google = Google(self.lab)
        self.google.on_change = partial(notify, self.google)
        self.lab.faults.register(
            *google_kinds(self.google),
            *person_kinds(self.google),
            *garbage_kinds(),
            *token_kinds(),
            *webhook_kinds(),
        )
        self.app = web.Application(client_max_size=32 * 1024**2, middlewares=[_named])
        self._routes()
        self._runner: web.AppRunner | None = None

    def _routes(self) -> None:
        calendar, token = CalendarDoor(self.google, ROOMS), TokenDoor(self.google)

        async def calendar_room(request: web.Request) -> web.StreamResponse:
            return await serve(self.lab, calendar, request)

        async def token_room(request: web.Request) -> web.StreamResponse:
            return await serve(self.lab, token, request, family="token")

        self.app.add_routes([web.route("*", ROOT + "{rest:.*}", calendar_room)])
        self.app.add_routes([web.post("/token", token_room), web.post("/revoke", token_room)])
        self.app.add_routes(Control(self.lab).routes())
        self.app.add_routes(GoogleControl(self.google).routes())
        self.app.add_routes(Pages(self.google).routes())
        self.app.add_routes([web.get("/", _home)])
        self.app.add_routes([web.route("*", "/{rest:.*}", self._lost)])

    async def _lost(self, request: web.Request) -> web.Response:
        """An unknown path is loud: 404 and a violation."""
        self.lab.journal.violations.append(
            {
                "side": "request",
                "method": request.method,
                "path": request.path,
                "operation": None,
                "text": "unknown path",
            }
        )
        return web.json_response({"error": f"The laboratory has nothing at {request.path}."}, status=404)

    def furnish(self, *, accounts: tuple[Account, ...] = DEMO_ACCOUNTS, client: Client = DEMO_CLIENT) -> None:
        """Register a client and accounts, if they are not there yet."""
        self.lab.identity.clients.setdefault(client.client_id, client)
        for account in accounts:
            if account.email not in self.lab.identity.accounts:
                self.google.new_account(account)

    async def start(self, *, host: str = "127.0.0.1", port: int = 0, tls: Path | None = None) -> str:
        """Load the state, listen (over https with a folder for certificates), and return the address."""
        self.lab.state.read()
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=server_context(tls, host) if tls else None)
        await site.start()
        number = self._runner.addresses[0][1]
        self.lab.base_url = f"{'https' if tls else 'http'}://{host}:{number}"
        return self.lab.base_url

    async def stop(self) -> None:
        """Stop listening, end webhooks and the recurrence engine, write the state."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self.lab.webhooks.close()
        self.lab.engine.close()
        self.lab.state.save()


@web.middleware
async def _named(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if not response.prepared:
        response.headers.setdefault(HEADER, HEADER_VALUE)
    return response


async def _home(_request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/lab/"})


@asynccontextmanager
async def make_lab(
    *,
    state_file: Path | None = None,
    settings: Settings | None = None,
    port: int = 0,
    demo: bool = True,
    tls: Path | None = None,
) -> AsyncIterator[Laboratory]:
    """Run a laboratory in this process; its address is ``laboratory.lab.base_url``.

    Args:
        state_file: where the state is kept; None keeps it in memory.
        settings: switches; None means the defaults.
        port: TCP port; 0 takes a free one.
        demo: register the demo client and accounts.
        tls: folder for certificates; None speaks http.
    """
    laboratory = Laboratory(state_file=state_file, settings=settings)
    try:
        await laboratory.start(port=port, tls=tls)
        if demo:
            laboratory.furnish()
        yield laboratory
    finally:
        await laboratory.stop()
