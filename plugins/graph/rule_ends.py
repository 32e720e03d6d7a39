"""How a series ends: UNTIL is an instant, Outlook's end is a date in the zone of the series (§7). Pure."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.rrule import Budget, Rule, until_wall_clock, walk
from gateway.domain.timezone import to_wall_clock
from gateway.providers.flat.model import At

MAX_COUNT = 999
_LATEST = datetime(9990, 1, 1)  # noqa: DTZ001 - a wall clock


def with_end(rrule: str, rule: Rule, start: At) -> str:
    """Return a rule with its end, always spelled the same: COUNT, or the UNTIL of a last day."""
    if rule.count is not None and rule.count <= MAX_COUNT:
        return f"{rrule};COUNT={rule.count}"
    last = _last_day(rule, start)
    return rrule if last is None else f"{rrule};UNTIL={until_of(last, start)}"


def until_of(last: date, start: At) -> str:
    """Return UNTIL for a series whose last possible day is ``last``."""
    if not isinstance(start.value, datetime):
        return f"{last:%Y%m%d}"
    end = At(datetime.combine(last, start.value.time()), start.zone).instant
    return f"{end:%Y%m%dT%H%M%SZ}"


def _last_day(rule: Rule, start: At) -> date | None:
    if rule.count is not None:
        wall = _wall(start)
        made = walk(rule, wall, low=wall, high=_LATEST, budget=Budget())
        return max(itertools.islice(made, rule.count), default=wall).date()
    until = rule.until
    if until is None:
        return None
    if not isinstance(start.value, datetime) or not isinstance(until, datetime):
        return until.date() if isinstance(until, datetime) else until
    if until.tzinfo is None:
        local = until_wall_clock(until, is_date=False)
    elif start.zone == "UTC":
        local = until.astimezone(UTC).replace(tzinfo=None)
    else:
        local = to_wall_clock(until.astimezone(UTC), ZoneInfo(start.zone))
    # An occurrence later on that day would lie behind UNTIL, and within a date that includes its whole day.
    return local.date() if local.time() >= start.value.time() else local.date() - timedelta(days=1)


def _wall(start: At) -> datetime:
    return start.value if isinstance(start.value, datetime) else datetime.combine(start.value, time())


def range_json(rrule: str, start: At, zone_name: str) -> dict[str, Any]:
    """Return Graph's ``range`` for a rule in our spelling.

    Trap: ``startDate`` must be the date of the start, and an end is a date that is included (§7).
    """
    parts = dict(part.split("=", 1) for part in rrule.split(";"))
    first = start.value.date() if isinstance(start.value, datetime) else start.value
    value: dict[str, Any] = {"startDate": first.isoformat(), "recurrenceTimeZone": zone_name}
    if "COUNT" in parts:
        return {"type": "numbered", **value, "numberOfOccurrences": int(parts["COUNT"])}
    if "UNTIL" not in parts:
        return {"type": "noEnd", **value}
    text = parts["UNTIL"]
    if not text.endswith("Z"):
        last = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date
    else:
        end = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        last = (end if start.zone == "UTC" else end.astimezone(ZoneInfo(start.zone))).date()
    return {"type": "endDate", **value, "endDate": last.isoformat()}
