"""``calgate doctor --deep``: a sample of stored series, expanded by another library and compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.cli.finding import Finding, broken, ok, warning
from gateway.domain.errors import GatewayError
from gateway.domain.ical import parse_object
from gateway.domain.model import Calendar, CalendarObject, Window, from_epoch_s
from gateway.domain.second_opinion import instants_by_library
from gateway.services import Database, Transaction
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store

_NAME = "series"
_PER_CALENDAR = 20
_LOOK_AHEAD = timedelta(days=366)
_TOLD = 10


def check_series(db: Database, *, now: datetime) -> Iterator[Finding]:
    """Compare the occurrence index with a second opinion, calendar by calendar."""
    window = Window(start=now, end=now + _LOOK_AHEAD)
    compared = unknown = 0
    differing: list[str] = []
    for calendar_id in db.read(calendar_store.all_ids):
        same, other, without = db.read(_compare, calendar_id, window)
        compared += same + len(other)
        unknown += without
        differing += other
    if differing:
        shown = ", ".join(differing[:_TOLD]) + (" ..." if len(differing) > _TOLD else "")
        yield broken(
            _NAME,
            f"{len(differing)} of {compared} series differ from the second opinion: {shown}.",
            "Please report them with their recurrence rules.",
        )
    elif compared or not unknown:
        yield ok(_NAME, f"{compared} series compared with a second library, all equal.")
    if unknown:
        yield warning(
            _NAME, f"{unknown} series could not be compared.", "They are too unusual for the library."
        )


def _compare(tx: Transaction, calendar_id: int, window: Window) -> tuple[int, list[str], int]:
    calendar = calendar_store.get(tx, calendar_id)  # type: ignore[arg-type] # ids lose their NewType in lists
    covered = Window(
        start=max(window.start, calendar.index.start),
        end=max(window.start, min(window.end, calendar.index.end)),
    )
    spans: dict[int, set[tuple[datetime, datetime]]] = {}
    for span in occurrence_store.in_window(tx, calendar, covered):
        pair = (from_epoch_s(span.start_ts), from_epoch_s(span.end_ts))
        spans.setdefault(span.object_id, set()).add(pair)
    same, differing, unknown = 0, [], 0
    for stored in object_store.recurring_in(tx, calendar.id, covered)[:_PER_CALENDAR]:
        opinion = _opinion(stored, calendar, covered)
        if opinion is None:
            unknown += 1
        elif opinion == spans.get(stored.id, set()):
            same += 1
        else:
            # Named by its number: a UID or title may tell more than a log should.
            differing.append(f"{calendar.resource.slug} object {stored.id}")
    return same, differing, unknown


def _opinion(
    stored: CalendarObject, calendar: Calendar, window: Window
) -> frozenset[tuple[datetime, datetime]] | None:
    try:
        parsed = parse_object(stored.ical, max_bytes=len(stored.ical))
    except GatewayError:
        return None
    return instants_by_library(parsed, ZoneInfo(calendar.resource.zone), window)
