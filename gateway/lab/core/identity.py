"""Who exists: accounts of persons, client programs that ask for consent, service accounts with their keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(slots=True, kw_only=True)
class Account:
    """A person (or a service account's own mailbox) at the provider."""

    email: str
    name: str
    zone: str = "UTC"
    domain: str = ""
    suspended: bool = False
    service: bool = False
    subject_id: str = field(
        default_factory=lambda: "1" + "".join(secrets.choice("0123456789") for _ in range(20))
    )


@dataclass(slots=True, kw_only=True)
class Client:
    """A program registered with the provider."""

    client_id: str
    client_secret: str
    redirect_uris: list[str]
    desktop: bool = False
    """A desktop client: any port of the loopback address is accepted (RFC 8252 §7.3)."""
    project: str = "lab-project"

    def accepts(self, redirect_uri: str) -> bool:
        """Tell whether a redirect address is registered, exactly."""
        if redirect_uri in self.redirect_uris:
            return True
        parts = urlsplit(redirect_uri)
        return self.desktop and parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}


@dataclass(slots=True, kw_only=True)
class ServiceAccount:
    """A program with a key of its own, which may act for persons."""

    email: str
    client_id: str
    public_keys: dict[str, str]
    """Key id -> public key (PEM)."""
    delegated_scopes: list[str] = field(default_factory=list)
    """What the domain's administrator authorised, full names; empty: no delegation."""
    project: str = "lab-project"


@dataclass(slots=True)
class Identity:
    """All of them, by e-mail address or client id."""

    accounts: dict[str, Account] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    services: dict[str, ServiceAccount] = field(default_factory=dict)


def new_key() -> tuple[str, str]:
    """Return (private PEM, public PEM) of a fresh RSA key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
