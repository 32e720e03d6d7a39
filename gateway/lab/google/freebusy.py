"""The room freebusy.query: merged busy times, errors per calendar, caps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.core.zones import zone
from gateway.lab.google import series, times
from gateway.lab.google.model import RANK, Calendar
from gateway.lab.google.pages import cut_s

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.world import Google

_NOT_BUSY = {"birthday", "workingLocation"}
Span = tuple[datetime, datetime]


def query(google: Google, call: Call) -> dict[str, Any]:
    """freebusy.query."""
    body = call.body
    for name in ("timeMin", "timeMax"):
        if not body.get(name):
            raise Refusal(400, "required", f"Missing {name}.", location=name)
    after, before = times.instant(body["timeMin"]), times.instant(body["timeMax"])
    if after >= before:
        raise Refusal(
            400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar", location="timeMax"
        )
    if before - after > timedelta(days=google.lab.settings.free_busy_days):
        raise Refusal(400, "timeRangeTooLong", "The requested time range is too long.", location="timeMax")
    view = zone(body.get("timeZone") or "UTC")
    if view is None:
        raise Refusal(400, "invalid", "Invalid time zone.", location="timeZone")
    cap = google.lab.settings.free_busy_calendars
    asked = body.get("calendarExpansionMax")
    if asked is not None and not 0 < asked <= cap:
        raise Refusal(
            400, "invalid", f"calendarExpansionMax: at most {cap}.", location="calendarExpansionMax"
        )
    calendars: dict[str, Any] = {}
    for number, item in enumerate(body.get("items", []), start=1):
        name = item.get("id", "")
        calendar = google.state.calendars.get(google.resolve(call, name))
        if number > (asked or cap):
            calendars[name] = _error("tooManyCalendarsRequested")
        elif calendar is None or calendar.deleted or not RANK[google.role(call.account or "", calendar)]:
            calendars[name] = _error("notFound")
        else:
            spans = merged(busy(google, calendar, after, before))
            calendars[name] = {
                "busy": [
                    {"start": times.stamp(start.astimezone(view)), "end": times.stamp(end.astimezone(view))}
                    for start, end in spans
                ]
            }
    return {
        "kind": "calendar#freeBusy",
        "timeMin": times.stamp(after.astimezone(UTC)),
        "timeMax": times.stamp(before.astimezone(UTC)),
        "calendars": calendars,
    }


def _error(reason: str) -> dict[str, Any]:
    return {"errors": [{"domain": "global", "reason": reason}], "busy": []}


def busy(google: Google, calendar: Calendar, after: datetime, before: datetime) -> list[Span]:
    """Return the busy spans of a calendar inside a window, cut to it, unmerged."""
    view = zone(calendar.zone)
    if view is None:
        return []
    cut = cut_s(google, calendar)
    spans = []
    for record in list(calendar.events.values()):
        version = record.now if cut is None else record.as_of(at_s=cut)
        if version is None or version.deleted:
            continue
        found = [version]
        if series.is_master(version.body):
            stored = {item.id: item.now for item in series.exceptions(calendar, record.id)}
            expanded = series.expanded(google, record, version, stored, after, before)
            found = [item for event_id, item in expanded if event_id not in stored]
        for item in found:
            body = item.body
            if not _blocks(body, calendar):
                continue
            start = max(after, times.as_instant(times.stored(body["start"]), view))
            end = min(before, times.as_instant(times.stored(body["end"]), view))
            if start < end:
                spans.append((start, end))
    return spans


def _blocks(body: dict[str, Any], calendar: Calendar) -> bool:
    if body.get("transparency") == "transparent" or body.get("eventType") in _NOT_BUSY:
        return False
    return not any(
        person.get("email") == calendar.id and person.get("responseStatus") == "declined"
        for person in body.get("attendees", [])
    )


def merged(spans: list[Span]) -> list[Span]:
    """Return spans in order, overlapping and touching ones joined."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


ROOMS = {"calendar.freebusy.query": query}
