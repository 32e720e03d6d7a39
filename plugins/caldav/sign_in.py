"""Signing in with a name and a password, best one made for this purpose (app password)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.providers.addresses import target_of
from gateway.providers.contract import (
    Challenge,
    Field,
    SignedIn,
    SignInKind,
    SignInRequest,
    Token,
)
from gateway.providers.errors import SignInExpired, SignInRefused
from plugins.caldav.discovery import discover

_FIELDS = (
    Field(name="url", label="Address of the server", help="https://... or the server's name alone."),
    Field(name="login", label="User name"),
    Field(
        name="password",
        label="Password",
        help="An app password, where the service has them: it can be withdrawn alone.",
        is_secret=True,
    ),
)


class CalDavSignIn:
    """``SignIn`` of kind PASSWORD; its state is everything that an account needs, sealed by the gateway."""

    kinds: Sequence[SignInKind] = (SignInKind.PASSWORD,)

    def begin(self, config: Mapping[str, str], request: SignInRequest) -> Challenge:  # noqa: ARG002 - nothing to vary
        """Ask for address, name and password."""
        return Challenge(pending=b"", state=secrets.token_urlsafe(32), fields=_FIELDS)

    def complete(
        self,
        config: Mapping[str, str],
        pending: bytes,  # noqa: ARG002 - nothing is kept meanwhile
        answer: Mapping[str, str],
        *,
        now: datetime,  # noqa: ARG002 - a password has no age
    ) -> SignedIn:
        """Find the calendar homes with these credentials."""
        login, password = answer.get("login", "").strip(), answer.get("password", "")
        if not login or not password or ":" in login:
            raise SignInRefused("A user name (without colon) and a password are needed.")
        found = discover(config, answer.get("url", ""), basic(login, password))
        note = {
            "v": 1,
            "login": login,
            "password": password,
            "homes": found.homes,
            "origins": sorted({target_of(home).origin for home in found.homes}),
            "addresses": found.addresses,
        }
        subject = hashlib.sha256(f"{found.homes[0]}\n{login}".encode()).hexdigest()[:40]
        host = target_of(found.homes[0]).host
        return SignedIn(
            account_id=subject,
            name=login if "@" in login else f"{login} at {host}",
            state=json.dumps(note, separators=(",", ":")).encode(),
        )

    def token(
        self,
        config: Mapping[str, str],  # noqa: ARG002 - the state is enough
        state: bytes,
        *,
        now: datetime,  # noqa: ARG002 - it does not expire
        is_refused: bool = False,  # noqa: ARG002 - there is no other one: the second refusal ends the sign-in
    ) -> Token:
        """Return name and password for ``Authorization: Basic``."""
        note = _note(state)
        return Token(
            access_token=basic(note["login"], note["password"]),
            expires_at_utc=None,
            state=state,
            scheme="Basic",
        )

    def settings_of(self, config: Mapping[str, str], state: bytes) -> Mapping[str, str]:  # noqa: ARG002 - as above
        """Return where this account's calendars are."""
        note = _note(state)
        return {name: " ".join(note[name]) for name in ("homes", "origins", "addresses")}

    def revoke(self, config: Mapping[str, str], state: bytes) -> None:
        """An app password is withdrawn by the person at the service."""


def basic(login: str, password: str) -> str:
    """Return the credentials of RFC 7617."""
    return base64.b64encode(f"{login}:{password}".encode()).decode()


def _note(state: bytes) -> dict[str, Any]:
    try:
        note = json.loads(state)
    except ValueError:
        note = None
    if not isinstance(note, dict) or note.get("v") != 1:
        raise SignInExpired("What was kept of this sign-in cannot be read; connect the account again.")
    return note
