"""A plan in one line, as commands and pages tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def summary(items: Sequence[Mapping[str, Any]]) -> str:
    """Return the plan in one line: ``adopt 1,204, create 3, delete 0``."""
    there = Counter(item["action"] for item in items if item["side"] == "there")
    here = Counter(item["action"] for item in items if item["side"] == "here")
    adopted = here.pop("adopt", 0)
    parts = [f"adopt {adopted:,}"]
    parts += [f"{action} {there.pop(action, 0):,}" for action in ("create", "update", "delete")]
    told = ", ".join(parts)
    if rest := ", ".join(f"{action} {number:,}" for action, number in sorted(there.items())):
        told += f", {rest}"
    if rest := ", ".join(f"{action} {number:,}" for action, number in sorted(here.items())):
        told += f"; here: {rest}"
    if held := sum(bool(item.get("held")) for item in items):
        told += f"; {held:,} deletions are held until the plan is applied"
    return told
