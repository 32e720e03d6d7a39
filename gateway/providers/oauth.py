"""OAuth 2.0 for every provider that speaks it: code with PKCE (RFC 6749, RFC 7636), refresh, revoke.

Knows no provider: addresses, scopes and extra parameters come from the plug-in. Synchronous, because sign-in
runs in a thread. Error descriptions of providers are not repeated: they may hold addresses of people.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.providers.addresses import AddressFilter
from gateway.providers.blocking import fetch
from gateway.providers.contract import Answer
from gateway.providers.errors import (
    BadAnswer,
    Misconfigured,
    ProviderError,
    RateLimited,
    SignInExpired,
    SignInRefused,
    Unavailable,
)

_OF_THE_INSTALLATION = {
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "redirect_uri_mismatch",
    "invalid_request",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """One registered client and the addresses of its provider."""

    client_id: str
    client_secret: str = field(repr=False)
    auth_url: str
    token_url: str
    revoke_url: str | None
    addresses: AddressFilter
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A consent page that was prepared; ``pending`` is secret and is used once."""

    url: str
    state: str = field(repr=False)
    pending: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the token address gave."""

    access_token: str = field(repr=False)
    expires_at_utc: datetime
    refresh_token: str | None = field(repr=False)
    scopes: frozenset[str] | None
    claims: Mapping[str, Any] = field(repr=False)


def challenge_of(verifier: str) -> str:
    """Return the S256 code challenge of a verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def consent(
    client: OAuthClient,
    *,
    redirect_uri: str,
    scopes: Iterable[str],
    extra: Mapping[str, str],
    note: Any = None,
) -> Consent:
    """Prepare the consent page; ``note`` is JSON that ``exchange`` gives back.

    Raises:
        Misconfigured: no client id in the settings.
    """
    if not client.client_id:
        raise Misconfigured("There is no client id for this provider; set it up first (see docs).")
    state, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        **extra,
    }
    parts = urlsplit(client.auth_url)
    full = urlencode([*parse_qsl(parts.query), *query.items()])
    pending = {
        "state": state,
        "verifier": verifier,
        "nonce": nonce,
        "redirect_uri": redirect_uri,
        "note": note,
    }
    return Consent(
        url=urlunsplit(parts._replace(query=full)), state=state, pending=json.dumps(pending).encode()
    )


def exchange(
    client: OAuthClient, pending: bytes, answer: Mapping[str, str], *, now: datetime
) -> tuple[Grant, Any]:
    """Turn the query of the redirect into tokens; returns them with the note of ``consent``.

    Raises:
        SignInRefused: denied, a state that is not ours, a code that is used, old or of another request.
    """
    kept = json.loads(pending)
    # Compared as bytes: compare_digest takes no other than ASCII text.
    if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "replace"), kept["state"].encode()):
        raise SignInRefused("This answer does not belong to your request; start again from the connect page.")
    if "error" in answer:
        denied = answer["error"] == "access_denied"
        raise SignInRefused(
            "Access was not allowed on the consent page; nothing was connected."
            if denied
            else "The provider refused the request; start again, or ask the administrator.",
            code=_word(answer["error"]),
        )
    if not answer.get("code"):
        raise SignInRefused("The provider sent no code; start again from the connect page.")
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": kept["redirect_uri"],
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "code_verifier": kept["verifier"],
    }
    grant = _grant(_ask(client, form, is_refresh=False), now)
    if grant.claims and grant.claims.get("nonce") not in {None, kept["nonce"]}:
        raise SignInRefused("The identity in the answer belongs to another request; start again.")
    return grant, kept["note"]


def refresh(client: OAuthClient, refresh_token: str, *, now: datetime) -> Grant:
    """Get a new access token.

    Raises:
        SignInExpired: the provider said ``invalid_grant``: final.
        Misconfigured: it refuses this installation.
        Unavailable: anything that time may heal; the state of the account does not change.
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }
    return _grant(_ask(client, form, is_refresh=True), now)


def revoke(client: OAuthClient, token: str) -> None:
    """Give a grant back; one that is gone already counts as done (RFC 7009 §2.2)."""
    if client.revoke_url is None:
        return
    answer = _send(client, client.revoke_url, {"token": token})
    if answer.status in {200, 204, 400}:
        return
    raise token_error(answer, is_refresh=True)


def _ask(client: OAuthClient, form: Mapping[str, str], *, is_refresh: bool) -> Mapping[str, Any]:
    answer = _send(client, client.token_url, form)
    if answer.status != 200:
        raise token_error(answer, is_refresh=is_refresh)
    value = answer.json()
    if not isinstance(value, dict):
        raise BadAnswer("The token address answered with something that is no object.", maybe_applied=True)
    return value


def _send(client: OAuthClient, url: str, form: Mapping[str, str]) -> Answer:
    return fetch("POST", url, addresses=client.addresses, form=form, ca_file=client.ca_file)


def token_error(answer: Answer, *, is_refresh: bool) -> ProviderError:
    """Return the error of a refused token request; only its own code changes the account's state."""
    if answer.status == 429:
        return RateLimited(retry_after_s=answer.retry_after_s)
    try:
        value = answer.json()
    except BadAnswer as error:
        return error
    code = value.get("error") if isinstance(value, dict) else None
    word = _word(code)
    if answer.status >= 500 or not isinstance(code, str):
        return Unavailable(retry_after_s=answer.retry_after_s, code=word, maybe_applied=True)
    if code == "invalid_grant":
        if is_refresh:
            return SignInExpired(code=word)
        return SignInRefused("The code was used already or is too old; start again.", code=word)
    if code in _OF_THE_INSTALLATION:
        return Misconfigured(
            f"The provider answered {word}; check client id, secret and redirect address.", code=word
        )
    return Unavailable(code=word) if is_refresh else SignInRefused(code=word)


def _word(code: object) -> str | None:
    """Return an error code that is safe to log."""
    text = code if isinstance(code, str) else ""
    return text if text.isascii() and text.replace("_", "").isalnum() and len(text) <= 60 else None


def _grant(value: Mapping[str, Any], now: datetime) -> Grant:
    access = value.get("access_token")
    if not isinstance(access, str) or not access or not access.isascii() or not access.isprintable():
        raise BadAnswer("The token address sent no access token.", maybe_applied=True)
    life_s = value.get("expires_in", 3600)
    if isinstance(life_s, str) and life_s.isdigit():
        life_s = int(life_s)
    if not isinstance(life_s, int | float) or isinstance(life_s, bool) or not 0 < life_s < 10**7:
        life_s = 300
    renewed, scope = value.get("refresh_token"), value.get("scope")
    return Grant(
        access_token=access,
        expires_at_utc=now + timedelta(seconds=life_s),
        refresh_token=renewed if isinstance(renewed, str) and renewed else None,
        scopes=frozenset(scope.split()) if isinstance(scope, str) else None,
        claims=claims_of(value.get("id_token")),
    )


def claims_of(id_token: object) -> Mapping[str, Any]:
    """Return the claims of an id_token that came straight from the token address over TLS.

    Its signature need not be checked then (OpenID Connect Core §3.1.3.7, 6).
    """
    if not isinstance(id_token, str) or id_token.count(".") != 2:
        return {}
    part = id_token.split(".")[1]
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
