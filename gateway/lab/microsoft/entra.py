"""Entra's consent: tenants, scopes, requests for authorization, codes; and the tokens it issues."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.lab.core.authorization import PageError, RedirectError
from gateway.lab.core.tokens import AccessToken, Code, RefreshToken, opaque
from gateway.lab.microsoft.door import PROJECT
from gateway.lab.microsoft.model import PERSONAL_TENANT
from gateway.lab.microsoft.world import GRAPH

if TYPE_CHECKING:
    from gateway.lab.core.identity import Client
    from gateway.lab.microsoft.model import Mailbox
    from gateway.lab.microsoft.world import Microsoft

KEY_ID = "lab-entra-key-1"
OPENID = ("openid", "profile", "email", "offline_access")
KNOWN = {
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "prompt",
    "login_hint",
    "domain_hint",
    "code_challenge",
    "code_challenge_method",
    "client_info",
    "claims",
    "sso_reload",
}
_GRAPH_SCOPES = frozenset(
    {
        "User.Read",
        "User.Read.All",
        "User.ReadBasic.All",
        "Calendars.Read",
        "Calendars.ReadBasic",
        "Calendars.ReadWrite",
        "Calendars.Read.Shared",
        "Calendars.ReadWrite.Shared",
        "MailboxSettings.Read",
        "MailboxSettings.ReadWrite",
        "Place.Read.All",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A checked request for authorization."""

    client: Client
    tenant: str
    redirect_uri: str
    scopes: list[str]
    state: str
    challenge: str
    nonce: str
    mode: str
    login_hint: str
    client_info: bool


def _page_error(code: str, text: str) -> PageError:
    """Return an error page that names its code in the text, as Entra's do."""
    return PageError(code, f"{code}: {text}")


def admits(microsoft: Microsoft, tenant: str, box: Mailbox) -> bool:
    """Tell whether an account may sign in under a tenant of the address."""
    return {
        "common": True,
        "organizations": not box.personal,
        "consumers": box.personal,
        PERSONAL_TENANT: box.personal,
    }.get(tenant, tenant == microsoft.state.tenant and not box.personal)


def is_tenant(microsoft: Microsoft, name: str) -> bool:
    """Tell whether a tenant exists."""
    return name in {"common", "organizations", "consumers", PERSONAL_TENANT, microsoft.state.tenant}


def check_tenant(microsoft: Microsoft, name: str) -> None:
    """Raise PageError for a tenant that does not exist."""
    if not is_tenant(microsoft, name):
        raise _page_error("AADSTS90002", f"Tenant {name[:60]!r} not found.")


def short(scope: str) -> str:
    """Return a scope without Graph's address."""
    return scope.removeprefix(GRAPH)


def unknown(scopes: list[str]) -> list[str]:
    """Return the scopes that do not exist."""
    return [scope for scope in scopes if scope not in OPENID and short(scope) not in _GRAPH_SCOPES]


def client_of(microsoft: Microsoft, query: dict[str, str]) -> tuple[Client, str]:
    """Return client and redirect address; raises PageError: such a request is never redirected."""
    client = microsoft.lab.identity.clients.get(query.get("client_id", ""))
    if client is None:
        raise _page_error("AADSTS700016", "Application was not found in the directory.")
    redirect_uri = query.get("redirect_uri", "")
    if not client.accepts(redirect_uri):
        raise _page_error(
            "AADSTS50011", f"The redirect URI {redirect_uri!r} does not match the redirect URIs configured."
        )
    return client, redirect_uri


def checked(
    microsoft: Microsoft, tenant: str, client: Client, redirect_uri: str, query: dict[str, str]
) -> Wish:
    """Return what is asked for; raises RedirectError."""
    if query.get("response_type") != "code":
        raise RedirectError("unsupported_response_type", "AADSTS700054: response_type must be code.")
    scopes = query.get("scope", "").split()
    if not scopes:
        raise RedirectError("invalid_request", "AADSTS900144: The request must contain 'scope'.")
    if wrong := unknown(scopes):
        raise RedirectError("invalid_client", f"AADSTS650053: The scope {wrong[0]!r} does not exist.")
    challenge, method = query.get("code_challenge", ""), query.get("code_challenge_method", "plain")
    if (challenge and method != "S256") or (microsoft.lab.settings.require_pkce and not challenge):
        raise RedirectError("invalid_request", "AADSTS501491: a code_challenge with S256 is required.")
    mode = query.get("response_mode") or "query"
    if mode not in {"query", "form_post"}:
        raise RedirectError("invalid_request", "AADSTS90113: response_mode must be query or form_post.")
    prompt = query.get("prompt", "")
    if prompt == "none":
        raise RedirectError("interaction_required", "AADSTS50058: no one is signed in.")
    if prompt not in {"", "consent", "select_account", "login"}:
        raise RedirectError("invalid_request", "AADSTS90023: Invalid prompt.")
    return Wish(
        client=client,
        tenant=tenant,
        redirect_uri=redirect_uri,
        scopes=scopes,
        state=query.get("state", ""),
        challenge=challenge,
        nonce=query.get("nonce", ""),
        mode=mode,
        login_hint=query.get("login_hint", ""),
        client_info=query.get("client_info") == "1",
    )


