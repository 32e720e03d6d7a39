"""The objects of a live check: in the weeks ahead, with a zone, an exception and a lost occurrence."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.domain.content_lines import PRODID, write

ZONE = "Europe/Berlin"
_UID = "live-check@calgate"
_ZONE_LINES = (
    "BEGIN:VTIMEZONE",
    "TZID:Europe/Berlin",
    "BEGIN:DAYLIGHT",
    "TZNAME:CEST",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0200",
    "DTSTART:19700329T020000",
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
    "END:DAYLIGHT",
    "BEGIN:STANDARD",
    "TZNAME:CET",
    "TZOFFSETFROM:+0200",
    "TZOFFSETTO:+0100",
    "DTSTART:19701025T030000",
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
    "END:STANDARD",
    "END:VTIMEZONE",
)


def series(now: datetime) -> bytes:
    """Return eight weekly occurrences from next week on: the second lost, the third moved and renamed."""
    first = _day(now, 7)
    return _object(
        *_times(first, 10, 11),
        "RRULE:FREQ=WEEKLY;COUNT=8",
        f"EXDATE;TZID={ZONE}:{_at(first + timedelta(days=7), 10)}",
        "SUMMARY:Calgate live check",
        "DESCRIPTION:Made by calgate live-check\\, and removed by it.",
        "LOCATION:Nowhere",
        "--",
        f"RECURRENCE-ID;TZID={ZONE}:{_at(first + timedelta(days=14), 10)}",
        *_times(first + timedelta(days=15), 14, 16),
        "SUMMARY:Calgate live check\\, moved",
    )


def single(now: datetime, kind: str) -> bytes:
    """Return one event: ``timed``, with text that is easily mangled, or ``all-day``."""
    if kind == "all-day":
        day = _day(now, 9)
        return _object(
            f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{day + timedelta(days=2):%Y%m%d}",
            "SUMMARY:Calgate live check\\, two days",
        )
    return _object(
        *_times(_day(now, 8), 9, 10),
        "SUMMARY:Calgate live check: 1 < 2 & <b>three</b> \u00e4\u00f6 \U0001f4c5",
        "DESCRIPTION:First line\\n\\nsecond\\; line",
        "LOCATION:Nowhere",
        "CLASS:PRIVATE",
        "TRANSP:TRANSPARENT",
    )


def edited(ical: bytes) -> bytes:
    """Return the object with another place; titles and times stay."""
    return ical.replace(b"LOCATION:Nowhere", b"LOCATION:Elsewhere")


def _day(now: datetime, days: int) -> datetime:
    return (now + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def _at(day: datetime, hour: int) -> str:
    return f"{day:%Y%m%d}T{hour:02d}0000"


def _times(day: datetime, start: int, end: int) -> tuple[str, str]:
    return f"DTSTART;TZID={ZONE}:{_at(day, start)}", f"DTEND;TZID={ZONE}:{_at(day, end)}"


def _object(*lines: str) -> bytes:
    head = [f"UID:{_UID}", "DTSTAMP:20260101T000000Z"]
    body = ["BEGIN:VEVENT", *head]
    for line in lines:
        body += ["END:VEVENT", "BEGIN:VEVENT", *head] if line == "--" else [line]
    return write(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            f"PRODID:{PRODID}",
            *_ZONE_LINES,
            *body,
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )
