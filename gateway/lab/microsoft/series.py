"""Series: occurrences by their original date, exceptions and cancellations, which live in their master."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import EngineFailed, Refusal, RuleRefused
from gateway.lab.microsoft import pages, patterns, times
from gateway.lab.microsoft.model import Calendar, Item, Version

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.world import Microsoft

_DAY = timedelta(days=1)
ENDLESS = timedelta(days=366 * 10)
GONE = "The specified object was not found in the store."


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An event that an id names: an item, or an occurrence of a series."""

    calendar: Calendar
    item: Item
    version: Version
    body: dict[str, Any]
    """The stored form; an occurrence's is merged from its master and its exception."""
    day: str = ""
    """The original date of an occurrence, or empty."""


def is_master(body: dict[str, Any]) -> bool:
    """Tell whether a stored body is a series."""
    return bool(body.get("recurrence"))


def days(
    microsoft: Microsoft, body: dict[str, Any], after: datetime | None, before: datetime | None
) -> list[str]:
    """Return the original dates of a series in [after, before), cancelled ones included."""
    if before is None:
        start = times.edge(body["start"], all_day=bool(body.get("isAllDay")))
        before = max(start, microsoft.lab.clock.now()) + ENDLESS
    try:
        found = patterns.starts(microsoft.lab.engine, body, after=after, before=before)
    except (RuleRefused, EngineFailed) as error:
        raise Refusal(500, "ErrorInternalServerError", str(error)) from error
    return [_iso(item.value) for item in found]


def _iso(value: date | datetime) -> str:
    return value.date().isoformat() if isinstance(value, datetime) else value.isoformat()


def occurrence(body: dict[str, Any], day: str) -> dict[str, Any]:
    """Return the stored form of one occurrence: the master's fields, its own times, its exception."""
    all_day = bool(body.get("isAllDay"))
    start = {**body["start"], "local": day + body["start"]["local"][10:]}
    exception = body.get("exceptions", {}).get(day)
    dropped = {"recurrence", "exceptions", "cancelled", "transactionId"}
    item = {name: value for name, value in body.items() if name not in dropped}
    item |= {
        "start": start,
        "end": times.shifted(start, times.length_of(body), body["end"], all_day=all_day),
        "originalStart": times.stamp(times.edge(start, all_day=all_day)),
        "type": "exception" if exception else "occurrence",
    }
    if body.get("singleValueExtendedProperties"):
        item["singleValueExtendedProperties"] = []
    return item | (exception or {})


def occurring(
    microsoft: Microsoft, body: dict[str, Any], after: datetime | None, before: datetime | None
) -> list[tuple[str, dict[str, Any]]]:
    """Return (original date, stored form) of the living occurrences that overlap the open window."""
    low = after - times.length_of(body) - _DAY if after else None
    high = before + _DAY if before else None
    wanted = set(days(microsoft, body, low, high)) | set(body.get("exceptions", {}))
    found = []
    for day in sorted(wanted - set(body.get("cancelled", []))):
        item = occurrence(body, day)
        if overlaps(item, after, before):
            found.append((day, item))
    return found


def overlaps(body: dict[str, Any], after: datetime | None, before: datetime | None) -> bool:
    """Tell whether a stored single event overlaps the open window; an empty one at its start does."""
    all_day = bool(body.get("isAllDay"))
    start, end = times.edge(body["start"], all_day=all_day), times.edge(body["end"], all_day=all_day)
    if after is not None and (end < after if start == end else end <= after):
        return False
    return before is None or start < before


def find(microsoft: Microsoft, call: Call, *, write: bool = False) -> Found:
    """Return the event that a path names, in a calendar the caller may open; raises Refusal 400, 403, 404."""
    ref = microsoft.ids.read_item(call.path_args["event_id"])
    box = microsoft.with_mailbox(call)
    calendar = microsoft.state.calendars.get(microsoft.state.where.get(ref.key, ""))
    if "calendar_id" in call.path_args:
        fits = microsoft.calendar(call, write=write) is calendar
    else:
        # Without a calendar in the path only one's own events are found (I).
        through_default = "calendar" in call.path.split("/")
        fits = (
            calendar is not None and calendar.owner == box.email and (calendar.default or not through_default)
        )
    item = calendar.items.get(ref.key) if calendar and fits and not calendar.deleted else None
    if calendar is None or item is None or item.now.deleted or ref.generation not in {None, item.generation}:
        raise Refusal(404, "ErrorItemNotFound", GONE)
    cut_s = pages.cut_s(microsoft, calendar)
    if call.verb == "GET" and cut_s is not None and item.as_of(at_s=cut_s) is None:
        raise Refusal(404, "ErrorItemNotFound", GONE)
    return named_day(microsoft, calendar, item, ref.day)


def named_day(microsoft: Microsoft, calendar: Calendar, item: Item, day: str) -> Found:
    """Return an item, or one of its occurrences by original date; raises Refusal 404."""
    body = item.now.body
    if not day:
        return Found(calendar=calendar, item=item, version=item.now, body=body)
    noon = datetime.fromisoformat(day).replace(tzinfo=UTC)
    alive = is_master(body) and day not in body.get("cancelled", [])
    if not alive or (
        day not in body.get("exceptions", {})
        and day not in days(microsoft, body, noon - 2 * _DAY, noon + 2 * _DAY)
    ):
        raise Refusal(404, "ErrorItemNotFound", GONE)
    return Found(calendar=calendar, item=item, version=item.now, body=occurrence(body, day), day=day)


def check_boundaries(microsoft: Microsoft, body: dict[str, Any], day: str, new: dict[str, Any]) -> None:
    """Refuse an exception that overlaps a neighbour, shares its day, or passes it; raises Refusal 400."""
    if not microsoft.lab.settings.occurrence_boundaries:
        return
    all_day = bool(new.get("isAllDay"))
    start, end = times.edge(new["start"], all_day=all_day), times.edge(new["end"], all_day=all_day)
    middle = datetime.fromisoformat(day).replace(tzinfo=UTC)
    around = days(microsoft, body, middle - 800 * _DAY, middle + 800 * _DAY)
    living = sorted((set(around) | set(body.get("exceptions", {}))) - set(body.get("cancelled", [])))
    for other in living:
        if other == day:
            continue
        neighbour = occurrence(body, other)
        there = bool(neighbour.get("isAllDay"))
        low, high = times.edge(neighbour["start"], all_day=there), times.edge(neighbour["end"], all_day=there)
        same_day = times.day_of(neighbour["start"]) == times.day_of(new["start"])
        if same_day or (high > start if other < day else low < end):
            raise Refusal(
                400,
                "ErrorOccurrenceCrossingBoundary",
                "Modified occurrence is crossing or overlapping adjacent occurrence.",
            )
