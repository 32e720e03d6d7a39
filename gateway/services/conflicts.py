"""The one conflict check: inside the transaction of every write, whatever the door (rules.md, Conflicts)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.clash import Slot, find_clashes
from gateway.domain.errors import Clash
from gateway.domain.model import (
    Calendar,
    ClashReport,
    ConflictPolicy,
    ObjectId,
    Occurrence,
    from_epoch_s,
    to_epoch_s,
)
from gateway.services.limits import Limits
from gateway.store import busy as busy_store
from gateway.store import occurrences as occurrence_store
from gateway.store.database import Transaction

_REPORTED = 20  # clashes told to a person; one decides, more than a screen helps nobody


def check(
    tx: Transaction,
    calendar: Calendar,
    spans: Sequence[Occurrence],
    *,
    policy: ConflictPolicy,
    object_id: ObjectId | None,
    now: datetime,
    limits: Limits,
) -> tuple[ClashReport, ...]:
    """Compare what an object would take with what is taken; call it under the calendar's lock.

    Args:
        tx: the write's own transaction.
        calendar: as it is under the lock.
        spans: the occurrences of the object; series count up to the booking window.
        policy: of this write; ``allow`` looks at nothing.
        object_id: the object that is being replaced or moved, which does not clash with itself.
        now: holds that end before are over.
        limits: for the booking window.

    Returns:
        The clashes under ``warn``, by time; empty otherwise.

    Raises:
        Clash: under ``refuse``, with what clashes.
    """
    if policy is ConflictPolicy.ALLOW:
        return ()
    horizon_end = now + limits.booking_window
    is_series = len(spans) > 1
    wanted = [
        Slot(start=to_epoch_s(span.start), end=to_epoch_s(span.end))
        for span in spans
        if span.busy.blocks and span.end > span.start and not (is_series and span.start >= horizon_end)
    ]
    if not wanted:
        return ()
    gap = calendar.resource.buffer_before_s + calendar.resource.buffer_after_s
    taken = _taken(tx, calendar, wanted, gap=gap, object_id=object_id, now=now)
    found = find_clashes(wanted, taken, capacity=calendar.resource.capacity, gap=gap, limit=_REPORTED)
    reports = tuple(
        ClashReport(
            resource_slug=calendar.resource.slug,
            start=from_epoch_s(mine.start),
            end=from_epoch_s(mine.end),
            with_start=from_epoch_s(theirs.start),
            with_end=from_epoch_s(theirs.end),
        )
        for mine, theirs in found
    )
    if reports and policy is ConflictPolicy.REFUSE:
        raise Clash(reports, message(reports, calendar.resource.slug))
    return reports


def message(reports: Sequence[ClashReport], name: str) -> str:
    """Say in one sentence what clashes, without saying who holds the time."""
    first = reports[0]
    more = f" and {len(reports) - 1} more" if len(reports) > 1 else ""
    start, end = f"{first.with_start:%Y-%m-%d %H:%M}", f"{first.with_end:%Y-%m-%d %H:%M}"
    return f"{name} is already taken from {start} to {end} UTC{more}; choose another time or resource."


def _taken(
    tx: Transaction,
    calendar: Calendar,
    wanted: Sequence[Slot],
    *,
    gap: int,
    object_id: ObjectId | None,
    now: datetime,
) -> list[Slot]:
    windows = [(slot.start - gap, slot.end + gap) for slot in wanted]
    rows = occurrence_store.blocking(tx, calendar, windows, except_object=object_id, now=now)
    first, last = min(start for start, _ in windows), max(end for _, end in windows)
    elsewhere = busy_store.within(tx, calendar.id, first, last)
    busy = {(one.start_ts, one.end_ts) for one in elsewhere if one.busy.blocks}
    return [Slot(start=start, end=end) for start, end in sorted([*(row[:2] for row in rows), *busy])]
