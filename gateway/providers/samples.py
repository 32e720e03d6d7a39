"""Small calendar objects with which ``ProviderContract`` asks its questions."""

from __future__ import annotations

from gateway.domain.content_lines import write


def _calendar(*lines: str, name: str = "VEVENT") -> bytes:
    return write(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Example//Test//EN",
            *_events(lines, name),
            "END:VCALENDAR",
        ]
    )


def _events(lines: tuple[str, ...], name: str) -> list[str]:
    """Return components; the line ``--`` begins the next one."""
    head = ["UID:sample@example.org", "DTSTAMP:20260101T000000Z"]
    result = [f"BEGIN:{name}", *head]
    for line in lines:
        result += [f"END:{name}", f"BEGIN:{name}", *head] if line == "--" else [line]
    return [*result, f"END:{name}"]


_BERLIN = ";TZID=Europe/Berlin:"
SINGLE = _calendar(
    f"DTSTART{_BERLIN}20260327T100000", f"DTEND{_BERLIN}20260327T110000", "SUMMARY:Sample", "LOCATION:Room 1"
)
SERIES = _calendar(
    f"DTSTART{_BERLIN}20260320T100000",
    f"DTEND{_BERLIN}20260320T113000",
    "RRULE:FREQ=WEEKLY;COUNT=8",
    f"EXDATE{_BERLIN}20260403T100000",
    "SUMMARY:Weekly",
    "--",
    f"RECURRENCE-ID{_BERLIN}20260327T100000",
    f"DTSTART{_BERLIN}20260328T150000",
    f"DTEND{_BERLIN}20260328T160000",
    "SUMMARY:Weekly\\, moved",
    "--",
    f"RECURRENCE-ID{_BERLIN}20260410T100000",
    f"DTSTART{_BERLIN}20260410T100000",
    f"DTEND{_BERLIN}20260410T113000",
    "SUMMARY:Weekly",
    "STATUS:CANCELLED",
)
TASK = _calendar("DTSTART:20260327T090000Z", "SUMMARY:Task", name="VTODO")
WITH_GUESTS = _calendar(
    "DTSTART:20260327T090000Z",
    "DTEND:20260327T100000Z",
    "SUMMARY:Guests",
    "ORGANIZER:mailto:ada@example.org",
    "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ben@example.org",
)
SAMPLES = {
    "single": SINGLE,
    "series": SERIES,
    "guests": WITH_GUESTS,
    "utc": _calendar("DTSTART:20260327T090000Z", "DURATION:PT45M", "SUMMARY:UTC"),
    "floating": _calendar("DTSTART:20260327T090000", "DTEND:20260327T100000", "SUMMARY:Floating"),
    "all-day": _calendar("DTSTART;VALUE=DATE:20260327", "SUMMARY:One day"),
    "days": _calendar(
        "DTSTART;VALUE=DATE:20260327",
        "DTEND;VALUE=DATE:20260330",
        "SUMMARY:Three days",
        "TRANSP:TRANSPARENT",
    ),
    "yearly": _calendar("DTSTART;VALUE=DATE:20260301", "RRULE:FREQ=YEARLY", "SUMMARY:Every year"),
    "daily-series-over-dst": _calendar(
        f"DTSTART{_BERLIN}20260326T023000",
        f"DTEND{_BERLIN}20260326T033000",
        "RRULE:FREQ=DAILY;UNTIL=20260402T003000Z",
        "SUMMARY:At night",
    ),
    "dates": _calendar(
        "DTSTART:20260327T090000Z",
        "DTEND:20260327T100000Z",
        "RDATE:20260329T090000Z,20260331T140000Z",
        "SUMMARY:Listed dates",
    ),
    "moved": _calendar(
        f"DTSTART{_BERLIN}20260321T100000",
        f"DTEND{_BERLIN}20260321T110000",
        "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=4",
        "SUMMARY:Every other day",
        "--",
        f"RECURRENCE-ID{_BERLIN}20260325T100000",
        f"DTSTART{_BERLIN}20260324T090000",
        f"DTEND{_BERLIN}20260324T120000",
        "SUMMARY:Every other day\\, longer",
        "DESCRIPTION:Another text",
    ),
    "private": _calendar(
        "DTSTART:20260327T090000Z", "DTEND:20260327T100000Z", "SUMMARY:Private", "CLASS:PRIVATE"
    ),
    "tentative": _calendar(
        "DTSTART:20260327T090000Z", "DTEND:20260327T100000Z", "SUMMARY:Perhaps", "STATUS:TENTATIVE"
    ),
    "markup": _calendar(
        "DTSTART:20260327T090000Z",
        "DTEND:20260327T100000Z",
        "SUMMARY:1 < 2 & <b>three</b>",
        "DESCRIPTION:a < b && <b>not bold</b> &amp\\; so on\\n\\n  indented \\n<br>\\nend  ",
    ),
    "untitled": _calendar("DTSTART:20260327T090000Z", "DTEND:20260327T093000Z"),
    "long": _calendar(
        "DTSTART:20260327T090000Z", "DTEND:20260327T100000Z", "SUMMARY:Long", "DESCRIPTION:" + "äö " * 4000
    ),
}


def edited(ical: bytes) -> bytes:
    """Return the object with another title and one more line of description."""
    return ical.replace(b"SUMMARY:", b"DESCRIPTION:Edited\r\nSUMMARY:Edited ")
