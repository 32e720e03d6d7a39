"""A push channel makes a change over there arrive without any poll, and its loss only costs delay."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from gateway.domain.link_model import Direction
from gateway.services import startup
from gateway.settings import Settings
from tests.conftest import NOW, Cli
from tests.e2e.google_world import environ, google_world
from tests.e2e.office import SOON
from tests.ports import reserved_port
from tests.servers import Server


async def test_pain_31_a_channel_tells_us_and_polling_goes_on_underneath(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    db = startup.open_database(settings)
    sealer = startup.ready_database(db, settings, now=NOW)
    own_id = startup.open_instance_id(db, settings)
    with reserved_port() as port:
        async with google_world(db, sealer=sealer, instance_id=own_id) as world:
            await world.lab.set(webhook_http=True)
            calendar, account = world.add_resource(), await world.connect()
            team = str(
                (await world.lab.control("POST", "google/calendars", account="ada@example.com", summary="T"))[
                    "id"
                ]
            )
            link = await world.link(calendar, account, direction=Direction.BOTH, remote=team)
            more = {"CALGATE_HOOKS_URL": f"http://127.0.0.1:{port}", "CALGATE_POLL_S": "3600"}
            cli = Cli(settings.data, environ(world.lab.base) | more)
            server = await asyncio.to_thread(Server(cli.variables(), "--port", str(port)).start)
            try:
                async with asyncio.timeout(60):
                    while not (await world.lab.control("GET", "google/channels"))["channels"]:
                        await asyncio.sleep(0.1)
                await asyncio.sleep(1)
                begun = time.monotonic()
                await world.person_adds(
                    team,
                    summary="Theirs",
                    start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00Z", "timeZone": "UTC"},
                    end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00Z", "timeZone": "UTC"},
                )
                async with asyncio.timeout(60):
                    while not world.here(calendar):
                        await asyncio.sleep(0.05)
                print(f"arrived after {time.monotonic() - begun:.2f} s")
                assert world.status(link.id).error is None
                await world.connector.stop_watch(world.status(link.id), account)
                assert (await world.lab.control("GET", "google/channels"))["channels"] == []
            finally:
                await asyncio.to_thread(server.stop)
            assert await world.lab.outbox() == []
    db.close()
