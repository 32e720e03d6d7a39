"""Export: every component's lines unchanged, one definition of each zone, nothing lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from icalendar import Calendar

from gateway.domain.errors import NotFound
from gateway.domain.model import CalendarId, ResourceKind
from gateway.services import Database, exports, imports, resources
from gateway.services.limits import Limits
from gateway.services.objects import Origin


def zone(tzid: str, offset: str) -> bytes:
    return (
        f"BEGIN:VTIMEZONE\r\nTZID:{tzid}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        f"TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    ).encode()


def event(uid: str, start: str, extra: str = "") -> bytes:
    return (
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n{start}\r\n"
        f'X-ODD;A="b:c":Folded \\n and\r\n  odd\r\n{extra}END:VEVENT\r\n'
    ).encode()


def file(*parts: bytes) -> bytes:
    return b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n" + b"".join(parts) + b"END:VCALENDAR\r\n"


@pytest.fixture
def filled(db: Database, now: datetime, limits: Limits) -> Any:
    def fill(*files: bytes) -> CalendarId:
        db.write(resources.add, "blue", name="Blue; room", kind=ResourceKind.ROOM,
                 horizon=limits.horizon(now), now=now)  # fmt: skip
        calendar_id = db.read(resources.calendar_id, "blue")
        for each in files:
            report = imports.import_file(
                db, calendar_id, each, origin=Origin(label="t"), clock=lambda: now, limits=limits
            )
            assert report.refused == []
        return calendar_id

    return fill


def test_lines_stay_and_a_zone_is_defined_once(db: Database, filled: Any) -> None:
    here = zone("Here", "+0100")
    alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nDESCRIPTION:x\r\nEND:VALARM\r\n"
    one = event("one", "DTSTART;TZID=Here:20260302T100000", alarm)
    two = event("two", "DTSTART;TZID=Here:20260303T100000")
    done = db.read(exports.export, filled(file(here, one), file(here, two)))
    assert done.objects == 2
    assert one in done.ical
    assert two in done.ical
    assert done.ical.count(b"BEGIN:VTIMEZONE") == 1
    assert b"X-WR-CALNAME:Blue\\; room\r\n" in done.ical
    assert done.ical.count(b"\r\n") == done.ical.count(b"\n")
    assert len(Calendar.from_ical(done.ical).events) == 2


def test_two_meanings_of_one_tzid_stay_apart(db: Database, filled: Any) -> None:
    one = event("one", "DTSTART;TZID=Custom:20260302T100000")
    two = event("two", "DTSTART;TZID=Custom:20260303T100000")
    done = db.read(
        exports.export, filled(file(zone("Custom", "+0100"), one), file(zone("Custom", "+0500"), two))
    )
    first, second = Calendar.from_ical(done.ical, multiple=True)
    assert [str(calendar.events[0]["UID"]) for calendar in (first, second)] == ["one", "two"]


def test_what_is_exported_can_be_imported_again_without_change(
    db: Database, filled: Any, now: datetime, limits: Limits
) -> None:
    calendar_id = filled(
        file(event("one", "DTSTART:20260302T100000Z"), event("two", "DTSTART:20260303T100000Z"))
    )
    done = db.read(exports.export, calendar_id)
    report = imports.import_file(
        db, calendar_id, done.ical, origin=Origin(label="t"), clock=lambda: now, limits=limits
    )
    assert (report.added, report.updated, report.unchanged) == (0, 0, 2)


def test_an_empty_calendar_is_a_valid_file(db: Database, filled: Any) -> None:
    done = db.read(exports.export, filled())
    assert done.objects == 0
    assert Calendar.from_ical(done.ical)["VERSION"] == "2.0"
    with pytest.raises(NotFound):
        db.read(exports.export, CalendarId(999))
