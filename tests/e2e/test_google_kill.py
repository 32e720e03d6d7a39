"""kill -9 of the worker between any two provider calls: exactly one event each, no change lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.lab.core.settings import Settings as Switches
from tests.e2e.google_world import GoogleWorld, environ, google_world
from tests.e2e.instance import Instance, open_instance
from tests.e2e.kills import survive
from tests.e2e.office import SOAK, Occurrence

KILLS = int(os.environ.get("CALGATE_KILLS", "200" if SOAK else "10"))


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    is_sqlite = request.param == "sqlite"
    address = None if is_sqlite else request.getfixturevalue("postgresql_address")
    with open_instance(tmp_path / "data", address) as made:
        yield made


class GooglePlace:
    def __init__(self, world: GoogleWorld) -> None:
        self.world, self.laboratory = world, world.laboratory
        self.environ = environ(world.lab.base)

    async def team(self) -> str:
        return await self.world.person_makes_calendar("Team")

    async def seen(self, calendar_id: str) -> list[Occurrence]:
        return await self.world.seen(calendar_id)

    async def writes(self) -> int:
        return await self.world.writes()

    async def outbox(self) -> list[Any]:
        return await self.world.lab.outbox()


async def test_pain_9_killed_between_any_two_calls(instance: Instance) -> None:
    opened = google_world(
        instance.db, sealer=instance.sealer, instance_id=instance.own_id, switches=Switches(page_cap=20)
    )
    async with opened as world:
        await survive(instance, GooglePlace(world), KILLS)
