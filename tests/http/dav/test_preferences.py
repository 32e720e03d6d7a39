"""Prefer and Brief (RFC 7240, RFC 8144): shorter answers, and writes that answer with what is there."""

from __future__ import annotations

from typing import Any

from tests.compliance import proves

FREE = "/dav/bob/free/"
ONE = FREE + "one.ics"
NS = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:IC="http://apple.com/ns/ical/"'
MINIMAL = [
    {"Prefer": "return=minimal"},
    {"Prefer": 'respond-async, Return="minimal"; x=y, depth-noroot'},
    {"Brief": "t"},
    {"Brief": "T"},
]


@proves("RFC 7240 §4.2", "RFC 8144 §2.1")
def test_a_short_answer_leaves_out_what_is_not_there(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, event("one"))
    multiget = f"<D:prop><D:getetag/><D:nope/></D:prop><D:href>{ONE}</D:href>"
    for headers in MINIMAL:
        for reply in (
            bob.propfind(FREE, "D:getetag", "D:nope", **headers),
            bob.propfind(ONE, "D:getetag", "D:nope", **headers),
            bob.report(FREE, "C:calendar-multiget", multiget, **headers),
        ):
            assert reply.status == 207
            assert b"nope" not in reply.body
            assert "404" not in reply.body.decode()
            assert "return=minimal" in reply.headers["Preference-Applied"]
    for headers in ({}, {"Prefer": "return=representation"}, {"Prefer": "xreturn=minimal"}):
        assert b"nope" in bob.propfind(ONE, "D:getetag", "D:nope", **headers).body


def test_only_what_is_missing_leaves_an_empty_propstat(sqlite_world: Any, event: Any) -> None:
    sqlite_world.bob.put(ONE, event("one"))
    reply = sqlite_world.bob.propfind(ONE, "D:nope", Prefer="return=minimal")
    (status,) = reply.found("D:response/D:propstat/D:status")  # a response without any is not allowed
    assert status.text == "HTTP/1.1 200 OK"


@proves("RFC 8144 §4")
def test_a_listing_without_its_root(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, event("one"))
    assert bob.propfind(FREE, "D:getetag", depth="1", Prefer="depth-noroot").hrefs == [ONE]
    assert bob.propfind("/dav/bob/", "D:getetag", depth="1", Prefer="depth-noroot").hrefs == [
        FREE, "/dav/bob/room/",
    ]  # fmt: skip
    alone = bob.propfind(FREE, "D:displayname", depth="0", Prefer="depth-noroot")
    assert alone.hrefs == [FREE]  # at depth 0 there is nothing else


@proves("RFC 8144 §2.2")
def test_a_change_of_properties_needs_no_body(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    patch = f"<D:propertyupdate {NS}><D:set><D:prop>{{}}</D:prop></D:set></D:propertyupdate>"
    done = bob("PROPPATCH", FREE, patch.format("<IC:calendar-order>4</IC:calendar-order>"), Brief="t")
    assert (done.status, done.body) == (204, b"")
    failed = bob("PROPPATCH", FREE, patch.format("<D:getetag>x</D:getetag>"), Prefer="return=minimal")
    assert failed.status == 207
    assert b"403" in failed.body
    made = bob("MKCALENDAR", "/dav/bob/mine/", Prefer="return=minimal")
    assert (made.status, made.body) == (201, b"")


@proves("RFC 7240 §4.2 representation")
def test_a_write_answers_with_what_is_there_now(world: Any, event: Any) -> None:
    bob = world.bob
    like = {"Prefer": "return=representation"}
    made = bob.put(ONE, event("one"), **like)
    assert (made.status, made.body) == (201, event("one"))
    assert made.headers["Content-Location"] == ONE
    assert made.headers["Preference-Applied"] == "return=representation"
    changed = bob.put(ONE, event("one", "SUMMARY:New"), **like)
    assert (changed.status, changed.body) == (200, event("one", "SUMMARY:New"))
    assert changed.headers["ETag"] == bob("GET", ONE).headers["ETag"]
    moved = bob("MOVE", ONE, Destination=FREE + "two.ics", **like)
    assert (moved.status, moved.headers["Content-Location"]) == (201, FREE + "two.ics")
    assert moved.body == event("one", "SUMMARY:New")


@proves("RFC 8144 §3.2")
def test_a_refused_write_answers_with_what_is_there(world: Any, event: Any) -> None:
    bob = world.bob
    tag = bob.put(ONE, event("one")).headers["ETag"]
    refused = bob.put(ONE, event("one", "SUMMARY:x"), If_Match='"old"', Prefer="return=representation")
    assert (refused.status, refused.body, refused.headers["ETag"]) == (412, event("one"), tag)
    assert bob.put(ONE, event("one", "SUMMARY:x"), If_Match='"old"').conditions == set()
    none = bob.put(FREE + "no.ics", event("no"), If_Match="*", Prefer="return=representation")
    assert none.status == 412
    assert b"message" in none.body
