"""What the laboratory's journal says of changes that were committed here: when each arrived, and whether once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.bench.lab_process import LabProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One committed change: the ``number``-th version of ``uid``."""

    number: int
    room: int
    uid: str
    at_s: float


def latencies(written: list[Written], calls: list[dict[str, Any]]) -> list[float]:
    """Return milliseconds from each commit until that version of its object, or a later one, was there."""
    arrived: dict[str, list[tuple[int, float]]] = {}
    uid_of = {one.number: one.uid for one in written}
    for call in calls:
        title = (call["body"] or {}).get("summary", "") if isinstance(call["body"], dict) else ""
        if call["method"] in {"POST", "PATCH"} and call["status"] == 200 and title.startswith("change "):
            arrived.setdefault(uid_of[int(title[7:])], []).append((int(title[7:]), call["at_s"]))
    spans = []
    for one in written:
        later = [at_s for number, at_s in arrived.get(one.uid, []) if number >= one.number]
        if not later:
            raise RuntimeError(f"change {one.number} never arrived")
        spans.append((min(later) - one.at_s) * 1000)
    return spans


def check_copies(lab: LabProcess, written: list[Written], *, beside: int = 0) -> None:
    """Make sure that the last version of each object is there once, and ``beside`` others, each once."""
    expected = sorted({one.uid: f"change {one.number}" for one in written}.values())
    found = sorted(
        event.get("summary", "")
        for calendar in lab.control("GET", "google/dump")["calendars"]
        for event in calendar["events"]
        if event.get("status") != "cancelled"
    )
    others = [title for title in found if not title.startswith("change ")]
    if [title for title in found if title.startswith("change ")] != expected or len(others) != beside:
        raise RuntimeError(f"{len(found)} copies instead of {len(expected)}, or other ones")
    if lab.control("GET", "outbox")["entries"] or lab.control("GET", "violations")["violations"]:
        raise RuntimeError("somebody was mailed, or Google's description was broken")
