"""What the simulated Google remembers: calendars, events with their versions, lists, channels."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from gateway.lab.core.versions import Versioned

RANK = {"none": 0, "freeBusyReader": 1, "reader": 2, "writerWithoutPrivateAccess": 3, "writer": 4, "owner": 5}
VERSIONS_KEPT = 6


@dataclass(slots=True, kw_only=True)
class Version:
    """One state of an event; bodies are replaced, never changed in place."""

    seq: int
    at_s: float
    body: dict[str, Any]
    deleted: bool = False
    dropped: bool = False
    """An exception that new times of its master have thrown away."""


@dataclass(slots=True, kw_only=True)
class Record(Versioned[Version]):
    """One event id of a calendar, living or deleted; an id is never free again."""

    id: str
    order: float
    versions: list[Version]
    reminders: dict[str, Any] = field(default_factory=dict)
    """Per account; who has none uses the calendar's default."""


@dataclass(slots=True, kw_only=True)
class Calendar:
    """One calendar with its events, in the order of their last change."""

    id: str
    summary: str
    zone: str
    owner: str
    description: str = ""
    location: str = ""
    etag: str = ""
    client_id: str = ""
    """The client that created it; empty when a person did."""
    primary: bool = False
    deleted: bool = False
    acl: dict[str, str] = field(default_factory=dict)
    events: dict[str, Record] = field(default_factory=dict)
    children: dict[str, set[str]] = field(default_factory=dict)
    """Ids of stored exceptions by their master's id."""
    seq: int = 0
    token_floor: int = 0
    """Sync tokens with a smaller number are expired."""
    lag_s: float = 0.0
    lag_until_s: float = 0.0
    """Until then lists of this calendar lag ``lag_s`` behind."""


@dataclass(slots=True, kw_only=True)
class ListEntry:
    """A calendar in an account's list."""

    calendar_id: str
    seq: int
    etag: str
    color_id: str = "14"
    background: str = ""
    foreground: str = ""
    hidden: bool = False
    selected: bool = True
    summary_override: str = ""
    reminders: list[dict[str, Any]] = field(default_factory=list)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Channel:
    """A push channel."""

    id: str
    resource_id: str
    resource_uri: str
    calendar_id: str
    account: str
    client_id: str
    grant: str
    address: str
    token: str
    expires_at_s: float
    messages: int = 0


@dataclass(slots=True)
class GoogleState:
    """Everything."""

    calendars: dict[str, Calendar] = field(default_factory=dict)
    lists: dict[str, dict[str, ListEntry]] = field(default_factory=dict)
    list_seq: dict[str, int] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    created_calendars: dict[str, int] = field(default_factory=dict)
    invitations: dict[str, int] = field(default_factory=dict)
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    """Seals page and sync tokens, which so outlive a restart."""
    etags: int = 1_800_000_000_000_000
