"""Every file of the corpus through the doors: imported, PUT, read back, and rendered into a feed.

Bytes: what is PUT comes back identical, what is imported keeps its lines. Time: over one year, as sets of
instants, the occurrence index, what CalDAV expands, the feed (read by icalendar and our expansion) and the
feed as ical.js reads it are equal; ``test_corpus_recurrence`` has ical.js judge the originals. Differences are listed with their
reasons in ``tests/data/corpus_http_differences.toml``.
"""

from __future__ import annotations

import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import icalendar
import pytest
from sqlalchemy import select

from gateway.domain.errors import InvalidInput
from gateway.domain.ical import parse_entry, split_import
from gateway.domain.model import Calendar, FeedLevel, Level, ResourceKind, Window, from_epoch_s, to_epoch_s
from gateway.domain.recurrence import expand
from gateway.services import feeds, grants, occurrence_index, principals, resources
from gateway.services.feed_render import FeedLookup, render_ics, scene_of
from gateway.services.feeds import secret_hash
from gateway.services.imports import import_file
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.settings import Settings
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store.database import Database, Transaction
from gateway.store.schema import calendar_object
from tests.compliance import proves
from tests.conftest import Cli
from tests.dav_client import DavClient
from tests.judge.corpus import CORPUS_SIZE, ROOT, calendar_files, corpus_dir
from tests.judge.judge import Job, Judge, JudgeError, Spans
from tests.servers import Server

ZONE = "Europe/Berlin"
LIMITS = Limits(max_object_bytes=8_000_000)
SIZES = {"CALGATE_MAX_OBJECT_BYTES": "8000000", "CALGATE_MAX_BODY_BYTES": "20000000", "CALGATE_ZONE": ZONE}
KNOWN = tomllib.loads((ROOT / "tests" / "data" / "corpus_http_differences.toml").read_text("utf-8"))
YEARS_PER_FILE = 4  # a file may hold decades; its first years are enough


@dataclass
class House:
    """A running server, and the same database opened beside it."""

    server: Server
    cli: Cli
    db: Database
    settings: Settings
    password: str
    calendars: dict[str, Calendar] = field(default_factory=dict)

    def calendar(self, slug: str) -> Calendar:
        """Return the calendar of a new resource that ann manages by her department."""

        def add(tx: Transaction) -> Calendar:
            now = datetime.now(UTC)
            added = resources.add(
                tx,
                slug,
                kind=ResourceKind.ROOM,
                horizon=LIMITS.horizon(now),
                now=now,
                department="corpus",
                policy="allow",
            )
            return calendar_store.of_resource(tx, added.id)

        if slug not in self.calendars:
            self.calendars[slug] = self.db.write(add)
        return self.calendars[slug]

    def client(self, slug: str) -> DavClient:
        return DavClient(f"{self.server.url}/dav/ann/{slug}/", "ann", self.password)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    cli = Cli(tmp_path_factory.mktemp("corpus") / "data", SIZES | {"CALGATE_LOG_LEVEL": "warning"})
    with Server(cli.variables()) as server:
        settings = Settings(data=cli.data, zone=ZONE, feed_budget_bytes=50_000_000)
        db = Database(f"sqlite:///{settings.sqlite_path}", default_zone=ZONE)

        def people(tx: Transaction) -> str:
            now = datetime.now(UTC)
            principals.add(tx, "ann", now=now)
            resources.add(
                tx, "first", kind=ResourceKind.ROOM, horizon=LIMITS.horizon(now), now=now, department="corpus"
            )
            grants.add(tx, Level.MANAGE, login="ann", department="corpus", now=now)
            return principals.new_app_password(tx, "ann", "tests", now)[1]

        yield House(server, cli, db, settings, db.write(people))
        db.close()


def test_the_whole_corpus_is_here_or_it_is_said() -> None:
    base, files = calendar_files()
    if base != corpus_dir():
        warnings.warn(
            f"no corpus: {CORPUS_SIZE} files did not run, {len(files)} of our own did", stacklevel=1
        )
    assert files