def allow(microsoft: Microsoft, wish: Wish, box: Mailbox, granted: list[str]) -> dict[str, str]:
    """Issue a code for what the person left ticked; returns the values that go back to the client."""
    scopes = [scope for scope in wish.scopes if scope in granted]
    if not any(short(scope) in _GRAPH_SCOPES for scope in scopes):
        return denied(wish)
    lab = microsoft.lab
    code = Code(
        value=opaque("1.AX", 60),
        account=box.email,
        client_id=wish.client.client_id,
        redirect_uri=wish.redirect_uri,
        scopes=scopes,
        challenge=wish.challenge,
        expires_at_s=lab.clock.true_s() + lab.settings.code_life_s,
        with_refresh="offline_access" in scopes,
        nonce=wish.nonce,
    )
    lab.tokens.codes[code.value] = code
    lab.state.changed()
    values = {"code": code.value, "state": wish.state, "session_state": opaque("", 12)}
    return values | ({"client_info": client_info(box)} if wish.client_info else {})


def denied(wish: Wish) -> dict[str, str]:
    """Return the values of a refused consent."""
    return {
        "error": "access_denied",
        "error_description": "AADSTS65004: User declined to consent to access the app.",
        "state": wish.state,
    }


# --- tokens


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def client_info(box: Mailbox) -> str:
    """Return the value from which MSAL builds an account's key."""
    return _encoded(json.dumps({"uid": box.id, "utid": box.tenant}).encode())


def access_token(
    microsoft: Microsoft, client: Client, email: str, scopes: list[str], grant: str
) -> dict[str, Any]:
    """Issue an access token; returns the token answer. An empty address stands for the program itself."""
    lab = microsoft.lab
    life_s = lab.settings.access_token_life_s
    token = AccessToken(
        value=opaque("EwB4A8l6BAAU", 120),
        account=email,
        client_id=client.client_id,
        project=PROJECT,
        scopes=[short(scope) for scope in scopes],
        expires_at_s=lab.clock.true_s() + life_s,
        grant=grant,
        service=not email,
    )
    lab.tokens.access[token.value] = token
    return {
        "token_type": "Bearer",
        "scope": " ".join(scope for scope in scopes if scope != "offline_access"),
        "expires_in": int(life_s),
        "ext_expires_in": int(life_s),
        "access_token": token.value,
    }


def refresh_token(microsoft: Microsoft, client: Client, email: str, scopes: list[str], grant: str) -> str:
    """Issue a refresh token."""
    lab = microsoft.lab
    token = RefreshToken(
        value=opaque("1.AXMA", 90),
        grant=grant,
        account=email,
        client_id=client.client_id,
        scopes=scopes,
        issued_at_s=lab.clock.true_s(),
    )
    lab.tokens.refresh[token.value] = token
    return token.value


def tokens_for(microsoft: Microsoft, client: Client, email: str, scopes: list[str]) -> dict[str, Any]:
    """Issue an access and a refresh token and remember the grant."""
    grant = microsoft.lab.tokens.grant(email, client.client_id, scopes).key
    answer = access_token(microsoft, client, email, scopes, grant)
    return answer | {"refresh_token": refresh_token(microsoft, client, email, scopes, grant)}


@lru_cache(maxsize=1)
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def id_token(microsoft: Microsoft, box: Mailbox, client_id: str, nonce: str) -> str:
    """Return a signed id token; its times are real ones, as its reader's clock is."""
    now_s = int(time.time())
    payload = {
        "ver": "2.0",
        "iss": f"{microsoft.lab.base_url}/{box.tenant}/v2.0",
        "aud": client_id,
        "sub": _encoded(f"{box.id}{client_id}".encode())[:43],
        "oid": box.id,
        "tid": box.tenant,
        "preferred_username": box.email,
        "email": box.email,
        "name": box.name,
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + 3600,
    } | ({"nonce": nonce} if nonce else {})
    header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, payload))
    return f"{signed}.{_encoded(_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def key_set() -> dict[str, Any]:
    """Return the public key as a JSON Web Key Set."""
    numbers = _key().public_key().public_numbers()

    def number(value: int) -> str:
        return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))

    key = {"kty": "RSA", "use": "sig", "kid": KEY_ID, "n": number(numbers.n), "e": number(numbers.e)}
    return {"keys": [key]}
