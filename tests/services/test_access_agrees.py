"""The home and the single look-up agree, in random organisations, on both databases."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from gateway.domain.model import Level, ResourceKind, Window
from gateway.services import Database, Transaction, access, grants, groups, principals, resources

PEOPLE = ("ann", "bob", "cleo")
FACES = ("feed", "caldav", "push-google")
SLUGS = ("a", "b", "c", "a--b")


def organisation(tx: Transaction, seed: int, *, horizon: Window, now: datetime) -> None:
    chance = random.Random(seed)
    people = [principals.add(tx, login, now=now) for login in PEOPLE]
    addresses = []
    for number, slug in enumerate(SLUGS):
        owner = chance.choice([None, *PEOPLE])
        resources.add(
            tx, slug, kind=ResourceKind.ROOM, department=chance.choice(["d1", "d2", None]), owner=owner,
            horizon=horizon, now=now,
        )  # fmt: skip
        addresses.append(slug)
        for person in people:
            if chance.random() < 0.5:
                resources.add_personal(tx, person, slug, horizon=horizon, now=now)
                addresses.append(f"{person.login}/{slug}")
        groups.add(tx, f"g{number}", now=now)
        groups.add_member(tx, f"g{number}", chance.choice(PEOPLE), now=now)
    for _ in range(12):
        subject = chance.choice([{"login": chance.choice(PEOPLE)}, {"group": f"g{chance.randrange(4)}"}])
        target = {"resource": chance.choice(addresses)}
        if chance.random() < 0.3 and any(each.department == "d1" for each in resources.list_(tx)):
            target = {"department": "d1"}
        faces = chance.sample(FACES, chance.randrange(3))
        grants.add(tx, chance.choice(list(Level)), **subject, **target, faces=faces, now=now)


@pytest.mark.parametrize("seed", range(8))
def test_every_entry_resolves_to_itself_and_nothing_else_does(
    db: Database, seed: int, horizon: Window, now: datetime
) -> None:
    db.write(organisation, seed, horizon=horizon, now=now)

    def check(tx: Transaction) -> None:
        everything = resources.list_(tx, with_personal=True)
        aliases = {f"{each.slug}--{each.uuid[:8]}" for each in everything}
        for login in PEOPLE:
            person = principals.get(tx, login)
            for face in FACES:
                home = access.home(tx, person, face=face)
                slugs = {entry.slug for entry in home}
                assert len(slugs) == len(home)
                for entry in home:
                    assert access.resolve(tx, person, entry.slug, face=face) == entry
                for slug in ({each.slug for each in everything} | aliases) - slugs:
                    assert access.resolve(tx, person, slug, face=face) is None
                levels = {entry.resource.id: entry.level for entry in home}
                for each in everything:
                    assert access.level_on(tx, person, each.id, face=face) == levels.get(each.id)

    db.read(check)
