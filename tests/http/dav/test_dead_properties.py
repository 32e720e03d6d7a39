"""Properties that nobody here knows: kept whole, for each person, on calendars, objects and the home."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.services import person_properties
from tests.compliance import proves
from tests.http.dav.test_collections import FREE, NS, proppatch, setting, statuses
from tests.http.dav.test_privacy import secret

ODD = (
    '<o:odd xmlns:o="urn:odd" o:a="1" b="&quot;&lt;&#10;" xml:lang="de">text <o:inner>Ä &lt;</o:inner> tail'
    '<bare xmlns="">&#13;</bare></o:odd>'
)
ASK = f'<D:propfind {NS}><D:prop><D:getetag/><o:odd xmlns:o="urn:odd"/><o:no xmlns:o="urn:odd"/></D:prop></D:propfind>'


def asked(dav: Any, path: str, body: str = ASK, depth: str = "0") -> Any:
    return dav("PROPFIND", path, body, Depth=depth)


@proves("RFC 4918 §4.3", "RFC 4918 §15 calendars", "RFC 4918 §15 objects")
@pytest.mark.parametrize("where", ["", "free/", "free/one.ics"])
def test_everything_of_a_property_is_kept_where_it_was_set(world: Any, event: Any, where: str) -> None:
    bob, path = world.bob, f"/dav/bob/{where}"
    world.bob.put("/dav/bob/free/one.ics", event("one"))
    before = world.bob("GET", "/dav/bob/free/one.ics").headers["ETag"]
    assert statuses(proppatch(bob, path, setting(ODD))) == {"odd": 200}
    reply = asked(bob, path)
    found = reply.xml.find(".//{urn:odd}odd")
    assert found.attrib == {
        "{urn:odd}a": "1",
        "b": '"<\n',
        "{http://www.w3.org/XML/1998/namespace}lang": "de",
    }
    assert (found.text, found[0].tag, found[0].text, found[0].tail) == (
        "text ",
        "{urn:odd}inner",
        "Ä <",
        " tail",
    )
    assert (found[1].tag, found[1].text) == ("bare", "\r")
    assert {name: status for name, status in statuses(reply).items() if name in {"odd", "no"}} == {
        "odd": 200,
        "no": 404,
    }
    everything = asked(bob, path, f"<D:propfind {NS}><D:allprop/></D:propfind>")
    assert everything.xml.find(".//{urn:odd}odd").text == "text "
    named = asked(bob, path, f"<D:propfind {NS}><D:propname/></D:propfind>").xml.find(".//{urn:odd}odd")
    assert (named.text, len(named)) == (None, 0)
    if where != "":
        carol = asked(world.carol, path.replace("bob", "carol"))
        assert statuses(carol)["odd"] == 404  # hers alone
    assert world.bob("GET", "/dav/bob/free/one.ics").headers["ETag"] == before
    removed = proppatch(bob, path, '<D:remove><D:prop><o:odd xmlns:o="urn:odd"/></D:prop></D:remove>')
    assert statuses(removed) == {"odd": 200}
    assert statuses(asked(bob, path))["odd"] == 404


def test_properties_of_objects_come_with_listings_and_reports(world: Any, event: Any) -> None:
    bob, path = world.bob, FREE.format("bob")
    for name in ("one", "two", "three"):
        bob.put(f"{path}{name}.ics", event(name))
    proppatch(bob, path + "two.ics", setting(ODD))
    listed = asked(bob, path, depth="1").by_href()
    odd = {href for href, node in listed.items() if node.findtext(".//{urn:odd}odd") is not None
           and "".join(node.find(".//{urn:odd}odd").itertext())}  # fmt: skip
    assert odd == {path + "two.ics"}
    names = '<D:prop><D:getetag/><o:odd xmlns:o="urn:odd"/></D:prop>'
    hrefs = "".join(f"<D:href>{path}{name}.ics</D:href>" for name in ("one", "two"))
    for reply in (
        bob.report(path, "C:calendar-multiget", names + hrefs),
        bob.report(path, "D:sync-collection", f"<D:sync-token/><D:sync-level>1</D:sync-level>{names}"),
        bob.query(path, "", props='<D:getetag/><o:odd xmlns:o="urn:odd"/>'),
        bob.report(path, "C:calendar-multiget", names + hrefs, Prefer="return=minimal"),
    ):
        node = reply.by_href()[path + "two.ics"]
        assert node.find(".//{urn:odd}odd").text == "text "
        assert node.find(".//{DAV:}getetag").text
        other = reply.by_href()[path + "one.ics"].find(".//{urn:odd}odd")
        assert other is None or other.text is None


def test_properties_move_with_an_object_and_go_with_it(world: Any, event: Any) -> None:
    bob, path = world.bob, FREE.format("bob")
    bob("MKCALENDAR", "/dav/bob/mine/")
    bob.put(path + "one.ics", event("one"))
    proppatch(bob, path + "one.ics", setting(ODD))
    bob.put(path + "one.ics", event("one", "SUMMARY:changed"))
    assert statuses(asked(bob, path + "one.ics"))["odd"] == 200
    for source, target in (
        (path + "one.ics", path + "two.ics"),
        (path + "two.ics", "/dav/bob/mine/three.ics"),
    ):
        assert bob("MOVE", source, Destination=target).status == 201
        assert statuses(asked(bob, target))["odd"] == 200
    assert bob("COPY", "/dav/bob/mine/three.ics", Destination=path + "four.ics").status == 201
    assert statuses(asked(bob, path + "four.ics"))["odd"] == 200
    bob("DELETE", "/dav/bob/mine/three.ics")
    bob.put("/dav/bob/mine/three.ics", event("one"))
    assert statuses(asked(bob, "/dav/bob/mine/three.ics"))["odd"] == 404


def test_live_properties_of_objects_and_homes_are_protected(sqlite_world: Any, event: Any) -> None:
    bob, path = sqlite_world.bob, FREE.format("bob") + "one.ics"
    bob.put(path, event("one"))
    mixed = setting(ODD + "<D:getetag>x</D:getetag><C:calendar-data/>")
    reply = proppatch(bob, path, mixed)
    assert statuses(reply) == {"odd": 424, "getetag": 403, "calendar-data": 403}
    assert statuses(asked(bob, path))["odd"] == 404  # nothing of it was done
    home = proppatch(bob, "/dav/bob/", setting(ODD + "<D:displayname>x</D:displayname>"))
    assert statuses(home) == {"odd": 424, "displayname": 403}
    for path in ("/dav/", "/dav/@principals/room/"):
        assert statuses(proppatch(bob, path, setting(ODD))) == {"odd": 403}
    assert proppatch(bob, FREE.format("bob") + "none.ics", setting(ODD)).status == 404
    many = "".join(f'<o:p{n} xmlns:o="urn:o">1</o:p{n}>' for n in range(101))
    assert set(statuses(proppatch(bob, "/dav/bob/", setting(many))).values()) == {507}


def test_a_masked_object_takes_no_properties(sqlite_world: Any) -> None:
    sqlite_world.alice.put(FREE.format("alice") + "one.ics", secret("one"))
    for login in ("bob", "dave"):
        dav = sqlite_world.people[login]
        href = dav.sync(FREE.format(login)).hrefs[0]
        assert proppatch(dav, href, setting(ODD)).status == 403
        assert proppatch(dav, FREE.format(login) + "one.ics", setting(ODD)).status == 404


def test_a_person_cannot_fill_the_database_with_properties(
    sqlite_world: Any, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_properties, "MAX_ON_OBJECTS", 2)
    bob, path = sqlite_world.bob, FREE.format("bob")
    codes = []
    for name in ("one", "two", "three"):
        bob.put(f"{path}{name}.ics", event(name))
        codes += statuses(proppatch(bob, f"{path}{name}.ics", setting(ODD))).values()
    assert codes == [200, 200, 507]
    assert set(statuses(proppatch(bob, path + "one.ics", setting(ODD))).values()) == {200}  # no new one
