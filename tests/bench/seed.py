"""The data of the benchmark: the same events for the same number, and a bulk load past all checks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from gateway.domain.model import to_epoch_s
from gateway.services import resources
from gateway.services.limits import Limits
from gateway.services.prepare import columns, etag_of, prepare
from gateway.store import calendars as calendar_store
from gateway.store.database import Database, Transaction
from gateway.store.schema import calendar_object, change, occurrence

SEED = 20260302
_HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Bench//EN\r\n"
_TAIL = "END:VCALENDAR\r\n"
_WORDS = (
    "review", "planning", "budget", "hiring", "design", "launch", "retro", "interview", "workshop", "lunch",
)  # fmt: skip


def component(number: int, *, first: datetime, is_night: bool = False) -> str:
    """Return one VEVENT of about 500 octets; one in ten recurs, one in a hundred without an end.

    ``is_night``: at an hour when no other one is, so that a room which refuses clashes takes it.
    """
    choice = random.Random(SEED + number)
    day, hour = choice.randrange(360), 8 + choice.randrange(10)
    start = (
        first + timedelta(days=number % 360, hours=1) if is_night else first + timedelta(days=day, hours=hour)
    )
    if is_night:
        start += timedelta(minutes=number // 360)
    end = start + timedelta(minutes=1 if is_night else 30 + 15 * choice.randrange(4))
    title = " ".join(choice.choices(_WORDS, k=4))
    text = " ".join(choice.choices(_WORDS, k=8))
    lines = [
        "BEGIN:VEVENT", f"UID:bench-{number}@example.org", "DTSTAMP:20260101T000000Z",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}", f"SUMMARY:{title}",
        f"LOCATION:Building {number % 7}", f"DESCRIPTION:{text[:64]}", f" {text[64:]}", "STATUS:CONFIRMED",
        "SEQUENCE:0", "CATEGORIES:bench", "BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:soon",
        "TRIGGER:-PT15M", "END:VALARM", "END:VEVENT",
    ]  # fmt: skip
    if not is_night and number % 10 == 3:
        lines.insert(5, "RRULE:FREQ=WEEKLY" if number % 100 == 3 else "RRULE:FREQ=WEEKLY;COUNT=10")
    return "\r\n".join(lines) + "\r\n"


def first_day() -> datetime:
    """Return midnight half a year ago, so that most events are inside the index horizon."""
    now = datetime.now(UTC)
    return datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=180)


def bench_event(number: int, *, is_night: bool = False) -> bytes:
    """Return a calendar object with one event."""
    return (_HEAD + component(number, first=first_day(), is_night=is_night) + _TAIL).encode()


def bench_file(count: int) -> bytes:
    """Return one file with ``count`` events."""
    first = first_day()
    return (_HEAD + "".join(component(number, first=first) for number in range(count)) + _TAIL).encode()


def bulk_load(address: str, slug: str, count: int) -> None:
    """Fill the empty calendar of ``slug`` with plain events in one transaction, without any check."""
    db = Database(address)
    try:
        db.write(_load, slug, count)
    finally:
        db.close()


def _load(tx: Transaction, slug: str, count: int) -> None:
    calendar = calendar_store.of_resource(tx, resources.get(tx, slug).id)
    now = datetime.now(UTC)
    first = first_day()
    model = prepare(bench_event(0), calendar, limits=Limits(), now=now)
    highest = tx.connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM calendar_object").scalar_one()
    for low in range(0, count, 5000):
        objects, spans, log = [], [], []
        for number in range(low, min(count, low + 5000)):
            data = _HEAD + component(number, first=first, is_night=True) + _TAIL
            start = to_epoch_s(first + timedelta(days=number % 360, hours=1, minutes=number // 360))
            href, uid, etag = f"bench-{number}.ics", f"bench-{number}@example.org", etag_of(data.encode())
            place = {"calendar_id": calendar.id, "href": href}
            row = columns(model, etag=etag, seq=number + 1, now=now) | place
            row |= {"id": highest + number + 1, "uid": uid, "ical": data.encode(), "size_bytes": len(data)}
            row |= {"first_start": start, "last_end": start + 60, "is_recurring": False}
            objects.append(row | {"codec": 0, "revision": 0, "created_at_utc": now})
            spans.append(
                {"calendar_id": calendar.id, "start_ts": start, "end_ts": start + 60, "recur_ts": start}
                | {"object_id": row["id"], "busy": 1, "is_all_day": False}
            )
            log.append(
                place
                | {"seq": number + 1, "uid": uid, "op": "put", "etag": etag}
                | {"origin": "bench", "at_utc": now}
            )
        tx.execute(insert(calendar_object), objects)
        tx.execute(insert(occurrence), spans)
        tx.execute(insert(change), log)
    calendar_store.bump(tx, calendar.id, by=count, longest_s=60)


def write_stock(folder: Path, count: int) -> None:
    """Lay the same events out as files of stock Radicale."""
    collection = folder / "collection-root" / "ann" / "cal"
    collection.mkdir(parents=True)
    (collection / ".Radicale.props").write_text('{"tag": "VCALENDAR"}')
    for number in range(count):
        (collection / f"bench-{number}.ics").write_bytes(bench_event(number))
