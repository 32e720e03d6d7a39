"""One resource in thirty calendars of three providers: from the commit until the last of them has it."""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from gateway.services import principals
from gateway.store.database import Transaction
from gateway.store.schema import calendar_object
from tests.bench.engine_world import EngineWorld, engine_world, program, providers, utc_now
from tests.bench.figures import Figure, percentile, summary
from tests.bench.journal import Written, arrivals, check_peace
from tests.bench.lab_process import LabProcess, cpu_s, lab_process
from tests.servers import Server

_TITLE = re.compile(rb"^SUMMARY:change (\d+)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    each: int = 10
    rate: float = 1.0
    seconds: float = 30.0


QUICK = Size(each=2, rate=2.0, seconds=3.0)


def three_providers(size: Size) -> list[Figure]:
    """Book one resource at a steady rate; Google, Microsoft and another Calgate, on this machine, copy it.

    The other Calgate tells the time at which it began to store an event: a few milliseconds too early.
    """
    emails = [f"p{number}@example.com" for number in range(size.each)]
    accounts = [part for email in emails for part in ("--account", email)]
    with (
        tempfile.TemporaryDirectory() as directory,
        lab_process("--google", "--microsoft", *accounts, page_cap=250, empty_page_chance=0.0) as lab,
        engine_world(Path(directory) / "there", {}) as there,
        Server(there.cli.variables(), anew=True) as server,
        engine_world(Path(directory) / "here", providers(lab.base)) as world,
    ):
        _connect(world, lab, there, server.url, emails)
        with program(world, "-m", "gateway", "serve", "--port", "0") as gateway:
            world.wait_until_idle()
            started = lab.control("GET", "status")["requests"]
            before = cpu_s(gateway.pid)
            written = _book(world, size)
            world.wait_until_idle()
            spent = cpu_s(gateway.pid) - before
        calls = lab.control("GET", f"log?after={started}")["entries"]
        seen = [(f"{call[1]} {place}", call[0], call[2]) for place, call in _by_door(calls)]
        seen += [(f"calendar {row[0]}", row[1], row[2]) for row in there.db.read(stored_at)]
        check_peace(lab)
    links = 3 * size.each
    last_ms = _last(written, seen, links)
    detail = summary(last_ms) | {"gateway_cpu_ms_per_copy": round(spent / len(written) / links * 1000, 2)}
    return [
        Figure(
            name=f"{links} links of three providers on one resource, last copy, p99",
            value=percentile(last_ms, 0.99), unit="ms", line=2000, at_least=False,
            detail={"commit to last copy": detail},
        )
    ]  # fmt: skip


def _connect(world: EngineWorld, lab: LabProcess, there: EngineWorld, url: str, emails: list[str]) -> None:
    calendar = world.add_resource("room")
    for email in emails:
        login = email.partition("@")[0]
        there.person(login)
        _, password = there.db.write(principals.new_app_password, login, "bench", utc_now())
        for provider in ("google", "graph"):
            lab.client(lambda client, at=provider, of=email: world.lab_account(client, at, of, calendar))
        world.run(world.dav_account(url, login, password, calendar))


def _book(world: EngineWorld, size: Size) -> list[Written]:
    room, written = world.rooms[0], []
    count = int(size.rate * size.seconds)
    plan = [world.prepared(room, f"n{number}", f"change {number}") for number in range(count)]
    begun = time.monotonic()
    for number, prepared in enumerate(plan):
        time.sleep(max(0.0, begun + number / size.rate - time.monotonic()))
        at_s = world.put(room, f"n{number}", prepared)
        written.append(Written(number=number, room=0, uid=f"n{number}", at_s=at_s))
    return written


def _by_door(calls: list[dict[str, object]]) -> list[tuple[str, tuple[int, str, float]]]:
    return [(str(call["door"]), found) for call in calls for found in arrivals([call])]


def stored_at(tx: Transaction) -> list[tuple[int, int, float]]:
    """Return calendar, number and time of every copy at the other Calgate."""
    rows = tx.execute(
        select(calendar_object.c.calendar_id, calendar_object.c.ical, calendar_object.c.created_at_utc)
    )
    found = [(row.calendar_id, _TITLE.search(bytes(row.ical)), row.created_at_utc) for row in rows]
    return [(place, int(title[1]), at_utc.timestamp()) for place, title, at_utc in found if title]


def _last(written: list[Written], seen: list[tuple[str, int, float]], links: int) -> list[float]:
    """Return milliseconds from each commit to its last copy; each must be in every calendar, and once."""
    counts = Counter((place, number) for place, number, _ in seen)
    if len(counts) != len(written) * links or set(counts.values()) != {1}:
        raise RuntimeError(f"{len(counts)} copies instead of {len(written) * links}, or some of them twice")
    last: dict[int, float] = {}
    for _, number, at_s in seen:
        last[number] = max(last.get(number, 0.0), at_s)
    return [(last[one.number] - one.at_s) * 1000 for one in written]
