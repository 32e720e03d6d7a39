"""The schedule of the demo organisation: pure, two months around a day, every kind of calendar object.

Series with overrides and cancelled instances, all-day and multi-day objects, several zones, a block, a
hold and a private appointment. Times of one room never meet, because rooms refuse clashes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import escape_text, fold
from gateway.domain.model import Window
from gateway.domain.vtimezone import vtimezone_lines

_NAMESPACE = uuid.UUID("6f1d9f0e-6a57-4b6e-9a3f-0d6e5b1b6c11")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoObject:
    """One calendar object of the demo and the slug of the resource it belongs to."""

    slug: str
    ical: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    slug: str
    title: str
    zone: str
    first: datetime
    length: timedelta
    rule: str | None = None
    except_weeks: tuple[int, ...] = ()
    moved_week: tuple[int, timedelta, str] | None = None
    extra: tuple[str, ...] = ()


def schedule(today: date) -> Iterator[DemoObject]:
    """Yield every object of the demo for two months around ``today``."""
    monday = today - timedelta(days=today.weekday() + 28)
    for series in _timed(monday):
        yield DemoObject(slug=series.slug, ical=_timed_object(series))
    for slug, title, start, end, extra in _whole_days(monday):
        yield DemoObject(slug=slug, ical=_dated_object(slug, title, start, end, extra))


def _timed(monday: date) -> Iterator[_Series]:
    def at(day: int, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(monday + timedelta(days=day), time(hour, minute))  # a wall clock

    hour, half = timedelta(hours=1), timedelta(minutes=30)
    berlin, london, new_york = "Europe/Berlin", "Europe/London", "America/New_York"
    until = "RRULE:FREQ=WEEKLY;COUNT=9"
    yield _Series(
        slug="room-lindau", title="Weekly planning", zone=berlin, first=at(0, 9), length=hour, rule=until,
        except_weeks=(3,), moved_week=(5, timedelta(hours=4), "Weekly planning (moved to the afternoon)"),
        extra=("DESCRIPTION:Who does what this week.", "LOCATION:Room Lindau, 2nd floor"),
    )  # fmt: skip
    yield _Series(
        slug="room-lindau", title="Interviews", zone=berlin, first=at(2, 10), length=3 * hour,
        rule="RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=5",
    )  # fmt: skip
    yield _Series(
        slug="room-lindau", title="Yoga at lunch", zone=berlin, first=at(3, 12, 15), length=hour - half / 2,
        rule="RRULE:FREQ=WEEKLY", extra=("CATEGORIES:Health",),
    )  # fmt: skip
    yield _Series(
        slug="room-atlas", title="Board meeting", zone=berlin, first=at(1, 14), length=3 * hour,
        rule="RRULE:FREQ=MONTHLY;BYDAY=2TU;COUNT=4", extra=("CLASS:CONFIDENTIAL",),
    )  # fmt: skip
    yield _Series(
        slug="room-atlas", title="Training: first aid", zone=berlin, first=at(30, 8, 30), length=8 * hour,
    )  # fmt: skip
    yield _Series(
        slug="room-atlas", title="Option: customer day", zone=berlin, first=at(36, 9), length=8 * hour,
        extra=("X-CALGATE-KIND:hold", "STATUS:TENTATIVE"),
    )  # fmt: skip
    yield _Series(
        slug="anna", title="Stand-up", zone=berlin, first=at(0, 8, 45), length=half / 2,
        rule="RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;COUNT=45", except_weeks=(2,),
    )  # fmt: skip
    yield _Series(
        slug="anna", title="Dentist", zone=berlin, first=at(31, 16), length=hour, extra=("CLASS:PRIVATE",),
    )  # fmt: skip
    yield _Series(
        slug="ben", title="Call with New York", zone=new_york, first=at(2, 9), length=hour, rule=until,
        extra=("DESCRIPTION:Same hour in New York all year, whatever the clocks in London do.",),
    )  # fmt: skip
    yield _Series(
        slug="ben", title="Focus time", zone=london, first=at(4, 13), length=3 * hour,
        rule="RRULE:FREQ=WEEKLY", extra=("TRANSP:TRANSPARENT",),
    )  # fmt: skip
    yield _Series(
        slug="chloe", title="Site visit Boston", zone=new_york, first=at(33, 7, 30), length=11 * hour,
        extra=("LOCATION:Boston",),
    )  # fmt: skip
    yield _Series(
        slug="van-1", title="Delivery round north", zone=berlin, first=at(1, 6), length=5 * hour,
        rule="RRULE:FREQ=WEEKLY;BYDAY=TU,TH;COUNT=18", except_weeks=(4,),
    )  # fmt: skip
    yield _Series(
        slug="projector", title="Lent to the school", zone=berlin, first=at(24, 7), length=57 * hour,
    )  # fmt: skip


def _whole_days(monday: date) -> Iterator[tuple[str, str, date, date, tuple[str, ...]]]:
    def day(offset: int) -> date:
        return monday + timedelta(days=offset)

    yield "anna", "Holiday", day(42), day(49), ("X-MICROSOFT-CDO-BUSYSTATUS:OOF",)
    yield "ben", "Conference", day(22), day(25), ("LOCATION:Lisbon",)
    yield "chloe", "Birthday", day(38), day(39), ("TRANSP:TRANSPARENT", "RRULE:FREQ=YEARLY")
    yield "van-1", "Inspection", day(51), day(52), ("X-CALGATE-KIND:block",)
    yield "room-lindau", "New carpet", day(47), day(49), ("X-CALGATE-KIND:block",)


def _timed_object(series: _Series) -> bytes:
    def stamp(value: datetime) -> str:
        return f";TZID={series.zone}:{value:%Y%m%dT%H%M%S}"

    uid = _uid(series.slug, series.title)
    head = [f"UID:{uid}", f"DTSTAMP:{series.first:%Y%m%d}T000000Z"]
    master = [
        "BEGIN:VEVENT", *head, f"SUMMARY:{escape_text(series.title)}",
        f"DTSTART{stamp(series.first)}", f"DTEND{stamp(series.first + series.length)}",
    ]  # fmt: skip
    if series.rule:
        master.append(series.rule)
    master += [f"EXDATE{stamp(series.first + timedelta(weeks=week))}" for week in series.except_weeks]
    master += [*series.extra, "END:VEVENT"]
    override: list[str] = []
    if series.moved_week is not None:
        week, by, title = series.moved_week
        start = series.first + timedelta(weeks=week)
        override = [
            "BEGIN:VEVENT", *head, f"RECURRENCE-ID{stamp(start)}", f"SUMMARY:{escape_text(title)}",
            f"DTSTART{stamp(start + by)}", f"DTEND{stamp(start + by + series.length)}", "END:VEVENT",
        ]  # fmt: skip
    zone = ZoneInfo(series.zone)
    first = series.first.replace(tzinfo=zone)
    zone_lines = vtimezone_lines(series.zone, zone, Window(start=first, end=first + timedelta(days=400)))
    return _calendar([*zone_lines, *master, *override])


def _dated_object(slug: str, title: str, start: date, end: date, extra: tuple[str, ...]) -> bytes:
    return _calendar(
        [
            "BEGIN:VEVENT", f"UID:{_uid(slug, title)}", f"DTSTAMP:{start:%Y%m%d}T000000Z",
            f"SUMMARY:{escape_text(title)}",
            f"DTSTART;VALUE=DATE:{start:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}",
            *extra, "END:VEVENT",
        ]
    )  # fmt: skip


def _calendar(lines: list[str]) -> bytes:
    whole = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Calgate//Demo//EN", *lines, "END:VCALENDAR"]
    return b"".join(fold(line) for line in whole)


def _uid(slug: str, title: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{slug}/{title}"))
