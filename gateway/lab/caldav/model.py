"""What the simulated CalDAV server remembers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody with a name, a password and a calendar home."""

    login: str
    password: str
    name: str = ""
    address: str = ""
    zone: str = "UTC"


@dataclass(slots=True, kw_only=True)
class Resource:
    """One calendar object resource; ``seq`` is the number of its last change."""

    body: str
    seq: int
    etag: str
    uid: str = ""


@dataclass(slots=True, kw_only=True)
class Calendar:
    """A calendar collection."""

    owner: str
    segment: str
    name: str
    color: str = ""
    description: str = ""
    timezone: str = ""
    components: list[str] = field(default_factory=lambda: ["VEVENT"])
    read_only: bool = False
    seq: int = 0
    floor: int = 0
    """Sync tokens below this are too old."""
    resources: dict[str, Resource] = field(default_factory=dict)
    trash: list[str] = field(default_factory=list)
    """UIDs of deleted resources."""
    gone: dict[str, int] = field(default_factory=dict)
    """Names of deleted resources and the number of that change."""


@dataclass(slots=True)
class DavState:
    """People by login, calendars by ``login/segment``."""

    people: dict[str, Person] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
