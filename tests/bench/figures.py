"""One measured value and its line; how values are summed up and printed."""

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


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as text, with what each was made of below it."""
    rows = []
    for one in figures:
        shown = "not measured" if one.value is None else f"{one.value:.2f} {one.unit}"
        line = "" if one.line is None else f"{'>=' if one.at_least else '<='} {one.line:g}"
        word = {True: "ok", False: "BELOW", None: ""}[one.is_met]
        rows.append(f"{one.name:<58}{shown:>18}  {line:>8}  {word}")
        for name, part in one.detail.items():
            if isinstance(part, dict) and "median_ms" in part:
                rows.append(
                    f"    {name:<20}{part['median_ms']:>10.2f} median {part['p95_ms']:>10.2f} p95 ms"
                    f" {part['count']:>6} calls"
                )
            elif isinstance(part, str):
                rows.append(f"    {name}: {part}")
    return "\n".join(rows)
