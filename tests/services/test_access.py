"""Rights: the home of a person, her level on each resource, and the slugs that only she sees."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.model import Level, PrincipalId, Resource, ResourceId, ResourceKind, Window
from gateway.services import Database, Transaction, access, grants, groups, principals, resources
from gateway.services.access import HomeEntry, home_slugs
from tests.statements import statements


class World:
    """Small helpers around one database."""

    def __init__(self, db: Database, horizon: Window, now: datetime) -> None:
        self.db, self.horizon, self.now = db, horizon, now

    def person(self, login: str, **fields: Any) -> None:
        self.db.write(principals.add, login, now=self.now, **fields)

    def resource(self, slug: str, **fields: Any) -> Resource:
        kind = fields.pop("kind", ResourceKind.ROOM)
        return self.db.write(resources.add, slug, kind=kind, horizon=self.horizon, now=self.now, **fields)

    def personal(self, login: str, slug: str) -> Resource:
        def make(tx: Transaction) -> Resource:
            owner = principals.get(tx, login)
            return resources.add_personal(tx, owner, slug, horizon=self.horizon, now=self.now)

        return self.db.write(make)

    def grant(self, level: Level, **ends: Any) -> None:
        self.db.write(grants.add, level, now=self.now, **ends)

    def home(self, login: str, face: str = "caldav") -> dict[str, Level]:
        def read(tx: Transaction) -> tuple[HomeEntry, ...]:
            return access.home(tx, principals.get(tx, login), face=face)

        return {entry.slug: entry.level for entry in self.db.read(read)}

    def resolve(self, login: str, slug: str, face: str = "caldav") -> HomeEntry | None:
        def read(tx: Transaction) -> HomeEntry | None:
            return access.resolve(tx, principals.get(tx, login), slug, face=face)

        return self.db.read(read)

    def level(self, login: str, resource: Resource, face: str = "caldav") -> Level | None:
        def read(tx: Transaction) -> Level | None:
            return access.level_on(tx, principals.get(tx, login), resource.id, face=face)

        return self.db.read(read)


@pytest.fixture
def world(db: Database, horizon: Window, now: datetime) -> World:
    return World(db, horizon, now)


class TestLevels:
    def test_nothing_is_offered_without_a_grant_even_to_an_administrator(self, world: World) -> None:
        world.person("ann")
        world.person("root", is_admin=True)
        room = world.resource("blue")
        for login in ("ann", "root"):
            assert world.home(login) == {}
            assert world.resolve(login, "blue") is None
            assert world.level(login, room) is None

    def test_the_highest_of_direct_group_and_department_counts(self, world: World) -> None:
        world.person("ann")
        room = world.resource("blue", department="ground-floor")
        world.grant(Level.FREEBUSY, login="ann", resource="blue")
        assert world.level("ann", room) is Level.FREEBUSY
        world.db.write(groups.add, "team", now=world.now)
        world.db.write(groups.add_member, "team", "ann", now=world.now)
        world.grant(Level.WRITE, group="team", resource="blue")
        assert world.level("ann", room) is Level.WRITE
        world.grant(Level.MANAGE, group="team", department="ground-floor")
        assert world.home("ann") == {"blue": Level.MANAGE}

    def test_a_grant_counts_on_its_faces_only(self, world: World) -> None:
        world.person("ann")
        room = world.resource("blue")
        world.grant(Level.READ, login="ann", resource="blue", faces=["feed", "push-google"])
        assert world.level("ann", room, "feed") is Level.READ
        assert world.level("ann", room, "push-google") is Level.READ
        assert world.level("ann", room, "push-graph") is None
        assert world.home("ann", "caldav") == {}
        assert world.resolve("ann", "blue", "caldav") is None

    def test_the_owner_manages(self, world: World) -> None:
        world.person("ann")
        schedule = world.resource("ann-schedule", kind=ResourceKind.PERSON, owner="ann")
        own = world.personal("ann", "tasks")
        assert world.level("ann", schedule) is Level.MANAGE
        assert world.level("ann", own) is Level.MANAGE
        assert world.home("ann") == {"ann-schedule": Level.MANAGE, "tasks": Level.MANAGE}

    def test_leaving_a_group_takes_its_rights_away(self, world: World) -> None:
        world.person("ann")
        world.resource("blue")
        world.db.write(groups.add, "team", now=world.now)
        world.db.write(groups.add_member, "team", "ann", now=world.now)
        world.grant(Level.READ, group="team", resource="blue")
        assert world.home("ann") == {"blue": Level.READ}
        world.db.write(groups.remove_member, "team", "ann", now=world.now)
        assert world.home("ann") == {}


class TestSlugs:
    def test_an_own_calendar_keeps_its_slug_and_the_shared_one_gives_way(self, world: World) -> None:
        world.person("ann")
        room = world.resource("blue")
        world.grant(Level.READ, login="ann", resource="blue")
        own = world.personal("ann", "blue")
        alias = f"blue--{room.uuid[:8]}"
        assert world.home("ann") == {"blue": Level.MANAGE, alias: Level.READ}
        assert (found := world.resolve("ann", "blue")) is not None
        assert found.resource.id == own.id
        assert (found := world.resolve("ann", alias)) is not None
        assert found.resource.id == room.id

    def test_the_alias_of_a_shared_one_exists_only_while_it_is_needed(self, world: World) -> None:
        world.person("ann")
        room = world.resource("blue")
        world.grant(Level.READ, login="ann", resource="blue")
        assert world.resolve("ann", f"blue--{room.uuid[:8]}") is None

    def test_other_peoples_calendars_carry_a_suffix(self, world: World) -> None:
        world.person("ann")
        world.person("bob")
        own = world.personal("bob", "Private Things")
        assert world.resolve("ann", f"Private Things--{own.uuid[:8]}") is None
        world.grant(Level.READ, login="ann", resource="bob/Private Things")
        slug = f"Private Things--{own.uuid[:8]}"
        assert world.home("ann") == {slug: Level.READ}
        assert (found := world.resolve("ann", slug)) is not None
        assert found.slug == slug
        assert world.resolve("ann", "Private Things") is None

    def test_a_personal_name_reveals_nobody_elses(self, world: World) -> None:
        world.person("ann")
        world.person("bob")
        world.personal("bob", "secret-plan")
        world.personal("ann", "secret-plan")
        assert world.home("ann") == {"secret-plan": Level.MANAGE}


class TestCost:
    def test_home_and_resolve_take_two_statements_however_many_resources(self, world: World) -> None:
        world.person("ann")
        for number in range(30):
            world.resource(f"room-{number}", department="all")
        world.grant(Level.READ, login="ann", department="all")
        with world.db.transaction(write=False) as tx, statements(world.db) as counted:
            ann = principals.get(tx, "ann")
            counted.clear()
            assert len(access.home(tx, ann, face="caldav")) == 30
            assert len(counted) == 2
            counted.clear()
            assert access.resolve(tx, ann, "room-7", face="caldav") is not None
            assert len(counted) == 2

    def test_resolve_uses_indexes_only(self, sqlite_db: Database) -> None:
        with sqlite_db.transaction(write=True) as tx:
            ann = principals.add(tx, "ann", now=datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
            with statements(sqlite_db) as found:
                access.resolve(tx, ann, "blue--0123abcd", face="caldav")
            assert found
            for statement, parameters in found:
                plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                assert not [row for row in plan if "SCAN resource" in str(row[3])]


_slugs = st.sampled_from(["a", "b", "c", "a--b", "work"])


@st.composite
def homes(draw: st.DrawFn) -> list[Resource]:
    """Resources as the database allows them: unique slugs per owner, unique eight digits."""
    drawn = draw(st.lists(st.tuples(_slugs, st.sampled_from([None, 1, 2, 3])), unique=True, max_size=12))
    digits = draw(st.lists(st.integers(0, 2**32 - 1), min_size=len(drawn), max_size=len(drawn), unique=True))
    return [
        Resource(
            id=ResourceId(number),
            uuid=str(UUID(int=digits[number] << 96)),
            slug=slug,
            kind=ResourceKind.ROOM,
            name=slug,
            zone="UTC",
            has_own_zone=False,
            is_personal=owner is not None,
            owner_id=PrincipalId(owner) if owner is not None else None,
        )
        for number, (slug, owner) in enumerate(drawn)
    ]


@given(homes(), st.randoms())
def test_slugs_are_unique_and_do_not_depend_on_the_order(resources: list[Resource], random: Any) -> None:
    me = PrincipalId(1)
    slugs = home_slugs(resources, me)
    assert len(set(slugs.values())) == len(resources)
    shuffled = list(resources)
    random.shuffle(shuffled)
    assert home_slugs(shuffled, me) == slugs
    for each in resources:
        if each.is_personal and each.owner_id == me:
            assert slugs[each.id] == each.slug


@given(homes())
def test_what_others_have_never_changes_my_own_slugs(resources: list[Resource]) -> None:
    me = PrincipalId(1)
    own = [each for each in resources if each.is_personal and each.owner_id == me]
    everything = home_slugs(resources, me)
    assert {each.id: everything[each.id] for each in own} == home_slugs(own, me)
