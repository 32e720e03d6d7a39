"""How fast a commit is visible at the (simulated) provider: one worker process, SQLite, many accounts.

    python -m tests.bench.bench_sync [--accounts 50] [--rate 100] [--seconds 10]

The laboratory and the writer share this process, the worker has one of its own; the probe line says what
the machine gives.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.services import startup
from gateway.settings import Settings
from tests.conftest import ROOT, Cli
from tests.e2e.google_world import environ, google_world
from tests.e2e.test_google_sync import event


async def measure(accounts: int, rate: float, seconds: float) -> dict[str, float]:
    """Return latencies in milliseconds from commit to the provider's answer."""
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(data=Path(directory) / "data")
        db = startup.open_database(settings)
        sealer = startup.ready_database(db, settings, now=datetime.now(UTC))
        instance_id = startup.open_instance_id(db, settings)
        async with google_world(db, sealer=sealer, instance_id=instance_id) as world:
            await world.lab.set(user_per_minute=1e6, project_per_minute=1e6, page_cap=250)
            rooms = []
            for number in range(accounts):
                email = f"p{number}@example.com"
                await world.lab.control("POST", "accounts", email=email)
                account = await world.connect(email, f"p{number}")
                room = world.add_resource(f"room{number}")
                await world.link(room, account)
                rooms.append(room)
            await world.run()
            committed: dict[str, float] = {}
            seen: dict[str, float] = {}
            journal = world.laboratory.lab.journal
            record = journal.record

            def watch(call: object, answer: object, **more: object) -> None:
                record(call, answer, **more)  # type: ignore[arg-type] # passed on as it came
                body = getattr(call, "body", None) or {}
                title = body.get("summary") if isinstance(body, dict) else None
                if title in committed and title not in seen:
                    seen[str(title)] = time.perf_counter()

            journal.record = watch  # type: ignore[method-assign] # the bench's own hand in it
            cli = Cli(settings.data, environ(world.lab.base) | {"CALGATE_LOG_LEVEL": "error"})
            worker = subprocess.Popen(  # noqa: ASYNC220 - it is only started here
                [sys.executable, "-m", "gateway", "worker"], cwd=ROOT, env=cli.variables()
            )
            await asyncio.sleep(3)
            begun, number = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds:
                room, title = rooms[number % accounts], f"change {number}"
                committed[title] = 0.0
                await asyncio.to_thread(
                    world.put,
                    room,
                    f"u{number % (accounts * 3)}",
                    event(f"u{number % (accounts * 3)}", title),
                )
                committed[title] = time.perf_counter()
                number += 1
                await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            await asyncio.sleep(3)
            worker.terminate()
            await asyncio.to_thread(worker.wait)
        db.close()
    spans = sorted((seen[title] - committed[title]) * 1000 for title in seen)
    return {
        "changes": number,
        "seen": len(spans),
        "per_s": round(number / seconds, 1),
        "p50_ms": round(statistics.median(spans), 1),
        "p99_ms": round(spans[int(len(spans) * 0.99) - 1], 1),
        "worst_ms": round(spans[-1], 1),
    }


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    print(asyncio.run(measure(given.accounts, given.rate, given.seconds)))


if __name__ == "__main__":
    main()
