"""Coming back: after a restore, after disconnecting, with an empty database. Nothing is deleted, nothing doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.link_model import Choice, Direction, LinkState
from gateway.providers.registry import Registry
from gateway.services import accounts, disputes, links
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from plugins.google.provider import GoogleProvider
from tests.e2e.cli_inside import run
from tests.e2e.google_world import GoogleWorld, environ, google_world
from tests.e2e.instance import Instance, open_instance
from tests.e2e.office import INSTANCE, SOAK, SOON, event, open_engine, series


@pytest.fixture(params=["sqlite", "postgresql"] if SOAK else ["sqlite"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    is_sqlite = request.param == "sqlite"
    address = None if is_sqlite else request.getfixturevalue("postgresql_address")
    with open_instance(tmp_path / "data", address) as made:
        yield made


class Asked:
    """What the provider was asked for since this was made, from the laboratory's own journal."""

    def __init__(self, world: GoogleWorld) -> None:
        self._journal = world.laboratory.lab.journal
        self._number = self._journal.number

    def __call__(self) -> Counter[str]:
        return Counter(
            entry["operation"].removeprefix("calendar.")
            for entry in self._journal.entries
            if entry["number"] > self._number and entry["method"] != "GET"
        )


def at(hour: int) -> dict[str, Any]:
    return {
        name: {"dateTime": f"{SOON:%Y-%m-%d}T{moment}:00:00Z", "timeZone": "UTC"}
        for name, moment in (("start", hour), ("end", hour + 1))
    }


def titled(found: dict[str, Any], title: str) -> str:
    return next(name for name, one in found.items() if one.get("summary") == title)


async def test_back_up_change_both_sides_restore_resume_and_nothing_is_deleted_there(
    instance: Instance, tmp_path: Path
) -> None:
    """By the commands that an operator types, in their order."""
    async with google_world(instance.db, sealer=instance.sealer, instance_id=instance.own_id) as world:
        cli = instance.cli(**environ(world.lab.base))
        calendar, account = world.add_resource(), await world.connect()
        push = await world.link(calendar, account, remote=await world.person_makes_calendar("Copies"))
        team = await world.person_makes_calendar("Team")
        both = await world.link(calendar, account, direction=Direction.BOTH, remote=team)
        for number in range(15):  # more than the guard lets pass
            world.put(calendar, f"e{number}", event(f"e{number}", f"Event {number}", days=number % 5))
        world.put(calendar, "s", series("s"))
        await world.person_adds(team, summary="Theirs", **at(18))
        await world.run()
        await run(cli, "backup", str(tmp_path / "saved"))

        world.put(calendar, "e0", event("e0", "Changed here"))
        world.delete(calendar, "e1")
        for number in range(20, 33):
            world.put(calendar, f"e{number}", event(f"e{number}", f"Event {number}", days=number % 5))
        await world.run()
        for link in (push, both):
            there = await world.there(link.remote_id)
            await world.person_edits(link.remote_id, titled(there, "Event 2"), summary="Changed there")
            await world.person_deletes(link.remote_id, titled(there, "Event 3"))
        await world.person_adds(team, summary="Theirs later", **at(20))
        await world.run(poll=True)
        before = {link.remote_id: set(await world.there(link.remote_id)) for link in (push, both)}

        asked = Asked(world)
        await run(cli, "restore", str(tmp_path / "saved"), "--force")
        world.accounts.forget(account.id)
        for _ in range(2):
            await world.run(poll=True, full=True)
        assert asked() == Counter()
        for link in (push, both):
            assert world.status(link.id).state is LinkState.RESTORED
            plan = await run(cli, "link", "plan", link.uuid[:8])
            actions = Counter((item.get("side"), item["action"]) for item in plan["items"])
            assert ("there", "delete") not in actions, actions
            assert asked() == Counter()
            await run(cli, "link", "apply", plan["plan"])
        for _ in range(3):
            await world.run(poll=True)
        await world.run(full=True)
        assert asked()["events.delete"] == 0
        for link in (push, both):
            found = world.status(link.id)
            assert found.state is LinkState.ACTIVE, (found.state, found.reason, found.error)
            now = await world.there(link.remote_id)
            assert before[link.remote_id] <= set(now)
            titles = Counter(one["summary"] for one in now.values())
            assert max(titles.values()) == 1, titles  # and nothing twice
            assert {f"Event {number}" for number in range(20, 33)} <= titles.keys()
        assert any(b"Theirs later" in ical for ical in world.here(calendar).values())
        asked = Asked(world)
        await world.run(full=True)
        assert asked() == Counter()
        assert await world.lab.outbox() == []
        assert await world.lab.violations() == []


