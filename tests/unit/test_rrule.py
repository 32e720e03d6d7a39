"""Recurrence rules: against dateutil on ordinary rules, and bounded on hostile ones."""

# ruff: noqa: DTZ001 - wall clocks are what these tests are about

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar.prop import vRecur

from gateway.domain.errors import InvalidInput, TooManyInstances
from gateway.domain.rrule import Budget, Rule, read_rule, walk

LOW = datetime(2025, 1, 1)
HIGH = datetime(2028, 1, 1)
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def rule_of(text: str) -> Rule:
    return read_rule(vRecur.from_ical(text))


def starts(text: str, start: datetime, low: datetime = LOW, high: datetime = HIGH) -> list[datetime]:
    return list(walk(rule_of(text), start, low=low, high=high, budget=Budget()))


def numbers(low: int, high: int, *, signed: bool = False) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    if signed:
        value |= st.integers(-high, -low)
    return st.lists(value, min_size=1, max_size=3, unique=True).map(lambda v: ",".join(map(str, v)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Draw an ordinary rule whose meaning RFC 5545 and dateutil agree on, and that dateutil can afford."""
    freq = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"]))
    within_a_day = freq in {"HOURLY", "MINUTELY"}
    parts = []
    if draw(st.booleans()) and not within_a_day:
        parts.append(f"BYMONTH={draw(numbers(1, 12))}")
    if freq not in {"WEEKLY", "HOURLY", "MINUTELY"} and draw(st.booleans()):
        parts.append(f"BYMONTHDAY={draw(numbers(1, 28, signed=True))}")
    if freq == "YEARLY" and not parts and draw(st.booleans()):
        parts.append(f"BYYEARDAY={draw(numbers(1, 366, signed=True))}")
    if draw(st.booleans()):
        days = st.sampled_from(WEEKDAYS)
        # dateutil intersects days with and without an ordinal where both stand; the RFC unites them.
        is_free = not any(part.startswith(("BYMONTHDAY", "BYYEARDAY")) for part in parts)
        if freq in {"YEARLY", "MONTHLY"} and is_free and draw(st.booleans()):
            days = st.tuples(st.sampled_from(["1", "2", "3", "-1", "-2"]), days).map("".join)
        parts.append("BYDAY=" + ",".join(draw(st.lists(days, min_size=1, max_size=3, unique=True))))
    if draw(st.booleans()):
        parts.append(f"BYHOUR={draw(numbers(0, 23))}")
    if draw(st.booleans()):
        parts.append(f"BYMINUTE={draw(numbers(0, 59))}")
    if parts and not within_a_day and draw(st.booleans()):
        parts.append("BYSETPOS=" + draw(st.sampled_from(["1", "-1", "1,-1"])))
    if freq == "WEEKLY" and draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    if not (within_a_day and parts) and draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.sampled_from([1, 2, 3, 5, 7]))}")
    return ";".join([f"FREQ={freq}", *parts])


def starts_of_dateutil(text: str, start: datetime, low: datetime, high: datetime) -> list[datetime]:
    try:
        rule = rrulestr(text, dtstart=start)
    except ValueError:  # INTERVAL never meets BYHOUR or BYMINUTE, which dateutil says so
        return []
    return list(rule.between(low, high, inc=True))


moments = st.datetimes(datetime(2020, 1, 1), datetime(2026, 12, 31)).map(lambda d: d.replace(microsecond=0))


@given(rules(), moments, st.integers(0, 400))
@settings(deadline=None)
def test_starts_equal_those_of_dateutil(text: str, start: datetime, days: int) -> None:
    is_frequent = "HOURLY" in text or "MINUTELY" in text  # dateutil walks every minute from the start on
    low = start + timedelta(days=days % 3 if is_frequent else days)
    high = low + timedelta(days=2 if is_frequent else 200)
    assert starts(text, start, low, high) == starts_of_dateutil(text, start, low, high)


@given(rules(), moments, st.integers(1, 40))
@settings(deadline=None)
def test_count_ends_the_same_instances_whatever_the_window(text: str, start: datetime, count: int) -> None:
    if "HOURLY" in text or "MINUTELY" in text:
        return
    high = start + timedelta(days=2000)
    free = starts(text, start, start, high)
    kept = free[: count if start in free else count - 1]
    counted = f"{text};COUNT={count}"
    assert starts(counted, start, start, high) == kept
    middle = start + timedelta(days=700)
    assert starts(counted, start, middle, high) == [value for value in kept if value >= middle]


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        # RFC 5545 §3.8.5.3, on wall clocks.
        ("FREQ=YEARLY;BYDAY=20MO", datetime(1997, 5, 19, 9), ["19970519", "19980518", "19990517"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", datetime(1997, 5, 12, 9),
         ["19970512", "19980511", "19990517"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", datetime(1998, 2, 13, 9),
         ["19980213", "19980313", "19981113"]),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", datetime(1997, 8, 5, 9),
         ["19970805", "19970810", "19970819", "19970824"]),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", datetime(1997, 8, 5, 9),
         ["19970805", "19970817", "19970819", "19970831"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", datetime(1997, 9, 29, 9),
         ["19970929", "19971030", "19971127"]),
        ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", datetime(2007, 1, 15, 9),
         ["20070115", "20070130", "20070215", "20070315", "20070330"]),
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", datetime(1996, 11, 5, 9),
         ["19961105", "20001107", "20041102"]),
        ("FREQ=YEARLY;BYWEEKNO=1", datetime(2024, 1, 3, 9), ["20240103", "20250101", "20251231"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", datetime(2024, 2, 29, 9),
         ["20240229", "20280229", "20320229"]),
    ],
)  # fmt: skip
def test_examples_of_the_standard(text: str, start: datetime, expected: list[str]) -> None:
    found = starts(text, start, start, start + timedelta(days=9 * 366))[: len(expected)]
    assert [f"{value:%Y%m%d}" for value in found] == expected


def many(high: int, low: int = 0) -> str:
    return ",".join(map(str, range(low, high)))


NEVER = datetime(2025, 1, 6, 9)
OLD = datetime(1601, 1, 1, 9)
FIRST = datetime(1, 1, 1, 9)


@pytest.mark.parametrize(
    ("text", "start", "most"),
    [
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", NEVER, 200),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", NEVER, 20),
        ("FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30", NEVER, 200),
        ("FREQ=HOURLY;BYYEARDAY=366;BYHOUR=5", NEVER, 1500),
        ("FREQ=MINUTELY;BYDAY=MO;BYHOUR=3;BYMINUTE=7", NEVER, 2000),
        (f"FREQ=MINUTELY;INTERVAL=1441;BYHOUR={many(24)};BYMINUTE={many(60)}", NEVER, 5000),
        ("FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1", NEVER, 50),
        ("FREQ=DAILY", FIRST, 1200),
        ("FREQ=DAILY", OLD, 1200),
        ("FREQ=DAILY;COUNT=1000000000", OLD, 1200),
        ("FREQ=WEEKLY;BYDAY=MO,FR;COUNT=1000000000", FIRST, 400),
        ("FREQ=HOURLY;INTERVAL=1000;COUNT=1000000000", OLD, 1200),
        ("FREQ=DAILY;INTERVAL=1000000000", NEVER, 10),
        ("FREQ=MINUTELY;INTERVAL=1000000000", OLD, 10),
        ("FREQ=MONTHLY;BYDAY=MO;COUNT=1000000000", OLD, 60_000),
        (f"FREQ=YEARLY;BYSETPOS=366;BYDAY=MO,TU,SU;BYHOUR={many(24)};BYMINUTE={many(60)}", NEVER, 5000),
    ],
)  # fmt: skip
def test_hostile_rules_cost_a_bounded_number_of_steps(text: str, start: datetime, most: int) -> None:
    budget = Budget()
    found = list(walk(rule_of(text), start, low=LOW, high=HIGH, budget=budget))
    assert budget.steps <= most
    assert len(found) <= 1200


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7;BYDAY=MO;COUNT=1000000000",
        f"FREQ=DAILY;BYHOUR={many(24)};BYMINUTE={many(60)};BYSECOND={many(60)}",
        f"FREQ=MINUTELY;BYSECOND={many(60)};BYMINUTE={many(60)};BYHOUR={many(24)}",
        "FREQ=HOURLY;BYDAY=MO;COUNT=1000000000",
    ],
)
def test_what_would_cost_too_much_is_refused_within_the_budget(text: str) -> None:
    budget = Budget(limit=50_000)
    with pytest.raises(TooManyInstances):
        list(walk(rule_of(text), FIRST, low=LOW, high=HIGH, budget=budget))
    assert budget.steps < 200_000


@pytest.mark.parametrize(
    "text",
    [
        "COUNT=3",
        "FREQ=DAILY;COUNT=3;UNTIL=20260101T000000Z",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;RSCALE=CHINESE",
        "FREQ=SECONDLY",
        "FREQ=DAILY;UNTIL=P1D",
    ],
)
def test_rules_that_the_standard_forbids_are_refused(text: str) -> None:
    with pytest.raises((InvalidInput, ValueError)):
        rule_of(text)


def test_dtstart_counts_even_where_the_rule_does_not_make_it() -> None:
    found = starts("FREQ=MONTHLY;BYDAY=3MO;COUNT=3", datetime(2026, 3, 9, 9), datetime(2026, 1, 1))
    assert found == [datetime(2026, 3, 16, 9), datetime(2026, 4, 20, 9)]


def test_an_endless_rule_reaches_the_end_of_the_calendar() -> None:
    found = starts("FREQ=YEARLY", datetime(2025, 6, 1), datetime(9990, 1, 1), datetime(9999, 12, 30))
    assert len(found) == 10
    assert starts("FREQ=WEEKLY", datetime(2025, 6, 1), datetime(9999, 12, 1), datetime(9999, 12, 30))
