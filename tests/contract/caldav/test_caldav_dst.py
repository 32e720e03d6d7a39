"""Series over both changes of the clock: equal as we expand them and as the server shows them (ical.js)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.content_lines import write
from gateway.domain.ical import parse_object
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.lab.app import Laboratory
from gateway.lab.caldav.pages import occurring
from gateway.providers.contract import ObjectKey, Presentation, Put, Upsert
from plugins.caldav.account import CalDavAccount

ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Sydney", "Africa/Casablanca", "America/Sao_Paulo",
    "Australia/Lord_Howe",
)  # fmt: skip
# Sao Paulo had its last summer time in 2018/19.
YEAR = Window(start=datetime(2018, 6, 1, tzinfo=UTC), end=datetime(2019, 7, 1, tzinfo=UTC))
RULES = (
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=SU,MO",
    "FREQ=MONTHLY;BYDAY=-1SU",
    "FREQ=DAILY;UNTIL=20190501T000000Z",
)


def series(zone: str, rule: str) -> bytes:
    """Return a series in the hours in which clocks change, with one occurrence moved and one left out."""
    place = f"TZID={zone}"
    head = ["UID:dst@example.org", "DTSTAMP:20180101T000000Z"]
    first = "20180701" if rule.startswith("FREQ=DAILY") or "BYDAY=SU," in rule else "20180624"
    moved = {"FREQ=D": "20181105", "FREQ=W": "20181105", "FREQ=M": "20181125"}[rule[:6]]
    return write(
        [
            "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", *head,
            f"DTSTART;{place}:{first}T013000", f"DTEND;{place}:{first}T043000", f"RRULE:{rule}",
            f"EXDATE;{place}:20190331T013000", "SUMMARY:At night", "END:VEVENT",
            "BEGIN:VEVENT", *head, f"RECURRENCE-ID;{place}:{moved}T013000",
            f"DTSTART;{place}:{moved}T120000", f"DTEND;{place}:{moved}T130000", "SUMMARY:At noon",
            "END:VEVENT", "END:VCALENDAR",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("rewrites", [False, True])
async def test_pain_21_series_over_both_changes_keep_their_wall_clock_caldav(
    laboratory: Laboratory, account: CalDavAccount, calendar_id: str, rewrites: bool
) -> None:
    laboratory.lab.settings.patch({"dav_rewrite": rewrites})
    calendar = laboratory.dav.calendar("ada", calendar_id.rstrip("/").rpartition("/")[2])
    view = ZoneInfo("UTC")
    for zone in ZONES:
        for rule in RULES:
            ical = series(zone, rule)
            key = ObjectKey(instance_id="i", resource_uuid=f"{zone} {rule}", uid="dst@example.org")
            made = await account.push(
                calendar_id, Put(key=key, ical=ical, presentation=Presentation(zone=zone))
            )
            assert isinstance(made, Upsert)
            calendar.resources, rest = (
                {made.remote_id: calendar.resources[made.remote_id]},
                calendar.resources,
            )
            days = (YEAR.end - YEAR.start).days
            shown = {
                (row["title"], row["start"].astimezone(UTC))
                for row in occurring(laboratory.dav, calendar, view, date(2018, 6, 1), days)
            }
            calendar.resources = rest
            for side in (ical, made.ical):
                found = expand(
                    parse_object(side, max_bytes=10**6), zone=ZoneInfo(zone), window=YEAR, limit=5000
                ).occurrences
                starts = {one.start for one in found}
                assert starts == {start for _, start in shown}, (zone, rule)
                walls = {one.start.astimezone(ZoneInfo(zone)).time() for one in found}
                # A wall clock that was skipped that night is read with the offset before (RFC 5545 §3.3.5).
                assert {wall.hour for wall in walls} <= {1, 2, 12}, (zone, rule, walls)
