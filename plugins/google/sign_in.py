"""Signing in: a person's consent (code + PKCE) or a service account that acts for people (§2).

The state is JSON; the gateway seals it. Access tokens are kept in it, so that several processes share one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.providers import oauth
from gateway.providers.addresses import AddressFilter
from gateway.providers.contract import (
    Challenge,
    Field,
    SignedIn,
    SignInKind,
    SignInRequest,
    Token,
    Use,
)
from gateway.providers.errors import BadAnswer, SignInExpired, SignInRefused
from plugins.google.scopes import IDENTITY, missing_uses, scopes_for
from plugins.google.service_account import ask_token, read_key

EARLY_S = 60
_EXTRA = {
    "access_type": "offline",
    # Trap: a refresh token comes with the first consent only, unless consent is asked for again (§2).
    "prompt": "consent select_account",
    "include_granted_scopes": "true",
}
_FIELDS = (
    Field(
        name="key",
        label="Key file of the service account (JSON)",
        help="Google Cloud console, Service accounts, Keys; allow its client id in the Admin console.",
        is_secret=True,
        is_long=True,
    ),
    Field(
        name="subject",
        label="Account to act for",
        help="The address of a person, or of a user made for rooms. Never the service account itself.",
    ),
)


class GoogleSignIn:
    """``SignIn`` of Google."""

    @property
    def kinds(self) -> Sequence[SignInKind]:
        """A person's consent first."""
        return (SignInKind.USER, SignInKind.APPLICATION)

    def begin(self, config: Mapping[str, str], request: SignInRequest) -> Challenge:
        """Prepare the consent page, or ask for key and subject."""
        scopes = scopes_for(request.uses)
        note: dict[str, Any] = {"uses": sorted(request.uses), "scopes": scopes}
        if request.kind is SignInKind.APPLICATION:
            state = secrets.token_urlsafe(32)
            pending = json.dumps({"kind": "application", **note}).encode()
            return Challenge(pending=pending, state=state, fields=_FIELDS, scopes=scopes)
        if request.kind is not SignInKind.USER or request.redirect_uri is None:
            raise SignInRefused("Google is connected by consent in a browser or by a service account.")
        extra = {**_EXTRA, **({"login_hint": request.login_hint} if request.login_hint else {})}
        consent = oauth.consent(
            client_of(config),
            redirect_uri=request.redirect_uri,
            scopes=(*IDENTITY, *scopes),
            extra=extra,
            note=note,
        )
        return Challenge(pending=consent.pending, state=consent.state, url=consent.url, scopes=scopes)

    def complete(
        self, config: Mapping[str, str], pending: bytes, answer: Mapping[str, str], *, now: datetime
    ) -> SignedIn:
        """Exchange the code, or try the key; compare the scopes that were granted with those asked for."""
        kept = json.loads(pending)
        if kept.get("kind") == "application":
            return self._application(config, kept, answer, now)
        grant, note = oauth.exchange(client_of(config), pending, answer, now=now)
        if grant.refresh_token is None:
            raise SignInRefused(
                "Google gave no lasting permission; remove this application from the account's permissions"
                " page and connect again.",
                code="noRefreshToken",
            )
        subject, address = grant.claims.get("sub"), grant.claims.get("email")
        if not isinstance(subject, str) or not subject:
            raise BadAnswer("Google did not say whose account this is.", maybe_applied=True)
        granted = grant.scopes if grant.scopes is not None else frozenset(note["scopes"])
        state = {
            "kind": "user",
            "refresh": grant.refresh_token,
            "access": grant.access_token,
            "expires": grant.expires_at_utc.isoformat(),
        }
        return SignedIn(
            account_id=subject,
            name=address if isinstance(address, str) else subject,
            state=_packed(state),
            granted=granted,
            missing=missing_uses(map(Use, note["uses"]), granted),
        )

    def token(
        self, config: Mapping[str, str], state: bytes, *, now: datetime, is_refused: bool = False
    ) -> Token:
        """Return the token in the state while it lives, else a fresh one; the refresh token may rotate."""
        kept = _unpacked(state)
        expires = _instant(kept.get("expires"))
        if not is_refused and kept.get("access") and expires and expires - now > timedelta(seconds=EARLY_S):
            return Token(access_token=kept["access"], expires_at_utc=expires, state=state)
        if kept["kind"] == "application":
            grant = ask_token(
                client_of(config), kept["key"], subject=kept["subject"], scopes=kept["scopes"], now=now
            )
        else:
            grant = oauth.refresh(client_of(config), kept["refresh"], now=now)
        kept |= {"access": grant.access_token, "expires": grant.expires_at_utc.isoformat()}
        if grant.refresh_token is not None:
            kept["refresh"] = grant.refresh_token
        return Token(
            access_token=grant.access_token, expires_at_utc=grant.expires_at_utc, state=_packed(kept)
        )

    def revoke(self, config: Mapping[str, str], state: bytes) -> None:
        """Give the grant back; a service account has none, its administrator withdraws it."""
        kept = _unpacked(state)
        if kept["kind"] == "user":
            oauth.revoke(client_of(config), kept["refresh"])

    def _application(
        self, config: Mapping[str, str], kept: Mapping[str, Any], answer: Mapping[str, str], now: datetime
    ) -> SignedIn:
        key = read_key(answer.get("key", ""))
        subject = answer.get("subject", "").strip().lower()
        if "@" not in subject or subject == str(key["client_email"]).lower():
            # Trap: a service account of its own cannot share calendars with people properly (§2).
            raise SignInRefused(
                "Name the account to act for: the address of a person or of a user for rooms."
            )
        scopes = list(kept["scopes"])
        try:
            grant = ask_token(client_of(config), key, subject=subject, scopes=scopes, now=now)
        except SignInExpired as error:
            raise SignInRefused(
                "Google does not let this service account act for that address; check the address, its"
                " status and the clock of this machine.",
                code=error.code,
            ) from None
        state = {
            "kind": "application",
            "key": key,
            "subject": subject,
            "scopes": scopes,
            "access": grant.access_token,
            "expires": grant.expires_at_utc.isoformat(),
        }
        return SignedIn(account_id=subject, name=subject, state=_packed(state), granted=frozenset(scopes))


def client_of(config: Mapping[str, str]) -> oauth.OAuthClient:
    """Return the OAuth client of the settings; every address is one of them."""
    return oauth.OAuthClient(
        client_id=config.get("client_id", ""),
        client_secret=config.get("client_secret", ""),
        auth_url=config["auth_url"],
        token_url=config["token_url"],
        revoke_url=config["revoke_url"],
        addresses=AddressFilter.from_config(config),
        ca_file=config.get("ca_file") or None,
    )


def _packed(state: Mapping[str, Any]) -> bytes:
    return json.dumps({"v": 1, **state}, separators=(",", ":")).encode()


def _unpacked(state: bytes) -> dict[str, Any]:
    try:
        value = json.loads(state)
    except ValueError:
        value = None
    if not isinstance(value, dict) or value.get("kind") not in {"user", "application"}:
        raise SignInExpired("The stored sign-in cannot be read; connect the account again.")
    return value


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
