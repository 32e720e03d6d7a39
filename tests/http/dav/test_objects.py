"""Single objects: PUT, GET, DELETE, MOVE."""

from __future__ import annotations

from typing import Any


def test_bytes_come_back_as_sent(world: Any, event: Any) -> None:
    ical = event("one", "SUMMARY:Ä; comma, cut?", "X-ODD;VALUE=URI:geo:52.1,13.2")
    put = world.bob.put("/dav/bob/free/one.ics", ical)
    assert put.status == 201
    got = world.bob("GET", "/dav/bob/free/one.ics")
    assert (got.status, got.body, got.headers["ETag"]) == (200, ical, put.headers["ETag"])
    assert world.carol("GET", "/dav/carol/free/one.ics").body == ical
