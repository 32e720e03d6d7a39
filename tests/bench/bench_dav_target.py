"""Commit to visible where the provider is another Calgate on the same machine, reached over CalDAV."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from gateway.services import principals
from tests.bench.bench_mixed import stored_at
from tests.bench.engine_world import EngineWorld, engine_world, program, providers, utc_now
from tests.bench.figures import Figure, percentile, summary
from tests.bench.lab_process import cpu_s
from tests.servers import Server


def visible_at_another(accounts: int, rate: float, seconds: float) -> list[Figure]:
    """Make new events in calendars here; each must be in its calendar there, once.

    The other Calgate tells the time at which it began to store an event: a few milliseconds too early.
    """
    with (
        tempfile.TemporaryDirectory() as directory,
        engine_world(Path(directory) / "there", {}) as there,
        Server(there.cli.variables(), anew=True) as server,
        engine_world(
            Path(directory) / "here",
            providers("http://127.0.0.1:1") | {"CALGATE_ACCOUNT_REQUESTS_PER_MINUTE": "1000000"},
        ) as world,
    ):
        _connect(world, there, server.url, accounts)
        with program(world, "-m", "gateway", "serve", "--port", "0") as gateway:
            world.wait_until_idle()
            before = cpu_s(gateway.pid)
            committed = _write(world, rate, seconds)
            world.wait_until_idle()
            spent = cpu_s(gateway.pid) - before
        seen = there.db.read(stored_at)
    if sorted(number for _, number, _ in seen) != list(range(len(committed))):
        raise RuntimeError(f"{len(seen)} copies instead of {len(committed)}, or other ones")
    spans = [(at_s - committed[number]) * 1000 for _, number, at_s in seen]
    detail = summary(spans) | {"gateway_cpu_ms_per_change": round(spent / len(committed) * 1000, 2)}
    name = f"caldav: commit to visible at another Calgate, {rate:g}/s over {accounts} accounts"
    return [
        Figure(
            name=f"{name}, p50", value=percentile(spans, 0.5), unit="ms", line=100, at_least=False,
            detail={"commit to visible": detail},
        ),
        Figure(name=f"{name}, p99", value=percentile(spans, 0.99), unit="ms", line=1000, at_least=False),
    ]  # fmt: skip


def _connect(world: EngineWorld, there: EngineWorld, url: str, accounts: int) -> None:
    for number in range(accounts):
        login = f"p{number}"
        there.person(login)
        _, password = there.db.write(principals.new_app_password, login, "bench", utc_now())
        world.run(world.dav_account(url, login, password, world.add_resource(f"room{number}")))


def _write(world: EngineWorld, rate: float, seconds: float) -> list[float]:
    rooms = world.rooms
    plan = [
        world.prepared(rooms[number % len(rooms)], f"n{number}", f"change {number}")
        for number in range(int(rate * seconds))
    ]
    committed = []
    begun = time.monotonic()
    for number, prepared in enumerate(plan):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        committed.append(world.put(rooms[number % len(rooms)], f"n{number}", prepared))
    return committed
