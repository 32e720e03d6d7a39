"""Tokens and grants: what was issued, and its end. Who gets one is decided in a provider's rooms."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Code:
    """An authorization code."""

    value: str
    account: str
    client_id: str
    redirect_uri: str
    scopes: list[str]
    challenge: str
    expires_at_s: float
    with_refresh: bool
    nonce: str = ""
    grant: str = ""
    """The grant it was exchanged into; set means used."""


@dataclass(slots=True, kw_only=True)
class Grant:
    """What one account allowed one client."""

    key: str
    account: str
    client_id: str
    scopes: list[str]
    number: str = field(default_factory=lambda: secrets.token_hex(8))
    """Stays while the grant lives; a grant given again after a revocation has another one."""


@dataclass(slots=True, kw_only=True)
class RefreshToken:
    """A long-lived token."""

    value: str
    grant: str
    account: str
    client_id: str
    scopes: list[str]
    issued_at_s: float


@dataclass(slots=True, kw_only=True)
class AccessToken:
    """A short-lived token."""

    value: str
    account: str
    client_id: str
    project: str
    scopes: list[str]
    expires_at_s: float
    grant: str = ""
    service: bool = False
    """Issued to a service account for its own mailbox, without delegation."""


def grant_key(account: str, client_id: str) -> str:
    """Return the key of what an account allowed a client; there is one grant per pair."""
    return f"{account} {client_id}"


@dataclass(slots=True)
class Tokens:
    """Everything that was issued and is not revoked."""

    codes: dict[str, Code] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)

    def forget_expired(self, now_s: float) -> None:
        """Drop codes and access tokens that are long past, so that the tables stay small."""
        if len(self.access) > 5000:
            self.access = {key: item for key, item in self.access.items() if item.expires_at_s > now_s - 3600}
        if len(self.codes) > 1000:
            self.codes = {key: item for key, item in self.codes.items() if item.expires_at_s > now_s - 3600}

    def grant(self, account: str, client_id: str, scopes: list[str]) -> Grant:
        """Remember what an account allows a client; there is one grant per pair."""
        key = grant_key(account, client_id)
        earlier = self.grants.get(key)
        grant = Grant(key=key, account=account, client_id=client_id, scopes=scopes)
        if earlier is not None:
            grant.number = earlier.number
        self.grants[key] = grant
        return grant

    def revoke_grant(self, grant: str) -> None:
        """Make every token of a grant invalid at once."""
        self.grants.pop(grant, None)
        self.refresh = {key: item for key, item in self.refresh.items() if item.grant != grant}
        self.access = {key: item for key, item in self.access.items() if item.grant != grant or not grant}


def opaque(prefix: str, size: int = 60) -> str:
    """Return a long random token with characters that need URL-encoding."""
    return prefix + base64.b64encode(secrets.token_bytes(size)).decode()


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a code verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
