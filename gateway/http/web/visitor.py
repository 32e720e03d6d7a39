"""Who is at the connect pages: a person who signs in, or somebody with an invitation that she has opened."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from gateway.domain.model import Principal
from gateway.http.deps import Deps
from gateway.services import invitations
from gateway.services.invitations import SESSION_LIFE, Invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A person, and the invitation that brought her, which limits her to one account."""

    person: Principal
    invitation: Invitation | None = None

    def may_see(self, account_uuid: str) -> bool:
        """Return whether an account of hers is within what she was invited to."""
        return self.invitation is None or self.invitation.account_uuid == account_uuid


async def visitor(request: web.Request, deps: Deps) -> Visitor:
    """Return who has sent a request to the connect pages.

    Raises:
        web.HTTPUnauthorized: neither credentials nor a session that lasts.
    """
    found = await invited(request, deps)
    if found is not None:
        return Visitor(person=found.person, invitation=found)
    return Visitor(person=await deps.sign_in.basic(request))


async def invited(request: web.Request, deps: Deps) -> Invitation | None:
    """Return the invitation whose session a browser has, or None."""
    secret = request.cookies.get(_name(deps))
    if not secret:
        return None
    return await deps.db.aread(invitations.of_session, secret, now=deps.clock())


def remember(response: web.StreamResponse, deps: Deps, secret: str) -> None:
    """Give the browser its session: for an hour, for no script, for no other site's forms."""
    response.set_cookie(
        _name(deps),
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        secure=_is_https(deps),
        httponly=True,
        # Lax, not strict: the provider sends the browser back from its own site.
        samesite="Lax",
    )


def _is_https(deps: Deps) -> bool:
    return deps.settings.base_url.startswith("https://")


def _name(deps: Deps) -> str:
    return "__Host-calgate-invitation" if _is_https(deps) else "calgate-invitation"
