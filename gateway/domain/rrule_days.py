"""The days that a rule chooses in a year or a month, and whether a day passes it (RFC 5545 §3.3.10).

Days are proleptic ordinals. Which periods there are, and the times of day, is ``rrule``.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime

from gateway.domain.rule import Budget, Frequency, Rule

MAX_YEAR = 9999


class RuleDays:
    """The parts of one rule that choose days, with what DTSTART fills in."""

    def __init__(self, rule: Rule, start: datetime, budget: Budget) -> None:
        self.rule = rule
        self.budget = budget
        rule_days = rule.by_day
        month_days = rule.by_month_day
        months = rule.by_month
        has_day_part = bool(rule_days or month_days or rule.by_year_day or rule.by_week_no)
        if rule.freq is Frequency.YEARLY:
            if not has_day_part:
                months = months or (start.month,)
                month_days = (start.day,)
            elif rule.by_week_no and not (rule_days or month_days or rule.by_year_day):
                rule_days = ((0, start.weekday()),)
        elif rule.freq is Frequency.MONTHLY and not has_day_part:
            month_days = (start.day,)
        elif rule.freq is Frequency.WEEKLY and not rule_days:
            rule_days = ((0, start.weekday()),)
        self.months = frozenset(months)
        self.month_days = month_days
        self.rule_days = rule_days
        self.weekdays = frozenset(weekday for _, weekday in rule_days)

    def day_passes(self, ordinal: int, *, weekday: bool = True) -> bool:
        """Return whether a day passes every BY part as a filter; BYDAY only where ``weekday`` is set."""
        if weekday and self.weekdays and (ordinal - 1) % 7 not in self.weekdays:
            return False
        rule = self.rule
        if not (self.months or self.month_days or rule.by_year_day or rule.by_week_no):
            return True
        day = date.fromordinal(ordinal)
        if self.months and day.month not in self.months:
            return False
        if self.month_days:
            size = calendar.monthrange(day.year, day.month)[1]
            if day.day not in self.month_days and day.day - size - 1 not in self.month_days:
                return False
        if rule.by_year_day:
            index = ordinal - date(day.year, 1, 1).toordinal() + 1
            size = 366 if calendar.isleap(day.year) else 365
            if index not in rule.by_year_day and index - size - 1 not in rule.by_year_day:
                return False
        return not rule.by_week_no or self._week_passes(day)

    def _week_passes(self, day: date) -> bool:
        """Return whether the number of the day's week, counted by WKST, is in BYWEEKNO."""
        ordinal = day.toordinal()
        year = day.year
        first = _week_one(year, self.rule.week_start)
        if ordinal < first:
            year -= 1
        elif year < MAX_YEAR and ordinal >= _week_one(year + 1, self.rule.week_start):
            year += 1
        if not 1 <= year < MAX_YEAR:
            return False
        first = _week_one(year, self.rule.week_start)
        weeks = (_week_one(year + 1, self.rule.week_start) - first) // 7
        number = (ordinal - first) // 7 + 1
        return number in self.rule.by_week_no or number - weeks - 1 in self.rule.by_week_no

    def days_of_year(self, year: int) -> list[int]:
        """Return the days that a YEARLY rule chooses in a year: every part that expands, intersected."""
        rule = self.rule
        first = date(year, 1, 1).toordinal()
        size = 366 if calendar.isleap(year) else 365
        months = sorted(self.months) or range(1, 13)
        spans = [(date(year, m, 1).toordinal(), calendar.monthrange(year, m)[1]) for m in months]
        sets: list[set[int]] = []
        if rule.by_year_day:
            sets.append({first + (n - 1 if n > 0 else size + n) for n in rule.by_year_day if abs(n) <= size})
        if self.month_days:
            sets.append({o for begin, length in spans for o in self._month_days_in(begin, length)})
        if self.rule_days:
            by_year = [(first, size)]
            sets.append(
                {
                    o
                    for begin, length in (spans if self.months else by_year)
                    for o in self._weekdays_in(begin, length)
                }
            )
        if not sets:  # BYWEEKNO alone never comes here: the weekday of DTSTART was filled in
            sets.append(set(range(first, first + size)))
        self.budget.spend(sum(map(len, sets)))
        days = sorted(set.intersection(*sets))
        if self.months and not (self.month_days or self.rule_days):
            days = [o for o in days if date.fromordinal(o).month in self.months]
        if rule.by_week_no:
            days = [o for o in days if self._week_passes(date.fromordinal(o))]
        return days

    def days_of_month(self, first: int) -> list[int]:
        """Return the days that a MONTHLY rule chooses in the month that begins with day ``first``."""
        rule = self.rule
        day = date.fromordinal(first)
        if self.months and day.month not in self.months:
            return []
        size = calendar.monthrange(day.year, day.month)[1]
        sets: list[set[int]] = []
        if self.month_days:
            sets.append(set(self._month_days_in(first, size)))
        if self.rule_days:
            sets.append(set(self._weekdays_in(first, size)))
        if not sets:
            sets.append(set(range(first, first + size)))
        self.budget.spend(sum(map(len, sets)))
        days = sorted(set.intersection(*sets))
        if rule.by_year_day or rule.by_week_no:
            days = [o for o in days if self.day_passes(o, weekday=False)]
        return days

    def _month_days_in(self, begin: int, length: int) -> Iterator[int]:
        for number in self.month_days:
            if abs(number) <= length:
                yield begin + (number - 1 if number > 0 else length + number)

    def _weekdays_in(self, begin: int, length: int) -> Iterator[int]:
        """Yield the days of a month or year that BYDAY chooses; ordinals beside BYWEEKNO are ignored."""
        for ordinal, weekday in self.rule_days:
            first = begin + (weekday - (begin - 1)) % 7
            if ordinal == 0 or self.rule.by_week_no:
                yield from range(first, begin + length, 7)
                continue
            if ordinal > 0:
                day = first + 7 * (ordinal - 1)
            else:
                last = begin + length - 1
                day = last - ((last - 1) - weekday) % 7 + 7 * (ordinal + 1)
            if begin <= day < begin + length:
                yield day


def _week_one(year: int, week_start: int) -> int:
    """Return the first day of week 1 of a year: the first week with four or more days in it."""
    fourth = date(year, 1, 4).toordinal()
    return fourth - ((fourth - 1) - week_start) % 7