async def test_pain_1_disconnected_and_connected_again_every_copy_is_adopted(instance: Instance) -> None:
    async with google_world(instance.db, sealer=instance.sealer, instance_id=instance.own_id) as world:
        calendar, account = world.add_resource(), await world.connect()
        push = await world.link(calendar, account, remote=await world.person_makes_calendar("Copies"))
        team = await world.person_makes_calendar("Team")
        both = await world.link(calendar, account, direction=Direction.BOTH, remote=team)
        await filled(world, calendar, team)
        for link in (push, both):
            world.db.write(links.remove, link.id, actor="test", now=world.clock())
        assert await world.connector.revoke(account) is True
        world.db.write(accounts.remove, account.id, actor="test", now=world.clock())
        # Meanwhile something changes on both sides.
        world.put(calendar, "e1", event("e1", "Changed meanwhile"))
        there = await world.there(team)
        await world.person_edits(team, titled(there, "Theirs"), summary="Theirs, changed")

        asked = Asked(world)
        again = await world.connect()
        anew = [
            await world.link(calendar, again, remote=push.remote_id),
            await world.link(calendar, again, remote=team, direction=Direction.BOTH),
        ]
        await settled(world, calendar, anew)
        assert asked()["events.insert"] == asked()["events.delete"] == 0
        # One change of ours in each calendar, and the disputed one in theirs.
        assert asked()["events.patch"] <= 4
        # Nobody knows who changed it last, so ours stands and theirs is kept for a person to choose.
        (ticket,) = world.db.read(disputes.listing)
        assert (ticket["reason"], ticket["fields"]) == ("both-changed", ["title"])
        world.db.write(
            disputes.resolve, ticket["id"], Choice.THEIRS, limits=world.limits, actor="ada", now=world.clock()
        )
        await settled(world, calendar, anew)
        assert any(one[0] == "Theirs, changed" for one in world.occurrences(calendar))


@pytest.mark.parametrize("keeps_id", [True, False])
async def test_pain_1_with_an_empty_database_every_copy_is_adopted(
    sqlite_db: Database, tmp_path: Path, keeps_id: bool
) -> None:
    """A new database under the same instance id, and one whose instance id is lost with the old one."""
    async with google_world(sqlite_db) as world:
        calendar, account = world.add_resource(), await world.connect()
        push = await world.link(calendar, account, remote=await world.person_makes_calendar("Copies"))
        team = await world.person_makes_calendar("Team")
        await world.link(calendar, account, direction=Direction.BOTH, remote=team)
        await filled(world, calendar, team)
        objects = world.here(calendar)
        ids = {name: set(await world.there(name)) for name in (push.remote_id, team)}
        with open_instance(tmp_path / "other") as fresh:
            own_id = INSTANCE if keeps_id else "f" * 32
            sealer = Sealer([new_key()])
            registry = Registry(providers={"google": GoogleProvider()})
            async with open_engine(
                fresh.db, registry, environ(world.lab.base), sealer=sealer, instance_id=own_id
            ) as (pool, worker):
                other = GoogleWorld(
                    db=fresh.db, lab=world.lab, laboratory=world.laboratory, accounts=pool,
                    sealer=sealer, worker=worker,
                )  # fmt: skip
                room = other.add_resource()
                for uid, ical in objects.items():
                    other.put(room, uid, ical)
                asked = Asked(world)
                again = await other.connect()
                anew = [
                    await other.link(room, again, remote=push.remote_id),
                    await other.link(room, again, remote=team, direction=Direction.BOTH),
                ]
                await settled(other, room, anew)
                assert asked()["events.insert"] == asked()["events.delete"] == 0
                assert {name: set(await other.there(name)) for name in ids} == ids
                assert other.here(room).keys() == objects.keys()


async def filled(world: GoogleWorld, calendar: Any, team: str) -> None:
    """Bring events to both sides, until nothing is left to do."""
    for number in range(6):
        world.put(calendar, f"e{number}", event(f"e{number}", f"Event {number}", days=number % 5))
    world.put(calendar, "s", series("s"))
    await world.person_adds(team, summary="Theirs", **at(18))
    for _ in range(2):
        await world.run(poll=True)


async def settled(world: GoogleWorld, calendar: Any, linked: list[Any]) -> None:
    """Run to the end; both sides are equal, every copy is known, and a further run writes nothing."""
    for _ in range(3):
        await world.run(poll=True)
    for link in linked:
        found = world.status(link.id)
        assert found.state is LinkState.ACTIVE, (found.state, found.error)
        assert await world.seen(link.remote_id) == world.occurrences(calendar)
        assert len(world.mappings(link.id)) == len(world.here(calendar))
    asked = Asked(world)
    await world.run(full=True)
    assert asked() == Counter()
    assert await world.lab.outbox() == []
    assert await world.lab.violations() == []
