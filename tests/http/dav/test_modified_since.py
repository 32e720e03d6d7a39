"""If-Unmodified-Since on every write, and what is told where a method is not allowed (RFC 9110)."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.compliance import proves
from tests.dav_world import make_event

FREE = "/dav/bob/free/"
ONE = FREE + "one.ics"
PATCH = (
    '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><note xmlns="urn:o">x</note></D:prop></D:set>'
    "</D:propertyupdate>"
)


@proves("RFC 7232 §3.4")
def test_a_write_on_a_newer_object_is_refused(world: Any, now: Any) -> None:
    bob = world.bob
    tag = bob.put(ONE, make_event("one")).headers["ETag"]
    told = bob("GET", ONE).headers["Last-Modified"]
    old = {"If_Unmodified_Since": format_datetime(now - timedelta(seconds=1), usegmt=True)}
    other = make_event("one", "SUMMARY:other")
    assert bob("GET", ONE, **old).status == 412
    assert bob.put(ONE, other, **old).status == 412
    assert bob("PROPPATCH", ONE, PATCH, **old).status == 412
    assert bob("COPY", ONE, Destination="/dav/bob/room/one.ics", **old).status == 412
    assert bob("MOVE", ONE, Destination=FREE + "two.ics", **old).status == 412
    assert bob("DELETE", ONE, **old).status == 412
    assert bob("GET", ONE).body == make_event("one")
    for fitting in (
        {"If_Unmodified_Since": told},
        {"If_Unmodified_Since": "some day"},  # no date: it does not count
        {"If_Unmodified_Since": "Sun, 99 Foo 99999999999 00:00:00 GMT"},
        {**old, "If_Match": tag},  # the entity tag says more
    ):
        assert bob("GET", ONE, **fitting).status == 200, fitting
        assert bob.put(ONE, make_event("one"), **fitting).status == 204, fitting
    assert bob.put(FREE + "new.ics", make_event("new"), **old).status == 201
    assert bob("DELETE", ONE, If_Unmodified_Since=told).status == 204


@pytest.mark.parametrize(
    ("method", "path", "there"),
    [
        ("PUT", FREE, {"POST", "REPORT"}),
        ("POST", "/dav/bob/", {"PROPPATCH", "REPORT"}),
        ("POST", ONE, {"PUT", "DELETE"}),
        ("MKCALENDAR", FREE, {"PROPFIND", "POST"}),
        ("LOCK", ONE, {"PUT"}),
        ("ACL", FREE, {"PROPFIND"}),
        ("PATCH", ONE, {"PUT"}),
    ],
)
@proves("RFC 9110 §15.5.6")
def test_a_method_that_is_not_there_says_which_are(
    sqlite_world: Any, method: str, path: str, there: set[str]
) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, make_event("one"))
    answer = bob(method, path, make_event("two"), Content_Type="text/calendar")
    if method == "MKCALENDAR":
        answer = bob(method, path)
    assert answer.status == 405
    allowed = set(answer.headers["Allow"].split(", "))
    assert there <= allowed
    assert method not in allowed or method == "MKCALENDAR"
