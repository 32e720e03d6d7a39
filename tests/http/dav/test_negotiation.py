"""What a client gets of an object: iCalendar or jCal (RFC 7265), the tag of each, 304, HEAD, gzip."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from typing import Any

from tests.compliance import proves

FREE = "/dav/bob/free/"
ONE = FREE + "one.ics"
JCAL = "application/calendar+json"


ACCEPT = {
    JCAL: True,
    f"{JCAL}, text/calendar;q=0.5": True,
    f"text/calendar;q=0.2, {JCAL};q=0.3, */*;q=0.1": True,
    f"text/calendar, {JCAL}": False,
    f"text/*, {JCAL};q=0.9": False,
    f"{JCAL};q=0": False,
    "application/json": False,
    "*/*": False,
    "text/xml;q=nonsense, ;;;,": False,
    "image/png": False,  # better an answer than none
}


@proves("RFC 7265 §3")
def test_the_form_that_the_client_likes_better(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    ical = event("one", "SUMMARY:Grüße")
    bob.put(ONE, ical)
    for accept, is_jcal in ACCEPT.items():
        got = bob("GET", ONE, Accept=accept)
        assert got.headers["Content-Type"].startswith(JCAL if is_jcal else "text/calendar"), accept
        assert "Accept" in got.headers["Vary"]
        assert is_jcal or got.body == ical
    name, _, (component,) = json.loads(bob("GET", ONE, Accept=JCAL).body)
    assert (name, component[0]) == ("vcalendar", "vevent")
    assert ["summary", {}, "text", "Grüße"] in component[1]
    assert ["dtstart", {}, "date-time", "2026-03-10T09:00:00Z"] in component[1]


def test_each_form_has_a_tag_of_its_own_and_both_are_good_for_a_write(world: Any, event: Any) -> None:
    bob = world.bob
    tag = bob.put(ONE, event("one")).headers["ETag"]
    jcal = bob("GET", ONE, Accept=JCAL)
    assert jcal.headers["ETag"] != tag
    assert bob("GET", ONE, Accept=JCAL, If_None_Match=jcal.headers["ETag"]).status == 304
    changed = bob.put(ONE, event("one", "SUMMARY:2"), If_Match=jcal.headers["ETag"])
    assert changed.status == 204
    assert bob.put(ONE, event("one"), If_Match=jcal.headers["ETag"]).status == 412
    assert bob("GET", ONE, Accept=JCAL, If_None_Match=jcal.headers["ETag"]).status == 200


@proves("RFC 7265 §3 reports")
def test_reports_give_jcal_where_they_are_asked_for_it(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, event("one", "RRULE:FREQ=DAILY;COUNT=3"))
    span = 'start="20260311T000000Z" end="20260312T000000Z"'
    wanted = f'<C:calendar-data content-type="{JCAL}" version="2.0"><C:expand {span}/></C:calendar-data>'
    node = bob.query(FREE, "", props=wanted).xml.find(".//{urn:ietf:params:xml:ns:caldav}calendar-data")
    assert node.get("content-type") == JCAL
    ((_, properties, _),) = json.loads(node.text)[2]
    assert ["dtstart", {}, "date-time", "2026-03-11T09:00:00Z"] in properties
    for kind in ('content-type="text/vcard"', 'content-type="text/calendar" version="1.0"'):
        refused = bob.query(FREE, "", props=f"<C:calendar-data {kind}/>")
        assert (refused.status, refused.conditions) == (403, {"supported-calendar-data"})


@proves("RFC 7232 §3.2")
def test_what_the_client_has_is_not_sent_again(world: Any, event: Any) -> None:
    bob = world.bob
    tag = bob.put(ONE, event("one")).headers["ETag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}', f'"a,b",W/"c",{tag}', "*"):
        answer = bob("GET", ONE, If_None_Match=sent)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag), sent
    assert bob("GET", ONE, If_None_Match='"other"').status == 200
    assert bob("GET", ONE, If_Match='"other"').status == 412
    whole = bob("GET", FREE)
    assert bob("GET", FREE, If_None_Match=whole.headers["ETag"]).status == 304
    bob.put(FREE + "two.ics", event("two"))
    assert bob("GET", FREE, If_None_Match=whole.headers["ETag"]).status == 200


def test_a_head_is_a_get_without_its_body(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, event("one"))
    same = ("ETag", "Content-Type", "Content-Length", "Last-Modified")
    for path in (ONE, FREE, "/dav/bob/"):
        plain = {"Accept_Encoding": "identity"}
        got, head = bob("GET", path, **plain), bob("HEAD", path, **plain)
        assert (head.status, head.body) == (200, b""), path
        assert [head.headers.get(name) for name in same] == [got.headers.get(name) for name in same]
    assert bob("HEAD", FREE + "none.ics").status == 404


def test_answers_are_packed_where_the_client_unpacks_them(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, event("one", "DESCRIPTION:" + "long " * 500))
    for reply in (
        bob("GET", ONE, Accept_Encoding="gzip"),
        bob("GET", FREE, Accept_Encoding="gzip"),
        bob("PROPFIND", FREE, Depth="1", Accept_Encoding="gzip"),
    ):
        assert reply.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in bob("GET", ONE, Accept_Encoding="identity").headers


def test_one_connection_serves_many_requests_and_bodies_in_chunks(sqlite_world: Any, event: Any) -> None:
    host = sqlite_world.base.removeprefix("http://")
    secret = b64encode(f"bob:{sqlite_world.bob.password}".encode()).decode()
    connection = http.client.HTTPConnection(host, timeout=30)
    sockets = set()
    for number in range(4):
        ical = event(f"u{number}")
        connection.request(
            "PUT",
            f"{FREE}{number}.ics",
            body=(ical[at : at + 50] for at in range(0, len(ical), 50)),  # no length: chunked
            headers={"Authorization": f"Basic {secret}", "Content-Type": "text/calendar"},
            encode_chunked=True,
        )
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201
        sockets.add(id(connection.sock))
    assert sockets == {id(connection.sock)}
    connection.close()
    assert sqlite_world.bob("GET", FREE + "3.ics").body == event("u3")
