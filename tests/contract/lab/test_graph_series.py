"""Series at the simulated Graph: patterns, expansion, exceptions, what a patch throws away, boundaries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.lab.graph_client import (
    Graph,
    Microsoft,
    all_day,
    error_of,
    events,
    timed,
    weekly,
)

DECEMBER = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
WIDE = {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2029-12-31T00:00:00Z"}


def ruled(day: str, pattern: dict[str, Any], *, count: int = 4, end: str = "", **more: Any) -> dict[str, Any]:
    """Return the body of a series."""
    span: dict[str, Any] = {"type": "numbered", "numberOfOccurrences": count, "startDate": day}
    if end:
        span = {"type": "endDate", "endDate": end, "startDate": day}
    return timed(day, recurrence={"pattern": {"interval": 1, **pattern}, "range": span}, **more)


async def days_of(graph: Graph, body: dict[str, Any], window: dict[str, str] | None = None) -> list[str]:
    made = await graph.create(body)
    items, _, _ = await graph.pages(f"{events('', made['id'])}/instances", **(window or WIDE))
    return sorted(item["start"]["dateTime"][:10] for item in items)


@pytest.mark.parametrize(
    ("day", "pattern", "expected"),
    [
        ("2026-12-01", {"type": "daily", "interval": 3}, "2026-12-01 2026-12-04 2026-12-07 2026-12-10"),
        (
            "2026-12-01",
            {
                "type": "weekly",
                "interval": 2,
                "daysOfWeek": ["tuesday", "sunday"],
                "firstDayOfWeek": "monday",
            },
            "2026-12-01 2026-12-06 2026-12-15 2026-12-20",
        ),
        (
            "2026-12-01",
            {
                "type": "weekly",
                "interval": 2,
                "daysOfWeek": ["tuesday", "sunday"],
                "firstDayOfWeek": "sunday",
            },
            "2026-12-01 2026-12-13 2026-12-15 2026-12-27",
        ),
        (
            "2026-12-31",
            {"type": "absoluteMonthly", "dayOfMonth": 31},
            "2026-12-31 2027-01-31 2027-02-28 2027-03-31",
        ),
        (
            "2026-12-08",
            {"type": "relativeMonthly", "daysOfWeek": ["tuesday"], "index": "second"},
            "2026-12-08 2027-01-12 2027-02-09 2027-03-09",
        ),
        (
            "2026-12-31",
            {
                "type": "relativeMonthly",
                "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
                "index": "last",
            },
            "2026-12-31 2027-01-29 2027-02-26 2027-03-31",
        ),
        (
            "2026-03-01",
            {"type": "absoluteYearly", "dayOfMonth": 1, "month": 3},
            "2026-03-01 2027-03-01 2028-03-01 2029-03-01",
        ),
        (
            "2026-03-29",
            {"type": "relativeYearly", "daysOfWeek": ["sunday"], "index": "last", "month": 3},
            "2026-03-29 2027-03-28 2028-03-26 2029-03-25",
        ),
    ],
)
async def test_patterns_expand_as_outlook_does(
    graph: Graph, day: str, pattern: dict[str, Any], expected: str
) -> None:
    assert await days_of(graph, ruled(day, pattern)) == expected.split()


async def test_a_series_keeps_its_wall_clock_over_a_change_of_the_offset(graph: Graph) -> None:
    pattern = {"type": "weekly", "daysOfWeek": ["monday"], "firstDayOfWeek": "monday"}
    made = await graph.create(ruled("2026-10-19", pattern, zone="W. Europe Standard Time"))
    items, _, _ = await graph.pages(f"{events('', made['id'])}/instances", **WIDE)
    hours = [item["start"]["dateTime"][11:16] for item in sorted(items, key=lambda item: str(item["start"]))]
    assert hours == ["08:00", "09:00", "09:00", "09:00"]


async def test_the_end_date_is_a_date_of_the_series_zone_and_included(graph: Graph) -> None:
    pattern = {"type": "daily"}
    body = ruled("2026-12-01", pattern, end="2026-12-03", start="00:30", zone="Asia/Tokyo")
    assert len(await days_of(graph, body)) == 3


@pytest.mark.parametrize(
    "pattern",
    [
        {"type": "weekly", "firstDayOfWeek": "monday"},
        {"type": "absoluteMonthly"},
        {"type": "daily", "interval": 0},
        {"type": "daily", "interval": 1000},
        {"type": "daily", "daysOfWeek": ["monday"]},
        {"type": "relativeYearly", "daysOfWeek": ["monday"], "index": "first"},
        {"type": "absoluteYearly", "dayOfMonth": 32, "month": 1},
    ],
)
async def test_a_pattern_with_missing_or_foreign_fields_is_refused(
    graph: Graph, pattern: dict[str, Any]
) -> None:
    reply = await graph.call("POST", "me/events", ruled("2026-12-01", pattern))
    assert (reply.status, error_of(reply)) == (400, "ErrorInvalidRequest")


async def test_a_range_must_begin_with_the_start_and_be_whole(graph: Graph) -> None:
    for change in (
        {"startDate": "2026-12-02"},
        {"type": "numbered", "numberOfOccurrences": 0},
        {"type": "endDate", "endDate": "2026-11-30"},
        {"recurrenceTimeZone": "Mars Standard Time"},
    ):
        body = weekly()
        body["recurrence"]["range"] |= change
        assert (await graph.call("POST", "me/events", body)).status == 400


async def test_a_start_off_the_pattern_is_shifted_or_refused_by_switch(graph: Graph) -> None:
    body = weekly("2026-12-02", "tuesday")
    assert (await days_of(graph, body))[0] == "2026-12-08"
    await graph.lab.set(misfit_start="refuse")
    assert (await graph.call("POST", "me/events", body)).status == 400


async def test_occurrences_that_overlap_the_next_one_are_refused(graph: Graph) -> None:
    body = ruled("2026-12-01", {"type": "daily"})
    body["end"]["dateTime"] = "2026-12-02T12:00:00"
    reply = await graph.call("POST", "me/events", body)
    assert (reply.status, error_of(reply)) == (400, "ErrorOccurrenceCrossingBoundary")
    await graph.lab.set(occurrence_boundaries=False)
    assert (await graph.call("POST", "me/events", body)).status == 201


async def test_an_exception_carries_its_original_start_and_a_deleted_one_is_absent(graph: Graph) -> None:
    made = await graph.create(weekly())
    path = f"{events('', made['id'])}/instances"
    items = sorted((await graph.pages(path, **DECEMBER))[0], key=lambda item: str(item["start"]))
    assert [item["type"] for item in items] == ["occurrence"] * 4
    assert items[0]["seriesMasterId"] == made["id"]
    moved = {name: timed("2026-12-09")[name] for name in ("start", "end")}
    exception = await graph.ok("PATCH", events("", items[1]["id"]), {"subject": "Moved", **moved})
    assert (exception["type"], exception["originalStart"]) == ("exception", "2026-12-08T09:00:00.0000000Z")
    await graph.ok("DELETE", events("", items[2]["id"]))
    now = sorted((await graph.pages(path, **DECEMBER))[0], key=lambda item: str(item["start"]))
    assert [item["start"]["dateTime"][:10] for item in now] == ["2026-12-01", "2026-12-09", "2026-12-22"]
    assert (await graph.call("GET", events("", items[2]["id"]))).status == 404
    master = await graph.ok("GET", events("", made["id"]))
    assert master["changeKey"] != made["changeKey"]
    assert not {"cancelledOccurrences", "exceptionOccurrences"} & set(master)
    full = await graph.ok(
        "GET",
        events("", made["id"]),
        S_select="subject,cancelledOccurrences,exceptionOccurrences",
        S_expand="exceptionOccurrences",
    )
    assert [name[-10:] for name in full["cancelledOccurrences"]] == ["2026-12-15"]
    assert [item["subject"] for item in full["exceptionOccurrences"]] == ["Moved"]


@pytest.mark.parametrize("change", ["times", "rule"])
async def test_new_times_or_a_new_rule_throw_exceptions_away(graph: Graph, change: str) -> None:
    made = await graph.create(weekly())
    path = f"{events('', made['id'])}/instances"
    items = sorted((await graph.pages(path, **DECEMBER))[0], key=lambda item: str(item["start"]))
    await graph.ok("PATCH", events("", items[1]["id"]), {"subject": "Special"})
    await graph.ok("DELETE", events("", items[2]["id"]))
    await graph.ok("PATCH", events("", made["id"]), {"subject": "Renamed"})
    kept = (await graph.pages(path, **DECEMBER))[0]
    assert sorted(item["subject"] for item in kept) == ["Renamed", "Renamed", "Special"]
    body = weekly() if change == "rule" else timed(start="12:00", end="13:00")
    names = ("recurrence",) if change == "rule" else ("start", "end")
    await graph.ok("PATCH", events("", made["id"]), {name: body[name] for name in names})
    wiped = (await graph.pages(path, **DECEMBER))[0]
    assert [item["subject"] for item in wiped] == ["Renamed"] * 4


async def test_a_series_becomes_single_by_a_null_recurrence(graph: Graph) -> None:
    made = await graph.create(weekly())
    single = await graph.ok("PATCH", events("", made["id"]), {"recurrence": None})
    assert (single["type"], single["recurrence"]) == ("singleInstance", None)


async def test_an_occurrence_may_not_pass_or_meet_its_neighbour(graph: Graph) -> None:
    made = await graph.create(weekly())
    path = f"{events('', made['id'])}/instances"
    items = sorted((await graph.pages(path, **DECEMBER))[0], key=lambda item: str(item["start"]))
    for day in ("2026-12-15", "2026-12-16", "2026-12-01", "2026-11-30"):
        moved = {name: timed(day, "14:00", "15:00")[name] for name in ("start", "end")}
        reply = await graph.call("PATCH", events("", items[1]["id"]), moved)
        assert (reply.status, error_of(reply)) == (400, "ErrorOccurrenceCrossingBoundary"), day


async def test_windows_are_required_ordered_and_capped(graph: Graph, ms: Microsoft) -> None:
    window = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2032-12-31T00:00:00Z"}
    assert (await graph.call("GET", "me/calendarView", **window)).status == 400
    backwards = {"startDateTime": "2026-12-02T00:00:00Z", "endDateTime": "2026-12-01T00:00:00Z"}
    assert (await graph.call("GET", "me/calendarView", **backwards)).status == 400


@pytest.mark.provokes_violations
async def test_a_view_without_both_dates_is_refused(graph: Graph) -> None:
    reply = await graph.call("GET", "me/calendarView", startDateTime="2026-12-01T00:00:00Z")
    assert reply.status == 400
    made = await graph.create(weekly())
    assert (await graph.call("GET", f"{events('', made['id'])}/instances")).status == 400


async def test_the_view_holds_occurrences_singles_and_all_day_events(graph: Graph) -> None:
    await graph.create(weekly())
    await graph.create(timed("2026-12-02"))
    await graph.create(all_day("2026-12-03", "2026-12-05"))
    items, _, pages = await graph.pages("me/calendarView", **DECEMBER)
    assert len(items) == 6
    assert pages > 1
    starts = [item["start"]["dateTime"] for item in items]
    assert starts == sorted(starts)
    narrow = {"startDateTime": "2026-12-04T10:00:00Z", "endDateTime": "2026-12-04T11:00:00Z"}
    assert [item["subject"] for item in (await graph.pages("me/calendarView", **narrow))[0]] == ["Closed"]


async def test_busy_times_are_told_per_address_and_errors_stand_inside_the_answer(
    ms: Microsoft, graph: Graph
) -> None:
    await graph.create(timed(showAs="oof", sensitivity="private"))
    await graph.create(timed(start="11:30", end="12:00", showAs="free"))
    body = {
        "schedules": ["ada@example.org", "ben@example.org", "nobody@example.org"],
        "startTime": {"dateTime": "2026-12-01T10:00:00", "timeZone": "Europe/Berlin"},
        "endTime": {"dateTime": "2026-12-01T12:00:00", "timeZone": "Europe/Berlin"},
        "availabilityViewInterval": 30,
    }
    first, second, third = (await graph.ok("POST", "me/calendar/getSchedule", body))["value"]
    assert first["availabilityView"] == "3300"
    assert [item["status"] for item in first["scheduleItems"]] == ["oof", "free"]
    assert first["scheduleItems"][0]["subject"] is None
    assert second["availabilityView"] == "0000"
    assert third["error"]["responseCode"] == "ErrorMailRecipientNotFound"
    long = {**body, "endTime": {"dateTime": "2027-03-01T12:00:00", "timeZone": "Europe/Berlin"}}
    reply = await graph.call("POST", "me/calendar/getSchedule", long)
    assert (reply.status, error_of(reply)) == (400, "ErrorTimeIntervalTooBig")
    many = {**body, "schedules": ["ada@example.org"] * 21}
    assert (await graph.call("POST", "me/calendar/getSchedule", many)).status == 400
    personal = await ms.graph("eve@personal.example")
    assert (await personal.call("POST", "me/calendar/getSchedule", body)).status == 403


async def test_an_all_day_event_is_busy_on_the_day_of_its_own_zone(graph: Graph) -> None:
    await graph.create(all_day(showAs="oof"))
    body = {
        "schedules": ["ada@example.org"],
        "startTime": {"dateTime": "2026-11-30T22:00:00", "timeZone": "UTC"},
        "endTime": {"dateTime": "2026-12-01T00:00:00", "timeZone": "UTC"},
        "availabilityViewInterval": 60,
    }
    found = (await graph.ok("POST", "me/calendar/getSchedule", body))["value"][0]
    assert found["availabilityView"] == "03"
