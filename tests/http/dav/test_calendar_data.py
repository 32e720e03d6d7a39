"""The quick way of expanding single events gives what the thorough one gives."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugins.radicale import calendar_data
from plugins.radicale.calendar_data import CalendarData

OWN = (
    "BEGIN:VTIMEZONE\r\nTZID:Own\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0300\r\n"
    "TZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)
TIMES = {
    "utc": "DTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z",
    "zone": "DTSTART;TZID=Europe/Berlin:20260310T090000\r\nDTEND;TZID=America/New_York:20260310T090000",
    "windows zone": "DTSTART;TZID=W. Europe Standard Time:20260310T090000\r\nDTEND:20260310T100000Z",
    "own zone": "DTSTART;TZID=Own:20260310T090000\r\nDTEND;TZID=Own:20260310T100000",
    "unknown zone": "DTSTART;TZID=Nowhere:20260310T090000\r\nDTEND;TZID=Nowhere:20260310T100000",
    "floating": "DTSTART:20260310T090000\r\nDTEND:20260310T100000",
    "day": "DTSTART;VALUE=DATE:20260310\r\nDTEND;VALUE=DATE:20260312",
    "no length": "DTSTART:20260310T090000Z\r\nDTEND:20260310T090000Z",
    "outside": "DTSTART:20260410T090000Z\r\nDTEND:20260410T100000Z",
    "ends at the start": "DTSTART:20260308T230000Z\r\nDTEND:20260309T000000Z",
    "missing hour": "DTSTART;TZID=Europe/Berlin:20260329T023000\r\nDTEND;TZID=Europe/Berlin:20260329T033000",
}


@pytest.mark.parametrize("name", TIMES)
def test_single_events_expand_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ical = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{OWN}BEGIN:VEVENT\r\nUID:one\r\n"
        f"DTSTAMP:20260101T000000Z\r\n{TIMES[name]}\r\nSUMMARY:Ä\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\n"
        "TRIGGER:-PT5M\r\nDESCRIPTION:x\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()
    end = "20260401T000000Z" if name == "missing hour" else "20260316T000000Z"
    node = ET.fromstring(
        '<C:calendar-data xmlns:C="urn:ietf:params:xml:ns:caldav">'
        f'<C:expand start="20260309T000000Z" end="{end}"/></C:calendar-data>'
    )

    def expanded() -> str:
        return CalendarData.of(node, zone=ZoneInfo("Europe/Berlin"), limit=5000).element(ical)

    quick = expanded()

    def never(*_: Any) -> None:
        return None

    monkeypatch.setattr(calendar_data, "single_event", never)
    assert quick == expanded()
