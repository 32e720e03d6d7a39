"""Graph's recurrence (pattern and range): checks, and the RRULE that the laboratory's engine expands."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway.lab.core.errors import Refusal, RuleRefused
from gateway.lab.core.zones import zone
from gateway.lab.microsoft import times, zones

if TYPE_CHECKING:
    from gateway.lab.core.recurrence import Engine, Start

DAYS = {
    "sunday": "SU",
    "monday": "MO",
    "tuesday": "TU",
    "wednesday": "WE",
    "thursday": "TH",
    "friday": "FR",
    "saturday": "SA",
}
INDEX = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
FIELDS: dict[str, frozenset[str]] = {
    "daily": frozenset(),
    "weekly": frozenset({"daysOfWeek", "firstDayOfWeek"}),
    "absoluteMonthly": frozenset({"dayOfMonth"}),
    "relativeMonthly": frozenset({"daysOfWeek", "index"}),
    "absoluteYearly": frozenset({"dayOfMonth", "month"}),
    "relativeYearly": frozenset({"daysOfWeek", "index", "month"}),
}
NEEDED: dict[str, frozenset[str]] = {**FIELDS, "weekly": frozenset({"daysOfWeek"})}
OPTIONAL = {"index"}
BLANK = {
    "dayOfMonth": 0,
    "month": 0,
    "daysOfWeek": [],
    "firstDayOfWeek": "sunday",
    "index": "first",
}
"""Values of fields that do not belong to a type, as the service's own answers carry them."""
LONGEST = {"daily": 999, "weekly": 99, "absoluteMonthly": 99, "relativeMonthly": 99}
LONGEST_YEARS = 99
COUNT_CAP = 999
_RANGE = {
    "noEnd": frozenset[str](),
    "endDate": frozenset({"endDate"}),
    "numbered": frozenset({"numberOfOccurrences"}),
}


def _bad(text: str) -> Refusal:
    return Refusal(400, "ErrorInvalidRequest", f"Your request can't be completed. {text}")


def checked(recurrence: dict[str, Any], start: dict[str, str]) -> dict[str, Any]:
    """Return pattern and range as they are stored; raises Refusal 400.

    Args:
        recurrence: what the client sent.
        start: the stored start of the series.
    """
    pattern, span = recurrence.get("pattern"), recurrence.get("range")
    if not isinstance(pattern, dict) or not isinstance(span, dict):
        raise _bad("A recurrence needs pattern and range.")
    return {"pattern": _pattern(pattern), "range": _range(span, start)}


def _pattern(pattern: dict[str, Any]) -> dict[str, Any]:
    kind = pattern.get("type")
    if kind not in FIELDS:
        raise _bad("pattern.type is required.")
    given = {name: value for name, value in pattern.items() if value != BLANK.get(name) and value is not None}
    missing = sorted(name for name in NEEDED[kind] - OPTIONAL if not pattern.get(name))
    if missing:
        raise _bad(f"A {kind} pattern needs {missing[0]}.")
    extra = sorted(set(given) - FIELDS[kind] - {"type", "interval"} - {"firstDayOfWeek"})
    if extra:
        raise _bad(f"A {kind} pattern has no {extra[0]}.")
    interval = pattern.get("interval")
    if not isinstance(interval, int) or not 1 <= interval <= LONGEST.get(kind, LONGEST_YEARS):
        raise _bad("pattern.interval is out of range.")
    if "dayOfMonth" in FIELDS[kind] and not 1 <= pattern["dayOfMonth"] <= 31:
        raise _bad("pattern.dayOfMonth is out of range.")
    if "month" in FIELDS[kind] and not 1 <= pattern["month"] <= 12:
        raise _bad("pattern.month is out of range.")
    return {**BLANK, **{name: value for name, value in pattern.items() if value is not None}}


def _range(span: dict[str, Any], start: dict[str, str]) -> dict[str, Any]:
    kind = span.get("type")
    if kind not in _RANGE:
        raise _bad("range.type is required.")
    first = times.day_of(start)
    if span.get("startDate") != first.isoformat():
        raise _bad("range.startDate must be the date of start.")
    result: dict[str, Any] = {
        "type": kind,
        "startDate": first.isoformat(),
        "endDate": "0001-01-01",
        "recurrenceTimeZone": span.get("recurrenceTimeZone") or start["name"],
        "numberOfOccurrences": 0,
    }
    zones.wanted(result["recurrenceTimeZone"], "range.recurrenceTimeZone")
    if kind == "numbered":
        count = span.get("numberOfOccurrences")
        if not isinstance(count, int) or not 1 <= count <= COUNT_CAP:
            raise _bad("range.numberOfOccurrences is out of range.")
        result["numberOfOccurrences"] = count
    if kind == "endDate":
        if not span.get("endDate") or span["endDate"] < first.isoformat():
            raise _bad("range.endDate must not lie before startDate.")
        result["endDate"] = span["endDate"]
    return result


