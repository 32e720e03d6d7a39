"""Two worker processes on one PostgreSQL: nothing lost, nothing doubled, also when one is killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.services import startup
from gateway.settings import Settings
from gateway.store.sealed import new_key
from tests.conftest import NOW, ROOT, Cli
from tests.e2e.google_world import environ, google_world
from tests.e2e.office import event

ROOMS = 6
ROUNDS = 5


@pytest.mark.timeout(600)
async def test_two_workers_share_the_links_and_one_may_die(postgresql_address: str, tmp_path: Path) -> None:
    keys = {"CALGATE_SECRET_KEYS": new_key(), "CALGATE_INSTANCE_ID": "ab" * 16}
    settings = Settings(
        data=tmp_path / "data",
        database_url=postgresql_address,
        secret_keys=keys["CALGATE_SECRET_KEYS"],
        instance_id=keys["CALGATE_INSTANCE_ID"],
    )
    db = startup.open_database(settings)
    sealer = startup.ready_database(db, settings, now=NOW)
    startup.open_instance_id(db, settings)
    async with google_world(db, sealer=sealer, instance_id=keys["CALGATE_INSTANCE_ID"]) as world:
        account = await world.connect()
        rooms = [world.add_resource(f"room{number}") for number in range(ROOMS)]
        links = [await world.link(room, account) for room in rooms]
        await world.run()
        cli = Cli(
            settings.data,
            environ(world.lab.base) | keys | {"CALGATE_DATABASE_URL": postgresql_address},
        )
        workers = [
            subprocess.Popen(  # noqa: ASYNC220 - they are only started here
                [sys.executable, "-m", "gateway", "worker"],
                cwd=ROOT,
                env=cli.variables(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(2)
        ]
        try:
            for number in range(ROUNDS):
                for room in rooms:
                    for uid in "ab":
                        world.put(room, uid, event(uid, f"Round {number}"))
                    world.put(room, f"n{number}", event(f"n{number}", days=number))
                await asyncio.sleep(0.5)
                if number == 2:
                    workers[0].send_signal(signal.SIGKILL)
            expected = [world.occurrences(room) for room in rooms]
            async with asyncio.timeout(200):  # leases of the dead one end after thirty and sixty seconds
                while True:
                    there = [await world.seen(link.remote_id) for link in links]
                    if there == expected:
                        break
                    await asyncio.sleep(0.1)
            workers[1].send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(workers[1].wait, 30) == 0
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        creates = (await world.lab.control("GET", "status"))["counts"]["calendar.events.insert"]
        # The killed worker's answers may have been lost: of four links at once, five objects each by then.
        assert creates <= ROOMS * (ROUNDS + 2) + 4 * 5
        assert await world.lab.outbox() == []
    db.close()
