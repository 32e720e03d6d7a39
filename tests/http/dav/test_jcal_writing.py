"""PUT and POST of jCal (RFC 7265): kept as iCalendar, and refused with the place in the JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.domain.jcal import to_jcal
from tests.compliance import proves
from tests.dav_world import make_event

FREE = "/dav/bob/free/"
ONE = FREE + "one.ics"
JCAL = "application/calendar+json"


def changed(event: bytes, **values: Any) -> bytes:
    """Return an event as jCal with other values; None leaves a property out."""
    tree = json.loads(to_jcal(event))
    for name, value in values.items():
        tree[2][0][1] = [one for one in tree[2][0][1] if one[0] != name]
        if value is not None:
            tree[2][0][1].append([name, *value])
    return json.dumps(tree, indent=1).encode()


@proves("RFC 7265 §3 writing")
def test_an_object_comes_and_goes_as_jcal(world: Any) -> None:
    bob = world.bob
    event = make_event("one", "SUMMARY:Grüße\\, du", 'ATTENDEE;CN="A, B":mailto:a@example.org')
    put = bob.put(ONE, to_jcal(event), Content_Type=f"{JCAL}; charset=utf-8")
    assert put.status == 201
    assert "ETag" not in put.headers  # other bytes are stored than were sent
    assert bob("GET", ONE).body == event
    got = bob("GET", ONE, Accept=JCAL)
    assert json.loads(got.body) == json.loads(to_jcal(event))
    edited = changed(event, summary=[{}, "text", "New"])
    again = bob.put(
        ONE, edited, Content_Type=JCAL, If_Match=got.headers["ETag"], Prefer="return=representation"
    )
    assert again.status == 200
    assert b"SUMMARY:New" in again.body
    assert again.headers["ETag"] == bob("GET", ONE).headers["ETag"]
    assert bob.put(ONE, edited, Content_Type=JCAL, If_Match=got.headers["ETag"]).status == 412
    added = bob("POST", FREE, to_jcal(make_event("two")), Content_Type=JCAL)
    assert added.status == 201
    assert bob("GET", added.headers["Location"]).body == make_event("two")
    hits = bob.query(FREE, '<C:comp-filter name="VEVENT"><C:prop-filter name="SUMMARY">'
                     "<C:text-match>new</C:text-match></C:prop-filter></C:comp-filter>")  # fmt: skip
    assert hits.hrefs == [ONE]


@pytest.mark.parametrize(
    ("data", "condition", "message"),
    [
        (b'["vcalendar",\n [}', "valid-calendar-data", "line 2: this is not JSON"),
        (b"BEGIN:VCALENDAR", "valid-calendar-data", "line 1: this is not JSON"),
        (b'["vcard",[],[]]', "valid-calendar-data", "at /0 of the JSON"),
        (changed(make_event("one"), dtstart=[{}, "date-time", "tomorrow"]), "valid-calendar-data", "/2/0/1/3/3"),
        (changed(make_event("one"), dtstart=[{}, "date-time", "2026-13-10T09:00:00Z"]), "valid-calendar-data",
         "DTSTART: the value cannot be read (at /2/0/1/3 of the JSON)"),
        (changed(make_event("one"), uid=None), "valid-calendar-object-resource", "at /2/0 of the JSON"),
        (changed(make_event("one"), dtend=[{}, "date-time", "2026-03-09T09:00:00Z"]),
         "valid-calendar-object-resource", "DTEND: DTEND lies before DTSTART (at /2/0/1/3 of the JSON)"),
        (changed(make_event("one"), dtend=[{}, "date-time", "9999-12-31T09:00:00Z"]), "max-date-time",
         "DTEND: no date may lie after 9999-12-29 (at /2/0/1/3 of the JSON)"),
        (changed(make_event("one"), rrule=[{}, "recur", {"freq": "SECONDLY"}]), "max-instances", ""),
        (changed(make_event("one"), description=[{}, "text", "x" * 70_000]), "max-resource-size", ""),
    ],
)  # fmt: skip
@proves("RFC 7265 §3 refused")
def test_bad_jcal_is_refused_by_name_and_place(
    sqlite_world: Any, data: bytes, condition: str, message: str
) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, make_event("one"))
    for answer in (
        bob.put(ONE, data, Content_Type=JCAL),
        bob("POST", FREE, data.replace(b'"one"', b'"two"'), Content_Type=JCAL),
    ):
        assert (answer.status, answer.conditions) == (403, {condition}), answer.body
        assert message in answer.message
    assert bob("GET", ONE).body == make_event("one")
    assert bob.sync(FREE).hrefs == [ONE]


def test_jcal_is_told_as_supported(sqlite_world: Any) -> None:
    told = sqlite_world.bob.propfind(FREE, "C:supported-calendar-data")
    kinds = [node.get("content-type") for node in told.found(".//C:calendar-data")]
    assert kinds == ["text/calendar", JCAL]
