"""Recurrence sets: which instances a calendar object has in a window (RFC 5545 §3.8.4.4, §3.8.5).

What callers ask lives here; ``recurrence_series`` computes it, ``recurrence_faces`` reads the components.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo

from icalendar.cal.component import Component

from gateway.domain.ical import ParsedObject
from gateway.domain.model import Busy, Occurrence, Window
from gateway.domain.recurrence_series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance with the component that describes it.

    Attributes:
        start: aware UTC.
        end: aware UTC; equal to ``start`` where the component has no extent.
        recurrence_id: instant at which the rule placed it; None for an object that does not recur.
        local_start: the start as it is written: a date, or a wall clock with its time zone.
        local_end: the same for the end; a date is exclusive.
    """

    start: datetime
    end: datetime
    recurrence_id: datetime | None
    is_all_day: bool
    busy: Busy
    component: Component = field(repr=False)
    local_start: date
    local_end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """The occurrences of one object that overlap a window, sorted by start.

    Attributes:
        first_start: no instance starts before it; None where the object has no time at all.
        last_end: no instance ends after it; None where it is endless or reaches beyond the window.
        steps: what it cost (``rrule.Budget``).
    """

    occurrences: tuple[Occurrence, ...]
    first_start: datetime | None
    last_end: datetime | None
    steps: int = 0


def expand(obj: ParsedObject, *, zone: tzinfo, window: Window, limit: int) -> Expansion:
    """Compute the occurrences of an object in a window.

    Args:
        obj: the calendar object.
        zone: zone of the resource: for dates, floating times and unknown TZIDs.
        window: only what overlaps it is returned.
        limit: most instances that may lie in the window.

    Raises:
        TooManyInstances: more than ``limit``, or the rules cost too many steps.
    """
    series = Series(obj, zone, window, limit)
    rows = series.rows()
    return Expansion(
        occurrences=tuple(
            Occurrence(
                start=row.start,
                end=row.end,
                recurrence_id=row.recurrence_id,
                busy=row.face.busy,
                is_all_day=row.face.moment.is_date,
            )
            for row in rows
        ),
        first_start=series.first_start,
        last_end=series.last_end,
        steps=series.budget.steps,
    )


def iter_instances(obj: ParsedObject, *, zone: tzinfo, window: Window, limit: int) -> list[Instance]:
    """Compute the instances of an object in a window, each with its component; see ``expand``."""
    return [
        Instance(
            start=row.start,
            end=row.end,
            recurrence_id=row.recurrence_id,
            is_all_day=row.face.moment.is_date,
            busy=row.face.busy,
            component=row.face.component,
            local_start=row.local(row.start),
            local_end=row.local(row.end),
        )
        for row in Series(obj, zone, window, limit).rows()
    ]
