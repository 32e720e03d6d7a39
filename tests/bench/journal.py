"""What the laboratory's journal says of changes that were committed here: when each arrived, and whether once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def arrivals(calls: Iterable[dict[str, Any]]) -> Iterator[tuple[int, str, float]]:
    """Yield number, account and time of each change that a provider took."""
    for call in calls:
        body = call["body"] if isinstance(call["body"], dict) else {}
        title = str(body.get("summary") or body.get("subject") or "")
        if (
            call["method"] in {"POST", "PATCH"}
            and call["status"] in {200, 201}
            and title.startswith("change ")
        ):
            yield int(title[7:]), call["account"], call["at_s"]


def latencies(written: list[Written], calls: Iterable[dict[str, Any]]) -> list[float]:
    """Return milliseconds from each commit until that version of its object, or a later one, was there."""
    arrived: dict[str, list[tuple[int, float]]] = {}
    uid_of = {one.number: one.uid for one in written}
    for number, _, at_s in arrivals(calls):
        arrived.setdefault(uid_of[number], []).append((number, at_s))
    spans = []
    for one in written:
        later = [at_s for number, at_s in arrived.get(one.uid, []) if number >= one.number]
        if not later:
            raise RuntimeError(f"change {one.number} never arrived")
        spans.append((min(later) - one.at_s) * 1000)
    return spans


def check_copies(
    lab: LabProcess, written: list[Written], *, beside: int = 0, provider: str = "google"
) -> None:
    """Make sure that the last version of each object is there once, and ``beside`` others, each once."""
    expected = sorted({one.uid: f"change {one.number}" for one in written}.values())
    found = titles(lab, provider)
    others = [title for title in found if not title.startswith("change ")]
    if [title for title in found if title.startswith("change ")] != expected or len(others) != beside:
        raise RuntimeError(f"{len(found)} copies instead of {len(expected)}, or other ones")
    check_peace(lab)


def titles(lab: LabProcess, provider: str) -> list[str]:
    """Return the titles of all living events of a simulated provider, sorted."""
    name, field = ("google", "summary") if provider == "google" else ("microsoft", "subject")
    return sorted(
        event.get(field, "")
        for calendar in lab.control("GET", f"{name}/dump")["calendars"]
        for event in calendar["events"]
        if event.get("status") != "cancelled" and not event.get("deleted")
    )


def check_peace(lab: LabProcess) -> None:
    """Make sure that nobody was mailed, and that what was asked is in the providers' descriptions."""
    if lab.control("GET", "outbox")["entries"] or lab.control("GET", "violations")["violations"]:
        raise RuntimeError("somebody was mailed, or a provider's description was broken")
