"""Many CalDAV clients at once: how much one process serves, and how long its event loop is held up."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

from tests.bench import questions
from tests.bench.figures import Figure, percentile, summary
from tests.bench.questions import XML
from tests.bench.seed_caldav import night_object
from tests.bench.wire import Wire

_LISTERS = 4
_PROBE_EVERY_S = 0.01
_PUTS = 3_000_000


def mixed(
    made: Callable[[], Wire],
    *,
    clients: int,
    seconds: float,
    monday: date,
    week: tuple[datetime, datetime],
    hits: int,
) -> list[Figure]:
    """Poll (80 %), ask for a week with data (15 %) and PUT (5 %) from many connections; answers are checked."""
    took: dict[str, list[float]] = {"sync": [], "week": [], "put": []}
    errors: list[str] = []
    ends = time.perf_counter() + seconds
    asked = questions.query(*week)

    def client(number: int) -> None:
        choice = random.Random(number)
        try:
            with made() as wire:
                token = questions.token_in(
                    wire.ask("PROPFIND", body=questions.CTAG, Depth="0", Content_Type=XML).body
                )
                written = 0
                while time.perf_counter() < ends:
                    draw = choice.random()
                    begun = time.perf_counter()
                    if draw < 0.80:
                        kind, good = "sync", 207
                        answer = wire.ask("REPORT", body=questions.sync(token), Depth="1", Content_Type=XML)
                    elif draw < 0.95:
                        kind, good = "week", 207
                        answer = wire.ask("REPORT", body=asked, Depth="1", Content_Type=XML)
                    else:
                        kind, good = "put", 201
                        one = night_object(_PUTS + number * 10_000 + written, monday)
                        written += 1
                        answer = wire.ask("PUT", one.name, one.ical(), Content_Type="text/calendar")
                    took[kind].append((time.perf_counter() - begun) * 1000)
                    if answer.status != good:
                        errors.append(f"{kind}: {answer.status}")
                    elif kind == "sync":
                        token = questions.token_in(answer.body) or token
                    elif kind == "week" and answer.body.count(b"BEGIN:VCALENDAR") < hits:
                        errors.append("week: objects are missing")
        except (OSError, ValueError) as error:
            errors.append(repr(error))

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    passed = time.perf_counter() - begun
    detail = {kind: summary(values) for kind, values in took.items() if values}
    total = sum(map(len, took.values()))
    return [
        Figure(name=f"{clients} clients, requests a second", value=total / passed, unit="/s", line=380, detail=detail),
        Figure(
            name=f"{clients} clients, errors", value=len(errors), unit="", line=0, at_least=False,
            detail={"first": errors[0]} if errors else {},
        ),
    ]  # fmt: skip


def loop_delay(made: Callable[[], Wire], url: str, *, seconds: float) -> list[Figure]:
    """Return how long a request that only needs the event loop takes while four clients list everything."""
    stop = threading.Event()
    listed: list[float] = []

    def lister(number: int) -> None:
        with made() as wire:
            while not stop.is_set():
                begun = time.perf_counter()
                if number % 2:
                    answer = wire.ask("REPORT", body=questions.sync(), Depth="1", Content_Type=XML)
                else:
                    answer = wire.ask("PROPFIND", body=questions.ETAGS, Depth="1", Content_Type=XML)
                assert answer.status == 207, answer
                listed.append((time.perf_counter() - begun) * 1000)

    with Wire(f"{url}/healthz", "", "") as probe:
        quiet = _probed(probe, seconds / 4)
        with ThreadPoolExecutor(_LISTERS) as pool:
            running = [pool.submit(lister, number) for number in range(_LISTERS)]
            try:
                busy = _probed(probe, seconds)
            finally:
                stop.set()
            for one in running:
                one.result()
    detail = {"idle": summary(quiet), "four listing": summary(busy), "a listing": summary(listed)}
    return [
        Figure(
            name="event-loop delay p95, four clients list everything", value=percentile(busy, 0.95), unit="ms", line=20,
            at_least=False, detail=detail,
        )
    ]  # fmt: skip


def _probed(probe: Wire, seconds: float) -> list[float]:
    took = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        begun = time.perf_counter()
        answer = probe.ask("GET")
        took.append((time.perf_counter() - begun) * 1000)
        assert answer.status == 200, answer
        time.sleep(_PROBE_EVERY_S)
    return took
