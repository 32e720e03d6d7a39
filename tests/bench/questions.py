"""What CalDAV clients ask in the benchmark, and how an answer is compared with the truth."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from tests.bench.seed_caldav import Span

_D = "{DAV:}"
_C = "{urn:ietf:params:xml:ns:caldav}"
_NAMES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:CS="http://calendarserver.org/ns/"'
XML = "application/xml; charset=utf-8"

CTAG = f"<propfind {_NAMES}><prop><CS:getctag/><sync-token/></prop></propfind>"
ETAGS = f"<propfind {_NAMES}><prop><getetag/></prop></propfind>"


def sync(token: str = "") -> str:
    """Return a sync-collection."""
    inner = f"<sync-token>{token}</sync-token><sync-level>1</sync-level><prop><getetag/></prop>"
    return f"<sync-collection {_NAMES}>{inner}</sync-collection>"


def multiget(hrefs: Iterable[str]) -> str:
    """Return a calendar-multiget of these hrefs."""
    named = "".join(f"<href>{href}</href>" for href in hrefs)
    inner = f"<prop><getetag/><C:calendar-data/></prop>{named}"
    return f"<C:calendar-multiget {_NAMES}>{inner}</C:calendar-multiget>"


def query(start: datetime, end: datetime, *, is_expanded: bool = False) -> str:
    """Return a calendar-query of the events in a range, with their data."""
    limits = f'start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"'
    data = f"<C:calendar-data><C:expand {limits}/></C:calendar-data>" if is_expanded else "<C:calendar-data/>"
    return _filtered(data, f'<C:comp-filter name="VEVENT"><C:time-range {limits}/></C:comp-filter>')


def by_uid(uid: str) -> str:
    """Return a calendar-query for one UID, as many clients ask before they write."""
    match = f'<C:text-match collation="i;octet">{uid}</C:text-match>'
    inner = f'<C:prop-filter name="UID">{match}</C:prop-filter>'
    return _filtered("<C:calendar-data/>", f'<C:comp-filter name="VEVENT">{inner}</C:comp-filter>')


def _filtered(data: str, inner: str) -> str:
    wanted = f'<C:filter><C:comp-filter name="VCALENDAR">{inner}</C:comp-filter></C:filter>'
    return f"<C:calendar-query {_NAMES}><prop><getetag/>{data}</prop>{wanted}</C:calendar-query>"


def free_busy(start: datetime, end: datetime) -> str:
    """Return a free-busy-query."""
    limits = f'start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"'
    return f"<C:free-busy-query {_NAMES}><C:time-range {limits}/></C:free-busy-query>"


# -- answers ----------------------------------------------------------------------------------------


def etags_in(body: bytes) -> dict[str, str | None]:
    """Return the entity tag by name; None for what is gone. The calendar itself is left out."""
    found: dict[str, str | None] = {}
    for response in ET.fromstring(body).iter(f"{_D}response"):
        href = unquote(response.findtext(f"{_D}href", ""))
        if href.endswith("/"):
            continue
        is_gone = "404" in response.findtext(f"{_D}status", "")
        etag = response.findtext(f"{_D}propstat/{_D}prop/{_D}getetag")
        found[href.rpartition("/")[2]] = None if is_gone else etag
    return found


def token_in(body: bytes) -> str:
    """Return the sync token of an answer."""
    return next((node.text or "" for node in ET.fromstring(body).iter(f"{_D}sync-token")), "")


def data_in(body: bytes) -> dict[str, str]:
    """Return the calendar data by name."""
    found = {}
    for response in ET.fromstring(body).iter(f"{_D}response"):
        data = response.findtext(f"{_D}propstat/{_D}prop/{_C}calendar-data")
        if data is not None:
            found[unquote(response.findtext(f"{_D}href", "")).rpartition("/")[2]] = data
    return found


def uids_in(body: bytes) -> set[str]:
    """Return the UIDs of the objects in an answer."""
    return {
        match for data in data_in(body).values() for match in re.findall(r"^UID:(\S+)", data, re.MULTILINE)
    }


def instants_in(body: bytes) -> set[tuple[str, int, int]]:
    """Return ``(uid, start, end)`` of expanded data; what is not in UTC or a date counts for nothing."""
    found = set()
    for data in data_in(body).values():
        for event in re.findall(r"BEGIN:VEVENT(.*?)END:VEVENT", data, re.DOTALL):
            uid = re.search(r"^UID:(\S+)", event, re.MULTILINE)
            start, end = _instant(event, "DTSTART"), _instant(event, "DTEND")
            if uid is not None and start is not None and end is not None:
                found.add((uid[1], start, end))
    return found


def _instant(event: str, name: str) -> int | None:
    match = re.search(rf"^{name}(?:;VALUE=DATE)?:(\d{{8}})(?:T(\d{{6}})Z)?\s*$", event, re.MULTILINE)
    if match is None:
        return None
    return int(
        datetime.strptime(match[1] + (match[2] or "000000"), "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    )


def busy_in(body: bytes) -> list[Span]:
    """Return the busy periods of a VFREEBUSY, as they stand there."""
    text = body.decode().replace("\r\n ", "").replace("\n ", "")
    found = []
    for line in re.findall(r"^FREEBUSY(?:;FBTYPE=(?!FREE)[A-Z-]+)?:(\S+)", text, re.MULTILINE):
        for period in line.split(","):
            first, _, last = period.partition("/")
            start = _utc(first)
            found.append((start, start + _length(last) if last.startswith("P") else _utc(last)))
    return found


def _utc(value: str) -> int:
    return int(datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())


def _length(value: str) -> int:
    found = re.fullmatch(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", value)
    assert found is not None, value
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
