"""Free/busy: merging periods and writing VFREEBUSY (RFC 5545 §3.6.4, RFC 4791 §7.10)."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from gateway.domain.content_lines import PRODID, strip_controls, write
from gateway.domain.model import Busy, Window

_RANK = {Busy.FREE: 0, Busy.TENTATIVE: 1, Busy.BUSY: 2, Busy.UNAVAILABLE: 3}
_FBTYPE = {Busy.BUSY: "BUSY", Busy.TENTATIVE: "BUSY-TENTATIVE", Busy.UNAVAILABLE: "BUSY-UNAVAILABLE"}

Period = tuple[datetime, datetime, Busy]


def merge(periods: Iterable[Period]) -> list[Period]:
    """Return the busy time without overlaps, sorted, neighbours of one type joined.

    Where periods overlap, unavailable beats busy and busy beats tentative. Free and empty periods vanish.
    """
    events = sorted((p for p in periods if p[2].blocks and p[0] < p[1]), key=lambda p: p[0])
    result: list[Period] = []
    cuts = sorted({moment for start, end, _ in events for moment in (start, end)})
    active: list[tuple[int, datetime, Busy]] = []  # (-rank, end, busy)
    index = 0
    for cut, after in itertools.pairwise(cuts):
        while index < len(events) and events[index][0] <= cut:
            _, end, busy = events[index]
            heapq.heappush(active, (-_RANK[busy], end, busy))
            index += 1
        while active and active[0][1] <= cut:
            heapq.heappop(active)
        if not active:
            continue
        busy = active[0][2]
        if result and result[-1][1] == cut and result[-1][2] is busy:
            result[-1] = (result[-1][0], after, busy)
        else:
            result.append((cut, after, busy))
    return result


def vfreebusy(
    window: Window,
    periods: Iterable[Period],
    *,
    uid: str,
    dtstamp: datetime,
    method_publish: bool,
    organizer: str | None = None,
) -> bytes:
    """Return a VCALENDAR with one VFREEBUSY: the merged periods, cut to the window.

    Args:
        window: the span that is described.
        periods: (start, end, busy), in any order, overlapping or not.
        uid: UID of the component.
        dtstamp: instant of the last change, so that equal content is equal bytes.
        method_publish: write METHOD:PUBLISH (``.ifb`` files), which a CalDAV answer must not have.
        organizer: calendar user address (``mailto:...``), or None.
    """
    cut = [(max(s, window.start), min(e, window.end), b) for s, e, b in periods]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODID}"]
    if method_publish:
        lines.append("METHOD:PUBLISH")
    lines += ["BEGIN:VFREEBUSY", f"UID:{strip_controls(uid)}", f"DTSTAMP:{_utc(dtstamp)}"]
    if organizer is not None:
        lines.append(f"ORGANIZER:{strip_controls(organizer)}")
    lines += [f"DTSTART:{_utc(window.start)}", f"DTEND:{_utc(window.end)}"]
    merged = merge(cut)
    for busy in (Busy.UNAVAILABLE, Busy.BUSY, Busy.TENTATIVE):
        spans = [f"{_utc(s)}/{_utc(e)}" for s, e, b in merged if b is busy]
        lines += _lines(f"FREEBUSY;FBTYPE={_FBTYPE[busy]}", spans)
    lines += ["END:VFREEBUSY", "END:VCALENDAR"]
    return write(lines)


def _lines(name: str, spans: Sequence[str], per_line: int = 20) -> list[str]:
    return [f"{name}:{','.join(spans[i : i + per_line])}" for i in range(0, len(spans), per_line)]


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
