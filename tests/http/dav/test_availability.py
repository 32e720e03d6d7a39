"""Availability over CalDAV (RFC 7953): kept as objects and on the home, and counted in free/busy."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.model import Level, ResourceKind
from gateway.services import grants, principals, resources
from gateway.services.limits import Limits
from tests.compliance import proves
from tests.http.dav.test_collections import FREE, NS, proppatch, setting, statuses
from tests.http.dav.test_privacy import CANARY
from tests.unit.test_vavailability import available, calendar, vavailability

HOURS = calendar(
    vavailability(
        f"SUMMARY:{CANARY}",
        available("20260105T080000Z", "20260105T160000Z", "RRULE:FREQ=DAILY", f"SUMMARY:{CANARY}"),
    )
)
ASK = '<C:time-range start="20260310T000000Z" end="20260311T000000Z"/>'
CAL = "{urn:ietf:params:xml:ns:caldav}"


def busy(dav: Any, path: str) -> list[str]:
    reply = dav.report(path, "C:free-busy-query", ASK)
    assert reply.status == 200, reply.body
    lines = reply.body.decode().replace("\r\n ", "").splitlines()
    return [line for line in lines if line.startswith("FREEBUSY")]


@proves("RFC 7953 §7.2.2", "RFC 7953 §3.2")
def test_an_availability_is_an_object_like_any_other(world: Any) -> None:
    bob, path = world.bob, FREE.format("bob")
    assert bob.put(path + "hours.ics", HOURS).status == 201
    assert bob("GET", path + "hours.ics").body == HOURS
    assert "component=VAVAILABILITY" in bob("GET", path + "hours.ics").headers["Content-Type"]
    inside = '<C:comp-filter name="VAVAILABILITY">{}</C:comp-filter>'
    assert bob.query(path, inside.format("")).hrefs == [path + "hours.ics"]
    assert bob.query(path, inside.format('<C:comp-filter name="AVAILABLE"/>')).hrefs == [path + "hours.ics"]
    assert bob.query(path, '<C:comp-filter name="VEVENT"/>').hrefs == []
    assert bob.query(path, inside.format(ASK)).hrefs == [path + "hours.ics"]
    expand = '<C:calendar-data><C:expand start="20260301T000000Z" end="20260401T000000Z"/></C:calendar-data>'
    assert b"BEGIN:AVAILABLE" in bob.query(path, "", props=expand).body
    told = bob.propfind(path, "C:supported-calendar-component-set").found(".//C:comp")
    assert "VAVAILABILITY" in [node.get("name") for node in told]
    assert "calendar-availability" in bob("OPTIONS", path).headers["DAV"]
    ended = calendar(vavailability("DTEND:20260310T000000Z", uid="a"))
    assert bob.put(path + "hours.ics", ended).status == 204
    assert bob.query(path, inside.format(ASK)).hrefs == []
    for bad in (
        vavailability("DTSTART;VALUE=DATE:20260310"),
        vavailability("BEGIN:AVAILABLE", "END:AVAILABLE"),
    ):
        refused = bob.put(path + "bad.ics", calendar(bad))
        assert (refused.status, refused.conditions) == (403, {"valid-calendar-object-resource"})


@proves("RFC 7953 §7.2.3")
def test_free_busy_counts_what_is_not_available(world: Any, event: Any) -> None:
    bob, path = world.bob, FREE.format("bob")
    bob.put(path + "one.ics", event("one"))
    assert busy(bob, path) == ["FREEBUSY;FBTYPE=BUSY:20260310T090000Z/20260310T100000Z"]
    bob.put(path + "hours.ics", HOURS)
    for dav in (bob, world.dave):
        assert busy(dav, FREE.format(dav.login)) == [
            "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260310T000000Z/20260310T080000Z,20260310T160000Z/20260311T000000Z",
            "FREEBUSY;FBTYPE=BUSY:20260310T090000Z/20260310T100000Z",
        ]
    bob("DELETE", path + "hours.ics")
    assert len(busy(bob, path)) == 1


def test_hidden_availability_leaves_only_as_time(world: Any) -> None:
    private = HOURS.replace(b"UID:a", b"UID:a\r\nCLASS:PRIVATE", 1)
    world.alice.put(FREE.format("alice") + f"{CANARY}.ics", private)
    for login in ("carol", "dave"):
        dav, path = world.people[login], FREE.format(login)
        assert dav.sync(path).hrefs == []
        whole = dav("GET", path)
        assert (whole.status, b"VAVAILABILITY" in whole.body) == (200, False)
        assert dav.query(path, '<C:comp-filter name="VAVAILABILITY"/>').hrefs == []
        assert busy(dav, path)


def test_a_calendar_that_was_made_for_less_takes_no_availability(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    only = '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
    assert (
        bob("MKCALENDAR", "/dav/bob/mine/", f"<C:mkcalendar {NS}>{setting(only)}</C:mkcalendar>").status
        == 201
    )
    assert bob.put("/dav/bob/mine/a.ics", HOURS).conditions == {"supported-calendar-component"}


@pytest.fixture
def schedule(world: Any) -> str:
    """Make bob's schedule, which carol may read; return its slug."""
    with world.db.transaction(write=True) as tx:
        resources.add(
            tx, "bobs", kind=ResourceKind.PERSON, name="Bob", owner="bob",
            horizon=Limits.of(world.server.settings).horizon(world.now), now=world.now,
        )  # fmt: skip
        grants.add(tx, Level.FREEBUSY, login="carol", resource="bobs", now=world.now)
        assert principals.get(tx, "bob").login == "bob"
    return "bobs"


