"""MOVE and COPY: where an object may go, what is in its way, and what is told (RFC 4918 §9.8, §9.9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compliance import proves

FREE = "/dav/bob/free/"
ROOM = "/dav/bob/room/"


@proves("RFC 4918 §9.8")
def test_a_copy_lies_in_both_calendars_and_is_told_to_both_readers(world: Any, event: Any) -> None:
    bob = world.bob
    tag = bob.put(FREE + "one.ics", event("one")).headers["ETag"]
    token = bob.sync(ROOM).xml.findtext("{DAV:}sync-token")
    copied = bob("COPY", FREE + "one.ics", Destination=world.base + ROOM + "copy.ics")
    assert (copied.status, copied.headers["ETag"]) == (201, tag)
    for path in (FREE + "one.ics", ROOM + "copy.ics"):
        assert bob("GET", path).body == event("one")
    assert bob.sync(ROOM, token).hrefs == [ROOM + "copy.ics"]
    assert bob("DELETE", FREE + "one.ics").status == 204
    assert bob("GET", ROOM + "copy.ics").status == 200  # it is an object of its own


def test_a_copy_keeps_the_uid_so_it_cannot_stay_in_its_calendar(world: Any, event: Any) -> None:
    bob = world.bob
    bob.put(FREE + "one.ics", event("one"))
    answer = bob("COPY", FREE + "one.ics", Destination=FREE + "two.ics")
    assert (answer.status, answer.conditions) == (409, {"no-uid-conflict"})
    holder = answer.xml.findtext("{urn:ietf:params:xml:ns:caldav}no-uid-conflict/{DAV:}href")
    assert holder == FREE + "one.ics"
    bob("COPY", FREE + "one.ics", Destination=ROOM + "one.ics")
    for method in ("COPY", "MOVE"):
        answer = bob(method, FREE + "one.ics", Destination=ROOM + "other.ics")
        assert (answer.status, answer.conditions) == (409, {"no-uid-conflict"}), method


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@proves("RFC 4918 §10.6")
def test_what_is_at_the_destination_stays_unless_it_may_be_overwritten(
    world: Any, event: Any, method: str
) -> None:
    bob = world.bob
    bob.put(FREE + "one.ics", event("one"))
    bob.put(ROOM + "there.ics", event("two", start="20260311T090000Z", end="20260311T100000Z"))
    kept = bob(method, FREE + "one.ics", Destination=ROOM + "there.ics", Overwrite="F")
    assert kept.status == 412
    assert b"UID:two" in bob("GET", ROOM + "there.ics").body
    assert bob("GET", FREE + "one.ics").status == 200
    assert bob(method, FREE + "one.ics", Destination=ROOM + "there.ics", Overwrite="T").status == 204
    assert bob("GET", ROOM + "there.ics").body == event("one")
    assert bob("GET", FREE + "one.ics").status == (200 if method == "COPY" else 404)
    assert len(bob.sync(ROOM).hrefs) == 1


def test_a_second_copy_updates_the_first(world: Any, event: Any) -> None:
    bob = world.bob
    bob.put(FREE + "one.ics", event("one"))
    bob("COPY", FREE + "one.ics", Destination=ROOM + "one.ics")
    bob.put(FREE + "one.ics", event("one", "SUMMARY:New"))
    assert bob("COPY", FREE + "one.ics", Destination=ROOM + "one.ics").status == 204
    assert bob("GET", ROOM + "one.ics").body == event("one", "SUMMARY:New")


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@proves("RFC 4918 §9.8.5")
def test_what_may_not_be_there_is_refused_by_name(sqlite_world: Any, event: Any, method: str) -> None:
    bob, carol = sqlite_world.bob, sqlite_world.carol
    bob.put(FREE + "one.ics", event("one"))
    bob.put(ROOM + "taken.ics", event("taken"))
    clash = bob(method, FREE + "one.ics", Destination=ROOM + "one.ics")
    assert (clash.status, clash.conditions) == (409, {"no-time-conflict"})
    only_tasks = (
        '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
        '<C:supported-calendar-component-set><C:comp name="VTODO"/></C:supported-calendar-component-set>'
        "</D:prop></D:set></C:mkcalendar>"
    )
    bob("MKCALENDAR", "/dav/bob/tasks/", only_tasks)
    wrong = bob(method, FREE + "one.ics", Destination="/dav/bob/tasks/one.ics")
    assert (wrong.status, wrong.conditions) == (403, {"supported-calendar-component"})
    assert bob(method, FREE + "one.ics", Destination=FREE + "one.ics").status == 403
    assert bob(method, FREE + "one.ics", Destination=FREE).status == 403
    assert bob(method, FREE + "none.ics", Destination=ROOM + "none.ics").status == 404
    assert bob(method, FREE + "one.ics", Destination="/dav/bob/none/one.ics").status == 404
    assert bob(method, FREE, Destination="/dav/bob/new/").status == 403
    assert bob(method, FREE + "one.ics").status == 400
    refused = carol(method, "/dav/carol/free/one.ics", Destination="/dav/carol/room/x.ics")
    assert (refused.status, refused.conditions) == (403, {"need-privileges"})
    assert bob("GET", FREE + "one.ics").body == event("one")


def test_a_reader_copies_into_a_calendar_of_her_own(sqlite_world: Any, event: Any) -> None:
    sqlite_world.bob.put(FREE + "one.ics", event("one"))
    sqlite_world.bob.put(FREE + "hidden.ics", event("hidden", "CLASS:PRIVATE", "SUMMARY:Canary"))
    carol = sqlite_world.carol
    assert carol("MKCALENDAR", "/dav/carol/mine/").status == 201
    copied = carol("COPY", "/dav/carol/free/one.ics", Destination="/dav/carol/mine/one.ics")
    assert copied.status == 201
    assert carol("GET", "/dav/carol/mine/one.ics").body == event("one")
    (masked,) = [href for href in carol.sync("/dav/carol/free/").hrefs if not href.endswith("/one.ics")]
    refused = carol("COPY", masked, Destination="/dav/carol/mine/two.ics")
    assert (refused.status, refused.conditions) == (403, {"need-privileges"})
    assert b"Canary" not in refused.body
    assert carol("COPY", "/dav/carol/free/hidden.ics", Destination="/dav/carol/mine/two.ics").status == 404


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_what_is_seen_as_busy_only_is_not_overwritten(sqlite_world: Any, event: Any, method: str) -> None:
    hidden = event("hidden", "CLASS:PRIVATE", "SUMMARY:Canary")
    sqlite_world.alice.put("/dav/alice/free/hidden.ics", hidden)
    bob = sqlite_world.bob
    bob("MKCALENDAR", "/dav/bob/mine/")
    bob.put("/dav/bob/mine/one.ics", event("one"))
    (masked,) = bob.sync(FREE).hrefs
    assert bob(method, "/dav/bob/mine/one.ics", Destination=FREE + "hidden.ics").status == 412
    answer = bob(method, "/dav/bob/mine/one.ics", Destination=masked)
    assert (answer.status, answer.conditions) == (403, {"need-privileges"})
    assert sqlite_world.alice("GET", "/dav/alice/free/hidden.ics").body == hidden
    assert bob("GET", "/dav/bob/mine/one.ics").status == 200


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_the_source_must_be_what_the_client_expects(sqlite_world: Any, event: Any, method: str) -> None:
    bob = sqlite_world.bob
    tag = bob.put(FREE + "one.ics", event("one")).headers["ETag"]
    assert bob(method, FREE + "one.ics", Destination=ROOM + "a.ics", If_Match='"other"').status == 412
    assert bob("GET", ROOM + "a.ics").status == 404
    assert bob(method, FREE + "one.ics", Destination=ROOM + "a.ics", If_Match=tag).status == 201


@proves("RFC 4918 §9.8.2", "RFC 4918 §9.9.1")
def test_what_a_person_has_set_on_an_object_goes_with_it(world: Any, event: Any) -> None:
    bob = world.bob
    bob.put(FREE + "one.ics", event("one"))
    patch = (
        '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><o:note xmlns:o="urn:o">mine</o:note></D:prop></D:set>'
        "</D:propertyupdate>"
    )
    assert bob("PROPPATCH", FREE + "one.ics", patch).status == 207

    def note(path: str) -> str | None:
        body = '<D:propfind xmlns:D="DAV:"><D:prop><o:note xmlns:o="urn:o"/></D:prop></D:propfind>'
        found: str | None = bob("PROPFIND", path, body, Depth="0").xml.findtext(".//{urn:o}note")
        return found

    bob("COPY", FREE + "one.ics", Destination=ROOM + "copy.ics")
    bob("MOVE", FREE + "one.ics", Destination=FREE + "moved.ics")
    assert (note(ROOM + "copy.ics"), note(FREE + "moved.ics")) == ("mine", "mine")
