"""The laboratory as a web application: puts core and providers together, starts and stops them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.lab.caldav.control import CalDavControl
from gateway.lab.caldav.door import CalDavDoor
from gateway.lab.caldav.fault_kinds import caldav_kinds
from gateway.lab.caldav.model import Person
from gateway.lab.caldav.pages import CalDavPages
from gateway.lab.caldav.paths import ROOT as CALDAV_ROOT
from gateway.lab.caldav.world import Dav
from gateway.lab.core.calls import Door
from gateway.lab.core.control import Control
from gateway.lab.core.identity import Account, Client
from gateway.lab.core.lab import HEADER, HEADER_VALUE, Lab
from gateway.lab.core.pipeline import serve
from gateway.lab.core.settings import Settings
from gateway.lab.core.shared_kinds import token_kinds, webhook_kinds
from gateway.lab.core.tls import server_context
from gateway.lab.google.channels import notify
from gateway.lab.google.control import GoogleControl
from gateway.lab.google.door import ROOT, CalendarDoor
from gateway.lab.google.fault_kinds import google_kinds
from gateway.lab.google.garbage import garbage_kinds
from gateway.lab.google.person_faults import person_kinds
from gateway.lab.google.rooms import ROOMS
from gateway.lab.google.token_door import TokenDoor
from gateway.lab.google.web import Pages
from gateway.lab.google.world import Google
from gateway.lab.index_page import Accounts, IndexPage
from gateway.lab.microsoft.control import MicrosoftControl
from gateway.lab.microsoft.door import ROOT as GRAPH_ROOT
from gateway.lab.microsoft.door import GraphDoor
from gateway.lab.microsoft.entra_pages import EntraPages
from gateway.lab.microsoft.fault_kinds import graph_kinds
from gateway.lab.microsoft.garbage import garbage_kinds as graph_garbage_kinds
from gateway.lab.microsoft.model import Mailbox
from gateway.lab.microsoft.notifications import Notifier
from gateway.lab.microsoft.person_faults import person_kinds as graph_person_kinds
from gateway.lab.microsoft.rooms import ROOMS as GRAPH_ROOMS
from gateway.lab.microsoft.token_door import TokenDoor as EntraTokenDoor
from gateway.lab.microsoft.web import Pages as OutlookPages
from gateway.lab.microsoft.world import Microsoft

PROVIDERS = frozenset({"google", "microsoft", "caldav"})
GOOGLE = frozenset({"google"})
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
MICROSOFT_CLIENT = Client(
    client_id="11111111-2222-4333-8444-555555555555",
    client_secret="calgate-lab-secret",  # noqa: S106 - a known demo value, worth nothing
    redirect_uris=[],
    desktop=True,
)
DEMO_PASSWORD = "calgate-lab"  # noqa: S105 - a known demo value, worth nothing
DEMO_PEOPLE = ("ada", "ben")


def demo_mailboxes() -> tuple[Mailbox, ...]:
    """Return the demo's accounts at Microsoft: two of one tenant and a personal one."""
    return (
        Mailbox(email="ada@example.org", name="Ada Example", zone="Europe/Berlin"),
        Mailbox(email="ben@example.org", name="Ben Example", zone="America/New_York"),
        Mailbox(email="eve@personal.example", name="Eve Example", zone="Europe/Vienna", personal=True),
    )