@proves("RFC 7953 §7.2.4")
@pytest.mark.parametrize("space", ["C", "CS"])
def test_availability_on_the_home_counts_on_the_persons_schedule(
    world: Any, schedule: str, space: str
) -> None:
    bob, name = world.bob, f"{space}:calendar-availability"
    value = f'<{name} xmlns:CS="http://calendarserver.org/ns/">{HOURS.decode()}</{name}>'
    assert busy(world.carol, f"/dav/carol/{schedule}/") == []
    assert statuses(proppatch(bob, "/dav/bob/", setting(value))) == {"calendar-availability": 200}
    told = bob.propfind("/dav/bob/", "C:calendar-availability", "CS:calendar-availability")
    texts = [node.text for node in told.found(".//D:prop/*")]
    assert texts == [HOURS.decode(), HOURS.decode()] or texts == [HOURS.decode().replace("\r\n", "\n")] * 2
    assert busy(world.carol, f"/dav/carol/{schedule}/") == [
        "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260310T000000Z/20260310T080000Z,20260310T160000Z/20260311T000000Z"
    ]
    assert busy(bob, FREE.format("bob")) == []  # other calendars are not his time
    assert statuses(world.carol.propfind("/dav/carol/", "C:calendar-availability")) == {
        "calendar-availability": 404
    }
    removed = proppatch(bob, "/dav/bob/", "<D:remove><D:prop><C:calendar-availability/></D:prop></D:remove>")
    assert statuses(removed) == {"calendar-availability": 200}
    assert busy(world.carol, f"/dav/carol/{schedule}/") == []


@pytest.mark.parametrize("value", ["nonsense", "", "BEGIN:VCALENDAR\r\nEND:VCALENDAR"])
def test_an_availability_that_is_none_is_refused(sqlite_world: Any, value: str) -> None:
    inner = setting(f"<C:calendar-availability>{value}</C:calendar-availability>")
    reply = proppatch(sqlite_world.bob, "/dav/bob/", inner)
    assert statuses(reply) == {"calendar-availability": 403}
    assert reply.xml.find(f".//{{DAV:}}error/{CAL}valid-calendar-data") is not None
