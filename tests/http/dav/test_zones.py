"""The zone of a calendar over CalDAV: told, checked, set by each person, and used for times without one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.ical import parse_object
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.services import resources
from tests.compliance import proves
from tests.dav_world import make_event
from tests.http.dav.test_collections import CAL, FREE, proppatch, setting, statuses

AUCKLAND = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VTIMEZONE\r\nTZID:Pacific/Auckland\r\n"
    "BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+1200\r\nTZOFFSETTO:+1200\r\nEND:STANDARD\r\n"
    "END:VTIMEZONE\r\nEND:VCALENDAR\r\n"
)
ONE_DAY = '<C:comp-filter name="VEVENT"><C:time-range start="{}" end="{}"/></C:comp-filter>'


def told(dav: Any, path: str) -> tuple[str, str]:
    xml = dav.propfind(path, "C:calendar-timezone", "C:calendar-timezone-id").xml
    return xml.findtext(f".//{CAL}calendar-timezone", ""), xml.findtext(f".//{CAL}calendar-timezone-id", "")


@proves("RFC 4791 §5.2.2", "RFC 7809 §5.2", "RFC 7809 §3.1.5")
@pytest.mark.parametrize(
    "value",
    [f"<C:calendar-timezone>{AUCKLAND}</C:calendar-timezone>",
     "<C:calendar-timezone-id>Pacific/Auckland</C:calendar-timezone-id>",
     "<C:calendar-timezone-id>New Zealand Standard Time</C:calendar-timezone-id>"],
)  # fmt: skip
def test_a_person_sets_the_zone_for_herself_by_rules_or_by_name(world: Any, value: str) -> None:
    carol, path = world.carol, FREE.format("carol")
    assert told(carol, path)[1] == "Europe/Berlin"
    assert set(statuses(proppatch(carol, path, setting(value))).values()) == {200}
    rules, name = told(carol, path)
    assert name == "Pacific/Auckland"
    assert "TZID:Pacific/Auckland" in rules
    assert "TZNAME:NZDT" in rules or "TZOFFSETTO:+1300" in rules  # right for the years at hand, not as sent
    assert told(world.bob, FREE.format("bob"))[1] == "Europe/Berlin"
    removed = proppatch(carol, path, "<D:remove><D:prop><C:calendar-timezone/></D:prop></D:remove>")
    assert statuses(removed) == {"calendar-timezone": 200}
    assert told(carol, path)[1] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        ("<C:calendar-timezone>nonsense</C:calendar-timezone>", "valid-calendar-data"),
        ("<C:calendar-timezone/>", "valid-calendar-data"),
        (f"<C:calendar-timezone>{AUCKLAND.replace('Pacific/Auckland', 'Moon/Base')}</C:calendar-timezone>", "valid-calendar-data"),
        ("<C:calendar-timezone>" + make_event("x").decode() + "</C:calendar-timezone>", "valid-calendar-data"),
        ("<C:calendar-timezone-id>Moon/Base</C:calendar-timezone-id>", "valid-timezone"),
        ("<C:calendar-timezone-id/>", "valid-timezone"),
    ],
)  # fmt: skip
@proves("RFC 4791 §5.2.2 refused")
def test_a_zone_that_is_none_is_refused_and_nothing_is_changed(
    sqlite_world: Any, value: str, condition: str
) -> None:
    carol, path = sqlite_world.carol, FREE.format("carol")
    reply = proppatch(carol, path, setting(value + "<x xmlns='urn:x'>1</x>"))
    assert sorted(statuses(reply).values()) == [403, 424]
    assert reply.xml.find(f".//{{DAV:}}error/{CAL}{condition}") is not None
    assert told(carol, path)[1] == "Europe/Berlin"
    made = (
        "<C:mkcalendar xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>"
        + setting(value)
        + "</C:mkcalendar>"
    )
    assert sqlite_world.bob("MKCALENDAR", "/dav/bob/new/", made).status in {403, 207}
    assert sqlite_world.bob.propfind("/dav/bob/new/", "D:displayname").status == 404


@proves("RFC 4791 §5.2.2 use", "RFC 7809 §3.1.6")
def test_times_without_a_zone_are_read_in_the_zone_she_has_set(world: Any) -> None:
    carol, path = world.carol, FREE.format("carol")
    world.bob.put(
        FREE.format("bob") + "one.ics", make_event("one", start="20260310T080000", end="20260310T090000")
    )
    in_berlin = ONE_DAY.format("20260310T070000Z", "20260310T080000Z")
    in_auckland = ONE_DAY.format("20260309T190000Z", "20260309T200000Z")
    expand = '<C:calendar-data><C:expand start="20260301T000000Z" end="20260401T000000Z"/></C:calendar-data>'
    assert (len(carol.query(path, in_berlin).hrefs), len(carol.query(path, in_auckland).hrefs)) == (1, 0)
    assert b"20260310T070000Z" in carol.query(path, "", props=expand).body
    proppatch(carol, path, setting("<C:calendar-timezone-id>Pacific/Auckland</C:calendar-timezone-id>"))
    assert (len(carol.query(path, in_berlin).hrefs), len(carol.query(path, in_auckland).hrefs)) == (0, 1)
    assert b"20260309T190000Z" in carol.query(path, "", props=expand).body
    named = "<C:timezone-id>Europe/Berlin</C:timezone-id>"
    assert len(carol.query(path, in_berlin, more=named).hrefs) == 1  # what the query says comes first
    rules = f"<C:timezone>{AUCKLAND.replace('Pacific/Auckland', 'Moon/Base')}</C:timezone>"
    assert (
        len(
            world.bob.query(
                FREE.format("bob"), ONE_DAY.format("20260309T200000Z", "20260309T210000Z"), more=rules
            ).hrefs
        )
        == 1
    )
    assert len(world.bob.query(FREE.format("bob"), in_berlin).hrefs) == 1  # nobody else is moved


def test_on_a_calendar_of_her_own_the_zone_is_that_of_the_calendar(world: Any) -> None:
    bob = world.bob
    bob("MKCALENDAR", "/dav/bob/mine/")
    bob.put("/dav/bob/mine/one.ics", make_event("one", start="20260310T080000", end="20260310T090000"))
    zone = "<C:calendar-timezone-id>Pacific/Auckland</C:calendar-timezone-id>"
    assert statuses(proppatch(bob, "/dav/bob/mine/", setting(zone))) == {"calendar-timezone-id": 200}
    with world.db.transaction(write=False) as tx:
        assert resources.get(tx, "bob/mine").zone == "Pacific/Auckland"
    busy = bob.report(
        "/dav/bob/mine/",
        "C:free-busy-query",
        '<C:time-range start="20260301T000000Z" end="20260401T000000Z"/>',
    )
    assert b"20260309T190000Z/20260309T200000Z" in busy.body


@proves("RFC 6638 §9.1")
def test_transparency_is_one_of_two_words_and_per_person(sqlite_world: Any) -> None:
    carol, path = sqlite_world.carol, FREE.format("carol")
    value = "<C:schedule-calendar-transp>{}</C:schedule-calendar-transp>"
    assert set(statuses(proppatch(carol, path, setting(value.format("<C:transparent/>")))).values()) == {200}
    for bad in ("", "<C:other/>", "<C:opaque/><C:transparent/>"):
        assert set(statuses(proppatch(carol, path, setting(value.format(bad)))).values()) == {409}
    for login, kind in (("carol", "transparent"), ("bob", "opaque")):
        reply = sqlite_world.people[login].propfind(FREE.format(login), "C:schedule-calendar-transp")
        assert [node.tag for node in reply.xml.find(f".//{CAL}schedule-calendar-transp")] == [CAL + kind]


def test_a_name_or_colour_that_is_none_is_told_by_its_property(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    bob("MKCALENDAR", "/dav/bob/mine/")
    reply = proppatch(
        bob, "/dav/bob/mine/", setting("<IC:calendar-color>no colour</IC:calendar-color><x xmlns='urn:x'/>")
    )
    assert statuses(reply) == {"calendar-color": 409, "x": 424}


def zoned(tzid: str, *, is_defined: bool = True, uid: str = "zoned") -> bytes:
    zone = (
        AUCKLAND.partition("BEGIN:VTIMEZONE")[2]
        .partition("END:VCALENDAR")[0]
        .replace("Pacific/Auckland", tzid)
    )
    event = (
        make_event(uid).decode().replace("DTSTART:20260310T090000Z", f"DTSTART;TZID={tzid}:20260310T090000")
    )
    event = event.replace("DTEND:20260310T100000Z", f"DTEND;TZID={tzid}:20260310T100000")
    return event.replace(
        "BEGIN:VEVENT", f"BEGIN:VTIMEZONE{zone}BEGIN:VEVENT" if is_defined else "BEGIN:VEVENT"
    ).encode()


@proves("RFC 7809 §3.1.3 asked")
def test_standard_zones_that_an_object_only_names_are_defined_on_request(world: Any) -> None:
    bob, path = world.bob, FREE.format("bob")
    named = zoned("Europe/Paris", is_defined=False, uid="c")
    odd = named.replace(b"UID:c", b"UID:d\r\nRDATE;TZID=Nope/Nope:20260311T090000").replace(
        b"DTEND;TZID=Europe/Paris", b'DTEND;TZID="Europe\r\n /Paris"'
    )
    early = named.replace(b"UID:c", b"UID:e").replace(b"20260310T", b"19450310T")
    for name, data in (("c.ics", named), ("d.ics", odd), ("e.ics", early)):
        assert bob.put(path + name, data).status == 201
        told = bob("GET", path + name, CalDAV_Timezones="T").body
        zone = told.partition(b"BEGIN:VTIMEZONE")[2].partition(b"END:VTIMEZONE")[0]
        assert b"TZID:Europe/Paris\r\n" in zone
        assert told.count(b"BEGIN:VTIMEZONE") == 1  # Nope/Nope stays as it is
        assert told.replace(b"BEGIN:VTIMEZONE" + zone + b"END:VTIMEZONE\r\n", b"") == data
        # What the definition says is what the name means.
        own = told.replace(b"Europe/Paris", b"X-Paris").replace(b'"Europe\r\n /Paris"', b"X-Paris")
        window = Window(start=datetime(1940, 1, 1, tzinfo=UTC), end=datetime(2030, 1, 1, tzinfo=UTC))
        first, second = (
            [(span.start, span.end) for span in expand(
                parse_object(ical, max_bytes=9999), zone=ZoneInfo("Asia/Tokyo"), window=window, limit=10
            ).occurrences]
            for ical in (data, own)
        )  # fmt: skip
        assert first == second
    assert bob("GET", path + "c.ics", CalDAV_Timezones="T", Accept="application/calendar+json").body.count(
        b'"vtimezone"'
    ) == 1  # fmt: skip
    span = '<C:expand start="20260301T000000Z" end="20260401T000000Z"/>'
    expanded = bob.report(
        path, "C:calendar-query",
        f"<D:prop><C:calendar-data>{span}</C:calendar-data></D:prop>"
        '<C:filter><C:comp-filter name="VCALENDAR"/></C:filter>',
        CalDAV_Timezones="T",
    )  # fmt: skip
    assert expanded.status == 207
    assert b"VTIMEZONE" not in expanded.body


@proves("RFC 7809 §3.1.3", "RFC 7809 §3.1.4")
def test_standard_zones_are_left_out_on_request_and_others_stay(sqlite_world: Any) -> None:
    bob, path = sqlite_world.bob, FREE.format("bob")
    objects = {
        "a.ics": (zoned("Pacific/Auckland", uid="a"), b"Pacific/Auckland"),
        "b.ics": (zoned("Moon/Base", uid="b"), b"Moon/Base"),
        "c.ics": (zoned("Europe/Paris", is_defined=False, uid="c"), b"Europe/Paris"),
    }
    hrefs = "".join(f"<D:href>{path}{name}</D:href>" for name in objects)
    for name, (data, _) in objects.items():
        assert bob.put(path + name, data).status == 201
    for name, (data, zone) in objects.items():
        assert bob("GET", path + name).body == data
        whole = bob("GET", path + name, CalDAV_Timezones="T")
        assert (whole.body == data) is (name != "c.ics")
        assert whole.body.count(b"BEGIN:VTIMEZONE") == 1
        by_name = bob("GET", path + name, CalDAV_Timezones="F")
        assert (b"BEGIN:VTIMEZONE" in by_name.body) is (zone == b"Moon/Base")
        assert by_name.body.count(b"TZID=" + zone) == 2
        assert by_name.body.startswith(b"BEGIN:VCALENDAR")
        assert by_name.body.endswith(b"END:VCALENDAR\r\n")
        assert by_name.headers["ETag"] == bob("GET", path + name).headers["ETag"]
        assert "CalDAV-Timezones" in by_name.headers["Vary"]
    props = "<D:prop><C:calendar-data/></D:prop>"
    for wanted, count in (("T", 3), ("x", 2), ("F", 1)):
        for reply in (
            bob.report(path, "C:calendar-multiget", props + hrefs, CalDAV_Timezones=wanted),
            bob.report(path, "C:calendar-query", props + '<C:filter><C:comp-filter name="VCALENDAR"/></C:filter>',
                       CalDAV_Timezones=wanted),
            bob("GET", path, CalDAV_Timezones=wanted),
        ):  # fmt: skip
            assert reply.body.count(b"BEGIN:VTIMEZONE") == count
            assert reply.body.count(b"BEGIN:VEVENT") == 3
    assert "calendar-no-timezone" not in bob("OPTIONS", path).headers["DAV"]