class Laboratory:
    """Lab, providers and web application of one simulator."""

    def __init__(
        self,
        *,
        state_file: Path | None = None,
        settings: Settings | None = None,
        providers: frozenset[str] = GOOGLE,
    ) -> None:
        if not providers or providers - PROVIDERS:
            raise ValueError(f"Providers of the laboratory: {', '.join(sorted(PROVIDERS))}.")
        self.lab = Lab(state_file=state_file, settings=settings)
        self.providers = providers
        self.google = Google(self.lab)
        self.microsoft = Microsoft(self.lab)
        self.dav = Dav(self.lab)
        self.lab.faults.register(*token_kinds(), *webhook_kinds())
        self.app = web.Application(client_max_size=32 * 1024**2, middlewares=[_named])
        self.app.add_routes(Control(self.lab).routes())
        fronts: list[Accounts] = []
        if "google" in providers:
            fronts.append(self._open_google())
        if "microsoft" in providers:
            fronts.append(self._open_microsoft())
        if "caldav" in providers:
            fronts.append(self._open_caldav())
        self.app.add_routes([web.get("/lab/", IndexPage(self.lab, fronts).show)])
        self.app.add_routes([web.get("/", _home)])
        self.app.add_routes([web.route("*", "/{rest:.*}", self._lost)])
        self._runner: web.AppRunner | None = None

    def _door(self, door: Door, family: str = "api") -> Handler:
        async def room(request: web.Request) -> web.StreamResponse:
            return await serve(self.lab, door, request, family=family)

        return room

    def _open_google(self) -> Accounts:
        google = self.google
        google.on_change = partial(notify, google)
        self.lab.faults.register(*google_kinds(google), *person_kinds(google), *garbage_kinds())
        calendar, token = self._door(CalendarDoor(google, ROOMS)), self._door(TokenDoor(google), "token")
        pages = Pages(google)
        self.app.add_routes([web.route("*", ROOT + "{rest:.*}", calendar)])
        self.app.add_routes([web.post("/token", token), web.post("/revoke", token)])
        self.app.add_routes(GoogleControl(google).routes())
        self.app.add_routes(pages.routes())
        return pages.accounts

    def _open_microsoft(self) -> Accounts:
        microsoft = self.microsoft
        notifier = Notifier(microsoft)
        microsoft.on_change = notifier.changed
        self.lab.faults.register(
            *graph_kinds(microsoft), *graph_person_kinds(microsoft), *graph_garbage_kinds()
        )
        graph = self._door(GraphDoor(microsoft, GRAPH_ROOMS))
        token = self._door(EntraTokenDoor(microsoft), "token")
        pages = OutlookPages(microsoft)
        self.app.add_routes([web.route("*", GRAPH_ROOT + "{rest:.*}", graph)])
        self.app.add_routes([web.post("/{tenant}/oauth2/v2.0/token", token)])
        self.app.add_routes(EntraPages(microsoft).routes())
        self.app.add_routes(MicrosoftControl(microsoft, notifier).routes())
        self.app.add_routes(pages.routes())
        return pages.accounts

    def _open_caldav(self) -> Accounts:
        self.lab.faults.register(*caldav_kinds(self.dav))
        room = self._door(CalDavDoor(self.dav))
        pages = CalDavPages(self.dav)
        self.app.add_routes([web.route("*", CALDAV_ROOT + "{rest:.*}", room)])
        self.app.add_routes([web.route("*", "/.well-known/caldav", room), web.route("PROPFIND", "/", room)])
        self.app.add_routes(CalDavControl(self.dav).routes())
        self.app.add_routes(pages.routes())
        return pages.accounts

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

    def furnish(
        self,
        *,
        accounts: tuple[Account, ...] = DEMO_ACCOUNTS,
        client: Client = DEMO_CLIENT,
        mailboxes: tuple[Mailbox, ...] | None = None,
        microsoft_client: Client = MICROSOFT_CLIENT,
    ) -> None:
        """Register clients and accounts of the open providers, if they are not there yet."""
        clients = self.lab.identity.clients
        if "google" in self.providers:
            clients.setdefault(client.client_id, client)
            for account in accounts:
                if account.email not in self.lab.identity.accounts:
                    self.google.new_account(account)
        if "microsoft" in self.providers:
            clients.setdefault(microsoft_client.client_id, microsoft_client)
            for box in demo_mailboxes() if mailboxes is None else mailboxes:
                if box.email not in self.microsoft.state.mailboxes:
                    self.microsoft.new_mailbox(box)

        if "caldav" in self.providers:
            for login in DEMO_PEOPLE:
                if login not in self.dav.state.people:
                    self.dav.new_person(
                        Person(
                            login=login,
                            password=DEMO_PASSWORD,
                            name=login.title(),
                            address=f"{login}@example.net",
                        )
                    )

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
    providers: frozenset[str] = GOOGLE,
) -> AsyncIterator[Laboratory]:
    """Run a laboratory in this process; its address is ``laboratory.lab.base_url``.

    Args:
        state_file: where the state is kept; None keeps it in memory.
        settings: switches; None means the defaults.
        port: TCP port; 0 takes a free one.
        demo: register the demo client and accounts.
        tls: folder for certificates; None speaks http.
        providers: which ones to open: google, microsoft, caldav.
    """
    laboratory = Laboratory(state_file=state_file, settings=settings, providers=providers)
    try:
        await laboratory.start(port=port, tls=tls)
        if demo:
            laboratory.furnish()
        yield laboratory
    finally:
        await laboratory.stop()
