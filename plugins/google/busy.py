"""Live availability (§8): what cannot be told is unknown, never free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.providers.contract import BusyKind, BusySpan, Window
from plugins.google.client import GoogleClient

MAX_CALENDARS = 50
# Trap: longer spans answer timeRangeTooLong; reports say 90 days (§8).
MAX_SPAN = timedelta(days=60)


async def ask_busy(
    client: GoogleClient, calendar_ids: Sequence[str], window: Window
) -> Mapping[str, Sequence[BusySpan]]:
    """Return the spans per calendar, in calls of at most 50 calendars and 60 days."""
    found: dict[str, list[BusySpan]] = {name: [] for name in calendar_ids}
    names = list(found)
    for part in _parts(window):
        for first in range(0, len(names), MAX_CALENDARS):
            chunk = names[first : first + MAX_CALENDARS]
            body = {
                "timeMin": _text(part.start),
                "timeMax": _text(part.end),
                "items": [{"id": name} for name in chunk],
                "calendarExpansionMax": MAX_CALENDARS,
            }
            answer = await client.call("POST", "freeBusy", json=body)
            calendars = answer.get("calendars")
            for name in chunk:
                entry = calendars.get(name) if isinstance(calendars, dict) else None
                found[name] += _spans(entry, part)
    return {name: _joined(spans) for name, spans in found.items()}


def _spans(entry: Any, part: Window) -> list[BusySpan]:
    """Read one calendar of an answer. Trap: errors stand inside a 200 (§8)."""
    unknown = [BusySpan(start=part.start, end=part.end, kind=BusyKind.UNKNOWN)]
    if not isinstance(entry, dict) or entry.get("errors") or not isinstance(entry.get("busy"), list):
        return unknown
    spans = []
    for item in entry["busy"]:
        try:
            start, end = (datetime.fromisoformat(item[edge].upper()) for edge in ("start", "end"))
            if start.tzinfo is None or end.tzinfo is None or end < start:
                return unknown
        except (KeyError, TypeError, ValueError, AttributeError):
            return unknown
        spans.append(BusySpan(start=start.astimezone(UTC), end=end.astimezone(UTC)))
    return spans


def _joined(spans: Sequence[BusySpan]) -> list[BusySpan]:
    """Join what touches at the edges of the calls."""
    result: list[BusySpan] = []
    for span in sorted(spans, key=lambda each: (each.kind, each.start, each.end)):
        last = result[-1] if result else None
        if last is not None and last.kind is span.kind and span.start <= last.end:
            result[-1] = BusySpan(start=last.start, end=max(last.end, span.end), kind=span.kind)
        else:
            result.append(span)
    return sorted(result, key=lambda each: (each.start, each.end))


def _parts(window: Window) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(start + MAX_SPAN, window.end)
        yield Window(start=start, end=end)
        start = end


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
