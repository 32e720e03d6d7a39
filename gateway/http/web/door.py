"""Connect, choose, done; and the page behind a back link: for who signs in, or was invited to connect."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from gateway.domain.errors import GatewayError, NotFound
from gateway.domain.link_model import Account, AccountState, Direction
from gateway.domain.model import Principal
from gateway.http.deps import Deps
from gateway.http.engine_slot import EngineSlot
from gateway.http.web import invite, reconnect
from gateway.http.web.invite import CALLBACK
from gateway.http.web.pages import check_form, page
from gateway.http.web.visitor import Visitor, visitor
from gateway.providers.contract import SignInKind, Use
from gateway.services import accounts, invitations, link_pages, links
from gateway.services.wanted_calendars import is_wanted

_FACE = "web"


def add(app: web.Application, deps: Deps, slot: EngineSlot) -> None:
    """Add the pages."""
    pages = _Pages(deps, slot)
    app.router.add_get("/connect", pages.ask)
    app.router.add_post("/connect", pages.begin)
    app.router.add_get(CALLBACK, pages.callback)
    app.router.add_get("/connect/{account}", pages.choose)
    app.router.add_post("/connect/{account}", pages.link)
    app.router.add_get("/connect/{account}/{link}", pages.done)
    app.router.add_post("/connect/{account}/{link}", pages.apply)
    app.router.add_get("/o/{resource}/{marker}", pages.back_link)
    invite.add(app, deps, slot)


class _Pages:
    def __init__(self, deps: Deps, slot: EngineSlot) -> None:
        self._deps, self._slot = deps, slot

    # -- connecting -----------------------------------------------------------------------------------

    async def ask(self, request: web.Request) -> web.Response:
        """Show what can be connected, and what is stored and why."""
        await self._deps.sign_in.basic(request)
        return self._ask(problem=None)

    def _ask(self, *, problem: str | None) -> web.Response:
        found = [
            one
            for one in self._slot.get().registry.providers.values()
            if SignInKind.USER in one.sign_in.kinds
        ]
        status = 400 if problem else 200
        # The form leads to the provider by a redirect, which form-action covers, too.
        targets = " ".join(sorted({self._origin(one.name) for one in found} - {""}))
        return page(
            "connect.html",
            status=status,
            targets=targets,
            providers=found,
            terms=accounts.TERMS,
            problem=problem,
        )

    def _origin(self, name: str) -> str:
        pool = self._slot.get().accounts
        address = urlsplit(pool.config(pool.provider(name)).get("auth_url", ""))
        return f"{address.scheme}://{address.netloc}" if address.netloc else ""

    async def begin(self, request: web.Request) -> web.Response:
        """Send the browser to the provider's consent page."""
        person = await self._deps.sign_in.basic(request)
        check_form(request, self._deps.settings.base_url)
        form = await request.post()
        uses = frozenset(use for use in Use if use.value in {str(each) for each in form.getall("use", [])})
        try:
            challenge = await self._slot.get().connector.begin(
                str(form.get("provider", "")),
                principal_id=person.id,
                redirect_uri=self._deps.settings.base_url + CALLBACK,
                accepts_terms=form.get("terms") == "yes",
                uses=uses or frozenset({Use.OWN_CALENDARS, Use.LIST}),
            )
        except GatewayError as error:
            return self._ask(problem=str(error))
        if challenge.url is None:
            return self._ask(problem="This provider has no consent page; use `calgate account connect`.")
        raise web.HTTPSeeOther(challenge.url)

    async def callback(self, request: web.Request) -> web.Response:
        """Take the browser back from the provider."""
        who = await visitor(request, self._deps)
        try:
            account = await self._slot.get().connector.complete(
                dict(request.query), actor=who.person.login, principal_id=who.person.id
            )
        except GatewayError as error:
            if who.invitation is None:
                return self._ask(problem=str(error))
            await self._deps.db.awrite(invitations.failed, who.invitation, reason=str(error))
            raise web.HTTPSeeOther(invite.AGAIN) from None
        if who.invitation is not None:
            await self._deps.db.awrite(invitations.connected, who.invitation, account_uuid=account.uuid)
        raise web.HTTPSeeOther(f"/connect/{account.uuid}")

    # -- choosing -------------------------------------------------------------------------------------

    async def choose(self, request: web.Request) -> web.Response:
        """Show the account's calendars and the resources that the person manages."""
        who = await visitor(request, self._deps)
        return await self._choose(who.person, await self._account(request, who), problem=None)

    async def _choose(self, person: Principal, account: Account, *, problem: str | None) -> web.Response:
        db = self._deps.db
        return page(
            "choose.html",
            status=400 if problem else 200,
            account=account,
            calendars=[
                one
                for one in await db.aread(accounts.calendars, account.id)
                if not is_wanted(one["remote_id"])
            ],
            resources=await db.aread(link_pages.managed, person, face=_FACE),
            problem=problem,
        )

    async def link(self, request: web.Request) -> web.Response:
        """Make the link; its first sync begins at once."""
        who = await visitor(request, self._deps)
        person = who.person
        check_form(request, self._deps.settings.base_url)
        account = await self._account(request, who)
        form = await request.post()
        db, connector = self._deps.db, self._slot.get().connector
        try:
            calendar = await db.aread(
                link_pages.managed_calendar, person, str(form.get("resource", "")), face=_FACE
            )
            chosen = str(form.get("calendar", ""))
            direction = link_pages.direction_of(str(form.get("direction", Direction.PUSH.value)))
            looks = chosen.isdecimal() and direction is not Direction.PULL
            row = int(chosen) if chosen.isdecimal() else await connector.dedicated_calendar(account, calendar)
            made = await db.awrite(
                links.add,
                calendar,
                account,
                remote_calendar_id=row,
                direction=direction,
                is_held=looks,
                actor=person.login,
                now=self._deps.clock(),
            )
            if looks:
                await reconnect.look(self._deps, self._slot.get(), made, actor=person.login)
        except GatewayError as error:
            return await self._choose(person, account, problem=str(error))
        raise web.HTTPSeeOther(f"/connect/{account.uuid}/{made.uuid}")

    async def done(self, request: web.Request) -> web.Response:
        """Show how far the first sync has come."""
        account = await self._account(request, await visitor(request, self._deps))
        try:
            shown = await self._deps.db.aread(link_pages.progress, account, request.match_info["link"])
        except NotFound:
            raise web.HTTPNotFound from None
        return page(
            "done.html",
            refresh_s=2 if shown.is_running else None,
            link=shown.link,
            resource=shown.resource,
            copies=shown.copies,
            parked=shown.parked,
            problem=shown.problem,
            is_connected=account.state is AccountState.CONNECTED,
            sentence=shown.sentence,
            plan=shown.plan,
            summary=shown.summary,
            account_uuid=account.uuid,
        )

    async def apply(self, request: web.Request) -> web.Response:
        """Approve the plan of a new link; what it names is done, and nothing before."""
        who = await visitor(request, self._deps)
        check_form(request, self._deps.settings.base_url)
        account, name = await self._account(request, who), request.match_info["link"]
        form = await request.post()
        try:
            shown = await self._deps.db.aread(link_pages.progress, account, name)
            if shown.plan is None or shown.plan != form.get("plan"):
                raise web.HTTPConflict(text="This plan is not open any more; open the page anew.\n")
            await self._deps.db.awrite(
                links.approve, shown.plan, actor=who.person.login, now=self._deps.clock()
            )
        except NotFound:
            raise web.HTTPNotFound from None
        raise web.HTTPSeeOther(f"/connect/{account.uuid}/{name}")

    async def _account(self, request: web.Request, who: Visitor) -> Account:
        name = request.match_info["account"]
        if not who.may_see(name):
            raise web.HTTPNotFound
        try:
            return await self._deps.db.aread(link_pages.own_account, who.person, name)
        except NotFound:
            raise web.HTTPNotFound from None

    # -- back links -----------------------------------------------------------------------------------

    async def back_link(self, request: web.Request) -> web.Response:
        """Show the object that a copy at a provider points to."""
        person = await self._deps.sign_in.basic(request)
        try:
            shown = await self._deps.db.aread(
                link_pages.object_page,
                person,
                request.match_info["resource"],
                request.match_info["marker"],
                face=_FACE,
                now=self._deps.clock(),
            )
        except NotFound:
            raise web.HTTPNotFound(text="There is nothing here, or nothing that you may see.\n") from None
        return page("object.html", shown=shown)
