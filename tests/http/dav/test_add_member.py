"""POST to a calendar (RFC 5995)."""

from __future__ import annotations

from typing import Any

from tests.compliance import proves

FREE = "/dav/bob/free/"


def post(dav: Any, path: str, ical: bytes, **headers: str) -> Any:
    return dav("POST", path, ical, **{"Content_Type": "text/calendar; charset=utf-8"} | headers)


@proves("RFC 5995 §3")
def test_a_posted_object_gets_a_name_from_the_server(world: Any, event: Any) -> None:
    bob = world.bob
    (where,) = bob.propfind(FREE, "D:add-member").found(".//D:add-member/D:href")
    answer = post(bob, where.text, event("one"))
    assert answer.status == 201
    path = answer.headers["Location"]
    got = bob("GET", path)
    assert (got.body, got.headers["ETag"]) == (event("one"), answer.headers["ETag"])
    assert bob.sync(FREE).hrefs == [path]
    shown = post(bob, where.text, event("two"), Prefer="return=representation")
    assert (shown.status, shown.body) == (201, event("two"))


def test_a_posted_object_is_checked_like_any_other(world: Any, event: Any) -> None:
    bob = world.bob
    post(bob, FREE, event("one"))
    again = post(bob, FREE, event("one"))
    assert (again.status, again.conditions) == (409, {"no-uid-conflict"})
    assert post(bob, FREE, b"hello").conditions == {"valid-calendar-data"}
    assert post(bob, FREE, event("x"), Content_Type="text/plain").conditions == {"supported-calendar-data"}
    assert len(bob.sync(FREE).hrefs) == 1


@proves("RFC 5995 §3.2.1")
def test_who_may_not_write_is_not_told_where_to_post(sqlite_world: Any, event: Any) -> None:
    carol = sqlite_world.carol
    assert not carol.propfind("/dav/carol/free/", "D:add-member").found(".//D:add-member/D:href")
    refused = post(carol, "/dav/carol/free/", event("one"))
    assert (refused.status, refused.conditions) == (403, {"need-privileges"})
    for path in ("/dav/bob/", "/dav/", FREE + "one.ics"):
        assert post(sqlite_world.bob, path, event("one")).status == 405
    assert post(sqlite_world.bob, "/dav/alice/free/", event("one")).status == 403
