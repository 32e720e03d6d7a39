"""The calendar of the CalDAV benchmark: objects of about 1 kB, and the truth about when they happen.

80 % happen once, 15 % weekly with an EXDATE and a moved instance (one in ten of these without an end),
5 % are all-day. The truth is arithmetic on wall clocks, without any code of the product.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from gateway.domain.model import ObjectId
from gateway.services import resources
from gateway.services.limits import Limits
from gateway.services.prepare import columns, etag_of, prepare
from gateway.store import calendars as calendar_store
from gateway.store import occurrences as occurrence_store
from gateway.store.database import Database, Transaction
from gateway.store.schema import calendar_object, change, occurrence

SEED = 20260302
ZONE = ZoneInfo("Europe/Berlin")
REACH_DAYS = 200  # on both sides of the week that is asked for
COUNT = 10
_WEEK = timedelta(days=7)
_WORDS = (
    "review", "planning", "budget", "hiring", "design", "launch", "retro", "interview", "workshop", "lunch",
)  # fmt: skip
_VTIMEZONE = [
    "BEGIN:VTIMEZONE", "TZID:Europe/Berlin", "BEGIN:DAYLIGHT", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200",
    "TZNAME:CEST", "DTSTART:19700329T020000", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "END:DAYLIGHT",
    "BEGIN:STANDARD", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "TZNAME:CET", "DTSTART:19701025T030000",
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "END:STANDARD", "END:VTIMEZONE",
]  # fmt: skip

Span = tuple[int, int]  # epoch seconds


def asked_monday(today: date | None = None) -> date:
    """Return the first day of the week that the queries ask for: the next Monday."""
    day = today or datetime.now(UTC).date()
    return day + timedelta(days=7 - day.weekday())


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchObject:
    """One calendar object; ``first`` is its first start on the wall clock, ``count`` None without an end."""

    number: int
    first: datetime
    length: timedelta
    is_all_day: bool = False
    is_weekly: bool = False
    count: int | None = None
    left_out: int = 0
    moved: int = 0

    @property
    def name(self) -> str:
        """Return its name in the calendar."""
        return f"bench-{self.number}.ics"

    @property
    def uid(self) -> str:
        """Return its UID."""
        return f"bench-{self.number}@example.org"

    def ical(self, note: str = "") -> bytes:
        """Return the bytes."""
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Bench//EN"]
        lines += [] if self.is_all_day else _VTIMEZONE
        lines += self._event(self._times(), note)
        if self.is_weekly:
            start = self.first + self.moved * _WEEK
            moved = [f"RECURRENCE-ID;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}"]
            moved += _wall(start + timedelta(hours=2), self.length)
            lines += self._event(moved, "moved", is_short=True)
        return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()

    def _times(self) -> list[str]:
        if self.is_all_day:
            last = self.first + self.length
            return [
                f"DTSTART;VALUE=DATE:{self.first:%Y%m%d}", f"DTEND;VALUE=DATE:{last:%Y%m%d}",
                "TRANSP:TRANSPARENT",
            ]  # fmt: skip
        found = _wall(self.first, self.length)
        if self.is_weekly:
            left_out = self.first + self.left_out * _WEEK
            found.append("RRULE:FREQ=WEEKLY" + (f";COUNT={self.count}" if self.count else ""))
            found.append(f"EXDATE;TZID=Europe/Berlin:{left_out:%Y%m%dT%H%M%S}")
        return found

    def _event(self, times: list[str], note: str, *, is_short: bool = False) -> list[str]:
        choice = random.Random(SEED + self.number)
        title = " ".join(choice.choices(_WORDS, k=4))
        text = " ".join(choice.choices(_WORDS, k=8 if is_short else 44 if self.is_all_day else 12))
        folded = [text[at : at + 70] for at in range(0, len(text), 70)]
        return [
            "BEGIN:VEVENT", f"UID:{self.uid}", "DTSTAMP:20260101T000000Z", *times,
            f"SUMMARY:{title} {note}".strip(), f"LOCATION:Building {self.number % 7}",
            f"DESCRIPTION:{folded[0]}", *(f" {part}" for part in folded[1:]), "STATUS:CONFIRMED",
            "SEQUENCE:0", "CATEGORIES:bench", "BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:soon",
            "TRIGGER:-PT15M", "END:VALARM", "END:VEVENT",
        ]  # fmt: skip

    def spans(self, until: datetime) -> Iterator[Span]:
        """Yield every ``[start, end)``, as far as ``until``."""
        if self.is_all_day:
            start = self.first.replace(tzinfo=UTC)
            yield _epoch(start), _epoch(start + self.length)
            return
        total = self.count if self.is_weekly else 1
        index = 0
        while total is None or index < total:
            wall = self.first + index * _WEEK + (timedelta(hours=2) if self._is_moved(index) else timedelta())
            start = wall.replace(tzinfo=ZONE).astimezone(UTC)
            if start >= until:
                return
            if not (self.is_weekly and index == self.left_out):
                yield _epoch(start), _epoch(start + self.length)
            index += 1

    def _is_moved(self, index: int) -> bool:
        return self.is_weekly and index == self.moved


def bench_object(number: int, monday: date, *, far: int = 0) -> BenchObject:
    """Return an object around ``monday``; ``far`` lays it so many times twice the reach earlier."""
    choice = random.Random(SEED + number)
    middle = datetime.combine(monday, time()) - timedelta(days=far * 2 * REACH_DAYS)
    day = middle + timedelta(days=choice.randrange(-REACH_DAYS, REACH_DAYS))
    start = day + timedelta(hours=8 + choice.randrange(10))
    length = timedelta(minutes=30 + 15 * choice.randrange(4))
    place = number % 100
    if place < 80:
        return BenchObject(number=number, first=start, length=length)
    if place >= 95:
        days = timedelta(days=1 + choice.randrange(2))
        return BenchObject(number=number, first=day, length=days, is_all_day=True)
    is_endless = not far and (number // 100 * 15 + place - 80) % 10 == 0
    if is_endless:
        start -= timedelta(days=REACH_DAYS // 2)
    left_out, moved = choice.sample(range(1, COUNT - 1), 2)
    return BenchObject(
        number=number,
        first=start,
        length=length,
        is_weekly=True,
        count=None if is_endless else COUNT,
        left_out=left_out,
        moved=moved,
    )


def night_object(number: int, monday: date) -> BenchObject:
    """Return an object that happens once, at an hour when no other does."""
    day = datetime.combine(monday, time(1)) + timedelta(days=number % 60, minutes=number // 60 % 120)
    return BenchObject(number=number, first=day, length=timedelta(minutes=1))


def meeting(objects: Sequence[BenchObject], start: datetime, end: datetime) -> set[tuple[str, int, int]]:
    """Return ``(uid, start, end)`` of everything that meets ``[start, end)``."""
    low, high = _epoch(start), _epoch(end)
    return {
        (one.uid, first, last)
        for one in objects
        for first, last in one.spans(end)
        if first < high and last > low
    }


def merged(spans: Iterator[Span] | list[Span], low: int, high: int) -> list[Span]:
    """Return the union of spans inside ``[low, high)``."""
    found: list[Span] = []
    for start, end in sorted((max(start, low), min(end, high)) for start, end in spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _wall(start: datetime, length: timedelta) -> list[str]:
    return [
        f"DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID=Europe/Berlin:{start + length:%Y%m%dT%H%M%S}",
    ]


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())


# -- loading ----------------------------------------------------------------------------------------


def load(address: str, slug: str, objects: Sequence[BenchObject], *, others: int = 0) -> None:
    """Fill the empty calendar of ``slug``: prepared as any write, but without the check for clashes.

    ``others``: so many more objects in the years before, laid in by their truth without being parsed.
    """
    db = Database(address)
    try:
        last = 0
        for low in range(0, len(objects), 2000):
            part = objects[low : low + 2000]
            last = db.write(_load_prepared, slug, part)
        for low in range(last, last + others, 5000):
            db.write(_load_plain, slug, range(low, min(last + others, low + 5000)))
        db.write(_finish)
    finally:
        db.close()


def _finish(tx: Transaction) -> None:
    if tx.is_postgresql:
        tx.connection.exec_driver_sql(
            "SELECT setval(pg_get_serial_sequence('calendar_object', 'id'), max(id)) FROM calendar_object"
        )
        tx.connection.exec_driver_sql("ANALYZE")


def _load_prepared(tx: Transaction, slug: str, objects: Sequence[BenchObject]) -> int:
    calendar = calendar_store.of_resource(tx, resources.get(tx, slug).id)
    now, limits = datetime.now(UTC), Limits()
    seq = calendar.seq
    rows, log, expansions, longest = [], [], [], 0
    first = _highest(tx) + 1
    for number, one in enumerate(objects, first):
        seq += 1
        prepared = prepare(one.ical(), calendar, limits=limits, now=now)
        expansions.append((number, prepared.expansion.occurrences))
        etag = etag_of(prepared.parsed.ical)
        place = {"calendar_id": calendar.id, "href": one.name}
        row = columns(prepared, etag=etag, seq=seq, now=now) | place
        rows.append(row | {"id": number, "codec": 0, "revision": 0, "created_at_utc": now})
        log.append(place | _line(seq, one.uid, etag, now))
        for span in prepared.expansion.occurrences:
            longest = max(longest, int((span.end - span.start).total_seconds()))
    tx.execute(insert(calendar_object), rows)
    for number, occurrences in expansions:
        occurrence_store.add(tx, calendar.id, ObjectId(number), occurrences)
    tx.execute(insert(change), log)
    calendar_store.bump(tx, calendar.id, by=len(objects), longest_s=longest)
    return seq


def _load_plain(tx: Transaction, slug: str, numbers: range) -> None:
    calendar = calendar_store.of_resource(tx, resources.get(tx, slug).id)
    now = datetime.now(UTC)
    monday = asked_monday()
    like = columns(
        prepare(bench_object(0, monday).ical(), calendar, limits=Limits(), now=now), etag="", seq=0, now=now
    )
    rows, spans, log = [], [], []
    seq, row_id = calendar.seq, _highest(tx)
    for number in numbers:
        seq, row_id = seq + 1, row_id + 1
        one = bench_object(number, monday, far=1 + number % 9)
        data = one.ical()
        etag = etag_of(data)
        place = {"calendar_id": calendar.id, "href": one.name}
        times = list(one.spans(datetime.now(UTC)))
        row = like | place | {"id": row_id, "uid": one.uid, "etag": etag, "ical": data, "seq": seq}
        row |= {"first_start": times[0][0], "last_end": times[-1][1], "is_recurring": one.is_weekly}
        row |= {"size_bytes": len(data), "codec": 0, "revision": 0, "created_at_utc": now}
        rows.append(row)
        spans += [
            {"calendar_id": calendar.id, "start_ts": start, "end_ts": end, "recur_ts": start}
            | {"object_id": row_id, "busy": 0 if one.is_all_day else 1, "is_all_day": one.is_all_day}
            for start, end in times
            if not one.is_weekly or end > int(calendar.index.start.timestamp())
        ]
        log.append(place | _line(seq, one.uid, etag, now))
    tx.execute(insert(calendar_object), rows)
    tx.execute(insert(occurrence), spans)
    tx.execute(insert(change), log)
    calendar_store.bump(tx, calendar.id, by=len(numbers))


def _line(seq: int, uid: str, etag: str, now: datetime) -> dict[str, object]:
    return {"seq": seq, "uid": uid, "op": "put", "etag": etag, "origin": "bench", "at_utc": now}


def _highest(tx: Transaction) -> int:
    found = tx.connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM calendar_object").scalar_one()
    return int(found)


def write_stock(folder: Path, objects: Sequence[BenchObject]) -> None:
    """Lay the same objects out as files of stock Radicale."""
    collection = folder / "collection-root" / "ann" / "cal"
    collection.mkdir(parents=True)
    (collection / ".Radicale.props").write_text('{"tag": "VCALENDAR"}')
    for one in objects:
        (collection / one.name).write_bytes(one.ical())
