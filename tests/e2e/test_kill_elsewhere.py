"""kill -9 of the worker between any two calls to Microsoft and to a CalDAV server, as with Google."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.lab.graph_client import ADA
from tests.e2e.caldav_side import CalDavSide
from tests.e2e.caldav_world import ENVIRON, CalDavWorld, caldav_world
from tests.e2e.graph_side import occurrences_at
from tests.e2e.graph_world import GraphWorld, environ, graph_world
from tests.e2e.instance import Instance, open_instance
from tests.e2e.kills import survive
from tests.e2e.office import SOAK, Occurrence

# The engine's part is proven on both databases with Google; here it is the plug-ins that are interrupted.
KILLS = int(os.environ.get("CALGATE_KILLS", "200" if SOAK else "5"))


@pytest.fixture(params=["sqlite", "postgresql"] if SOAK else ["sqlite"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    is_sqlite = request.param == "sqlite"
    address = None if is_sqlite else request.getfixturevalue("postgresql_address")
    with open_instance(tmp_path / "data", address) as made:
        yield made


class GraphPlace:
    def __init__(self, world: GraphWorld) -> None:
        self.world, self.laboratory = world, world.laboratory
        self.environ = environ(world.lab.base)

    async def team(self) -> str:
        made = await self.world.lab.control("POST", "microsoft/calendars", account=ADA, name="Team")
        return str(made["id"])

    async def seen(self, calendar_id: str) -> list[Occurrence]:
        return occurrences_at(self.laboratory, ADA, calendar_id)

    async def writes(self) -> int:
        return await self.world.writes()

    async def outbox(self) -> list[Any]:
        return await self.world.lab.outbox()


class CalDavPlace:
    def __init__(self, world: CalDavWorld) -> None:
        self.world, self.laboratory = world, world.laboratory
        self.environ = ENVIRON
        self._side = CalDavSide()
        self._side.laboratory = world.laboratory

    async def team(self) -> str:
        return await self._side.make_calendar("ada", "Team")

    async def seen(self, calendar_id: str) -> list[Occurrence]:
        return await self._side.seen("ada", calendar_id)

    async def writes(self) -> int:
        return self.world.writes()

    async def outbox(self) -> list[Any]:
        return list(self.laboratory.lab.outbox.entries)


async def test_pain_9_killed_between_any_two_calls_graph(instance: Instance) -> None:
    async with graph_world(instance.db, sealer=instance.sealer, instance_id=instance.own_id) as world:
        await survive(instance, GraphPlace(world), KILLS)


@pytest.mark.parametrize("has_tokens", [True, False] if SOAK else [True])
async def test_pain_9_killed_between_any_two_calls_caldav(instance: Instance, has_tokens: bool) -> None:
    opened = caldav_world(
        instance.db, sealer=instance.sealer, instance_id=instance.own_id, dav_sync_collection=has_tokens
    )
    async with opened as world:
        await survive(instance, CalDavPlace(world), KILLS)
