"""The root, the home and calendars: PROPFIND, PROPPATCH, MKCALENDAR and MKCOL."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.services import principals, resources
from tests.compliance import proves

NS = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:IC="http://apple.com/ns/ical/"'
FREE = "/dav/{}/free/"
OK = "{DAV:}propstat[{DAV:}status='HTTP/1.1 200 OK']/{DAV:}prop/"
CAL = "{urn:ietf:params:xml:ns:caldav}"


def proppatch(dav: Any, path: str, inner: str) -> Any:
    return dav("PROPPATCH", path, f"<D:propertyupdate {NS}>{inner}</D:propertyupdate>")


def setting(inner: str) -> str:
    return f"<D:set><D:prop>{inner}</D:prop></D:set>"


def statuses(reply: Any) -> dict[str, int]:
    return {
        prop.tag.partition("}")[2]: int(stat.findtext("{DAV:}status", "").split()[1])
        for stat in reply.found("D:response/D:propstat")
        for prop in stat.find("{DAV:}prop")
    }


def test_pain_56_every_permitted_resource_is_a_plain_calendar_in_the_own_home(world: Any) -> None:
    for login, slugs in {
        "alice": {"free", "room"},
        "carol": {"free", "room"},
        "dave": {"free", "room"},
    }.items():
        found = world.people[login].propfind(f"/dav/{login}/", "D:resourcetype", depth="1").by_href()
        assert set(found) == {f"/dav/{login}/"} | {f"/dav/{login}/{slug}/" for slug in slugs}
        for slug in slugs:
            kinds = {node.tag for node in found[f"/dav/{login}/{slug}/"].find(OK + "{DAV:}resourcetype")}
            assert kinds == {"{DAV:}collection", CAL + "calendar"}


@pytest.mark.parametrize(("login", "can_write"), [("alice", True), ("bob", True), ("carol", False)])
@proves("RFC 3744 §5.4", "RFC 3744 §7.1.1")
def test_pain_57_privileges_are_exact_and_a_refused_put_says_why(
    sqlite_world: Any, event: Any, login: str, can_write: bool
) -> None:
    dav, path = sqlite_world.people[login], FREE.format(login)
    found = dav.propfind(path, "D:current-user-privilege-set").found(".//D:privilege/*")
    privileges = {node.tag.partition("}")[2] for node in found}
    assert ("write-content" in privileges) is ("bind" in privileges) is ("write" in privileges) is can_write
    assert {"read", "read-free-busy"} <= privileges
    answer = dav.put(path + "one.ics", event("one"))
    if can_write:
        assert answer.status == 201
    else:
        assert (answer.status, answer.conditions) == (403, {"need-privileges"})
        assert answer.xml.find(".//{DAV:}privilege/{DAV:}write") is not None
        assert dav("DELETE", path + "one.ics").status == 403


def test_other_homes_are_refused_alike_whether_they_exist_or_not(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    for path in ("/dav/alice/", "/dav/nobody/", "/dav/alice/free/"):
        for method in ("PROPFIND", "GET", "PROPPATCH", "MKCALENDAR"):
            body = f"<D:propertyupdate {NS}/>" if method == "PROPPATCH" else ""
            answer = bob(method, path if method != "MKCALENDAR" else path + "new/", body, Depth="0")
            assert answer.status in {403, 404}, (method, path)
    assert bob.propfind("/dav/alice/").body.replace(b"alice", b"") == bob.propfind(
        "/dav/nobody/"
    ).body.replace(b"nobody", b"")
    assert bob.propfind("/dav/BOB/", "D:displayname").hrefs == ["/dav/bob/"]


def test_a_revoked_grant_holds_at_once(world: Any, event: Any) -> None:
    from gateway.domain.model import Level
    from gateway.services import grants

    assert world.bob.put(FREE.format("bob") + "one.ics", event("one")).status == 201
    with world.db.transaction(write=True) as tx:
        grants.add(tx, Level.READ, login="bob", resource="free", now=world.now)
    assert world.bob.put(FREE.format("bob") + "two.ics", event("two")).status == 403
    with world.db.transaction(write=True) as tx:
        for grant in grants.list_(tx):
            if grant.login == "bob":
                grants.remove(tx, grant.id, now=world.now)
    assert world.bob("GET", FREE.format("bob") + "one.ics").status == 404


@proves("RFC 4791 §5.2.2", "RFC 4791 §5.2.4", "RFC 4791 §5.2.5", "RFC 7809 §5.2", "RFC 6578 §4")
def test_live_properties_of_a_calendar(world: Any, event: Any) -> None:
    path = FREE.format("bob")
    names = (
        "D:displayname", "D:sync-token", "CS:getctag", "D:owner", "C:supported-calendar-component-set",
        "C:supported-calendar-data", "C:max-resource-size", "C:max-instances", "C:calendar-timezone",
        "C:calendar-timezone-id", "C:schedule-calendar-transp", "C:supported-collation-set", "D:nope",
        "IC:calendar-color",
    )  # fmt: skip
    reply = world.bob.propfind(path, *names)
    assert statuses(reply) == {name.partition(":")[2]: 200 for name in names} | {
        "nope": 404,
        "calendar-color": 404,
    }
    node = reply.by_href()[path]
    assert node.findtext(OK + "{DAV:}displayname") == "Free"
    assert node.findtext(OK + CAL + "max-resource-size") == str(64 * 1024)
    assert "TZID:Europe/Berlin" in node.findtext(OK + CAL + "calendar-timezone", "")
    assert [one.get("name") for one in node.find(OK + CAL + "supported-calendar-component-set")] == [
        "VEVENT", "VTODO", "VJOURNAL", "VAVAILABILITY",
    ]  # fmt: skip
    before = node.findtext(OK + "{http://calendarserver.org/ns/}getctag")
    world.bob.put(path + "one.ics", event("one"))
    after = world.bob.propfind(path, "CS:getctag", "D:sync-token")
    assert after.xml.findtext(".//{http://calendarserver.org/ns/}getctag") != before
    assert after.xml.findtext(".//{DAV:}sync-token") == world.bob.sync(path).xml.findtext("{DAV:}sync-token")


@proves("RFC 4791 §6.2.1", "RFC 6638 §2.4.1", "RFC 3744 §4.2")
def test_the_principal_has_an_address_and_its_home(sqlite_world: Any) -> None:
    reply = sqlite_world.bob.propfind(
        "/dav/bob/", "C:calendar-user-address-set", "C:calendar-home-set", "D:principal-URL", "D:displayname"
    )
    hrefs = [node.text for node in reply.found(".//C:calendar-user-address-set/D:href")]
    assert hrefs == ["mailto:bob@example.org", "/dav/bob/"]
    assert reply.xml.findtext(f".//{CAL}calendar-home-set/{{DAV:}}href") == "/dav/bob/"


@proves("RFC 4918 §9.1 depth", "RFC 7240 §4.2", "RFC 8144 §2.1", "RFC 8144 §4")
def test_depth_allprop_propname_and_minimal_answers(sqlite_world: Any, event: Any) -> None:
    bob, path = sqlite_world.bob, FREE.format("bob")
    bob.put(path + "one.ics", event("one"))
    assert bob.propfind(path, "D:getetag", depth="infinity").conditions == {"propfind-finite-depth"}
    assert bob.propfind(path, "D:getetag", depth="2").status == 400
    assert bob.propfind(path, depth="1").hrefs == [path, path + "one.ics"]
    named = bob("PROPFIND", path, f"<D:propfind {NS}><D:propname/></D:propfind>", Depth="1")
    assert not any((node.text or "").strip() for node in named.found("D:response/D:propstat/D:prop/*"))
    noroot = bob.propfind(path, "D:getetag", "D:nope", depth="1", Prefer="depth-noroot, return=minimal")
    assert noroot.hrefs == [path + "one.ics"]
    assert statuses(noroot) == {"getetag": 200}
    assert statuses(bob.propfind(path + "one.ics", "D:getetag", "D:nope")) == {"getetag": 200, "nope": 404}
    assert bob.propfind(path + "none.ics", "D:getetag").status == 404
    modified = bob.propfind(path + "one.ics", "D:getlastmodified")
    assert modified.xml.findtext(".//{DAV:}getlastmodified") == "Mon, 02 Mar 2026 09:00:00 GMT"


@proves("RFC 4791 §5.2.1")
def test_colour_order_and_name_are_per_person(world: Any) -> None:
    mine = "<IC:calendar-color>#FF0000FF</IC:calendar-color><IC:calendar-order>3</IC:calendar-order>"
    mine += "<D:displayname>Küche &amp; Bad</D:displayname>"
    mine += "<C:calendar-description>mine</C:calendar-description>"
    reply = proppatch(world.carol, FREE.format("carol"), setting(mine))
    assert set(statuses(reply).items()) == {
        ("calendar-color", 200), ("calendar-order", 200), ("displayname", 200), ("calendar-description", 200)
    }  # fmt: skip
    asked = ("IC:calendar-color", "IC:calendar-order", "D:displayname")
    seen = world.carol.propfind(FREE.format("carol"), *asked)
    assert [node.text for node in seen.found(".//D:prop/*")] == ["#FF0000FF", "3", "Küche & Bad"]
    other = world.bob.propfind(FREE.format("bob"), *asked)
    assert statuses(other) == {"calendar-color": 404, "calendar-order": 404, "displayname": 200}
    assert other.xml.findtext(".//{DAV:}displayname") == "Free"
    proppatch(world.carol, FREE.format("carol"), "<D:remove><D:prop><IC:calendar-color/></D:prop></D:remove>")
    assert statuses(world.carol.propfind(FREE.format("carol"), "IC:calendar-color")) == {
        "calendar-color": 404
    }


@proves("RFC 4918 §15 calendars")
def test_properties_that_nobody_knows_are_kept_whole(world: Any) -> None:
    odd = '<o:odd xmlns:o="urn:odd" o:a="1">text<o:inner>Ä &lt;</o:inner></o:odd>'
    assert statuses(proppatch(world.bob, FREE.format("bob"), setting(odd))) == {"odd": 200}
    body = f'<D:propfind {NS}><D:prop><o:odd xmlns:o="urn:odd"/></D:prop></D:propfind>'
    found = world.bob("PROPFIND", FREE.format("bob"), body, Depth="0").xml.find(".//{urn:odd}odd")
    assert (found.text, found.findtext("{urn:odd}inner")) == ("text", "Ä <")


@proves("RFC 4918 §9.2", "RFC 4918 §9.2 protected")
def test_a_protected_property_is_refused_and_nothing_is_lost(world: Any) -> None:
    dav, path = world.bob, FREE.format("bob")
    proppatch(dav, path, setting("<IC:calendar-order>7</IC:calendar-order>"))
    mixed = setting(
        "<IC:calendar-order>9</IC:calendar-order><D:resourcetype><D:collection/></D:resourcetype>"
    )
    reply = proppatch(dav, path, mixed)
    assert statuses(reply) == {"calendar-order": 424, "resourcetype": 403}
    assert reply.xml.find(".//{DAV:}error/{DAV:}cannot-modify-protected-property") is not None
    after = dav.propfind(path, "IC:calendar-order", "D:resourcetype")
    assert after.xml.findtext(".//{http://apple.com/ns/ical/}calendar-order") == "7"
    assert after.xml.find(f".//{CAL}calendar") is not None
    assert statuses(proppatch(dav, "/dav/bob/", setting("<D:displayname>x</D:displayname>"))) == {
        "displayname": 403
    }
    too_long = setting(f"<o xmlns='urn:o'>{'x' * 20_000}</o><IC:calendar-order>8</IC:calendar-order>")
    assert statuses(proppatch(dav, path, too_long)) == {"o": 507, "calendar-order": 424}


MAKE = (
    f"<C:mkcalendar {NS}><D:set><D:prop><D:displayname>Mine</D:displayname>"
    "<IC:calendar-color>#00FF00</IC:calendar-color>"
    '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
    "<C:calendar-timezone>BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:America/New_York\r\nEND:VTIMEZONE\r\n"
    "END:VCALENDAR</C:calendar-timezone></D:prop></D:set></C:mkcalendar>"
)


@proves("RFC 4791 §5.3.1")
def test_people_make_calendars_of_their_own(world: Any, event: Any) -> None:
    bob = world.bob
    assert bob("MKCALENDAR", "/dav/bob/mine/", MAKE).status == 201
    reply = bob.propfind(
        "/dav/bob/mine/", "D:displayname", "IC:calendar-color", "C:calendar-timezone-id",
        "C:supported-calendar-component-set",
    )  # fmt: skip
    assert [node.text for node in reply.found(".//D:prop/*")][:3] == ["Mine", "#00FF00", "America/New_York"]
    assert [node.get("name") for node in reply.found(".//C:comp")] == ["VEVENT"]
    assert bob.put("/dav/bob/mine/one.ics", event("one")).status == 201
    assert bob.put("/dav/bob/mine/two.ics", event("two")).status == 201  # her own calendar allows clashes
    assert "/dav/bob/mine/" in bob.propfind("/dav/bob/", "D:displayname", depth="1").hrefs
    assert world.alice.propfind("/dav/alice/mine/", "D:displayname").status == 404
    assert world.alice("MKCALENDAR", "/dav/alice/mine/").status == 201  # reveals nobody else's names
    taken = bob("MKCALENDAR", "/dav/bob/mine/", MAKE)
    assert (taken.status, taken.conditions) == (405, {"resource-must-be-null"})
    assert bob("MKCALENDAR", "/dav/bob/free/").status == 405
    assert proppatch(bob, "/dav/bob/mine/", setting("<D:displayname>New</D:displayname>")).status == 207
    with world.db.transaction(write=False) as tx:
        assert resources.get(tx, "bob/mine").name == "New"


@proves("RFC 5689 §3")
def test_extended_mkcol_makes_calendars_only(world: Any) -> None:
    kind = "<D:resourcetype><D:collection/>{}</D:resourcetype>"
    body = f"<D:mkcol {NS}>" + setting(kind + "<D:displayname>M</D:displayname>") + "</D:mkcol>"
    assert world.bob("MKCOL", "/dav/bob/one/", body.format("<C:calendar/>")).status == 201
    for refused in (body.format(""), ""):
        answer = world.bob("MKCOL", "/dav/bob/two/", refused)
        assert (answer.status, answer.conditions) == (403, {"valid-resourcetype"})


@proves("RFC 5689 §5.1", "RFC 4791 §9.3")
def test_what_kept_a_calendar_from_being_made_is_told_per_property(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    props = "<D:displayname>M</D:displayname><D:getetag>x</D:getetag>"
    kind = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"
    for method, body, root in (
        ("MKCALENDAR", f"<C:mkcalendar {NS}>{setting(props)}</C:mkcalendar>", CAL + "mkcalendar-response"),
        ("MKCOL", f"<D:mkcol {NS}>{setting(kind + props)}</D:mkcol>", "{DAV:}mkcol-response"),
    ):
        answer = bob(method, "/dav/bob/new/", body)
        assert (answer.status, answer.xml.tag) == (403, root)
        told = {
            stat.find("{DAV:}prop")[0].tag: stat.findtext("{DAV:}status", "").split()[1]
            for stat in answer.found("D:propstat")
        }
        assert told == {"{DAV:}getetag": "403", "{DAV:}displayname": "424"}
        assert answer.conditions == {"cannot-modify-protected-property"}
    assert bob.propfind("/dav/bob/new/").status == 404


@proves("RFC 4791 §4.2", "RFC 4791 §5.3.1.1")
def test_calendars_lie_directly_in_the_own_home(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    inside = bob("MKCALENDAR", "/dav/bob/free/inner/")
    assert (inside.status, inside.conditions) == (403, {"calendar-collection-location-ok"})
    assert bob("MKCALENDAR", "/dav/alice/x/").status == 403
    assert bob("MKCALENDAR", "/dav/bob/").status == 405
    unknown = MAKE.replace("America/New_York", "Mars/Olympus")
    assert bob("MKCALENDAR", "/dav/bob/mars/", unknown).conditions == {"valid-calendar-data"}
    protected = f"<C:mkcalendar {NS}>" + setting("<D:getetag>x</D:getetag>") + "</C:mkcalendar>"
    assert bob("MKCALENDAR", "/dav/bob/etag/", protected).conditions == {"cannot-modify-protected-property"}
    assert bob.propfind("/dav/bob/etag/").status == 404
    with sqlite_world.db.transaction(write=False) as tx:
        assert not resources.list_(tx, with_personal=True)[3:]
        assert principals.get(tx, "bob").login == "bob"


def test_a_colour_may_be_a_name_of_css(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    bob("MKCALENDAR", "/dav/bob/mine/")
    for path in ("/dav/bob/free/", "/dav/bob/mine/"):
        for sent, told in (("Blue", "#0000FF"), ("#FF0000FF", "#FF0000FF")):
            proppatch(
                bob, path, f"<D:set><D:prop><IC:calendar-color>{sent}</IC:calendar-color></D:prop></D:set>"
            )
            found = bob.propfind(path, "IC:calendar-color").xml
            assert found.findtext(".//{http://apple.com/ns/ical/}calendar-color") == told