def starts(
    engine: Engine,
    body: dict[str, Any],
    *,
    after: datetime | None = None,
    before: datetime | None = None,
    limit: int = 5000,
) -> list[Start]:
    """Return the original starts of a stored series in [after, before)."""
    recurrence, all_day = body["recurrence"], bool(body.get("isAllDay"))
    pattern, span = recurrence["pattern"], recurrence["range"]
    start = times.aware(body["start"])
    first: date | datetime = start.date() if all_day else start
    parts = [*_parts(pattern), *_until(span, body["start"], all_day=all_day)]
    count = span["numberOfOccurrences"] if span["type"] == "numbered" else 0
    if not _is_clamped(pattern):
        parts += [f"COUNT={count}"] if count else []
        return engine.starts(first, ["RRULE:" + ";".join(parts)], after=after, before=before, limit=limit)
    found = engine.starts(first, ["RRULE:" + ";".join(parts)], before=_month_end(before), limit=5000)
    kept = _last_of_month(found)[: count or None]
    return [
        item
        for item in kept
        if (after is None or item.instant >= after) and (before is None or item.instant < before)
    ][:limit]


def _month_end(before: datetime | None) -> datetime | None:
    """A month must be whole before its last day can be told."""
    return before + timedelta(days=32) if before else None


def _until(span: dict[str, Any], start: dict[str, str], *, all_day: bool) -> list[str]:
    if span["type"] != "endDate":
        return []
    last = date.fromisoformat(span["endDate"])
    if all_day:
        return [f"UNTIL={last:%Y%m%d}"]
    info = zones.info_of(span["recurrenceTimeZone"]) or zone(start["zone"]) or ZoneInfo("UTC")
    end = datetime.combine(last, time(23, 59, 59), info).astimezone(UTC)
    return [f"UNTIL={end:%Y%m%dT%H%M%SZ}"]


def _parts(pattern: dict[str, Any]) -> list[str]:
    kind, interval = pattern["type"], pattern["interval"]
    days = [DAYS[day] for day in pattern["daysOfWeek"]]
    match kind:
        case "daily":
            return ["FREQ=DAILY", f"INTERVAL={interval}"]
        case "weekly":
            week = DAYS[pattern["firstDayOfWeek"]]
            return ["FREQ=WEEKLY", f"INTERVAL={interval}", f"WKST={week}", f"BYDAY={','.join(days)}"]
        case "absoluteMonthly":
            return ["FREQ=MONTHLY", f"INTERVAL={interval}", *_clamped(pattern["dayOfMonth"])]
        case "relativeMonthly":
            return ["FREQ=MONTHLY", f"INTERVAL={interval}", *_relative(days, pattern["index"])]
        case "absoluteYearly":
            return ["FREQ=MONTHLY", f"INTERVAL={12 * interval}", *_clamped(pattern["dayOfMonth"])]
        case _:
            return ["FREQ=MONTHLY", f"INTERVAL={12 * interval}", *_relative(days, pattern["index"])]


def _clamped(day: int) -> list[str]:
    """All days from the 28th on; ``_last_of_month`` keeps the one that Outlook means."""
    return [f"BYMONTHDAY={','.join(str(number) for number in range(min(day, 28), day + 1))}"]


def _is_clamped(pattern: dict[str, Any]) -> bool:
    """Tell whether a month may be too short: Outlook then takes its last day, RFC 5545 leaves it out."""
    return str(pattern["type"]).startswith("absolute") and int(pattern["dayOfMonth"]) > 28


def _last_of_month(found: list[Start]) -> list[Start]:
    best: dict[tuple[int, int], Start] = {}
    for item in found:
        best[item.value.year, item.value.month] = item
    return list(best.values())


def _relative(days: list[str], index: str) -> list[str]:
    number = INDEX[index]
    if len(days) == 1:
        return [f"BYDAY={number}{days[0]}"]
    return [f"BYDAY={','.join(days)}", f"BYSETPOS={number}"]


def fitted(engine: Engine, recurrence: dict[str, Any], start: dict[str, str]) -> date:
    """Return the first date on or after the start that the pattern hits; raises Refusal 400."""
    pattern = recurrence["pattern"]
    parts = [part for part in _parts(pattern) if not part.startswith("INTERVAL")]
    if pattern["type"] in {"daily", "weekly"}:
        parts = _parts(pattern)
    first = datetime.fromisoformat(start["local"])
    lines = ["RRULE:" + ";".join(parts)]
    horizon = first.replace(tzinfo=UTC) + timedelta(days=366 * 9)
    try:
        found = engine.starts(first.date(), lines, before=horizon, limit=120)
    except RuleRefused as error:
        raise _bad(str(error)) from error
    if _is_clamped(pattern):
        found = _last_of_month(found)
    if pattern["type"].endswith("Yearly"):
        found = [item for item in found if item.value.month == pattern["month"]]
    if not found:
        raise _bad("The pattern has no occurrence.")
    return min(_date(item.value) for item in found)


def _date(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value
