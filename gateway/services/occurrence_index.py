"""The occurrence index as a whole: building it anew, moving its horizon, and answering from it.

Queries inside the horizon are one SQL statement. What lies beyond is expanded on the fly, with a cap.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import parse_object
from gateway.domain.model import Busy, Calendar, CalendarId, Window, from_epoch_s, to_epoch_s
from gateway.domain.recurrence import expand
from gateway.services.objects import guard_slots, lock
from gateway.services.prepare import longest_s, reread, span_columns
from gateway.store import busy as busy_store
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store import tickets as ticket_store
from gateway.store.database import Transaction
from gateway.store.occurrences import Span

MAX_EXPANDED = 20_000  # rows that a query beyond the horizon may cost


def rebuild(tx: Transaction, calendar_id: CalendarId, *, horizon: Window) -> int:
    """Expand every object of a calendar again; return how many there are.

    Needed when the zone or the conflict policy changes and when the horizon moves. An object that has
    become too dense for the limit stays: it was accepted once.
    """
    calendar = replace(lock(tx, calendar_id), index=horizon)
    calendar_store.set_index(tx, calendar.id, horizon)
    occurrence_store.clear_calendar(tx, calendar.id)
    total = last = longest = 0
    while page := object_store.every(tx, calendar.id, after_id=last):
        for stored in page:
            last = stored.id
            total += 1
            prepared = reread(stored, calendar)
            longest = max(longest, longest_s(prepared))
            occurrence_store.add(tx, calendar.id, stored.id, prepared.expansion.occurrences)
            object_store.update_one(tx, stored.id, span_columns(prepared))
            guard_slots(tx, calendar, stored.id, prepared, is_strict=False)
    calendar_store.set_longest(tx, calendar.id, longest)
    return total


def move_horizon(
    tx: Transaction,
    calendar_id: CalendarId,
    *,
    horizon: Window,
    now: datetime,
    unchecked: timedelta = timedelta(),
) -> int:
    """Bring the index of one calendar to ``horizon`` and report overlaps that nobody has checked before.

    Only recurring objects are touched, all others are in the index always. ``unchecked`` is how much of the
    horizon's end lies beyond the booking window: overlaps there are reported once the window reaches them.

    Returns:
        How many conflict tickets were opened.
    """
    calendar = lock(tx, calendar_id)
    old, calendar = calendar.index, replace(calendar, index=horizon)
    if old == horizon:
        return 0
    calendar_store.set_index(tx, calendar.id, horizon)
    longest = calendar.max_duration_s
    for stored in object_store.recurring_in(
        tx, calendar.id, Window(start=min(old.start, horizon.start), end=horizon.end)
    ):
        prepared = reread(stored, calendar)
        longest = max(longest, longest_s(prepared))
        occurrence_store.replace(tx, calendar.id, stored.id, prepared.expansion.occurrences)
        object_store.update_one(tx, stored.id, span_columns(prepared))
        guard_slots(tx, calendar, stored.id, prepared, is_strict=False)
    if longest > calendar.max_duration_s:
        calendar_store.raise_longest(tx, calendar.id, longest)
        calendar = replace(calendar, max_duration_s=longest)
    if horizon.end <= old.end or not _is_exclusive(calendar):
        return 0
    stretch = Window(start=old.end - unchecked, end=horizon.end - unchecked)
    return _report_overlaps(tx, calendar, stretch, now=now)


def spans(tx: Transaction, calendar: Calendar, window: Window) -> list[Span]:
    """Return every occurrence that meets ``window``, by start, inside and outside the horizon.

    Raises:
        TooManyInstances: the part outside the horizon holds more than the cap.
    """
    found = occurrence_store.in_window(tx, calendar, window)
    beyond = []
    if window.start < calendar.index.start:
        beyond.append(Window(start=window.start, end=min(window.end, calendar.index.start)))
    if window.end > calendar.index.end:
        beyond.append(Window(start=max(window.start, calendar.index.end), end=window.end))
    if not beyond:
        return found
    rows = {(span.object_id, span.recur_ts, span.start_ts): span for span in found}
    zone = ZoneInfo(calendar.resource.zone)
    budget = MAX_EXPANDED
    for part in beyond:
        for stored in object_store.recurring_in(tx, calendar.id, part):
            parsed = parse_object(stored.ical, max_bytes=len(stored.ical))
            occurrences = expand(parsed, zone=zone, window=part, limit=budget).occurrences
            budget -= len(occurrences)
            if budget <= 0:
                raise TooManyInstances("The time range holds too many instances; ask for a shorter one.")
            for one in occurrences:
                span = Span(
                    object_id=stored.id,
                    start_ts=to_epoch_s(one.start),
                    end_ts=to_epoch_s(one.end),
                    recur_ts=to_epoch_s(one.recurrence_id or one.start),
                    busy=one.busy,
                    is_all_day=one.is_all_day,
                )
                rows[span.object_id, span.recur_ts, span.start_ts] = span
    return sorted(rows.values(), key=lambda span: (span.start_ts, span.object_id, span.recur_ts))


def busy_periods(
    tx: Transaction, calendar: Calendar, window: Window, *, now: datetime
) -> list[tuple[datetime, datetime, Busy]]:
    """Return what takes time in ``window``, clipped to it, without holds that are over.

    Periods of one kind that meet are joined; those of different kinds may overlap. Busy time of linked
    calendars counts like our own (rules.md, Providers).
    """
    over = {stored.id for stored in object_store.expired(tx, calendar.id, now)}
    low, high = to_epoch_s(window.start), to_epoch_s(window.end)
    if window.start < calendar.index.start or window.end > calendar.index.end:
        own = [
            (span.start_ts, span.end_ts, int(span.busy))
            for span in spans(tx, calendar, window)
            if span.busy.blocks and span.end_ts > span.start_ts and span.object_id not in over
        ]
    else:
        taken = occurrence_store.taken(tx, calendar, window)
        own = [(start, end, busy) for start, end, busy, object_id in taken if object_id not in over]
    there = [
        (one.start_ts, one.end_ts, int(one.busy))
        for one in busy_store.within(tx, calendar.id, low, high)
        if one.busy.blocks
    ]
    return [
        (max(from_epoch_s(start), window.start), min(from_epoch_s(end), window.end), Busy(busy))
        for start, end, busy in _joined([*own, *there])
    ]


def _joined(periods: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return periods ``(start_ts, end_ts, busy)`` with those of one kind joined where they meet: pure."""
    found: list[tuple[int, int, int]] = []
    running: dict[int, tuple[int, int]] = {}
    for start, end, busy in sorted(periods):
        before = running.get(busy)
        if before is None:
            running[busy] = (start, end)
        elif start > before[1]:
            found.append((*before, busy))
            running[busy] = (start, end)
        elif end > before[1]:
            running[busy] = (before[0], end)
    return found + [(start, end, busy) for busy, (start, end) in running.items()]


def _is_exclusive(calendar: Calendar) -> bool:
    return calendar.resource.policy.value == "refuse" and calendar.resource.capacity == 1


def _report_overlaps(tx: Transaction, calendar: Calendar, window: Window, *, now: datetime) -> int:
    opened = 0
    running: list[tuple[int, int, int]] = []
    stretch = [(to_epoch_s(window.start), to_epoch_s(window.end))]
    for start, end, object_id in occurrence_store.blocking(
        tx, calendar, stretch, except_object=None, now=now
    ):
        running = [other for other in running if other[1] > start]
        for other in running:
            if other[2] != object_id:
                opened += ticket_store.open_one(
                    tx,
                    calendar.id,
                    object_ids=(object_id, other[2]),
                    start_ts=start,
                    end_ts=min(end, other[1]),
                    reason="horizon",
                    now=now,
                )
        running.append((start, end, object_id))
    return opened
