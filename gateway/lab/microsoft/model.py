"""What the simulated Microsoft remembers: mailboxes, calendars, events with their versions, subscriptions."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from gateway.lab.core.versions import Versioned

VERSIONS_KEPT = 20
PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
COLORS = {
    "auto": "",
    "lightBlue": "#a6d1f5",
    "lightGreen": "#87d28e",
    "lightOrange": "#fcab73",
    "lightGray": "#c0c0c0",
    "lightYellow": "#f0e68c",
    "lightTeal": "#4adacc",
    "lightPink": "#f08cc0",
    "lightBrown": "#cba287",
    "lightRed": "#f88c9b",
    "maxColor": "",
}


def guid() -> str:
    """Return a random GUID."""
    return str(uuid.uuid4())


@dataclass(slots=True, kw_only=True)
class Version:
    """One state of an item in one calendar; bodies are replaced, never changed in place."""

    seq: int
    at_s: float
    body: dict[str, Any]
    """Stored form: times as {local, zone, name}; a series holds ``exceptions`` and ``cancelled``."""
    change_key: str
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Item(Versioned[Version]):
    """One event or series in one calendar; after a move the old calendar keeps it as deleted."""

    key: str
    generation: int
    """Rises with each move: the default id changes, the immutable one does not."""
    order: float
    created_at_s: float
    versions: list[Version]


@dataclass(slots=True, kw_only=True)
class Calendar:
    """One calendar folder with its items, in the order of their last change."""

    key: str
    owner: str
    name: str
    group: str
    color: str = "auto"
    default: bool = False
    deleted: bool = False
    change_key: str = ""
    properties: list[dict[str, Any]] = field(default_factory=list)
    shares: dict[str, str] = field(default_factory=dict)
    """Other mailboxes -> read or write."""
    items: dict[str, Item] = field(default_factory=dict)
    seq: int = 0
    token_floor: int = 0
    """Delta tokens with a smaller number are expired."""
    lag_s: float = 0.0
    lag_until_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """A person, or a room, with a mailbox."""

    email: str
    name: str
    zone: str = "UTC"
    id: str = field(default_factory=guid)
    tenant: str = ""
    personal: bool = False
    suspended: bool = False
    without_mailbox: bool = False
    """A guest or an unlicensed person: every calendar call answers 404."""
    categories: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    """Calendar groups: key -> name."""
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Subscription:
    """A subscription to the events of one calendar, or of a mailbox."""

    id: str
    email: str
    client_id: str
    grant: str
    resource: str
    calendar: str
    """Key of the calendar; empty: all calendars of the mailbox."""
    change_types: list[str]
    url: str
    lifecycle_url: str
    state: str
    immutable: bool
    expires_at_s: float
    authorized_at_s: float
    asked: bool = False
    """A reauthorization was asked for; nothing more is sent until it came."""


@dataclass(slots=True, kw_only=True)
class Registration:
    """What an administrator granted a program in the tenant, without any person."""

    client_id: str
    roles: list[str]
    mailboxes: list[str] = field(default_factory=list)
    """Only these mailboxes; empty: all of the tenant."""
    certificate_key: str = ""
    """Public key (PEM) of its certificate; empty: it has a secret only."""


@dataclass(slots=True)
class MicrosoftState:
    """Everything."""

    tenant: str = field(default_factory=guid)
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    """Item key -> key of the calendar that holds it now."""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    registrations: dict[str, Registration] = field(default_factory=dict)
    used_refresh: dict[str, str] = field(default_factory=dict)
    """Rotated refresh tokens -> their grant."""
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    """Seals ids and delta tokens, which so outlive a restart."""
    change_keys: int = 40_000
