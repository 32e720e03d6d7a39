"""RRULE and Graph's pattern: what Outlook can repeat by, both ways (§7). Pure.

A ``Pattern`` is what both have in common, so ``pattern_of(rule) -> rrule -> pattern_of`` ends where it began.
Trap: Outlook puts day 29 to 31 at the end of shorter months, RFC 5545 skips those; as a rule that is
``BYMONTHDAY=28,29,30,31;BYSETPOS=-1``. Trap: only fields of the type may be sent.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.domain.rrule import Frequency, Rule
from gateway.providers.flat.model import At

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
INDEX = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
_POSITION = {name: number for number, name in INDEX.items()}
_ALL = tuple(range(7))
LONGEST_DAYS, LONGEST = 999, 99
_SAFE_DAY = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How a series repeats; weekdays from Monday = 0, zero and empty where a field does not belong."""

    type: str
    interval: int = 1
    days: tuple[int, ...] = ()
    week_start: int = 0
    day: int = 0
    month: int = 0
    index: int = 0

    def json(self) -> dict[str, Any]:
        """Return Graph's ``pattern``."""
        value: dict[str, Any] = {"type": self.type, "interval": self.interval}
        if self.days:
            value["daysOfWeek"] = [NAMES[day] for day in self.days]
        if self.type == "weekly":
            # Trap: Graph's week begins on Sunday unless told, RRULE's on Monday.
            value["firstDayOfWeek"] = NAMES[self.week_start]
        if self.day:
            value["dayOfMonth"] = self.day
        if self.month:
            value["month"] = self.month
        if self.index:
            value["index"] = INDEX[self.index]
        return value

    def rrule(self) -> str:
        """Return the rule without its end, always spelled the same."""
        parts = ["FREQ=" + {"d": "DAILY", "w": "WEEKLY"}.get(self.type[0], self._frequency)]
        if self.interval != 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.type == "weekly":
            parts.append(f"BYDAY={self._names}")
        elif self.days == _ALL and self.index == -1:
            parts.append("BYMONTHDAY=-1")
        elif len(self.days) == 1:
            parts.append(f"BYDAY={self.index}{self._names}")
        elif self.days:
            parts.append(f"BYDAY={self._names}")
        if self.day:
            numbers = range(min(self.day, _SAFE_DAY), self.day + 1) if self._is_clamped else (self.day,)
            parts.append("BYMONTHDAY=" + ",".join(map(str, numbers)))
        if self.month:
            parts.append(f"BYMONTH={self.month}")
        if self._is_clamped or (len(self.days) > 1 and self.index and "BYMONTHDAY=-1" not in parts):
            parts.append(f"BYSETPOS={-1 if self._is_clamped else self.index}")
        if self.week_start:
            parts.append(f"WKST={DAYS[self.week_start]}")
        return ";".join(parts)

    @property
    def _frequency(self) -> str:
        return "YEARLY" if self.type.endswith("Yearly") else "MONTHLY"

    @property
    def _names(self) -> str:
        return ",".join(DAYS[day] for day in self.days)

    @property
    def _is_clamped(self) -> bool:
        """Return whether the day is missing in some month that is meant."""
        if not self.day or not self.month:
            return self.day > _SAFE_DAY
        return self.day > calendar.monthrange(2001, self.month)[1]


def pattern_of(rule: Rule, start: At) -> Pattern | None:
    """Return the pattern that repeats like a rule, its end apart; None where Outlook has none."""
    rule = _without_times(rule, start)
    if rule.by_week_no or rule.by_year_day or rule.by_hour or rule.by_minute or rule.by_second:
        return None
    if len(rule.by_month) > 1 or len(rule.by_set_pos) > 1:
        return None
    read = {
        Frequency.DAILY: _daily,
        Frequency.WEEKLY: _weekly,
        Frequency.MONTHLY: _monthly,
        Frequency.YEARLY: _yearly,
    }.get(rule.freq)
    found = read(rule, start) if read is not None else None
    if found is None or not 1 <= found.interval <= (LONGEST_DAYS if found.type == "daily" else LONGEST):
        return None
    return found


def _without_times(rule: Rule, start: At) -> Rule:
    """Return the rule without a BYHOUR, BYMINUTE or BYSECOND that only says what the start says."""
    value = start.value
    if not isinstance(value, datetime):
        return replace(rule, by_hour=(), by_minute=(), by_second=())
    return replace(
        rule,
        by_hour=() if rule.by_hour == (value.hour,) else rule.by_hour,
        by_minute=() if rule.by_minute == (value.minute,) else rule.by_minute,
        by_second=() if rule.by_second == (value.second,) else rule.by_second,
    )


def _daily(rule: Rule, start: At) -> Pattern | None:
    if rule.by_month or rule.by_month_day or rule.by_set_pos:
        return None
    if rule.by_day:
        return _weekly(replace(rule, week_start=0), start) if rule.interval == 1 else None
    return Pattern(type="daily", interval=rule.interval)


