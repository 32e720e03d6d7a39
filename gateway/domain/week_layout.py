"""Laying a week out as a picture: which part of each day, and beside what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

DAYS = 7
DAY_MINUTES = 24 * 60
_SHORTEST_MIN = 20  # shorter ones could not be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The part of one item on one day, in minutes of the wall clock.

    Attributes:
        item: index of the item.
        lane: its place beside others that overlap, of ``lanes``.
    """

    item: int
    day: int
    start_min: int
    end_min: int
    lane: int
    lanes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An all-day item: the days it covers, half-open, and its row."""

    item: int
    first_day: int
    end_day: int
    row: int


def monday_of(day: date) -> date:
    """Return the Monday of a day's week (ISO 8601)."""
    return day - timedelta(days=day.weekday())


def segments_of(times: Sequence[tuple[int, datetime, datetime]], monday: date) -> list[Segment]:
    """Cut timed items at midnight and lay overlapping ones side by side.

    Args:
        times: (item, start, end) as naive wall clocks.
        monday: first day of the week.
    """
    by_day: list[list[tuple[int, int, int]]] = [[] for _ in range(DAYS)]
    for item, start, end in times:
        for day in range(DAYS):
            midnight = datetime.combine(monday + timedelta(days=day), time.min)
            first = max(0, int((start - midnight).total_seconds() // 60))
            last = min(DAY_MINUTES, int(-(-(end - midnight).total_seconds() // 60)))
            is_here = start < midnight + timedelta(days=1) and (end > midnight or start == end >= midnight)
            if is_here:
                first = min(first, DAY_MINUTES - _SHORTEST_MIN)
                by_day[day].append((first, max(last, first + _SHORTEST_MIN), item))
    return [segment for day, spans in enumerate(by_day) for segment in _lanes(day, sorted(spans))]


def bars_of(days: Sequence[tuple[int, date, date]], monday: date) -> list[Bar]:
    """Stack all-day items (item, first day, exclusive last day) into rows."""
    bars: list[Bar] = []
    ends: list[int] = []
    for item, first, end in sorted(days, key=lambda each: (each[1], -(each[2] - each[1]).days)):
        first_day, end_day = max(0, (first - monday).days), min(DAYS, (end - monday).days)
        if first_day >= end_day:
            continue
        row = next((row for row, taken in enumerate(ends) if taken <= first_day), len(ends))
        if row == len(ends):
            ends.append(0)
        ends[row] = end_day
        bars.append(Bar(item=item, first_day=first_day, end_day=end_day, row=row))
    return bars


def _lanes(day: int, spans: Sequence[tuple[int, int, int]]) -> list[Segment]:
    """Give every span of one day a lane; a cluster of overlaps shares its number of lanes."""
    segments: list[Segment] = []
    cluster: list[tuple[int, int, int, int]] = []
    ends: list[int] = []
    for start, end, item in spans:
        if cluster and start >= max(ends):
            segments += _cluster(day, cluster, len(ends))
            cluster, ends = [], []
        lane = next((lane for lane, taken in enumerate(ends) if taken <= start), len(ends))
        if lane == len(ends):
            ends.append(0)
        ends[lane] = end
        cluster.append((start, end, item, lane))
    return segments + _cluster(day, cluster, len(ends))


def _cluster(day: int, cluster: Sequence[tuple[int, int, int, int]], lanes: int) -> list[Segment]:
    return [
        Segment(item=item, day=day, start_min=start, end_min=end, lane=lane, lanes=lanes)
        for start, end, item, lane in cluster
    ]