def test_what_is_put_comes_back_byte_for_byte_or_is_refused_with_a_reason(house: House) -> None:
    _, files = calendar_files()
    stored = 0
    house.calendar("put")
    with house.client("put") as client:
        for number, file in enumerate(files):
            candidates = [file.read_bytes()]
            try:
                entries = split_import(candidates[0], max_object_bytes=8_000_000).entries
                candidates += [entry.data for _, entry in zip(range(2), entries, strict=False) if entry.data]
            except InvalidInput:
                pass
            for part, data in enumerate(candidates):
                name = f"{number}-{part}.ics"
                answer = client.put(name, data)
                if answer.status == 201:
                    stored += 1
                    got = client.get(name)
                    assert got.body == data, file.name
                    assert got.headers["etag"] == answer.headers["etag"]
                    assert client.delete(name).status in {200, 204}  # the next file may have the same UID
                else:
                    assert answer.status in {400, 403, 409}, (file.name, answer)
                    assert b"<" in answer.body, (file.name, answer)
                    assert client.get(name).status == 404
    assert stored >= (350 if len(files) > 200 else 1)


def load(house: House, number: int, data: bytes) -> Calendar | None:
    """Import a file as `calgate import` does; None where it is no calendar."""
    calendar = house.calendar(f"file-{number}")
    try:
        entries = list(split_import(data, max_object_bytes=LIMITS.max_object_bytes).entries)
    except InvalidInput:
        return None  # no calendar at all
    report = import_file(
        house.db,
        calendar.id,
        data,
        origin=Origin(label="test"),
        clock=lambda: datetime.now(UTC),
        limits=LIMITS,
    )
    assert report.added + report.updated + report.unchanged + len(report.refused) == len(entries)
    assert all(len(refused.reason) > 10 for refused in report.refused)
    by_uid = {entry.uid: entry.data for entry in entries if entry.data is not None}
    with house.client(f"file-{number}") as client:
        for href, etag in list(house.db.read(object_store.listing, calendar.id))[:20]:
            got = client.get(href)
            stored = house.db.read(object_store.by_href, calendar.id, href)
            assert stored is not None
            assert (got.status, got.body, got.headers["etag"]) == (200, by_uid[stored.uid], etag)
    return calendar


def index_spans(house: House, calendar: Calendar, window: Window) -> Spans:
    """Return what the occurrence index says about a calendar."""

    def read(tx: Transaction) -> Spans:
        fresh = calendar_store.get(tx, calendar.id)
        found = occurrence_index.spans(tx, fresh, window)
        return {(span.start_ts, span.end_ts) for span in found}

    return house.db.read(read)


def feed_of(house: House, number: int, year: Window) -> bytes:
    """Return the full feed as somebody would have fetched it at the beginning of that year."""

    def make(tx: Transaction) -> str:
        return feeds.create(
            tx, [f"file-{number}"], settings=house.settings, now=datetime.now(UTC), level=FeedLevel.FULL,
            past_days=0, future_days=365, shows_private=True, owner="ann",
        ).secret  # fmt: skip

    secret = house.db.write(make)
    with closing(FeedLookup(house.db)) as lookup:
        hit = house.db.read(lookup.find, secret_hash(secret))
    assert hit is not None

    def read(tx: Transaction) -> bytes:
        scene = scene_of(tx, hit, now=year.start, settings=house.settings)
        face = render_ics(tx, scene, settings=house.settings, secret=secret)
        assert face.feed is not None
        assert face.feed.share == 1
        assert not face.feed.skipped
        return face.body

    return house.db.read(read)


def feed_spans(feed: bytes, window: Window) -> Spans:
    """Return what a reader with icalendar and our expansion finds in a feed."""
    assert icalendar.Calendar.from_ical(feed)["METHOD"] == "PUBLISH"
    spans: Spans = set()
    for entry in split_import(feed, max_object_bytes=len(feed)).entries:
        obj = parse_entry(entry, max_bytes=len(feed))
        found = expand(obj, zone=ZoneInfo(ZONE), window=window, limit=100_000).occurrences
        spans |= {(to_epoch_s(one.start), to_epoch_s(one.end)) for one in found}
    return spans


def expanded_spans(house: House, number: int, window: Window) -> Spans:
    """Return what a CalDAV client is given that has everything expanded (RFC 4791 §9.6.5)."""
    span = f'start="{window.start:%Y%m%dT%H%M%SZ}" end="{window.end:%Y%m%dT%H%M%SZ}"'
    body = (
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data>'
        f"<C:expand {span}/></C:calendar-data></D:prop><C:filter><C:comp-filter name='VCALENDAR'/></C:filter>"
        "</C:calendar-query>"
    )
    with house.client(f"file-{number}") as client:
        answer = client.ask("REPORT", body=body, Depth="1")
    assert answer.status == 207, answer.body[:500]
    spans: Spans = set()
    for data in ET.fromstring(answer.body).iter("{urn:ietf:params:xml:ns:caldav}calendar-data"):
        for one in icalendar.Calendar.from_ical(data.text or "").subcomponents:
            if one.name in {"VEVENT", "VTODO", "VJOURNAL"}:
                assert not any(name in one for name in ("RRULE", "RDATE", "EXDATE", "EXRULE")), data.text
                spans.add(_span(one))
    return spans


