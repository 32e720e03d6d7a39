"""Addresses of the simulated server: ``/caldav/``, principals, homes, calendars, objects."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

ROOT = "/caldav/"
PRINCIPALS = f"{ROOT}principals/"
HOMES = f"{ROOT}home/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an address names: root, principal, homes, home, calendar, object, or nothing."""

    kind: str
    login: str = ""
    segment: str = ""
    name: str = ""


def place_of(path: str) -> Place:
    """Read an address; segments are decoded once."""
    steps = [unquote(step) for step in path.split("/")]
    if path == ROOT or path == ROOT.rstrip("/"):
        return Place(kind="root")
    match steps[1:]:
        case ["caldav", "principals", login, ""] | ["caldav", "principals", login]:
            return Place(kind="principal", login=login)
        case ["caldav", "home", login, ""] | ["caldav", "home", login]:
            return Place(kind="home", login=login)
        case ["caldav", "home", login, segment, ""]:
            return Place(kind="calendar", login=login, segment=segment)
        case ["caldav", "home", login, segment]:
            return Place(kind="calendar", login=login, segment=segment)
        case ["caldav", "home", login, segment, name] if name:
            return Place(kind="object", login=login, segment=segment, name=name)
    return Place(kind="nothing")


def principal(login: str) -> str:
    """Return the address of a person."""
    return f"{PRINCIPALS}{quote(login)}/"


def home(login: str) -> str:
    """Return the address of a calendar home."""
    return f"{HOMES}{quote(login)}/"


def calendar(login: str, segment: str) -> str:
    """Return the address of a calendar."""
    return f"{home(login)}{quote(segment)}/"


def resource(login: str, segment: str, name: str) -> str:
    """Return the address of an object."""
    return f"{calendar(login, segment)}{quote(name)}"
