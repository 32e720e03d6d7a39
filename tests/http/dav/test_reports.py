"""REPORT: multiget, calendar-query and free/busy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar as ICalendar

from tests.compliance import proves

FREE = "/dav/bob/free/"
DATA = "{DAV:}propstat/{DAV:}prop/{urn:ietf:params:xml:ns:caldav}calendar-data"
VEVENT = '<C:comp-filter name="VEVENT">{}</C:comp-filter>'
WEEK = '<C:time-range start="20260309T000000Z" end="20260316T000000Z"/>'


def names(reply: Any) -> list[str]:
    return sorted(href.rsplit("/", 1)[1] for href in reply.hrefs)


@proves("RFC 4791 §7.9")
def test_multiget_gives_exact_bytes_and_says_what_is_missing(world: Any, event: Any) -> None:
    bob = world.bob
    ical = event("one", "SUMMARY:a & b < c", "DESCRIPTION:Ä\\n✓")
    bob.put(FREE + "one%20x.ics", ical)
    hrefs = [
        FREE + "one%20x.ics",
        FREE + "none.ics",
        "/dav/bob/room/one.ics",
        "http://other/x",
        "/dav/alice/free/a",
    ]
    inner = "<D:prop><D:getetag/><C:calendar-data/><D:nope/></D:prop>" + "".join(
        f"<D:href>{href}</D:href>" for href in hrefs
    )
    found = bob.report(FREE, "C:calendar-multiget", inner).by_href()
    assert set(found) == set(hrefs)
    assert found[hrefs[0]].findtext(DATA, "").encode() == ical
    for href in hrefs[1:]:
        assert "404" in found[href].findtext("{DAV:}status", "")


def zoned(uid: str, *lines: str, start: str = "20260302T090000", length: str = "PT1H") -> bytes:
    body = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", f"UID:{uid}",
        "DTSTAMP:20260101T000000Z", f"DTSTART;TZID=Europe/Berlin:{start}", f"DURATION:{length}", *lines,
        "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(body).encode()


def task(uid: str, *lines: str) -> bytes:
    body = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VTODO", f"UID:{uid}", "DTSTAMP:20260101T000000Z",
        *lines, "END:VTODO", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(body).encode()


def fill(world: Any, event: Any) -> None:
    put = world.bob.put
    rings = ("BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:x", "TRIGGER:-P1D", "END:VALARM")
    put(FREE + "tuesday.ics", event("tuesday", "SUMMARY:Bernard", "CATEGORIES:RED,BLUE", *rings))
    put(FREE + "series.ics", zoned("series", "RRULE:FREQ=DAILY", "EXDATE;TZID=Europe/Berlin:20260312T090000"))
    day = event("day", start="20260315", end="20260316")
    put(FREE + "day.ics", day.replace(b"START:", b"START;VALUE=DATE:")
        .replace(b"END:2026", b"END;VALUE=DATE:2026"))  # fmt: skip
    put(
        FREE + "later.ics",
        event("later", "STATUS:CANCELLED", start="20260401T090000Z", end="20260401T100000Z"),
    )
    put(FREE + "task.ics", task("task", "DUE:20260311T120000Z", "SUMMARY:BERNARD"))
    put(FREE + "loose.ics", task("loose", "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:lisa@example.com"))


def prop(name: str, match: str = "", **attributes: str) -> str:
    """Return a prop-filter, with a text-match where there is one."""
    written = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    inner = f"<C:text-match{written}>{match}</C:text-match>" if match else ""
    return f'<C:prop-filter name="{name}">{inner}</C:prop-filter>'


def between(start: str, end: str) -> str:
    return f'<C:time-range start="{start}" end="{end}"/>'


def alarm(inner: str) -> str:
    return VEVENT.format(f'<C:comp-filter name="VALARM">{inner}</C:comp-filter>')


def todo(inner: str) -> str:
    return f'<C:comp-filter name="VTODO">{inner}</C:comp-filter>'


def attendee(inner: str, match: str = "") -> str:
    param = f'<C:param-filter name="PARTSTAT">{inner}</C:param-filter>'
    return f'<C:prop-filter name="ATTENDEE">{match}{param}</C:prop-filter>'


ABSENT = "<C:is-not-defined/>"
QUERIES: dict[str, tuple[str, str]] = {
    "all": ("", "tuesday series day later task loose"),
    "events": (VEVENT.format(""), "tuesday series day later"),
    "no events": (VEVENT.format(ABSENT), "task loose"),
    "week": (VEVENT.format(WEEK), "tuesday series day"),
    "open end": (VEVENT.format('<C:time-range start="20260320T000000Z"/>'), "series later"),
    "open start": (VEVENT.format('<C:time-range end="20260303T000000Z"/>'), "series"),
    "an excluded day": (VEVENT.format(between("20260312T000000Z", "20260313T000000Z")), ""),
    "beyond the index": (VEVENT.format(between("20310312T000000Z", "20310313T000000Z")), "series"),
    # 15 March in Berlin begins at 23:00 UTC the day before.
    "all-day in the zone": (VEVENT.format(between("20260314T230000Z", "20260314T231500Z")), "day"),
    "tasks due": (todo(WEEK), "task loose"),
    "uid": (VEVENT.format(prop("UID", "later", collation="i;octet")), "later"),
    "uid in part, any case": (VEVENT.format(prop("UID", "LATE")), "later"),
    "text": (VEVENT.format(prop("SUMMARY", "bern")), "tuesday"),
    "octets": (VEVENT.format(prop("SUMMARY", "bern", collation="i;octet")), ""),
    "negated": (VEVENT.format(prop("STATUS", "cancelled", negate_condition="yes")), ""),
    "without status": (
        VEVENT.format(f'<C:prop-filter name="STATUS">{ABSENT}</C:prop-filter>{WEEK}'),
        "tuesday series day",
    ),
    "category": (VEVENT.format(prop("CATEGORIES", "blue")), "tuesday"),
    "parameter": (
        todo(attendee("<C:text-match>needs-action</C:text-match>", "<C:text-match>lisa</C:text-match>")),
        "loose",
    ),
    "parameter absent": (todo(attendee(ABSENT)), ""),
    "with alarm": (alarm(""), "tuesday"),
    "without alarm": (
        VEVENT.format(f'<C:comp-filter name="VALARM">{ABSENT}</C:comp-filter>{WEEK}'),
        "series day",
    ),
    "alarm in time": (alarm(between("20260309T080000Z", "20260309T100000Z")), "tuesday"),
    "alarm out of time": (alarm(between("20260310T080000Z", "20260310T100000Z")), ""),
    "no such component": ('<C:comp-filter name="VFREEBUSY"/>', ""),
}


@proves("RFC 4791 §7.8", "RFC 4791 §7.5", "RFC 4791 §9.9")
def test_queries_find_exactly_what_matches(world: Any, event: Any) -> None:
    fill(world, event)
    got = {name: names(world.bob.query(FREE, inner)) for name, (inner, _) in QUERIES.items()}
    assert got == {name: sorted(f"{uid}.ics" for uid in uids.split()) for name, (_, uids) in QUERIES.items()}


@pytest.mark.parametrize(
    ("inner", "condition"),
    [
        (VEVENT.format('<C:time-range start="yesterday"/>'), "valid-filter"),
        (VEVENT.format("<C:time-range/>"), "valid-filter"),
        (VEVENT.format('<C:time-range start="20260312T000000Z" end="20260311T000000Z"/>'), "valid-filter"),
        (VEVENT.format('<C:prop-filter name=""/>'), "valid-filter"),
        (VEVENT.format("<C:odd-filter/>"), "supported-filter"),
        (
            VEVENT.format(prop("SUMMARY", "x", collation="i;odd")),
            "supported-collation",
        ),
    ],
)
@proves("RFC 4791 §7.8 errors")
def test_a_filter_that_cannot_be_answered_is_refused_by_name(
    sqlite_world: Any, inner: str, condition: str
) -> None:
    answer = sqlite_world.bob.query(FREE, inner)
    assert (answer.status, answer.conditions) == (403, {condition})


@proves("RFC 4791 §9.6.5")
def test_expanding_gives_every_instance_in_utc(world: Any, event: Any) -> None:
    override = (
        "END:VEVENT", "BEGIN:VEVENT", "UID:series", "DTSTAMP:20260101T000000Z", "SUMMARY:Moved",
        "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000", "DTSTART;TZID=Europe/Berlin:20260330T150000",
        "DURATION:PT2H",
    )  # fmt: skip
    world.bob.put(FREE + "series.ics", zoned("series", "RRULE:FREQ=DAILY", "SUMMARY:Daily", *override))
    span = 'start="20260328T000000Z" end="20260331T000000Z"'
    reply = world.bob.query(
        FREE,
        VEVENT.format(f"<C:time-range {span}/>"),
        props=f"<C:calendar-data><C:expand {span}/></C:calendar-data>",
    )
    calendar = ICalendar.from_ical(reply.xml.findtext(f"{{DAV:}}response/{DATA}", ""))
    assert [
        (str(one["SUMMARY"]), one["DTSTART"].dt, one["DTEND"].dt, one["RECURRENCE-ID"].dt)
        for one in calendar.walk("VEVENT")
    ] == [
        # Summer time begins on 29 March.
        ("Daily", _utc(28, 8), _utc(28, 9), _utc(28, 8)),
        ("Daily", _utc(29, 7), _utc(29, 8), _utc(29, 7)),
        ("Moved", _utc(30, 13), _utc(30, 15), _utc(30, 7)),
    ]
    assert not calendar.walk("VTIMEZONE")
    assert all("RRULE" not in one for one in calendar.walk("VEVENT"))


def _utc(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_too_many_instances_are_refused(sqlite_world: Any) -> None:
    sqlite_world.bob.put(FREE + "series.ics", zoned("series", "RRULE:FREQ=DAILY"))
    span = 'start="20260328T000000Z" end="20960331T000000Z"'
    answer = sqlite_world.bob.query(
        FREE, VEVENT.format(""), props=f"<C:calendar-data><C:expand {span}/></C:calendar-data>"
    )
    assert (answer.status, answer.conditions) == (403, {"max-instances"})


@proves("RFC 4791 §9.6.6")
def test_overrides_out_of_range_are_left_out(sqlite_world: Any) -> None:
    def override(day: int, to: int) -> list[str]:
        return [
            "END:VEVENT", "BEGIN:VEVENT", "UID:series", "DTSTAMP:20260101T000000Z", f"SUMMARY:from {day}",
            f"RECURRENCE-ID;TZID=Europe/Berlin:202603{day}T090000",
            f"DTSTART;TZID=Europe/Berlin:202603{to}T090000", "DURATION:PT2H",
        ]  # fmt: skip

    series = zoned("series", "RRULE:FREQ=DAILY", *override(10, 10), *override(11, 25), *override(20, 20))
    sqlite_world.bob.put(FREE + "series.ics", series)
    span = 'start="20260310T000000Z" end="20260312T000000Z"'
    reply = sqlite_world.bob.query(
        FREE,
        VEVENT.format(""),
        props=f"<C:calendar-data><C:limit-recurrence-set {span}/></C:calendar-data>",
    )
    data = reply.xml.findtext(f"{{DAV:}}response/{DATA}", "")
    assert "from 10" in data
    assert "from 11" in data  # moved away, and the rule had placed it here
    assert "from 20" not in data
    assert "RRULE" in data


@proves("RFC 4791 §7.6")
def test_parts_of_objects_are_given_where_asked_for(sqlite_world: Any, event: Any) -> None:
    sqlite_world.bob.put(FREE + "one.ics", event("one", "SUMMARY:Hidden", "LOCATION:Here"))
    comp = (
        '<C:calendar-data><C:comp name="VCALENDAR"><C:prop name="VERSION"/><C:comp name="VEVENT">'
        '<C:prop name="UID"/><C:prop name="LOCATION" novalue="yes"/></C:comp></C:comp></C:calendar-data>'
    )
    reply = sqlite_world.bob.query(FREE, VEVENT.format(""), props=comp)
    data = reply.xml.findtext(f"{{DAV:}}response/{DATA}", "")
    assert data.splitlines() == [
        "BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:one", "LOCATION:", "END:VEVENT",
        "END:VCALENDAR",
    ]  # fmt: skip


@proves("RFC 4791 §7.10")
def test_free_busy_comes_from_the_index(world: Any, event: Any) -> None:
    fill(world, event)
    world.bob.put(
        FREE + "maybe.ics",
        event("maybe", "STATUS:TENTATIVE", start="20260313T120000Z", end="20260313T130000Z"),
    )
    reply = world.carol.report("/dav/carol/free/", "C:free-busy-query", WEEK)
    assert reply.status == 200
    text = reply.body.decode()
    assert "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260313T120000Z/20260313T130000Z" in text.replace("\r\n ", "")
    assert "20260310T080000Z/20260310T100000Z" in text.replace("\r\n ", "")
    assert "20260312T080000Z" not in text
    assert "Bernard" not in text
    assert world.bob.report(FREE, "C:free-busy-query", "").status == 400


@proves("RFC 3253 §3.6")
def test_a_report_that_is_not_answered_says_so(sqlite_world: Any) -> None:
    answer = sqlite_world.bob.report(FREE, "D:version-tree", "")
    assert (answer.status, answer.conditions) == (403, {"supported-report"})
    assert sqlite_world.bob("REPORT", FREE).status == 400
    listed = sqlite_world.bob.propfind(FREE, "D:supported-report-set").found(".//D:report/*")
    assert {node.tag.partition("}")[2] for node in listed} == {
        "sync-collection", "calendar-multiget", "calendar-query", "free-busy-query", "expand-property",
        "acl-principal-prop-set",
    }  # fmt: skip
    at_home = sqlite_world.bob.propfind("/dav/bob/", "D:supported-report-set").found(".//D:report/*")
    assert "calendar-query" not in {node.tag.partition("}")[2] for node in at_home}


@proves("RFC 4791 §7")
def test_queries_and_multigets_are_answered_on_a_single_object(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(FREE + "one.ics", event("one"))
    bob.put(FREE + "two.ics", event("two"))
    one = FREE + "one.ics"
    assert bob.query(one, VEVENT.format(WEEK)).hrefs == [one]
    assert bob.query(one, VEVENT.format(prop("UID", "two"))).hrefs == []
    assert bob.query(FREE + "none.ics", VEVENT.format("")).status == 404
    hrefs = f"<D:href>{one}</D:href><D:href>{FREE}two.ics</D:href>"
    found = bob.report(one, "C:calendar-multiget", f"<D:prop><D:getetag/></D:prop>{hrefs}").by_href()
    assert {href: "404" in node.findtext("{DAV:}status", "") for href, node in found.items()} == {
        one: False,
        FREE + "two.ics": True,
    }
    for name, inner in (("C:free-busy-query", WEEK), ("D:sync-collection", "<D:sync-token/>")):
        assert bob.report(one, name, inner).conditions == {"supported-report"}
