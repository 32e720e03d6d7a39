"""The pages of an invitation: privacy terms, then the provider's consent; `door` goes on from there."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from gateway.domain.errors import GatewayError, NotFound
from gateway.http.deps import Deps
from gateway.http.engine_slot import EngineSlot
from gateway.http.web.pages import check_form, page
from gateway.http.web.visitor import invited, remember
from gateway.providers.contract import Use
from gateway.services import accounts, invitations
from gateway.services.invitations import Invitation

CALLBACK = "/connect/callback"
AGAIN = "/invite"


def add(app: web.Application, deps: Deps, slot: EngineSlot) -> None:
    """Add the pages."""
    pages = _Pages(deps, slot)
    app.router.add_get(AGAIN, pages.again)
    app.router.add_post(AGAIN, pages.go_on)
    app.router.add_get("/invite/{token}", pages.look)
    app.router.add_post("/invite/{token}", pages.accept)


class _Pages:
    def __init__(self, deps: Deps, slot: EngineSlot) -> None:
        self._deps, self._slot = deps, slot

    async def look(self, request: web.Request) -> web.Response:
        """Show what is asked for and what is stored; uses nothing up."""
        try:
            found = await self._deps.db.aread(
                invitations.look, request.match_info["token"], now=self._deps.clock()
            )
        except NotFound as error:
            return self._over(str(error))
        return self._ask(found, action=request.path, problem=None)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Use the invitation up and send the browser to the provider."""
        check_form(request, self._deps.settings.base_url)
        token, now = request.match_info["token"], self._deps.clock()
        try:
            found = await self._deps.db.aread(invitations.look, token, now=now)
            form = await request.post()
            if form.get("terms") != "yes":
                return self._ask(found, action=request.path, problem="Please agree to the privacy terms.")
            found, secret = await self._deps.db.awrite(invitations.accept, token, now=now)
        except NotFound as error:
            return self._over(str(error))
        answer = await self._consent(found)
        remember(answer, self._deps, secret)
        return answer

    async def again(self, request: web.Request) -> web.Response:
        """Show the invitation that this browser has opened, after something has gone wrong."""
        found = await invited(request, self._deps)
        if found is None:
            return self._over(invitations.OVER)
        return self._ask(found, action=AGAIN, problem=found.reason)

    async def go_on(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to the provider once more."""
        check_form(request, self._deps.settings.base_url)
        found = await invited(request, self._deps)
        if found is None:
            return self._over(invitations.OVER)
        form = await request.post()
        if form.get("terms") != "yes":
            return self._ask(found, action=AGAIN, problem="Please agree to the privacy terms.")
        return await self._consent(found)

    async def _consent(self, found: Invitation) -> web.StreamResponse:
        try:
            challenge = await self._slot.get().connector.begin(
                found.provider,
                principal_id=found.person.id,
                redirect_uri=self._deps.settings.base_url + CALLBACK,
                accepts_terms=True,
                uses=frozenset(Use(each) for each in found.uses),
            )
        except GatewayError as error:
            await self._deps.db.awrite(invitations.failed, found, reason=str(error))
            return self._ask(found, action=AGAIN, problem=str(error))
        if challenge.url is None:
            return self._ask(found, action=AGAIN, problem="This provider has no consent page.")
        return web.HTTPSeeOther(challenge.url)

    def _ask(self, found: Invitation, *, action: str, problem: str | None) -> web.Response:
        pool = self._slot.get().accounts
        provider = self._slot.get().registry.providers.get(found.provider)
        address = urlsplit(pool.config(provider).get("auth_url", "") if provider is not None else "")
        return page(
            "invite.html",
            status=400 if problem else 200,
            targets=f"{address.scheme}://{address.netloc}" if address.netloc else "",
            action=action,
            person=found.person,
            provider=provider.label if provider is not None else found.provider,
            terms=accounts.TERMS,
            problem=problem,
        )

    def _over(self, sentence: str) -> web.Response:
        return page("invite_over.html", status=404, sentence=sentence)
