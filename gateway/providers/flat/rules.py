"""Recurrence rules in one spelling: UNTIL in UTC, or a date for all-day series."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time

from gateway.domain.rrule import Budget, Rule, until_wall_clock, walk
from gateway.providers.flat.model import At

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LISTS = (
    ("BYMONTH", "by_month"),
    ("BYWEEKNO", "by_week_no"),
    ("BYYEARDAY", "by_year_day"),
    ("BYMONTHDAY", "by_month_day"),
    ("BYHOUR", "by_hour"),
    ("BYMINUTE", "by_minute"),
    ("BYSECOND", "by_second"),
    ("BYSETPOS", "by_set_pos"),
)


def rule_text(rule: Rule, start: At) -> str:
    """Return the RECUR value of a rule, always spelled the same."""
    parts = [f"FREQ={rule.freq.name}"]
    if rule.interval != 1:
        parts.append(f"INTERVAL={rule.interval}")
    if rule.count is not None:
        parts.append(f"COUNT={rule.count}")
    if rule.until is not None:
        parts.append(f"UNTIL={_until(rule, start)}")
    if rule.by_day:
        parts.append("BYDAY=" + ",".join(f"{number or ''}{_DAYS[day]}" for number, day in rule.by_day))
    for name, field in _LISTS:
        values = sorted(set(getattr(rule, field)))
        if values:
            parts.append(f"{name}=" + ",".join(map(str, values)))
    if rule.week_start:
        parts.append(f"WKST={_DAYS[rule.week_start]}")
    return ";".join(parts)


def makes_start(rules: Iterable[Rule], start: At) -> bool:
    """Return whether a rule makes DTSTART itself; providers differ where none does."""
    value = start.value
    wall = value if isinstance(value, datetime) else datetime.combine(value, time())
    return any(
        next(walk(rule, wall, low=wall, high=wall, budget=Budget()), None) is not None for rule in rules
    )


def makes_nothing(rule: Rule, start: At) -> bool:
    """Return whether a rule ends before it begins: only DTSTART is left."""
    if rule.until is None:
        return False
    text = _until(rule, start)
    if start.is_date:
        return text < f"{start.value:%Y%m%d}"
    return text < f"{start.instant:%Y%m%dT%H%M%SZ}"


def _until(rule: Rule, start: At) -> str:
    """Return UNTIL of a timed series in UTC; a local one is read in the zone of the start."""
    until = rule.until
    if until is None:
        raise ValueError("the rule has no UNTIL")
    if start.is_date:
        return f"{until:%Y%m%d}"
    if isinstance(until, datetime) and until.tzinfo is not None:
        instant = until.astimezone(UTC)
    else:
        instant = At(until_wall_clock(until, is_date=False), start.zone).instant
    return f"{instant:%Y%m%dT%H%M%SZ}"
