"""Reading RFC 5545 §3.3.10 recurrence rules, and the budget of steps that walking them may cost."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.domain.errors import InvalidCalendarObject, TooManyInstances

STEP_BUDGET = 100_000
_WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_Bad = Callable[[str], InvalidCalendarObject]


class Frequency(enum.IntEnum):
    """FREQ, from the longest period to the shortest."""

    YEARLY = 0
    MONTHLY = 1
    WEEKLY = 2
    DAILY = 3
    HOURLY = 4
    MINUTELY = 5
    SECONDLY = 6


@dataclass(slots=True, kw_only=True)
class Budget:
    """The steps that one object may cost; a step is a period looked at or a candidate made.

    Attributes:
        limit: number of steps after which ``TooManyInstances`` is raised.
        steps: number of steps spent so far.
    """

    limit: int = STEP_BUDGET
    steps: int = 0

    def spend(self, steps: int = 1) -> None:
        """Count steps; raise TooManyInstances beyond the limit."""
        self.steps += steps
        if self.steps > self.limit:
            raise TooManyInstances(
                "The rule takes too long to compute; begin the series later, or make it simpler or rarer."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One RECUR value. Weekdays are counted from Monday = 0; empty tuples stand for absent parts.

    Attributes:
        until: as written: a date, a naive wall clock or an aware UTC instant.
        by_day: pairs (ordinal, weekday); ordinal 0 means every such weekday of the period.
    """

    freq: Frequency
    interval: int = 1
    count: int | None = None
    until: date | None = None
    by_second: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_hour: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def is_endless(self) -> bool:
        """Return whether neither COUNT nor UNTIL ends the rule."""
        return self.count is None and self.until is None


_RANGES = {
    "BYSECOND": (0, 60),
    "BYMINUTE": (0, 59),
    "BYHOUR": (0, 23),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
}
_SIGNED = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}


def read_rule(recur: Mapping[str, Any], *, property_name: str = "RRULE") -> Rule:
    """Return the rule of a parsed RECUR value (icalendar's ``vRecur``).

    Raises:
        InvalidCalendarObject: a part that RFC 5545 §3.3.10 does not allow, or RFC 7529 parts other than
            the Gregorian default.
        TooManyInstances: FREQ=SECONDLY.
    """

    def bad(message: str) -> InvalidCalendarObject:
        return InvalidCalendarObject(message, property_name=property_name)

    parts = {key.upper(): _as_list(value) for key, value in recur.items()}
    freq_name = str(_single(parts, "FREQ", bad) or "").upper()
    if freq_name not in Frequency.__members__:
        raise bad("the rule needs a FREQ of YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY or MINUTELY")
    if freq_name == "SECONDLY":
        raise TooManyInstances("A rule that repeats every second is not taken; use MINUTELY or rarer.")
    if "COUNT" in parts and "UNTIL" in parts:
        raise bad("COUNT and UNTIL exclude each other; keep one of them")
    if str(_single(parts, "RSCALE", bad) or "GREGORIAN").upper() != "GREGORIAN":
        raise bad("only the Gregorian calendar is supported in rules (RSCALE)")
    if str(_single(parts, "SKIP", bad) or "OMIT").upper() != "OMIT":
        raise bad("only SKIP=OMIT is supported")
    interval = _single(parts, "INTERVAL", bad)
    count = _single(parts, "COUNT", bad)
    if interval is not None and int(interval) < 1:
        raise bad("INTERVAL must be 1 or more")
    if count is not None and int(count) < 1:
        raise bad("COUNT must be 1 or more")
    until = _single(parts, "UNTIL", bad)
    if until is not None and not isinstance(until, date):
        raise bad("UNTIL must be a date or a date with time")
    numbers = {name: _numbers(parts, name, bad) for name in _RANGES}
    if numbers["BYSETPOS"] and not any(n.startswith("BY") and n != "BYSETPOS" for n in parts):
        raise bad("BYSETPOS needs another BY part")
    return Rule(
        freq=Frequency[freq_name],
        interval=int(interval) if interval is not None else 1,
        count=int(count) if count is not None else None,
        until=until,
        by_second=tuple(sorted({min(s, 59) for s in numbers["BYSECOND"]})),
        by_minute=numbers["BYMINUTE"],
        by_hour=numbers["BYHOUR"],
        by_day=tuple(sorted({_weekday(day, bad) for day in parts.get("BYDAY", parts.get("BYWEEKDAY", []))})),
        by_month_day=numbers["BYMONTHDAY"],
        by_year_day=numbers["BYYEARDAY"],
        by_week_no=numbers["BYWEEKNO"],
        by_month=numbers["BYMONTH"],
        by_set_pos=numbers["BYSETPOS"],
        week_start=_weekday(_single(parts, "WKST", bad) or "MO", bad)[1],
    )


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _single(parts: Mapping[str, list[Any]], name: str, bad: _Bad) -> Any:
    values = parts.get(name, [])
    if len(values) > 1:
        raise bad(f"{name} takes one value")
    return values[0] if values else None


def _numbers(parts: Mapping[str, list[Any]], name: str, bad: _Bad) -> tuple[int, ...]:
    low, high = _RANGES[name]
    result = set()
    for value in parts.get(name, []):
        number = int(value)
        if not low <= number <= high or (number == 0 and name in _SIGNED):
            raise bad(f"{name} is out of range")
        result.add(number)
    return tuple(sorted(result))


def _weekday(value: Any, bad: _Bad) -> tuple[int, int]:
    text = str(value).strip().upper()
    weekday = _WEEKDAYS.get(text[-2:])
    try:
        ordinal = int(text[:-2] or "0")
    except ValueError:
        weekday = None
        ordinal = 0
    if weekday is None or abs(ordinal) > 53:
        raise bad("BYDAY takes weekdays such as MO, 2TU or -1FR")
    return ordinal, weekday
