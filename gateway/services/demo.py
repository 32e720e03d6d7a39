"""The demo organisation: people, rooms, equipment, departments, rights and two months of schedule.

Made once, in an empty instance only, in one transaction: a start that is killed half way has made nothing.
The ways in (a feed link, a login with an app password) are kept sealed: a later start prints the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from gateway.domain.model import Level, ResourceKind
from gateway.services import demo_schedule, feeds, grants, groups, objects, principals, resources
from gateway.services.imports import href_of
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import prepare as prepare_object
from gateway.settings import Settings
from gateway.store import calendars as calendar_store
from gateway.store import instance
from gateway.store.database import Database, Transaction
from gateway.store.sealed import Sealer

_KEY = "demo"
_ACTOR = "demo"
_PEOPLE = (
    ("anna", "Anna Berger", "Europe/Berlin"),
    ("ben", "Ben Okafor", "Europe/London"),
    ("chloe", "Chloe Martin", "America/New_York"),
)
_PLACES = (
    ("room-lindau", ResourceKind.ROOM, "Room Lindau", "#2f6fb0", "2nd floor", 8),
    ("room-atlas", ResourceKind.ROOM, "Room Atlas", "#8e44ad", "Ground floor", 24),
    ("van-1", ResourceKind.EQUIPMENT, "Delivery van 1", "#c0392b", "Yard", None),
    ("projector", ResourceKind.EQUIPMENT, "Projector", "#d68910", "Store room", None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysIn:
    """One working way in of each kind."""

    feed_path: str
    login: str
    password: str
    slug: str

    def lines(self, base_url: str, *, lab: str | None = None) -> Iterator[str]:
        """Yield what an operator needs to try the demo; ``lab`` is the address of its simulated providers."""
        feed = f"{base_url}{self.feed_path}"
        yield ""
        yield "The demo organisation is ready. Ways in:"
        yield f"  Feed (subscribe by URL):  {feed}"
        yield f"  The same as a web page:   {feed.removesuffix('.ics')}.html"
        yield f"  CalDAV:                   {base_url}/dav/{self.login}/{self.slug}/"
        yield f"      login {self.login}   password {self.password}"
        if lab is not None:
            yield f"  Google, simulated:        {lab}/lab/"
            yield f"  Microsoft, simulated:     {lab}/lab/"
            yield f"      connect one: calgate account connect google --person {self.login} --accept-terms"
            yield "                   (graph in the place of google is Microsoft)"
            yield f"      and copy:    calgate link add {self.slug} ACCOUNT"
        yield ""


def lab_accounts() -> list[str]:
    """Return the people who have an account at each simulated provider, as the laboratory takes them."""
    return [f"{login}@example.org@@{zone}" for login, _name, zone in _PEOPLE]


def prepare(db: Database, settings: Settings, sealer: Sealer, *, now: datetime) -> WaysIn | None:
    """Fill an empty instance with the demo and return the ways in; find them again at a later start.

    Returns None, and changes nothing, where the instance holds something else than a demo.
    """
    return db.write(_prepare, settings, sealer, now=now)


def _prepare(tx: Transaction, settings: Settings, sealer: Sealer, *, now: datetime) -> WaysIn | None:
    kept = instance.get(tx, _KEY)
    if kept is not None:
        return WaysIn(**json.loads(sealer.open(_KEY, 0, kept.encode())))
    if principals.list_(tx) or resources.list_(tx):
        return None
    ways_in = _make(tx, settings, now=now)
    instance.put(tx, _KEY, sealer.seal(_KEY, 0, json.dumps(asdict(ways_in))).decode())
    return ways_in


def _make(tx: Transaction, settings: Settings, *, now: datetime) -> WaysIn:
    limits = Limits.of(settings)
    horizon = limits.horizon(now)
    for login, name, zone in _PEOPLE:
        principals.add(tx, login, name=name, email=f"{login}@example.org", now=now, actor=_ACTOR)
        resources.add(
            tx, login, kind=ResourceKind.PERSON, name=name, zone=zone, owner=login, department="office",
            email=f"{login}@example.org", horizon=horizon, now=now, actor=_ACTOR,
        )  # fmt: skip
    for slug, kind, name, color, location, seats in _PLACES:
        resources.add(
            tx, slug, kind=kind, name=name, zone="Europe/Berlin", color=color, location=location, seats=seats,
            department="house", horizon=horizon, now=now, actor=_ACTOR,
        )  # fmt: skip
    groups.add(tx, "everybody", name="Everybody", now=now, actor=_ACTOR)
    for login, _name, _zone in _PEOPLE:
        groups.add_member(tx, "everybody", login, now=now, actor=_ACTOR)
    grants.add(tx, Level.WRITE, group="everybody", department="house", now=now, actor=_ACTOR)
    grants.add(tx, Level.READ, group="everybody", department="office", now=now, actor=_ACTOR)
    _fill(tx, limits=limits, now=now)
    link = feeds.create(tx, ["room-lindau"], title="Room Lindau", settings=settings, now=now, actor=_ACTOR)
    _id, password = principals.new_app_password(tx, "anna", "demo", now, actor=_ACTOR)
    return WaysIn(feed_path=link.path, login="anna", password=password, slug="room-lindau")


def _fill(tx: Transaction, *, limits: Limits, now: datetime) -> None:
    origin = Origin(label=_ACTOR)
    for each in demo_schedule.schedule(now.date()):
        calendar = calendar_store.of_resource(tx, resources.get(tx, each.slug).id)
        prepared = prepare_object(each.ical, calendar, limits=limits, now=now)
        objects.put(
            tx,
            calendar.id,
            href_of(prepared.parsed.uid),
            prepared,
            origin=origin,
            now=now,
            limits=limits,
        )
