"""Google's consent: checks a request for authorization, issues a code after the person's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.lab.core.authorization import PageError, RedirectError, back
from gateway.lab.core.tokens import Code, grant_key, opaque

if TYPE_CHECKING:
    from gateway.lab.core.identity import Account, Client
    from gateway.lab.core.lab import Lab

KNOWN = {
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "access_type",
    "prompt",
    "include_granted_scopes",
    "login_hint",
    "nonce",
    "hd",
}
OPENID = {
    "openid",
    "email",
    "profile",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A checked request for authorization."""

    client: Client
    redirect_uri: str
    scopes: list[str]
    state: str
    challenge: str
    offline: bool
    prompt: frozenset[str]
    include_granted: bool
    login_hint: str
    nonce: str


def client_of(lab: Lab, query: dict[str, str]) -> tuple[Client, str]:
    """Return client and redirect address; raises PageError: such a request is never redirected."""
    client = lab.identity.clients.get(query.get("client_id", ""))
    if client is None:
        raise PageError("invalid_client", "The OAuth client was not found.")
    redirect_uri = query.get("redirect_uri", "")
    if not client.accepts(redirect_uri):
        raise PageError("redirect_uri_mismatch", f"The redirect address {redirect_uri!r} is not registered.")
    return client, redirect_uri


def checked(lab: Lab, client: Client, redirect_uri: str, query: dict[str, str]) -> Wish:
    """Return what is asked for; raises RedirectError."""
    if query.get("response_type") != "code":
        raise RedirectError("unsupported_response_type", "response_type must be code")
    scopes = query.get("scope", "").split()
    if not scopes:
        raise RedirectError("invalid_request", "Missing required parameter: scope")
    challenge, method = query.get("code_challenge", ""), query.get("code_challenge_method", "plain")
    if (challenge and method != "S256") or (lab.settings.require_pkce and not challenge):
        raise RedirectError("invalid_request", "code_challenge with code_challenge_method=S256 is required")
    if query.get("access_type", "online") not in {"online", "offline"}:
        raise RedirectError("invalid_request", "access_type must be online or offline")
    prompt = frozenset(query.get("prompt", "").split())
    if "none" in prompt:
        raise RedirectError("interaction_required", "prompt=none cannot be answered here")
    if prompt - {"consent", "select_account"}:
        raise RedirectError("invalid_request", "Invalid prompt")
    return Wish(
        client=client,
        redirect_uri=redirect_uri,
        scopes=scopes,
        state=query.get("state", ""),
        challenge=challenge,
        offline=query.get("access_type") == "offline",
        prompt=prompt,
        include_granted=query.get("include_granted_scopes") == "true",
        login_hint=query.get("login_hint", ""),
        nonce=query.get("nonce", ""),
    )


def allow(lab: Lab, wish: Wish, account: Account, granted: list[str]) -> str:
    """Issue a code for what the person left ticked and return the address to go back to."""
    key = grant_key(account.email, wish.client.client_id)
    earlier = lab.tokens.grants.get(key)
    scopes = [scope for scope in wish.scopes if scope in granted]
    if wish.include_granted and earlier is not None:
        scopes += [scope for scope in earlier.scopes if scope not in scopes]
    if not scopes:
        return back(wish.redirect_uri, error="access_denied", state=wish.state)
    code = Code(
        value=opaque("4/0A", 48),
        account=account.email,
        client_id=wish.client.client_id,
        redirect_uri=wish.redirect_uri,
        scopes=scopes,
        challenge=wish.challenge,
        expires_at_s=lab.clock.true_s() + lab.settings.code_life_s,
        with_refresh=wish.offline and ("consent" in wish.prompt or earlier is None),
        nonce=wish.nonce,
    )
    lab.tokens.codes[code.value] = code
    lab.state.changed()
    return back(wish.redirect_uri, state=wish.state, code=code.value, scope=" ".join(scopes))
