"""Live properties of access control, quota and what is supported: each says what is, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compliance import proves
from tests.dav_world import PREFIXES, make_event

CAL = "{urn:ietf:params:xml:ns:caldav}"
KINDS = ("/dav/", "/dav/{}/", "/dav/{}/free/", "/dav/{}/free/one.ics", "/dav/@principals/room/")


def local(nodes: Any) -> list[str]:
    return [node.tag.partition("}")[2] for node in nodes]


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("login", ["bob", "carol"])
@proves("RFC 3744 §5.3", "RFC 3744 §5.5", "RFC 3744 §5.6", "RFC 3744 §5.8")
def test_access_control_is_told_and_names_the_asking_person_only(
    sqlite_world: Any, event: Any, path: str, login: str
) -> None:
    sqlite_world.bob.put("/dav/bob/free/one.ics", event("one"))
    dav = sqlite_world.people[login]
    reply = dav.propfind(
        path.format(login), "D:acl", "D:acl-restrictions", "D:supported-privilege-set",
        "D:current-user-privilege-set", "D:principal-collection-set",
    )  # fmt: skip
    assert [stat.findtext("{DAV:}status") for stat in reply.found(".//D:propstat")] == ["HTTP/1.1 200 OK"]
    assert [node.text for node in reply.found(".//D:acl/D:ace/D:principal/D:href")] == [f"/dav/{login}/"]
    assert reply.found(".//D:acl/D:ace/D:protected")
    granted = local(reply.found(".//D:acl/D:ace/D:grant/D:privilege/*"))
    assert granted == local(reply.found(".//D:current-user-privilege-set/D:privilege/*"))
    known = local(reply.found(".//D:supported-privilege/D:privilege/*"))
    assert set(granted) <= set(known)
    assert {"grant-only", "no-invert"} == set(local(reply.found(".//D:acl-restrictions/*")))


@pytest.mark.parametrize("path", KINDS)
@proves("RFC 3253 §3.1.3", "RFC 3253 §3.1.5")
def test_every_listed_report_and_method_works_and_no_other_report_does(
    sqlite_world: Any, event: Any, path: str
) -> None:
    bob = sqlite_world.bob
    bob.put("/dav/bob/free/one.ics", event("one"))
    path = path.format("bob")
    reply = bob.propfind(path, "D:supported-report-set", "D:supported-method-set")
    listed = {node.tag for node in reply.found(".//D:supported-report/D:report/*")}
    bodies = {
        "{DAV:}expand-property": "",
        "{DAV:}sync-collection": "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop/>",
        "{DAV:}principal-match": "<D:self/>",
        "{DAV:}principal-search-property-set": "",
        "{DAV:}principal-property-search": (
            "<D:property-search><D:prop><D:displayname/></D:prop><D:match>x</D:match></D:property-search>"
        ),
        "{http://calendarserver.org/ns/}calendarserver-principal-search": (
            "<CS:search-token>x</CS:search-token>"
        ),
        "{DAV:}acl-principal-prop-set": "<D:prop><D:displayname/></D:prop>",
        CAL + "calendar-multiget": "<D:prop/>",
        CAL + "calendar-query": '<C:filter><C:comp-filter name="VCALENDAR"/></C:filter>',
        CAL + "free-busy-query": '<C:time-range start="20260301T000000Z" end="20260302T000000Z"/>',
    }
    assert listed <= set(bodies)
    prefixes = {f"{{{space}}}": prefix for prefix, space in PREFIXES.items()}
    for name, inner in bodies.items():
        space, end, rest = name.partition("}")
        answer = bob.report(path, f"{prefixes[space + end]}:{rest}", inner)
        if name in listed:
            assert answer.status in {200, 207}, name
        elif "one.ics" not in path:  # the reports of the calendar answer on its objects too
            assert answer.conditions == {"supported-report"}, name
    for method in [node.get("name") for node in reply.found(".//D:supported-method")]:
        assert bob(method, path).status not in {405, 501, 500}, method


@proves("RFC 4331 §3", "RFC 4331 §4")
def test_quota_counts_bytes_and_never_those_of_hidden_text(world: Any, event: Any) -> None:
    for dav in (world.alice, world.bob):
        assert dav("MKCALENDAR", f"/dav/{dav.login}/mine/").status == 201
    alice = world.alice
    asked = ("D:quota-used-bytes", "D:quota-available-bytes")
    assert alice.propfind("/dav/alice/mine/", *asked).xml.findtext(".//{DAV:}quota-used-bytes") == "0"
    first, second = event("one"), event("two", "SUMMARY:longer")
    alice.put("/dav/alice/mine/1.ics", first)
    alice.put("/dav/alice/mine/2.ics", second)
    alice.put("/dav/alice/free/3.ics", event("three"))
    size = str(len(first) + len(second))
    assert alice.propfind("/dav/alice/mine/", *asked).xml.findtext(".//{DAV:}quota-used-bytes") == size
    home = alice.propfind("/dav/alice/", *asked)
    assert home.xml.findtext(".//{DAV:}quota-used-bytes") == size  # what she has made, not what she sees
    left = home.xml.findtext(".//{DAV:}quota-available-bytes")
    if world.db.is_sqlite:
        assert int(left) > 0
    else:
        assert left is None or left == ""
    hidden = world.carol.propfind("/dav/carol/free/", "D:quota-used-bytes")
    assert "404" in hidden.found(".//D:status")[0].text


@proves("RFC 4918 §9.1")
@proves("RFC 4791 §5.2.6", "RFC 4791 §5.2.9", "RFC 6638 §9.1")
def test_limits_are_told_where_there_are_any(sqlite_world: Any) -> None:
    guests = [f"ATTENDEE:mailto:guest{number}@example.org" for number in range(500)]
    bob, path = sqlite_world.bob, "/dav/bob/free/"
    reply = bob.propfind(
        path, "C:min-date-time", "C:max-date-time", "C:max-instances", "C:max-resource-size",
        "C:max-attendees-per-instance", "C:schedule-calendar-transp",
    )  # fmt: skip
    told = {node.tag.partition("}")[2]: node for node in reply.found("D:response/D:propstat[1]/D:prop/*")}
    assert told["min-date-time"].text == "00010103T000000Z"
    assert told["max-date-time"].text == "99991229T000000Z"
    assert told["schedule-calendar-transp"][0].tag == CAL + "opaque"
    assert "max-attendees-per-instance" not in told
    assert bob.put(path + "many.ics", make_event("many", *guests)).status == 201
    last = make_event("last", start="99991228T000000Z", end="99991228T010000Z")
    assert bob.put(path + "last.ics", last).status == 201


def test_allprop_tells_what_allprop_may_and_include_adds_to_it(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put("/dav/bob/free/one.ics", event("one"))
    for path in KINDS:
        path = path.format("bob")
        told = local(bob.propfind(path).found("D:response/D:propstat/D:prop/*"))
        assert "resourcetype" in told
        assert not {
            "acl",
            "quota-used-bytes",
            "supported-report-set",
            "sync-token",
            "calendar-home-set",
        } & set(told)
        body = (
            '<D:propfind xmlns:D="DAV:"><D:allprop/><D:include><D:supported-report-set/><D:nope/></D:include>'
            "</D:propfind>"
        )
        more = bob("PROPFIND", path, body, Depth="0")
        assert local(more.found("D:response/D:propstat/D:prop/*")) == [*told, "supported-report-set", "nope"]
        named = bob("PROPFIND", path, '<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>', Depth="0")
        assert {*told, "acl", "supported-report-set"} <= set(
            local(named.found("D:response/D:propstat/D:prop/*"))
        )


@proves("RFC 4918 §15.1")
def test_objects_tell_when_they_were_made(world: Any, event: Any) -> None:
    bob, made = world.bob, "2026-03-02T09:00:00Z"
    bob.put("/dav/bob/free/one.ics", event("one"))
    bob.put("/dav/bob/free/two.ics", event("two", "CLASS:PRIVATE"))
    for dav in (bob, world.carol, world.dave):
        path = f"/dav/{dav.login}/free/"
        asked = "<D:prop><D:creationdate/><D:getlastmodified/></D:prop>"
        begin = "<D:sync-token/><D:sync-level>1</D:sync-level>"
        for answer in (
            dav.propfind(path, "D:creationdate", depth="1"),
            dav.report(path, "D:sync-collection", begin + asked),
            dav.report(
                path, "D:sync-collection", f"{begin}<D:limit><D:nresults>1</D:nresults></D:limit>{asked}"
            ),
            dav.query(path, '<C:comp-filter name="VEVENT"/>', props="<D:creationdate/><D:getlastmodified/>"),
        ):
            told = [node.text for node in answer.found(".//D:creationdate") if node.text]
            assert told
            assert set(told) == {made}
            assert "" not in [node.text for node in answer.found(".//D:getlastmodified")]
        alone = dav("PROPFIND", dav.sync(path).hrefs[0], Depth="0")  # allprop
        assert alone.xml.findtext(".//{DAV:}creationdate") == made
