"""Single objects: PUT, GET, HEAD, DELETE and MOVE, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compliance import proves

FREE = "/dav/bob/free/"
ROOM = "/dav/bob/room/"


@proves("RFC 4791 §5.3.3", "RFC 4791 §5.3.4")
def test_bytes_come_back_as_sent(world: Any, event: Any) -> None:
    ical = event("one", "SUMMARY:Ä; comma, cut?", "X-ODD;VALUE=URI:geo:52.1,13.2")
    put = world.bob.put(FREE + "one.ics", ical)
    assert put.status == 201
    got = world.bob("GET", FREE + "one.ics")
    assert (got.status, got.body, got.headers["ETag"]) == (200, ical, put.headers["ETag"])
    assert got.headers["Content-Type"].startswith("text/calendar")
    assert world.carol("GET", "/dav/carol/free/one.ics").body == ical


def test_pain_58_an_unchanged_put_is_a_no_op_with_the_same_tag(world: Any, event: Any) -> None:
    path = FREE + "one.ics"
    first = world.bob.put(path, event("one"))
    token = world.bob.sync(FREE).xml.findtext("{DAV:}sync-token")
    again = world.bob.put(path, event("one"), If_Match=first.headers["ETag"])
    assert (again.status, again.headers["ETag"]) == (204, first.headers["ETag"])
    assert world.bob.sync(FREE, token).hrefs == []


@proves("RFC 4791 §5.3.2", "RFC 7232 §3.1")
def test_pain_58_preconditions_are_honoured(world: Any, event: Any) -> None:
    path = FREE + "one.ics"
    first = world.bob.put(path, event("one"), If_None_Match="*")
    assert first.status == 201
    assert world.bob.put(path, event("one", "SUMMARY:x"), If_None_Match="*").status == 412
    changed = world.bob.put(path, event("one", "SUMMARY:2"), If_Match=f'"other", {first.headers["ETag"]}')
    assert changed.status == 204
    assert world.bob.put(path, event("one", "SUMMARY:3"), If_Match=first.headers["ETag"]).status == 412
    assert (
        world.bob.put(path, event("one", "SUMMARY:3"), If_Match=f"W/{changed.headers['ETag']}").status == 412
    )
    assert world.bob.put(FREE + "none.ics", event("two"), If_Match="*").status == 412
    assert world.bob("DELETE", path, If_Match=first.headers["ETag"]).status == 412
    assert world.bob("DELETE", path, If_Match=changed.headers["ETag"]).status == 204
    assert world.bob("DELETE", path).status == 404


@proves("RFC 7232 §3.2")
def test_a_known_state_is_not_sent_again(world: Any, event: Any) -> None:
    tag = world.bob.put(FREE + "one.ics", event("one")).headers["ETag"]
    for sent in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = world.bob("GET", FREE + "one.ics", If_None_Match=sent)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    whole = world.bob("GET", FREE)
    assert world.bob("GET", FREE, If_None_Match=whole.headers["ETag"]).status == 304


def test_head_is_get_without_a_body(world: Any, event: Any) -> None:
    ical = event("one")
    world.bob.put(FREE + "one.ics", ical)
    head = world.bob("HEAD", FREE + "one.ics", Accept_Encoding="identity")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(ical)))
    assert world.bob("HEAD", FREE).status == 200
    assert world.bob("HEAD", FREE + "none.ics").status == 404


def test_chunked_and_expecting_bodies_are_taken(world: Any, event: Any) -> None:
    data = event("one")
    answer = world.bob.session.put(
        world.base + FREE + "one.ics",
        data=iter([data[:10], data[10:]]),
        auth=(world.bob.login, world.bob.password),
        headers={"Content-Type": "text/calendar", "Expect": "100-continue"},
        timeout=30,
    )
    assert answer.status_code == 201
    assert world.bob("GET", FREE + "one.ics").body == data


@proves("RFC 4791 §5.3.2.1 uid")
def test_a_uid_is_in_a_calendar_once_and_the_answer_names_where(world: Any, event: Any) -> None:
    world.bob.put(FREE + "one.ics", event("one"))
    second = world.bob.put(FREE + "two.ics", event("one"))
    assert (second.status, second.conditions) == (409, {"no-uid-conflict"})
    assert (
        second.xml.findtext("{urn:ietf:params:xml:ns:caldav}no-uid-conflict/{DAV:}href") == FREE + "one.ics"
    )
    other = world.bob.put(FREE + "one.ics", event("other"))
    assert (other.status, other.conditions) == (409, {"no-uid-conflict"})


@pytest.mark.parametrize("name", ["a b.ics", "Grüße ✓", ".dot", "no-extension", "a,b:c'd*e?f", "x" * 300])
def test_names_are_kept_as_clients_write_them(sqlite_world: Any, event: Any, name: str) -> None:
    from urllib.parse import quote, unquote

    bob = sqlite_world.bob
    assert bob.put(FREE + quote(name, safe=""), event("one")).status == 201
    assert [unquote(href) for href in bob.sync(FREE).hrefs] == [FREE + name]
    assert bob("GET", bob.sync(FREE).hrefs[0]).status == 200


@proves("RFC 4918 §9.9")
def test_moving_keeps_the_object_in_a_calendar_and_between_two(world: Any, event: Any) -> None:
    bob = world.bob
    tag = bob.put(FREE + "one.ics", event("one")).headers["ETag"]
    bob.put(FREE + "there.ics", event("two", start="20260311T090000Z", end="20260311T100000Z"))
    moved = bob("MOVE", FREE + "one.ics", Destination=world.base + FREE + "new.ics")
    assert moved.status == 201
    assert bob("GET", FREE + "one.ics").status == 404
    assert bob("GET", FREE + "new.ics").headers["ETag"] == tag
    assert bob("MOVE", FREE + "new.ics", Destination=FREE + "there.ics", Overwrite="F").status == 412
    assert bob("MOVE", FREE + "new.ics", Destination=ROOM + "in.ics").status == 201
    assert bob("GET", ROOM + "in.ics").body == event("one")
    assert bob("MOVE", ROOM + "in.ics", Destination=FREE + "there.ics").status == 204
    assert bob("GET", FREE + "there.ics").body == event("one")


def test_moving_goes_through_a_tls_proxy_but_not_to_another_server(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(FREE + "one.ics", event("one"))
    host = sqlite_world.base.removeprefix("http://")
    assert bob("MOVE", FREE + "one.ics", Destination=f"https://{host}{FREE}two.ics").status == 201
    assert bob("MOVE", FREE + "two.ics", Destination=f"https://evil.example{FREE}one.ics").status == 502
    assert bob("MOVE", FREE + "two.ics", Destination=f"{FREE}../room/x.ics").status == 400
    assert bob("MOVE", FREE + "two.ics", Destination="/feeds/x").status == 403
    assert bob("MOVE", FREE + "two.ics", Destination="/dav/alice/free/x.ics").status == 403
    assert bob("MOVE", FREE + "two.ics", Destination=FREE).status == 403
    assert bob("MOVE", FREE, Destination="/dav/bob/new/").status == 403
    assert bob("MOVE", FREE + "two.ics").status == 400
    assert bob("GET", FREE + "two.ics").status == 200


@proves("RFC 4918 §9.7.1")
def test_a_whole_calendar_is_neither_overwritten_nor_deleted(world: Any, event: Any) -> None:
    bob = world.bob
    bob.put(FREE + "one.ics", event("one"))
    for path in (FREE, "/dav/bob/free", "/dav/bob/", "/dav/"):
        assert bob.put(path, event("two")).status in {403, 405}
        assert bob("DELETE", path).status == 403
    assert world.alice("DELETE", "/dav/alice/free/").status == 403
    assert bob.put(FREE + "%2e", event("two")).status == 400
    assert bob("GET", FREE + "one.ics").status == 200


def test_a_whole_calendar_is_read_as_one_file(world: Any, event: Any) -> None:
    zone = [
        "BEGIN:VTIMEZONE", "TZID:Own", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0100", "END:STANDARD", "END:VTIMEZONE",
    ]  # fmt: skip
    with_zone = b"".join(
        (event("one").split(b"BEGIN:VEVENT")[0], "\r\n".join(zone).encode(), b"\r\nBEGIN:VEVENT",
         event("one").split(b"BEGIN:VEVENT")[1])
    )  # fmt: skip
    world.bob.put(FREE + "one.ics", with_zone)
    world.bob.put(FREE + "two.ics", with_zone.replace(b"UID:one", b"UID:two"))
    whole = world.bob("GET", FREE)
    assert whole.status == 200
    assert whole.body.count(b"BEGIN:VCALENDAR") == whole.body.count(b"BEGIN:VTIMEZONE") == 1
    assert whole.body.count(b"BEGIN:VEVENT") == 2
    assert whole.body.endswith(b"END:VCALENDAR\r\n")
    plain = world.bob("GET", FREE, Accept_Encoding="identity")
    assert (plain.body, plain.headers["Content-Length"]) == (whole.body, str(len(whole.body)))
