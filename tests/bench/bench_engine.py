"""The sync engine's rows: how fast, how much, at what cost. Each counts first whether nothing was lost or doubled.

    python -m tests.bench.bench_engine [--quick] [--only NAME]

Processor times are those of the gateway's own process, which what else the machine does leaves alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import bench_dav_target, bench_idle, bench_mixed, bench_nodes, bench_quota
from tests.bench.engine_world import EngineWorld, engine_world, program, providers
from tests.bench.figures import Figure, percentile, summary
from tests.bench.journal import Written, check_copies, latencies
from tests.bench.lab_process import cpu_s, lab_process

_OPEN = {"user_per_minute": 1e6, "project_per_minute": 1e6, "page_cap": 250, "empty_page_chance": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    accounts: int = 50
    rate: float = 100.0
    seconds: float = 20.0


QUICK = Size(accounts=5, rate=40.0, seconds=3.0)
_PER_MINUTE = {
    "google": {"CALGATE_ACCOUNT_REQUESTS_PER_MINUTE": "1000000"},
    "graph": {"CALGATE_ACCOUNT_REQUESTS_PER_MINUTE": "1000"},
}
_EACH = 3  # objects of a room that change in turn


def changes_visible(size: Size, provider: str = "google") -> list[Figure]:
    """Commit to visible at the simulator: one gateway process on SQLite, the writer and the lab elsewhere.

    Google's limit of requests is out of the way; Microsoft's, of requests and of calls at once, are not.
    """
    emails = [f"p{number}@example.com" for number in range(size.accounts)]
    accounts = [part for email in emails for part in ("--account", email)]
    with (
        tempfile.TemporaryDirectory() as directory,
        lab_process("--google", "--microsoft", *accounts, **_OPEN) as lab,
        engine_world(Path(directory), providers(lab.base) | _PER_MINUTE[provider]) as world,
    ):
        lab.client(lambda client: world.lab_rooms(client, provider, emails))
        with program(world, "-m", "gateway", "serve", "--port", "0") as gateway:
            world.wait_until_idle()
            started = lab.control("GET", "status")["requests"]
            before, lab_before = cpu_s(gateway.pid), lab.cpu_s()
            written = write_steadily(world, size)
            time.sleep(2.0)
            spent, lab_spent = cpu_s(gateway.pid) - before, lab.cpu_s() - lab_before
            world.wait_until_idle()
        calls = lab.control("GET", f"log?after={started}")["entries"]
        spans = latencies(written, calls)
        check_copies(lab, written, provider=provider)
    detail = summary(spans) | {
        "calls": len(calls),
        "gateway_cpu_ms_per_change": round(spent / len(written) * 1000, 2),
        "lab_cpu_ms_per_change": round(lab_spent / len(written) * 1000, 2),
        "per_s": round(len(written) / (written[-1].at_s - written[0].at_s), 1),
    }
    name = f"{provider}: commit to visible, {size.rate:g}/s over {size.accounts} accounts"
    return [
        Figure(
            name=f"{name}, p50", value=percentile(spans, 0.5), unit="ms", line=100, at_least=False,
            detail={"commit to visible": detail},
        ),
        Figure(name=f"{name}, p99", value=percentile(spans, 0.99), unit="ms", line=1000, at_least=False),
        Figure(name="  gateway's processor time a change", value=spent / len(written) * 1000, unit="ms"),
    ]  # fmt: skip


def write_steadily(world: EngineWorld, size: Size) -> list[Written]:
    """Commit changes at a steady rate, whatever the gateway makes of them."""
    count = int(size.rate * size.seconds)
    plan = []
    for number in range(count):
        room, uid = number % len(world.rooms), f"u{number % (len(world.rooms) * _EACH)}"
        plan.append((room, uid, world.prepared(world.rooms[room], uid, f"change {number}")))
    written = []
    begun = time.monotonic()
    for number, (room, uid, prepared) in enumerate(plan):
        time.sleep(max(0.0, begun + number / size.rate - time.monotonic()))
        at_s = world.put(world.rooms[room], uid, prepared)
        written.append(Written(number=number, room=room, uid=uid, at_s=at_s))
    return written


ROWS: dict[str, Callable[[bool], list[Figure]]] = {
    "visible": lambda is_quick: changes_visible(QUICK if is_quick else Size()),
    "graph": lambda is_quick: changes_visible(QUICK if is_quick else Size(), "graph"),
    "caldav": lambda is_quick: bench_dav_target.visible_at_another(
        *((4, 10.0, 2.0) if is_quick else (50, 100.0, 10.0))
    ),
    "mixed": lambda is_quick: bench_mixed.three_providers(
        bench_mixed.QUICK if is_quick else bench_mixed.Size()
    ),
    "quota": lambda is_quick: bench_quota.first_sync(bench_quota.QUICK if is_quick else bench_quota.Size()),
    "idle": lambda is_quick: bench_idle.idle_links(bench_idle.QUICK if is_quick else bench_idle.Size()),
    "nodes": lambda is_quick: bench_nodes.two_workers(bench_nodes.QUICK if is_quick else bench_nodes.Size()),
}


def measure(say: Callable[[str], None]) -> list[Figure]:
    """Measure every row at its full size."""
    figures = []
    for name, row in ROWS.items():
        say(f"engine: {name}")
        figures += row(False)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=sorted(ROWS))
    given = parser.parse_args()
    for name, row in ROWS.items():
        if given.only in {None, name}:
            for one in row(given.quick):
                word = {True: "ok", False: "BELOW", None: ""}[one.is_met]
                print(
                    f"{one.name:<60}{one.value:>10.2f} {one.unit}  {one.line or ''} {word} {one.detail or ''}"
                )


if __name__ == "__main__":
    main()
