"""A state machine over the writes: whoever follows the log from any point ends where a listing is.

A model of the calendars (plain dicts) says which writes must pass; the log, the listing and the occurrence
index must agree with it after every step, on both databases.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.domain.conditional import Condition
from gateway.domain.errors import Clash, NotFound, PreconditionFailed, UidConflict
from gateway.domain.model import Calendar, ConflictPolicy, FeedLevel, Resource, Window
from gateway.services import changes, chores, feeds, resources
from gateway.services.feed_render import FeedLookup, render_ics, scene_of
from gateway.services.feeds import secret_hash
from gateway.services.imports import href_of
from gateway.settings import Settings
from gateway.store.database import Database, Transaction
from tests.services.test_imports import event
from tests.services.test_occurrence_index import fresh
from tests.worlds import World, at, vcalendar, vevent

SOAK = os.environ.get("CALGATE_SOAK") == "1"  # read before the fixtures clean the environment
EXAMPLES = 2000 if SOAK else 25  # per database
STEPS = 25
SETTINGS = Settings(feeds_keep_secret=False)

NAMES = st.sampled_from([f"n{number}.ics" for number in range(5)])
UIDS = st.sampled_from([f"u{number}" for number in range(5)])
TITLES = st.sampled_from(["red", "green", "blue"])
HOURS = st.integers(min_value=8, max_value=12)
RULES = st.sampled_from([(), ("RRULE:FREQ=DAILY;COUNT=3",), ("RRULE:FREQ=WEEKLY",), ("TRANSP:TRANSPARENT",)])
CALENDARS = st.integers(min_value=0, max_value=1)
CONDITIONS = st.sampled_from(["any", "fresh", "stale", "absent", "present"])


@dataclass
class Reader:
    """Someone who has seen the calendar up to a token and asks for more from time to time."""

    calendar: int
    token: str
    state: dict[str, str]
    limit: int | None


@dataclass
class Subscription:
    """A feed link of one calendar, and every body it gave, by what says whether anything changed."""

    calendar: int
    uuid: str
    secret: str
    is_revoked: bool = False
    bodies: dict[tuple[object, ...], bytes] = field(default_factory=dict)


@dataclass
class Model:
    """What one calendar must hold: etag and UID by name."""

    etags: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    seq: int = 0

    def name_of(self, uid: str) -> str | None:
        return next((name for name, held in self.uids.items() if held == uid), None)

    def drop(self, name: str) -> None:
        del self.etags[name]
        del self.uids[name]


class LogMachine(RuleBasedStateMachine):
    """Writes of every kind, and readers that follow them."""

    db: Database

    @initialize()
    def begin(self) -> None:
        self.world = World(self.db)
        serial = len(self.db.read(_all_slugs))
        self.calendars: list[Calendar] = [
            self.world.resource(f"room-{serial}"),
            self.world.resource(f"free-{serial}", policy=ConflictPolicy.ALLOW),
        ]
        self.models = [Model(), Model()]
        self.readers: list[Reader] = []
        self.links: list[Subscription] = []
        self.lookup = FeedLookup(self.db)

    def _condition(self, wanted: str, etag: str | None) -> tuple[Condition, bool]:
        """Return a condition and whether it holds."""
        if wanted == "fresh" and etag is not None:
            return Condition(if_match=(etag,)), True
        if wanted == "stale":
            return Condition(if_match=('"stale"',)), False
        if wanted == "absent":
            return Condition(if_none_match=("*",)), etag is None
        if wanted == "present":
            return Condition(if_match=("*",)), etag is not None
        return Condition(), True

    # -- writes

    @rule(which=CALENDARS, name=NAMES, uid=UIDS, title=TITLES, hour=HOURS, more=RULES, wanted=CONDITIONS)
    def put(
        self, which: int, name: str, uid: str, title: str, hour: int, more: tuple[str, ...], wanted: str
    ) -> None:
        model = self.models[which]
        condition, holds = self._condition(wanted, model.etags.get(name))
        data = vevent(uid, at(1, hour), None, *more, title=title)
        holder = model.name_of(uid)
        is_conflict = holder not in (None, name) or model.uids.get(name, uid) != uid
        try:
            done = self.world.put(self.calendars[which], name, data, condition=condition)
        except PreconditionFailed:
            assert not holds
            return
        except UidConflict:
            assert is_conflict
            return
        except Clash:
            assert which == 0
            return
        assert holds
        assert not is_conflict
        if done.is_changed:
            model.seq += 1
        else:
            assert model.etags[name] == done.etag
        assert done.seq <= model.seq
        model.etags[name], model.uids[name] = done.etag, uid

    @rule(which=CALENDARS, name=NAMES, wanted=CONDITIONS)
    def delete(self, which: int, name: str, wanted: str) -> None:
        model = self.models[which]
        condition, holds = self._condition(wanted, model.etags.get(name))
        try:
            self.world.delete(self.calendars[which], name, condition)
        except PreconditionFailed:
            assert not holds
            return
        except NotFound:
            assert name not in model.etags
            return
        assert holds
        model.drop(name)
        model.seq += 1

    @rule(source=CALENDARS, name=NAMES, into=CALENDARS, new=NAMES, overwrite=st.booleans())
    def move(self, source: int, name: str, into: int, new: str, overwrite: bool) -> None:
        from_, to = self.models[source], self.models[into]
        try:
            replaced = self.world.move(
                self.calendars[source], name, self.calendars[into], new, is_overwrite=overwrite
            )
        except NotFound:
            assert name not in from_.etags
            return
        except PreconditionFailed:
            assert not overwrite
            assert new in to.etags
            return
        except UidConflict:
            assert source != into
            assert to.name_of(from_.uids[name]) not in (None, new)
            return
        except Clash:
            assert (source, into) == (1, 0)
            return
        if (source, name) == (into, new):
            assert not replaced
            return
        assert replaced == (new in to.etags)
        to.seq += replaced
        etag, uid = from_.etags[name], from_.uids[name]
        from_.drop(name)
        to.etags[new], to.uids[new] = etag, uid
        from_.seq += 1
        to.seq += 1

    @rule(which=CALENDARS, uids=st.lists(UIDS, unique=True, min_size=1, max_size=4), title=TITLES, hour=HOURS)
    def load(self, which: int, uids: list[str], title: str, hour: int) -> None:
        model = self.models[which]
        broken = ["BEGIN:VEVENT", "UID:broken", "END:VEVENT"]
        data = vcalendar(broken, *(event(uid, f"SUMMARY:{title}", hour=hour) for uid in uids))
        report = self.world.load(self.calendars[which], data)
        assert [refused.uid for refused in report.refused] == ["broken"]
        assert report.added + report.updated + report.unchanged == len(uids)
        model.seq += report.added + report.updated
        listing = self.world.listing(self.calendars[which])
        for uid in uids:
            name = model.name_of(uid) or href_of(uid)
            model.etags[name], model.uids[name] = listing[name], uid

    @rule()
    def prune(self) -> None:
        """Forget superseded lines; no tombstone is old enough, so every token stays good."""
        for calendar in self.calendars:
            before = self.world.now - timedelta(days=1)
            self.db.write(changes.prune, calendar.id, before=before)

    @rule(days=st.integers(min_value=1, max_value=40))
    def move_horizon(self, days: int) -> None:
        self.world.now += timedelta(days=days)
        chores.move_horizons(self.db, limits=self.world.limits, now=self.world.now)
        self.calendars = [self.world.calendar(calendar) for calendar in self.calendars]

    # -- readers

    @rule(which=CALENDARS, limit=st.sampled_from([None, 1, 2, 3]), from_start=st.booleans())
    def begin_to_read(self, which: int, limit: int | None, from_start: bool) -> None:
        calendar = self.world.calendar(self.calendars[which])
        state = {} if from_start else self.world.listing(calendar)
        token = changes.token(calendar, 0 if from_start else None)
        self.readers.append(Reader(which, token, state, limit))

    @rule(data=st.data())
    def read_on(self, data: st.DataObject) -> None:
        if self.readers:
            self._catch_up(data.draw(st.sampled_from(self.readers)))

    def _catch_up(self, reader: Reader) -> None:
        calendar = self.calendars[reader.calendar]
        found = self.world.follow(calendar, reader.token, reader.state, limit=reader.limit)
        reader.token, reader.state = found
        assert reader.state == self.world.listing(calendar)

    # -- feeds

    @rule(which=CALENDARS)
    def make_feed(self, which: int) -> None:
        slug = self.calendars[which].resource.slug
        made = self.db.write(
            feeds.create, [slug], settings=SETTINGS, now=self.world.now, level=FeedLevel.FULL
        )
        self.links.append(Subscription(which, made.feed.uuid, made.secret))

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        if self.links:
            link = data.draw(st.sampled_from(self.links))
            if not link.is_revoked:
                self.db.write(feeds.revoke, link.uuid, now=self.world.now)
                link.is_revoked = True

    @rule(data=st.data())
    def fetch(self, data: st.DataObject) -> None:
        if self.links:
            self._fetch(data.draw(st.sampled_from(self.links)))

    def _fetch(self, link: Subscription) -> None:
        """A live link shows every object of its window and nothing else; a revoked one is not there."""
        hit = self.db.read(self.lookup.find, secret_hash(link.secret))
        if link.is_revoked:
            assert hit is None
            return
        assert hit is not None

        def render(tx: Transaction) -> tuple[Window, bytes]:
            scene = scene_of(tx, hit, now=self.world.now, settings=SETTINGS)
            return scene.window, render_ics(tx, scene, settings=SETTINGS, secret=link.secret).body

        window, body = self.db.read(render)
        model = self.models[link.calendar]
        inside = {href for href, _, _ in self.world.index(self.calendars[link.calendar], window)}
        shown = {line[4:].decode() for line in body.split(b"\r\n") if line.startswith(b"UID:u")}
        assert shown == {model.uids[name] for name in inside}
        key = (hit.validator, window.start)
        assert link.bodies.setdefault(key, body) == body, "unchanged, but other bytes"

    # -- what always holds

    @invariant()
    def listings_are_those_of_the_model(self) -> None:
        for calendar, model in zip(getattr(self, "calendars", []), getattr(self, "models", []), strict=True):
            assert self.world.listing(calendar) == model.etags
            assert self.world.calendar(calendar).seq == model.seq

    def teardown(self) -> None:
        if not hasattr(self, "readers"):
            return
        for which in (0, 1):
            token = changes.token(self.world.calendar(self.calendars[which]), 0)
            self.readers += [Reader(which, token, {}, limit) for limit in (None, 1, 3)]
        for reader in self.readers:
            self._catch_up(reader)
        for link in self.links:
            self._fetch(link)
        self.lookup.close()
        for calendar in self.calendars:
            for window in (Window(start=at(0), end=at(40)), Window(start=at(600), end=at(1000))):
                found = sorted(self.world.index(calendar, window))
                assert found == fresh(self.world, calendar, window)


def _all_slugs(tx: Transaction) -> list[Resource]:
    return resources.list_(tx)


def _run(db: Database) -> None:
    machine = type("LogMachineOnThis", (LogMachine,), {"db": db})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=not SOAK,
        ),
    )


def test_every_reader_of_the_log_ends_in_the_state_of_the_listing(db: Database) -> None:
    _run(db)
