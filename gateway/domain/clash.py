"""Which wanted spans meet taken ones: pure, in epoch seconds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Slot:
    """A span of time ``[start, end)`` in epoch seconds; never empty."""

    start: int
    end: int


def find_clashes(
    wanted: Sequence[Slot], taken: Sequence[Slot], *, capacity: int = 1, gap: int = 0, limit: int = 20
) -> list[tuple[Slot, Slot]]:
    """Pair every wanted slot that does not fit with the first taken slot in its way.

    Args:
        wanted: in any order; slots of one object do not clash with each other.
        taken: sorted by start.
        capacity: how many bookings may run at the same time.
        gap: seconds that must lie between two bookings.
        limit: stop after so many clashes.

    Returns:
        ``(wanted, taken)`` by time of the wanted slot.
    """
    found: list[tuple[Slot, Slot]] = []
    starts = [slot.start for slot in taken]
    longest = max((slot.end - slot.start for slot in taken), default=0)
    for slot in sorted(wanted):
        low = bisect_left(starts, slot.start - gap - longest)
        high = bisect_left(starts, slot.end + gap)
        rivals = [
            other
            for other in taken[low:high]
            if other.end + gap > slot.start and other.start < slot.end + gap
        ]
        if rivals and (capacity <= 1 or _peak(rivals, slot, gap) >= capacity):
            found.append((slot, rivals[0]))
            if len(found) >= limit:
                break
    return found


def _peak(rivals: Sequence[Slot], slot: Slot, gap: int) -> int:
    """Return how many rivals run at the same moment inside ``slot``, each widened by the gap."""
    edges: list[tuple[int, int]] = []
    for rival in rivals:
        edges.append((max(rival.start - gap, slot.start), 1))
        edges.append((min(rival.end + gap, slot.end), -1))
    running = peak = 0
    for _, step in sorted(edges):
        running += step
        peak = max(peak, running)
    return peak
