"""The first and last date of a calendar: told, and enforced by name on every way in (RFC 4791 §5.3.2.1)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.services import objects, reading
from gateway.services.limits import Limits
from gateway.services.prepare import prepare
from tests.compliance import proves
from tests.dav_world import make_event

FREE = "/dav/bob/free/"
LATE = {"start": "99991230T090000Z", "end": "99991230T100000Z"}


@pytest.mark.parametrize(
    ("data", "condition", "line"),
    [
        (make_event("x", start="00010102T000000Z", end="00010102T010000Z"), "min-date-time", "line 7, DTSTART"),
        (make_event("x", **LATE), "max-date-time", "line 7, DTSTART"),
        (make_event("x", end="99991231T235959Z"), "max-date-time", "line 8, DTEND"),
        (make_event("x", "RDATE:20260311T090000Z,99991231T000000Z"), "max-date-time", "line 9, RDATE"),
        (make_event("x", "RDATE;VALUE=PERIOD:20260311T090000Z/P99999999D"), "max-date-time", "line 9, RDATE"),
        (make_event("x", "EXDATE:00010101T090000Z"), "min-date-time", "line 9, EXDATE"),
        (
            make_event("x", "BEGIN:VALARM", "ACTION:AUDIO", "TRIGGER;VALUE=DATE-TIME:99991231T000000Z", "END:VALARM"),
            "max-date-time",
            "line 9, TRIGGER",
        ),
        (
            make_event("x").replace(b"DTEND:20260310T100000Z", b"DURATION:P3000000D"),
            "max-date-time",
            "line 8, DURATION",
        ),
    ],
)  # fmt: skip
@proves("RFC 4791 §5.2.6 enforced")
def test_what_lies_out_of_the_told_dates_is_refused_by_name(
    sqlite_world: Any, data: bytes, condition: str, line: str
) -> None:
    bob = sqlite_world.bob
    bob.put(FREE + "x.ics", make_event("x"))
    for answer in (
        bob.put(FREE + "x.ics", data),
        bob("POST", FREE, data.replace(b"UID:x", b"UID:y"), Content_Type="text/calendar"),
    ):
        assert (answer.status, answer.conditions) == (403, {condition}), answer.body
        assert answer.message.startswith(line), answer.message
    assert bob.sync(FREE).hrefs == [FREE + "x.ics"]
    assert bob("GET", FREE + "x.ics").body == make_event("x")


def test_the_first_and_last_told_date_and_odd_stamps_are_taken(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    told = bob.propfind(FREE, "C:min-date-time", "C:max-date-time").xml
    first = told.findtext(".//{urn:ietf:params:xml:ns:caldav}min-date-time")
    last = told.findtext(".//{urn:ietf:params:xml:ns:caldav}max-date-time")
    assert (first, last) == ("00010103T000000Z", "99991229T000000Z")
    taken = {
        "first": make_event("first", start=first, end="00010104T000000Z"),
        "last": make_event("last", start="99991228T000000Z", end=last),
        "endless": make_event("endless", "RRULE:FREQ=YEARLY", "CREATED:00001231T000000Z"),
        "alarm": make_event("alarm", "BEGIN:VALARM", "TRIGGER:-P99999999999D", "END:VALARM"),
        "until": make_event("until", "RRULE:FREQ=YEARLY;UNTIL=99991231T235959Z"),
    }
    for name, data in taken.items():
        assert bob.put(f"{FREE}{name}.ics", data).status == 201, name


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@proves("RFC 4791 §5.2.6 enforced")
def test_what_came_in_otherwise_is_read_and_goes_no_further(world: Any, now: Any, method: str) -> None:
    data, bob = make_event("late", **LATE), world.bob
    with world.db.transaction(write=True) as tx:
        from gateway.services import access, principals

        person = principals.find_by_login(tx, "bob")
        entry = access.resolve(tx, person, "free", face="caldav")
        limits = Limits()
        ready = prepare(data, reading.calendar(tx, entry.calendar_id), limits=limits, now=now)
        objects.put(
            tx, entry.calendar_id, "late.ics", ready,
            origin=objects.Origin(label="import"), now=now, limits=limits,
        )  # fmt: skip
    assert bob("GET", FREE + "late.ics").body == data
    assert bob.query(FREE, '<C:comp-filter name="VEVENT"/>').hrefs == [FREE + "late.ics"]
    refused = bob(method, FREE + "late.ics", Destination="/dav/bob/room/late.ics")
    assert (refused.status, refused.conditions) == (403, {"max-date-time"})
    assert bob("MOVE", FREE + "late.ics", Destination=FREE + "renamed.ics").status == 201
    assert bob("GET", FREE + "renamed.ics").body == data
