"""``python -m tests.bench``: the figures of the product, seeded, in one run, beside what it is compared with.

Prints a table, writes JSON where told to, and says what fell below its line. Ratios are measured in turns,
so that what else the machine does falls on both sides.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tests.bench import bench_caldav, bench_engine, bench_feeds
from tests.bench.figures import Figure, percentile, summary, table
from tests.bench.probe import probe
from tests.bench.seed import SEED, bench_event, bench_file, bulk_load, write_stock
from tests.bench.stock import stock_radicale
from tests.conftest import Cli
from tests.dav_client import DavClient
from tests.servers import Server

_PROPS = (
    '<propfind xmlns="DAV:" xmlns:CS="http://calendarserver.org/ns/">'
    "<prop><CS:getctag/><sync-token/></prop></propfind>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    objects: int = 10_000
    many: int = 100_000
    few: int = 100
    puts: int = 40
    asks: int = 300
    feed_rounds: int = 3
    feed_seconds: int = 2


_OURS_A_TURN = 5
QUICK = Size(objects=300, many=3000, few=50, puts=5, asks=30, feed_rounds=1, feed_seconds=1)


class Bench:
    """One run on one server."""

    def __init__(self, directory: Path, size: Size, say: Callable[[str], None]) -> None:
        self.size = size
        self.directory = directory
        self.say = say
        self.figures: list[Figure] = []
        self.cli = Cli(directory / "data")
        self.cli.json("person", "add", "ann")
        for slug in ("big", "few", "many", "quiet"):
            self.cli.json("resource", "add", slug, "--kind", "room")
            self.cli.json("grant", "add", "write", "--person", "ann", "--resource", slug)
        self.password = self.cli.json("person", "app-password", "ann")["password"]
        link = self.cli.json("feed", "create", "quiet", "--privacy", "full")["url"]
        self.feed_path = link[link.index("/feeds/") :]

    def run(self) -> list[Figure]:
        """Measure everything."""
        address = f"sqlite:///{self.cli.data / 'calgate.sqlite3'}"
        bulk_load(address, "few", self.size.few)
        bulk_load(address, "quiet", self.size.few)
        with Server(self.cli.variables(), anew=True) as server:
            self.server = server
            for part in (self.import_beside_requests, self.put_beside_stock):
                self.say(part.__name__.replace("_", " "))
                part()
            self.say("load many objects")
            bulk_load(address, "many", self.size.many)
            for part in (self.propfind_at_both_sizes, self.everything_else, self.memory):
                self.say(part.__name__.replace("_", " "))
                part()
        self.say("feeds beside nginx")
        self.feeds()
        return self.figures

    def client(self, slug: str) -> DavClient:
        return DavClient(f"{self.server.url}/dav/ann/{slug}/", "ann", self.password)

    def reader(self) -> DavClient:
        """Return a connection whose one address is the feed."""
        return DavClient(self.server.url + self.feed_path, "", "")

    def import_beside_requests(self) -> None:
        path = self.directory / "import.ics"
        path.write_bytes(bench_file(self.size.objects))
        stop = threading.Event()
        took: dict[str, list[float]] = {"get": [], "propfind": [], "put": [], "feed": []}
        with ThreadPoolExecutor(1) as pool:
            requests = pool.submit(self._requests, stop, took)
            try:
                seconds = self._import(path)
            finally:
                stop.set()
            requests.result()
        everything = [value for values in took.values() for value in values]
        detail = {name: summary(values) for name, values in took.items()}
        self.figures += [
            Figure(
                name=f"import of {self.size.objects} events", value=seconds, unit="s", line=60, at_least=False
            ),
            Figure(
                name="other requests meanwhile, p95",
                value=percentile(everything, 0.95), unit="ms", line=50, at_least=False, detail=detail,
            ),
        ]  # fmt: skip

    def _import(self, path: Path) -> float:
        """Import the file with the command beside the server; return how many seconds it took."""
        begun = time.perf_counter()
        report = self.cli.json("import", "big", path)
        assert report["added"] == self.size.objects, report
        return time.perf_counter() - begun

    def _requests(self, stop: threading.Event, took: dict[str, list[float]]) -> None:
        number = 0
        with self.client("quiet") as client, self.reader() as feed:
            deeds: dict[str, Callable[[], Any]] = {
                "get": lambda: client.get("bench-1.ics"),
                "propfind": lambda: client.ask("PROPFIND", body=_PROPS, Depth="0"),
                "put": lambda: client.put(f"p{number}.ics", bench_event(500_000 + number, is_night=True)),
                "feed": lambda: feed.ask("GET"),
            }
            while not stop.is_set():
                number += 1
                for name, deed in deeds.items():
                    took[name].append(_timed(deed))
                    time.sleep(0.01)

    def put_beside_stock(self) -> None:
        folder = self.directory / "stock"
        write_stock(folder, self.size.objects)
        ours: list[float] = []
        theirs: list[float] = []
        with (
            stock_radicale(folder) as address,
            self.client("big") as client,
            DavClient(f"{address}/ann/cal/", "ann", "ann", timeout_s=900) as stock,
        ):
            warm = 3
            self.say("  (stock reads its files once)")
            for number in range(self.size.puts + warm):
                # In turns: five of ours, one of theirs, which takes longer than all five.
                for turn in range(_OURS_A_TURN):
                    count = number * _OURS_A_TURN + turn
                    ours.append(_put(client, f"n{count}.ics", bench_event(600_000 + count, is_night=True)))
                theirs.append(_put(stock, f"n{number}.ics", bench_event(600_000 + number, is_night=True)))
        ours, theirs = ours[warm * _OURS_A_TURN :], theirs[warm:]
        self.figures.append(
            Figure(
                name=f"PUT into {self.size.objects}, times stock Radicale {version('radicale')}",
                value=statistics.median(theirs) / statistics.median(ours),
                unit="x",
                line=100,
                detail={"ours": summary(ours), "stock": summary(theirs)},
            )
        )

    def propfind_at_both_sizes(self) -> None:
        few: list[float] = []
        many: list[float] = []
        with self.client("few") as small, self.client("many") as large:
            for turn in range(self.size.asks):
                for who, found in ((small, few), (large, many)):
                    took = _timed(lambda who=who: who.ask("PROPFIND", body=_PROPS, Depth="0"))
                    if turn >= 5:
                        found.append(took)
        self.figures.append(
            Figure(
                name=f"PROPFIND at {self.size.many} against {self.size.few} events",
                value=statistics.median(many) / statistics.median(few),
                unit="x",
                line=1.15,
                at_least=False,
                detail={"few": summary(few), "many": summary(many)},
            )
        )

    def everything_else(self) -> None:
        """Ask what uses memory: first syncs, whole listings, a feed."""
        took: dict[str, float] = {}
        with self.client("big") as big, self.client("many") as many, self.reader() as feed:
            took["first_sync_ms"] = _timed(big.sync)
            took["first_sync_of_many_ms"] = _timed(lambda: many.sync(limit=10_000))
            token, _, _ = big.sync()
            took["sync_nothing_new_ms"] = _timed(lambda: big.sync(token))
            took["propfind_depth_1_ms"] = _timed(lambda: big.ask("PROPFIND", body=_PROPS, Depth="1"))
            took["feed_ms"] = _timed(lambda: feed.ask("GET"))
        self.figures += [
            Figure(name=name.removesuffix("_ms").replace("_", " "), value=value, unit="ms")
            for name, value in took.items()
        ]

    def memory(self) -> None:
        assert self.server.process is not None
        info = psutil.Process(self.server.process.pid).memory_full_info()
        self.figures += [
            Figure(name="resident memory, RSS", value=info.rss / 1e6, unit="MB", line=150, at_least=False),
            Figure(name="resident memory, PSS", value=getattr(info, "pss", 0) / 1e6, unit="MB"),
        ]

    def feeds(self) -> None:
        found: dict[str, Any] = {}
        if shutil.which("wrk"):
            found = bench_feeds.measure(self.size.feed_rounds, self.size.feed_seconds)
        else:
            self.say("  (wrk is not installed: feeds are not measured)")
        self.figures += [
            Figure(
                name=f"feed of 500 events, {name}, of nginx",
                value=found.get(f"{name} of nginx"),
                unit="x",
                line=bench_feeds.LINE,
                detail=found,
            )
            for name in ("304", "gzip")
        ]


def _put(client: DavClient, name: str, data: bytes) -> float:
    return _timed(lambda: client.put(name, data))


def _timed(deed: Callable[[], Any]) -> float:
    """Return how many ms it took; anything but success is an error of the benchmark."""
    begun = time.perf_counter()
    answer = deed()
    took = (time.perf_counter() - begun) * 1000
    status = getattr(answer, "status", 207)
    assert status in {200, 201, 204, 207}, answer
    return took


def _release() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def main() -> int:
    """Measure and print; the exit code says only whether measuring worked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=main.__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run at all?")
    parser.add_argument("--postgresql", action="store_true", help="the CalDAV rows on PostgreSQL")
    chosen = parser.parse_args()
    size = QUICK if chosen.quick else Size()

    def say(text: str) -> None:
        print(f"... {text}", file=sys.stderr)

    machine = probe() | {"python": platform.python_version(), "release": _release(), "seed": SEED}
    with tempfile.TemporaryDirectory() as directory:
        figures = Bench(Path(directory), size, say).run()
    if not chosen.quick:  # its small sizes are measured by ``python -m tests.bench.bench_engine --quick``
        figures += bench_engine.measure(say)
    caldav_size = bench_caldav.QUICK if chosen.quick else bench_caldav.Size()
    figures += bench_caldav.measure(caldav_size, say, is_postgresql=chosen.postgresql)
    print(f"machine: {json.dumps(machine)}")
    print(table(figures))
    below = [one.name for one in figures if one.is_met is False]
    print(f"below their line: {', '.join(below)}" if below else "every line is reached")
    if chosen.json:
        content = {"machine": machine, "size": asdict(size), "figures": [asdict(one) for one in figures]}
        content["below"] = below
        chosen.json.write_text(json.dumps(content, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
