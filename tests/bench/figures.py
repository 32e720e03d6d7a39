"""One measured value and its line; how values are summed up."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value and its line; ``at_least`` False: smaller is better."""

    name: str
    value: float | None
    unit: str
    line: float | None = None
    at_least: bool = True
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool | None:
        """Return whether the line is reached, None where nothing was measured or there is none."""
        if self.value is None or self.line is None:
            return None
        return self.value >= self.line if self.at_least else self.value <= self.line


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0..1) of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return count, median, p95, p99 and the largest of values in milliseconds."""
    return {
        "count": len(values),
        "median_ms": round(statistics.median(values), 3),
        "p95_ms": round(percentile(values, 0.95), 3),
        "p99_ms": round(percentile(values, 0.99), 3),
        "max_ms": round(max(values), 3),
    }
