"""Walking recurrence rules (RFC 5545 §3.3.10) with a bounded number of steps.

Everything here is wall clock: naive ``datetime`` in, naive ``datetime`` out, sorted, without duplicates.
Time zones, RDATE, EXDATE and overrides are the business of ``recurrence``. Why this is our own and not
dateutil: ``docs/decisions/0001-recurrence-engine.md``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from gateway.domain.errors import TooManyInstances
from gateway.domain.rrule_days import MAX_YEAR, RuleDays
from gateway.domain.rule import Budget, Frequency, Rule, read_rule

__all__ = ["Budget", "Frequency", "Rule", "Trail", "read_rule", "until_wall_clock", "walk"]

DAY_S = 86400
_MAX_ORDINAL = date.max.toordinal()
_MIDNIGHT = time()


@dataclass(slots=True)
class Trail:
    """What a finished walk found out about COUNT.

    Attributes:
        is_exhausted: COUNT ran out inside the span or before it.
        last: the last start seen, or None where all lie before ``low``.
    """

    is_exhausted: bool = False
    last: datetime | None = None


def walk(
    rule: Rule,
    start: datetime,
    *,
    low: datetime,
    high: datetime,
    budget: Budget,
    trail: Trail | None = None,
) -> Iterator[datetime]:
    """Yield the rule's wall-clock starts in ``[low, high]``, sorted, never before ``start``.

    ``start`` is DTSTART; it appears only if the rule makes it, but counts for COUNT in any case (RFC 5545
    §3.3.10). UNTIL is honoured only where it is a date or a naive wall clock: a UTC one needs a zone, so it
    is a day generous here and the caller filters. Rules without COUNT, and those with a constant number of
    instances per period, jump to ``low`` at once; other rules with COUNT are walked from ``start``, which the
    budget bounds.

    Raises:
        TooManyInstances: the budget is spent, or the rule is SECONDLY.
    """
    if rule.freq is Frequency.SECONDLY:
        raise TooManyInstances("A rule that repeats every second is not taken; use MINUTELY or rarer.")
    if rule.until is not None:
        high = min(high, until_wall_clock(rule.until, is_date=False))
    low = max(low, start)
    if high < low:
        return
    walker = _Walker(rule, start, budget)
    first = walker.period_of(low)
    if rule.count is None:
        for value in walker.run(first, high):
            if value > high:
                return
            if value >= low:
                yield value
        return
    yield from _counted(walker, first, low, high, trail or Trail())


def _counted(walker: _Walker, first: int, low: datetime, high: datetime, trail: Trail) -> Iterator[datetime]:
    """Yield as ``walk`` does, for a rule with COUNT."""
    start = walker.start
    head = [value for value in walker.instances(0) if value >= start]
    remaining = (walker.rule.count or 0) - (0 if start in head else 1)
    steady = walker.steady_count
    if steady is None:
        first = 0
    elif first > 0:
        remaining -= len(head) + (first - 1) * steady
    if remaining > 0:
        for value in walker.run(first, high):
            if value < start:
                continue
            if value > high:
                return
            if value >= low:
                trail.last = value
                yield value
            remaining -= 1
            if remaining == 0:
                break
        else:
            return
    trail.is_exhausted = True


def until_wall_clock(until: date, *, is_date: bool) -> datetime:
    """Return the last wall-clock second that a UNTIL lets pass; UTC values are one day generous.

    A DATE includes its whole day. For all-day series (``is_date``) only the date part of UNTIL counts.
    """
    if not isinstance(until, datetime):
        return datetime.combine(until, time(23, 59, 59))
    if is_date:
        return datetime.combine(until.date(), time(23, 59, 59))
    if until.tzinfo is None:
        return until
    naive = until.astimezone(UTC).replace(tzinfo=None)
    return naive + timedelta(days=1) if naive.year < MAX_YEAR else naive


class _Walker(RuleDays):
    """The periods of one rule, numbered from the one that holds DTSTART."""

    def __init__(self, rule: Rule, start: datetime, budget: Budget) -> None:
        super().__init__(rule, start, budget)
        self.start = start
        self.start_ordinal = start.toordinal()
        self.unit_s = {Frequency.HOURLY: 3600, Frequency.MINUTELY: 60}.get(rule.freq, 0)
        if self.unit_s:
            self.units_per_day = DAY_S // self.unit_s
            second_of_day = start.hour * 3600 + start.minute * 60 + start.second
            self.start_unit = self.start_ordinal * self.units_per_day + second_of_day // self.unit_s
        self.times = self._times()
        self.week0 = self.start_ordinal - (start.weekday() - rule.week_start) % 7

    def _times(self) -> list[time]:
        """Return the times of day inside one day (or inside one hour or minute, as offsets of it)."""
        rule, start = self.rule, self.start
        if rule.freq is Frequency.MINUTELY:
            hours: Sequence[int] = (0,)
            minutes: Sequence[int] = (0,)
        elif rule.freq is Frequency.HOURLY:
            hours, minutes = (0,), rule.by_minute or (start.minute,)
        else:
            hours, minutes = rule.by_hour or (start.hour,), rule.by_minute or (start.minute,)
        seconds = rule.by_second or (start.second,)
        self.budget.spend(len(hours) * len(minutes) * len(seconds))
        return [time(h, m, s) for h in hours for m in minutes for s in seconds]

    # -- numbering

    def period_of(self, moment: datetime) -> int:
        """Return the number of the first period that can hold ``moment`` or something later."""
        rule, start = self.rule, self.start
        if rule.freq is Frequency.YEARLY:
            distance = moment.year - start.year
        elif rule.freq is Frequency.MONTHLY:
            distance = (moment.year - start.year) * 12 + moment.month - start.month
        elif rule.freq is Frequency.WEEKLY:
            distance = (moment.toordinal() - self.week0) // 7
        elif rule.freq is Frequency.DAILY:
            distance = moment.toordinal() - self.start_ordinal
        else:
            second_of_day = moment.hour * 3600 + moment.minute * 60 + moment.second
            unit = moment.toordinal() * self.units_per_day + second_of_day // self.unit_s
            distance = unit - self.start_unit
        return max(0, -(-distance // rule.interval))

    @property
    def steady_count(self) -> int | None:
        """Return how many instances every period after the first has, or None where that varies."""
        rule = self.rule
        if rule.by_set_pos or rule.by_month or rule.by_month_day or rule.by_year_day or rule.by_week_no:
            return None
        if rule.freq is Frequency.WEEKLY:
            return len(self.weekdays) * len(self.times)
        if rule.by_day:
            return None
        if rule.freq is Frequency.DAILY:
            return len(self.times)
        if rule.freq is Frequency.HOURLY and not rule.by_hour:
            return len(self.times)
        if rule.freq is Frequency.MINUTELY and not (rule.by_hour or rule.by_minute):
            return len(self.times)
        return None

    # -- running

    def run(self, first: int, high: datetime) -> Iterator[datetime]:
        """Yield the instances of all periods from number ``first`` on, until past ``high``."""
        if self.unit_s:
            yield from self._run_units(first, high)
            return
        if self.steady_count is not None:
            yield from self._run_steady(first, high)
            return
        if self.rule.freq is Frequency.DAILY:
            yield from self._run_days(first, high)
            return
        for number in itertools.count(first):
            lowest = self._first_ordinal(number)
            if lowest is None or lowest > high.toordinal():
                return
            yield from self.instances(number)

    def _first_ordinal(self, number: int) -> int | None:
        """Return the first day of a period longer than a day, or None beyond the year 9999."""
        rule, start = self.rule, self.start
        if rule.freq is Frequency.WEEKLY:
            ordinal = self.week0 + 7 * rule.interval * number
            return ordinal if ordinal <= _MAX_ORDINAL else None
        if rule.freq is Frequency.YEARLY:
            year, month = start.year + rule.interval * number, 1
        else:
            year, month = divmod(start.year * 12 + start.month - 1 + rule.interval * number, 12)
            month += 1
        return date(year, month, 1).toordinal() if year <= MAX_YEAR else None

    def instances(self, number: int) -> Iterator[datetime]:
        """Yield the instances of one period, sorted; those of the first may lie before DTSTART."""
        self.budget.spend()
        if self.unit_s:
            unit = self.start_unit + self.rule.interval * number
            if self._unit_passes(unit) and self.day_passes(unit // self.units_per_day):
                yield from self._unit_instances(unit)
            return
        first = self._first_ordinal(number) if self.rule.freq is not Frequency.DAILY else None
        if self.rule.freq is Frequency.DAILY:
            ordinal = self.start_ordinal + self.rule.interval * number
            days = [ordinal] if ordinal <= _MAX_ORDINAL and self.day_passes(ordinal) else []
        elif first is None:
            days = []
        elif self.rule.freq is Frequency.YEARLY:
            days = self.days_of_year(date.fromordinal(first).year)
        elif self.rule.freq is Frequency.MONTHLY:
            days = self.days_of_month(first)
        else:
            week = range(max(first, 1), min(first + 7, _MAX_ORDINAL + 1))
            days = [o for o in week if (o - 1) % 7 in self.weekdays and self.day_passes(o, weekday=False)]
        yield from self._at_times(days)

    def _at_times(self, days: Sequence[int]) -> Iterator[datetime]:
        times, size = self.times, len(self.times)
        if self.rule.by_set_pos:
            total = len(days) * size
            chosen = sorted({p - 1 if p > 0 else total + p for p in self.rule.by_set_pos})
            chosen = [index for index in chosen if 0 <= index < total]
            self.budget.spend(len(chosen))
            for index in chosen:
                yield datetime.combine(date.fromordinal(days[index // size]), times[index % size])
            return
        self.budget.spend(len(days) * size)
        for ordinal in days:
            day = date.fromordinal(ordinal)
            for moment in times:
                yield datetime.combine(day, moment)

    def _run_steady(self, first: int, high: datetime) -> Iterator[datetime]:
        """Walk a DAILY or WEEKLY rule whose periods are all alike: the common case, by addition alone."""
        is_weekly = self.rule.freq is Frequency.WEEKLY
        days = sorted((day - self.rule.week_start) % 7 for day in self.weekdays) if is_weekly else (0,)
        offsets = [
            timedelta(days=day, hours=t.hour, minutes=t.minute, seconds=t.second)
            for day in days
            for t in self.times
        ]
        length = self.rule.interval * (7 if is_weekly else 1)
        ordinal = (self.week0 if is_weekly else self.start_ordinal) + length * first
        last = min(high.toordinal(), _MAX_ORDINAL - 7)
        spend, cost = self.budget.spend, len(offsets)
        base = datetime(1, 1, 1)  # noqa: DTZ001 - wall clock
        while ordinal <= last:
            spend(cost)
            if ordinal < 1:  # the week that holds 1 January of the year 1 begins before datetime does
                inside = [
                    offset + timedelta(days=ordinal - 1) for offset in offsets if ordinal + offset.days > 0
                ]
                yield from (base + offset for offset in inside)
            else:
                day = base + timedelta(days=ordinal - 1)
                for offset in offsets:
                    yield day + offset
            ordinal += length

    def _run_days(self, first: int, high: datetime) -> Iterator[datetime]:
        """Walk a DAILY rule, jumping over months that BYMONTH excludes."""
        interval = self.rule.interval
        ordinal = self.start_ordinal + interval * first
        last = high.toordinal()
        while ordinal <= last:
            self.budget.spend()
            if self.months:
                skipped = self._next_month_start(ordinal)
                if skipped is None:
                    return
                if skipped > ordinal:
                    ordinal += -(-(skipped - ordinal) // interval) * interval
                    continue
            if self.day_passes(ordinal):
                yield from self._at_times((ordinal,))
            ordinal += interval

    def _next_month_start(self, ordinal: int) -> int | None:
        """Return the day itself if BYMONTH has its month, else the first of the next month it has."""
        day = date.fromordinal(ordinal)
        if day.month in self.months:
            return ordinal
        later = [m for m in self.months if m > day.month]
        year, month = (day.year, min(later)) if later else (day.year + 1, min(self.months))
        return date(year, month, 1).toordinal() if year <= MAX_YEAR else None

    def _run_units(self, first: int, high: datetime) -> Iterator[datetime]:
        """Walk an HOURLY or MINUTELY rule day by day: days that no filter lets pass cost one step."""
        interval, per_day = self.rule.interval, self.units_per_day
        unit = self.start_unit + interval * first
        last = high.toordinal()
        while True:
            ordinal = unit // per_day
            if ordinal > last or ordinal > _MAX_ORDINAL:
                return
            self.budget.spend()
            target = ordinal
            if self.months:
                jump = self._next_month_start(ordinal)
                if jump is None:
                    return
                target = jump
            if target == ordinal and not self.day_passes(ordinal):
                target = ordinal + 1
            if target == ordinal:
                end = (ordinal + 1) * per_day
                for chosen in self._units_of_day(unit, end):
                    yield from self._unit_instances(chosen)
                target = ordinal + 1
            unit += max(0, -(-(target * per_day - unit) // interval)) * interval

    def _units_of_day(self, unit: int, end: int) -> Iterator[int]:
        """Yield the hours or minutes of one day, from ``unit`` on, that INTERVAL and the BY parts leave."""
        rule, interval = self.rule, self.rule.interval
        hourly = rule.freq is Frequency.HOURLY
        hours = rule.by_hour or range(24)
        minutes: Sequence[int] = (0,) if hourly else (rule.by_minute or range(60))
        in_steps = -(-(end - unit) // interval)
        if len(hours) * len(minutes) < in_steps:
            base = end - self.units_per_day
            self.budget.spend(len(hours) * len(minutes))
            for hour in hours:
                for minute in minutes:
                    candidate = base + (hour if hourly else hour * 60 + minute)
                    if candidate >= unit and (candidate - unit) % interval == 0:
                        yield candidate
            return
        self.budget.spend(in_steps)
        yield from filter(self._unit_passes, range(unit, end, interval))

    def _unit_passes(self, unit: int) -> bool:
        """Return whether BYHOUR, and BYMINUTE of a MINUTELY rule, let an hour or minute pass."""
        hour, minute = divmod(unit % self.units_per_day, self.units_per_day // 24)
        if self.rule.by_hour and hour not in self.rule.by_hour:
            return False
        is_minutely = self.rule.freq is Frequency.MINUTELY
        return not (is_minutely and self.rule.by_minute and minute not in self.rule.by_minute)

    def _unit_instances(self, unit: int) -> Iterator[datetime]:
        ordinal, in_day = divmod(unit, self.units_per_day)
        if ordinal > _MAX_ORDINAL:
            return
        base = datetime.combine(date.fromordinal(ordinal), _MIDNIGHT) + timedelta(
            seconds=in_day * self.unit_s
        )
        times = self.times
        if self.rule.by_set_pos:
            size = len(times)
            chosen = sorted({p - 1 if p > 0 else size + p for p in self.rule.by_set_pos})
            times = [times[index] for index in chosen if 0 <= index < size]
        self.budget.spend(len(times))
        for offset in times:
            yield base.replace(minute=offset.minute or base.minute, second=offset.second)
