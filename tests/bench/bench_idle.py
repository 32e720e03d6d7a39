"""Many links at rest: what it costs to ask the provider at the usual rhythm whether there is anything new."""

from __future__ import annotations

import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, insert, select, update

from gateway.store import links as link_store
from gateway.store.database import Transaction
from gateway.store.schema_sync import link
from gateway.sync.worker import POLL_S
from tests.bench.engine_world import EngineWorld, engine_world, program
from tests.bench.figures import Figure
from tests.bench.lab_process import cpu_s, lab_process
from tests.e2e.google_world import environ

_LIST = "calendar.events.list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything; there are ``side`` accounts, and ``side`` links of each."""

    side: int = 100
    seconds: float = 30.0
    poll_s: float = POLL_S


QUICK = Size(side=5, seconds=6.0, poll_s=3.0)


def idle_links(size: Size) -> list[Figure]:
    """Return the share of a core that the gateway takes for links that have nothing to do.

    Nothing is scaled at the full size: each link is asked every five minutes, as where no channel tells us. The links differ
    in their calendar here or there; a hundred calendars on each side make ten thousand of them.
    """
    emails = [f"p{number}@example.com" for number in range(size.side)]
    accounts = [part for email in emails for part in ("--account", email)]
    count = size.side**2
    with (
        tempfile.TemporaryDirectory() as directory,
        lab_process("--google", *accounts, page_cap=250, empty_page_chance=0.0) as lab,
        engine_world(Path(directory), environ(lab.base) | {"CALGATE_POLL_S": str(size.poll_s)}) as world,
    ):
        lab.client(lambda client: world.lab_rooms(client, "google", emails))
        with program(world, "-m", "gateway", "worker"):
            world.wait_until_idle()
        world.db.write(_multiply, size.poll_s)
        with program(world, "-m", "gateway", "serve", "--port", "0") as gateway:
            time.sleep(3.0)
            _settle(world)
            counts = lab.control("GET", "status")["counts"]
            before, begun = cpu_s(gateway.pid), time.monotonic()
            time.sleep(size.seconds)
            spent, took_s = cpu_s(gateway.pid) - before, time.monotonic() - begun
            after = lab.control("GET", "status")["counts"]
            failed = world.db.read(_failed)
    polls = after[_LIST] - counts[_LIST]
    expected = count / size.poll_s * took_s
    if failed or not 0.7 * expected <= polls <= 1.3 * expected:
        raise RuntimeError(f"{polls} polls instead of {expected:.0f}, {failed} links in trouble")
    if {name for name in after if after[name] > counts.get(name, 0)} - {_LIST, "token"} - _signing(after):
        raise RuntimeError("the idle links did more than asking")
    return [
        Figure(
            name=f"{count} idle links, each asked every {size.poll_s:g} s, share of a core",
            value=spent / took_s * 100, unit="%", line=10, at_least=False,
            detail={"polls_per_s": round(polls / took_s, 1), "cpu_ms_per_poll": round(spent / polls * 1000, 2)},
        )
    ]  # fmt: skip


def _settle(world: EngineWorld) -> None:
    """Wait until the gateway polls, and has caught up with what fell due while it started."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(2.0)
        if not world.db.read(_overdue):
            return
    raise RuntimeError("the gateway does not keep up with its polls")


def _overdue(tx: Transaction) -> int:
    late = link.c.due_at < link_store.clock_ms(tx) - 1500
    return int(tx.execute(select(func.count()).select_from(link).where(late)).scalar_one())


def _signing(counts: dict[str, int]) -> set[str]:
    """Return the calls that are no calls of the calendar."""
    return {name for name in counts if not name.startswith("calendar.")}


def _multiply(tx: Transaction, poll_s: float) -> None:
    """Link every calendar here with every one there, and spread their next polls over the rhythm."""
    rows = [dict(row._mapping) for row in tx.execute(select(link).order_by(link.c.id))]
    calendars = [row["calendar_id"] for row in rows]
    copies = []
    for row in rows:
        copies += [
            {**row, "calendar_id": each, "uuid": str(uuid.uuid4())}
            for each in calendars
            if each != row["calendar_id"]
        ]
    for copy in copies:
        del copy["id"]
    tx.execute(insert(link), copies)
    now_ms = link_store.clock_ms(tx)
    ids = tx.execute(select(link.c.id).order_by(func.random())).scalars().all()
    for place, link_id in enumerate(ids):
        at_ms = now_ms + int(place / len(ids) * poll_s * 1000)
        tx.execute(update(link).where(link.c.id == link_id).values(pull_at=at_ms, due_at=at_ms))


def _failed(tx: Transaction) -> int:
    return int(tx.execute(select(func.count()).select_from(link).where(link.c.fails > 0)).scalar_one())
