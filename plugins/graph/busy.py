"""Live availability (§10): what cannot be told is unknown, never free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.providers.contract import BusyKind, BusySpan, Window
from gateway.providers.errors import Forbidden, NotFound, Rejected
from plugins.graph.client import PAGE, GraphClient
from plugins.graph.items import valid
from plugins.graph.reading import Odd, instant_of, member

# Trap: longer spans answer ErrorTimeIntervalTooBig; more addresses are refused (§10).
MAX_SPAN = timedelta(days=60)
MAX_ADDRESSES = 20
VIEW_SPAN = timedelta(days=1800)
_FREE = {"free", "workingElsewhere"}


async def ask_busy(
    client: GraphClient, calendar_ids: Sequence[str], window: Window
) -> Mapping[str, Sequence[BusySpan]]:
    """Return the spans per calendar. Addresses go to getSchedule, which knows default calendars only."""
    addresses = [name for name in calendar_ids if _is_address(name)]
    found: dict[str, list[BusySpan]] = {name: [] for name in calendar_ids}
    for name in found:
        if name not in addresses:
            found[name] = await _viewed(client, name, window)
    for part in _parts(window, MAX_SPAN):
        for first in range(0, len(addresses), MAX_ADDRESSES):
            chunk = addresses[first : first + MAX_ADDRESSES]
            answers = await _schedules(client, chunk, part)
            for name in chunk:
                found[name] += _spans(answers.get(name.lower()), part)
    return {name: joined(spans) for name, spans in found.items()}


def _is_address(name: str) -> bool:
    return "@" in name and not name.endswith("=")


async def _viewed(client: GraphClient, calendar_id: str, window: Window) -> list[BusySpan]:
    """Read a calendar that we may open by what its events say."""
    spans: list[BusySpan] = []
    for part in _parts(window, VIEW_SPAN):
        query = {
            "startDateTime": _text(part.start),
            "endDateTime": _text(part.end),
            "$select": "id,start,end,isAllDay,showAs,isCancelled,responseStatus",
            "$top": PAGE,
        }
        try:
            async for page in client.pages(f"{client.calendar(calendar_id)}/calendarView", query):
                spans += [span for event in valid(page["value"]) for span in _of_event(event, part)]
        except (NotFound, Forbidden):
            return [_unknown(window)]
    return spans


def _of_event(event: Mapping[str, Any], part: Window) -> list[BusySpan]:
    is_declined = member(event, "responseStatus").get("response") == "declined"
    if event.get("showAs") in _FREE or event.get("isCancelled") is True or is_declined:
        return []
    try:
        start, end = (instant_of(member(event, edge).get("dateTime"), edge) for edge in ("start", "end"))
    except Odd:
        return [_unknown(part)]
    return [BusySpan(start=start, end=max(start, end))]


async def _schedules(client: GraphClient, addresses: Sequence[str], part: Window) -> dict[str, Any]:
    body = {
        "schedules": list(addresses),
        "startTime": {"dateTime": _wall(part.start), "timeZone": "UTC"},
        "endTime": {"dateTime": _wall(part.end), "timeZone": "UTC"},
        "availabilityViewInterval": 60,
    }
    try:
        answer = await client.call("POST", f"{client.root}/calendar/getSchedule", json=body)
    except (Forbidden, NotFound, Rejected):
        # Trap: not for personal accounts, and an administrator may forbid it (§10).
        return {}
    entries = answer.get("value")
    return {
        str(entry.get("scheduleId")).lower(): entry
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    }


def _spans(entry: Any, part: Window) -> list[BusySpan]:
    """Read one address of an answer. Trap: errors stand inside a 200, and items can be cut off (§10)."""
    items = entry.get("scheduleItems") if isinstance(entry, dict) else None
    if not isinstance(items, list) or entry.get("error"):
        return [_unknown(part)]
    spans = []
    for item in items:
        if not isinstance(item, dict):
            return [_unknown(part)]
        if item.get("status") in _FREE:
            continue
        try:
            start, end = (instant_of(member(item, edge).get("dateTime"), edge) for edge in ("start", "end"))
        except Odd:
            return [_unknown(part)]
        spans.append(BusySpan(start=start, end=max(start, end)))
    return spans


def _unknown(window: Window) -> BusySpan:
    return BusySpan(start=window.start, end=window.end, kind=BusyKind.UNKNOWN)


def joined(spans: Sequence[BusySpan]) -> list[BusySpan]:
    """Join what overlaps or touches."""
    result: list[BusySpan] = []
    for span in sorted(spans, key=lambda each: (each.kind, each.start, each.end)):
        last = result[-1] if result else None
        if last is not None and last.kind is span.kind and span.start <= last.end:
            result[-1] = BusySpan(start=last.start, end=max(last.end, span.end), kind=span.kind)
        else:
            result.append(span)
    return sorted(result, key=lambda each: (each.start, each.end))


def _parts(window: Window, longest: timedelta) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        yield Window(start=start, end=end)
        start = end


def _wall(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def _text(moment: datetime) -> str:
    return f"{_wall(moment)}Z"