def _weekly(rule: Rule, start: At) -> Pattern | None:
    if rule.by_month or rule.by_month_day or rule.by_set_pos or any(number for number, _ in rule.by_day):
        return None
    days = tuple(sorted({day for _, day in rule.by_day})) or (start.value.weekday(),)
    # When the week begins matters only where weeks are left out.
    week_start = rule.week_start if rule.interval > 1 and len(days) > 1 else 0
    return Pattern(type="weekly", interval=rule.interval, days=days, week_start=week_start)


def _monthly(rule: Rule, start: At) -> Pattern | None:
    if rule.by_month:
        if rule.interval % 12:
            return None
        return _yearly(replace(rule, freq=Frequency.YEARLY, interval=rule.interval // 12), start)
    is_weekly = rule.by_day and not rule.by_month_day and not rule.by_set_pos
    if is_weekly and rule.interval == 1 and not any(number for number, _ in rule.by_day):
        return _weekly(replace(rule, week_start=0), start)
    return _in_month(rule, start, "Monthly")


def _yearly(rule: Rule, start: At) -> Pattern | None:
    if not rule.by_month:
        if rule.by_day:
            return None
        if rule.by_month_day:
            # Every month of such a year (RFC 5545 §3.3.10).
            return _in_month(rule, start, "Monthly") if rule.interval == 1 else None
        rule = replace(rule, by_month=(start.value.month,))
    if start.value.month not in rule.by_month:
        return None
    found = _in_month(rule, start, "Yearly")
    return replace(found, month=rule.by_month[0]) if found is not None else None


def _in_month(rule: Rule, start: At, kind: str) -> Pattern | None:
    """Return an absolute or relative pattern of one day in a month."""
    position = rule.by_set_pos[0] if rule.by_set_pos else 0
    month = rule.by_month[0] if rule.by_month else 0
    if rule.by_day:
        days = tuple(sorted({day for _, day in rule.by_day}))
        numbers = {number for number, _ in rule.by_day}
        if rule.by_month_day or len(numbers) != 1:
            return None
        number = numbers.pop()
        if number and (len(days) > 1 or position not in {0, 1, -1}):
            return None
        index = number or position
        if index not in INDEX:
            return None
        return Pattern(type=f"relative{kind}", interval=rule.interval, days=days, index=index)
    numbers_of_days = tuple(sorted(set(rule.by_month_day))) or (start.value.day,)
    if numbers_of_days == (-1,) and position in {0, 1, -1}:
        return Pattern(type=f"relative{kind}", interval=rule.interval, days=_ALL, index=-1)
    last = numbers_of_days[-1]
    if position == -1 and last > _SAFE_DAY and numbers_of_days == tuple(range(_SAFE_DAY, last + 1)):
        return Pattern(type=f"absolute{kind}", interval=rule.interval, day=last)
    if len(numbers_of_days) > 1 or position not in {0, 1, -1} or last < 1:
        return None
    shortest = calendar.monthrange(2001, month)[1] if month else _SAFE_DAY
    # Trap: Outlook would move the day to the end of a shorter month, the rule leaves that month out.
    return Pattern(type=f"absolute{kind}", interval=rule.interval, day=last) if last <= shortest else None


def read_pattern(value: Mapping[str, Any]) -> Pattern | None:
    """Read Graph's ``pattern``; fields that do not belong to its type are filled in there and mean nothing.

    None: not a pattern; an unknown type or day is no daily one.
    """
    kind, interval = value.get("type"), value.get("interval")
    if isinstance(interval, bool) or not isinstance(interval, int) or interval < 1:
        return None
    if kind == "daily":
        return Pattern(type=kind, interval=interval)
    days = _days(value.get("daysOfWeek"))
    if kind == "weekly":
        start = value.get("firstDayOfWeek", "sunday")
        if not days or start not in NAMES:
            return None
        week_start = NAMES.index(start) if interval > 1 and len(days) > 1 else 0
        return Pattern(type=kind, interval=interval, days=days, week_start=week_start)
    if kind not in {"absoluteMonthly", "absoluteYearly", "relativeMonthly", "relativeYearly"}:
        return None
    month = value.get("month") if kind.endswith("Yearly") else 0
    if not isinstance(month, int) or not (0 if kind.endswith("Monthly") else 1) <= month <= 12:
        return None
    if kind.startswith("absolute"):
        day = value.get("dayOfMonth")
        if not isinstance(day, int) or not 1 <= day <= 31:
            return None
        return Pattern(type=kind, interval=interval, day=day, month=month)
    index = _POSITION.get(value.get("index", "first"))
    if not days or index is None:
        return None
    return Pattern(type=kind, interval=interval, days=days, month=month, index=index)


def _days(value: object) -> tuple[int, ...]:
    names = value if isinstance(value, list) else []
    if not all(isinstance(name, str) and name in NAMES for name in names):
        return ()
    return tuple(sorted({NAMES.index(name) for name in names}))
