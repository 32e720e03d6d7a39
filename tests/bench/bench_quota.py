"""The first sync of many events under Google's quota, with links of other people beside it."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.engine_world import EngineWorld, Room, engine_world, program
from tests.bench.figures import Figure, percentile, summary
from tests.bench.journal import Written, check_copies, latencies
from tests.bench.lab_process import cpu_s, lab_process
from tests.bench.seed import bulk_load
from tests.e2e.google_world import environ

QUOTA_PER_MINUTE = 600.0  # of one person, as Google gives it
OURS_PER_MINUTE = 575.0  # the default of account_requests_per_minute
SPEED = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    events: int = 10_000
    others: int = 10
    rate: float = 10.0


QUICK = Size(events=150, others=2, rate=4.0)


def first_sync(size: Size) -> list[Figure]:
    """Return the time of a first sync, of what the quota itself needs for it, and how others fared meanwhile.

    The laboratory's quota refills 20 times faster than Google's, and the gateway's own budget with it; all
    else runs at its own speed.
    """
    big, others = "big@example.com", [f"p{number}@example.com" for number in range(size.others)]
    accounts = [part for email in [big, *others] for part in ("--account", email)]
    budget = {"CALGATE_ACCOUNT_REQUESTS_PER_MINUTE": str(OURS_PER_MINUTE * SPEED)}
    with (
        tempfile.TemporaryDirectory() as directory,
        lab_process(
            "--google", *accounts, user_per_minute=QUOTA_PER_MINUTE, quota_speed=SPEED,
            project_per_minute=0.0, page_cap=250, empty_page_chance=0.0,
        ) as lab,
        engine_world(Path(directory), environ(lab.base) | budget) as world,
    ):  # fmt: skip
        lab.client(lambda client: world.lab_rooms(client, "google", others))
        with program(world, "-m", "gateway", "serve", "--port", "0") as gateway:
            world.wait_until_idle()
            bulk = world.add_resource("bulk")
            bulk_load(str(world.db.url), "bulk", size.events)
            started = lab.control("GET", "status")["requests"]
            before = cpu_s(gateway.pid)
            lab.client(lambda client: world.lab_account(client, "google", big, bulk, past_days=400))
            written = _beside(world, world.rooms[:-1], size)
            spent = cpu_s(gateway.pid) - before
        calls = lab.control("GET", f"log?after={started}")["entries"]
        spans = latencies(written, calls)
        own = [call for call in calls if call["account"] == big]
        check_copies(lab, written, beside=size.events)
    refused = sum(call["status"] in {403, 429} for call in own)
    made = [call["at_s"] for call in own if call["operation"] == "calendar.events.insert"]
    took_s, needed_s = made[-1] - made[0], len(made) / (QUOTA_PER_MINUTE * SPEED / 60)
    detail = {"refused": refused, "calls": len(own), "gateway_cores": round(spent / took_s, 2)}
    return [
        Figure(
            name=f"first sync of {size.events} events, time over that of the quota",
            value=took_s / needed_s, unit="x", line=1.05, at_least=False,
            detail={"took_s": round(took_s, 2), "quota_needs_s": round(needed_s, 2), **detail},
        ),
        Figure(
            name="  other links meanwhile, p99", value=percentile(spans, 0.99), unit="ms", line=2000,
            at_least=False, detail={"commit to visible": summary(spans)},
        ),
    ]  # fmt: skip


def _beside(world: EngineWorld, rooms: list[Room], size: Size) -> list[Written]:
    """Change other people's events at a steady rate until the first sync is done."""
    done = threading.Event()

    def wait() -> None:
        try:
            world.wait_until_idle(timeout_s=600, only=world.rooms[-1].link.id)
        finally:
            done.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    written: list[Written] = []
    begun = time.monotonic()
    while not done.wait(max(0.0, begun + len(written) / size.rate - time.monotonic())):
        number = len(written)
        room, uid = number % len(rooms), f"u{number % (len(rooms) * 3)}"
        prepared = world.prepared(rooms[room], uid, f"change {number}")
        at_s = world.put(rooms[room], uid, prepared)
        written.append(Written(number=number, room=room, uid=uid, at_s=at_s))
    waiter.join()
    world.wait_until_idle()
    return written