def _span(instance: icalendar.Component) -> tuple[int, int]:
    start = next(instance[name].dt for name in ("DTSTART", "DUE", "RECURRENCE-ID") if name in instance)
    end = next((instance[name].dt for name in ("DTEND", "DUE") if name in instance), None)
    if end is None:
        end = start if isinstance(start, datetime) else start + timedelta(days=1)
    return _second(start), _second(end)


def _second(moment: date) -> int:
    if isinstance(moment, datetime):
        assert moment.tzinfo is not None  # what is expanded is in UTC
        return to_epoch_s(moment)
    return to_epoch_s(datetime.combine(moment, time(), ZoneInfo(ZONE)))


def judged_spans(judge: Judge, feed: bytes, window: Window) -> Spans:
    """Return what ical.js finds in a feed."""
    components = icalendar.Calendar.from_ical(feed).subcomponents
    uids = {str(one["UID"]) for one in components if one.name in {"VEVENT", "VTODO", "VJOURNAL"}}
    jobs = [Job(uid=uid, window=window) for uid in sorted(uids)]
    spans: Spans = set()
    for result in judge.expand(feed.decode(), jobs, zone=ZoneInfo(ZONE)):
        if isinstance(result, JudgeError):
            raise result
        spans |= result
    return spans


def years_of(house: House, calendar: Calendar) -> list[Window]:
    """Return the first years in which objects of a calendar begin."""

    def read(tx: Transaction) -> set[int]:
        query = select(calendar_object.c.first_start).where(
            calendar_object.c.calendar_id == calendar.id,
            calendar_object.c.first_start.is_not(None),
        )
        return {from_epoch_s(start).year for start in tx.execute(query).scalars()}

    found = sorted(year for year in house.db.read(read) if 1900 <= year <= 2100)[:YEARS_PER_FILE]
    return [
        Window(start=datetime(year, 1, 1, tzinfo=UTC), end=datetime(year + 1, 1, 1, tzinfo=UTC))
        for year in found
    ]


@proves("RFC 4791 §9.6.5")
@pytest.mark.timeout(900)
def test_index_feed_and_judge_agree_on_every_file(house: House) -> None:
    base, files = calendar_files()
    differing: Counter[str] = Counter()
    details: list[str] = []
    compared: Counter[str] = Counter()
    with Judge() as judge:
        for number, file in enumerate(files):
            name = str(file.relative_to(base))
            calendar = load(house, number, file.read_bytes())
            compared["imported"] += calendar is not None
            for year in years_of(house, calendar) if calendar else ():
                ours = index_spans(house, calendar, year)
                feed = feed_of(house, number, year)
                found: dict[str, Any] = {
                    "feed": feed_spans(feed, year),
                    "expand": expanded_spans(house, number, year),
                }
                try:
                    found["ical.js"] = judged_spans(judge, feed, year)
                except JudgeError as error:
                    found["ical.js"] = error
                for who, spans in found.items():
                    compared[who] += 1
                    if spans != ours:
                        differing[f"{name} {who}"] += 1
                        details.append(f"{name} {year.start.year} {who}: {describe(ours, spans)}")
    is_corpus = base == corpus_dir()
    known = (
        {f"{one['file']} {one['reader']}": one["count"] for one in KNOWN["difference"]} if is_corpus else {}
    )
    report = "\n".join(details)
    assert dict(differing) == known, f"not as in corpus_http_differences.toml:\n{report}\n{compared}"
    assert compared["feed"] == compared["expand"] > (200 if is_corpus else 0), compared


def describe(ours: Spans, theirs: Spans | JudgeError) -> str:
    if isinstance(theirs, JudgeError):
        return f"cannot tell: {theirs}"
    return f"only the index {sorted(ours - theirs)[:3]}, only there {sorted(theirs - ours)[:3]}"


def test_every_known_difference_has_a_reason() -> None:
    for entry in KNOWN["difference"]:
        assert len(entry["reason"]) > 20, entry
