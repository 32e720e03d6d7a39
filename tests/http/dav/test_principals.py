"""Finding people and rooms: the reports of RFC 3744 §9 and RFC 3253 §3.8, and what they keep to themselves."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.model import Level, ResourceKind
from gateway.services import grants, resources
from gateway.services.limits import Limits
from tests.compliance import proves
from tests.dav_world import make_event

CAL = "{urn:ietf:params:xml:ns:caldav}"
CS = "{http://calendarserver.org/ns/}"
PROPS = "<D:prop><D:displayname/><C:calendar-user-address-set/><C:calendar-user-type/><CS:email-address-set/></D:prop>"


@pytest.fixture
def people(world: Any) -> Any:
    """Add a projector with an address for alice and carol, and a hidden room with one."""
    horizon = Limits.of(world.server.settings).horizon(world.now)
    with world.db.transaction(write=True) as tx:
        for slug, kind, name in (
            ("beamer", ResourceKind.EQUIPMENT, "Großer Beamer"),
            ("hidden", ResourceKind.ROOM, "Hidden Beamer"),
        ):
            resources.add(
                tx, slug, kind=kind, name=name, email=f"{slug}@example.org", horizon=horizon, now=world.now
            )
        for login in ("alice", "carol"):
            grants.add(tx, Level.READ, login=login, resource="beamer", now=world.now)
    return world


def search(
    dav: Any, *conditions: tuple[str, str], path: str = "/dav/", attributes: str = "", how: str = ""
) -> Any:
    inner = "".join(
        f"<D:property-search><D:prop><{prop}/></D:prop><D:match {how}>{text}</D:match></D:property-search>"
        for prop, text in conditions
    )
    body = (
        f'<D:principal-property-search xmlns:D="DAV:" xmlns:C="{CAL[1:-1]}" xmlns:CS="{CS[1:-1]}" {attributes}>'
        f"{inner}{PROPS}</D:principal-property-search>"
    )
    return dav("REPORT", path, body, Depth="0")


def names(reply: Any) -> set[str]:
    assert reply.status == 207, reply.body
    return {node.text or "" for node in reply.found(".//D:displayname")}


@proves("RFC 3744 §9.4", "RFC 6638 §2.4.2")
def test_people_and_rooms_are_found_by_name_and_mail_address(people: Any) -> None:
    alice = people.alice
    assert names(search(alice, ("D:displayname", "roo"))) == {"Room"}
    assert names(search(alice, ("D:displayname", "GROSSER B"))) == {"Großer Beamer"}  # ß folds to ss
    assert names(search(alice, ("C:calendar-user-address-set", "mailto:beamer@"))) == {"Großer Beamer"}
    assert names(search(alice, ("CS:email-address-set", "alice@example.org"))) == {"Alice"}
    assert names(search(alice, ("C:calendar-user-type", "ROOM"))) == {"Room"}
    both = (("D:displayname", "beamer"), ("C:calendar-user-type", "ROOM"))
    assert names(search(alice, *both)) == set()
    assert names(search(alice, *both, attributes='test="anyof"')) == {"Room", "Großer Beamer"}
    assert names(search(alice, ("D:displayname", "beam"), how='match-type="starts-with"')) == {
        "Großer Beamer"
    }
    assert names(search(alice, ("D:displayname", "eamer"), how='match-type="starts-with"')) == set()
    assert names(search(alice, ("D:getetag", ""))) == set()  # not searchable: matches nothing
    reply = search(alice, ("D:displayname", "beamer"))
    assert reply.hrefs == ["/dav/@principals/beamer/"]
    assert reply.xml.findtext(f".//{CAL}calendar-user-type") == "RESOURCE"
    assert [node.text for node in reply.found(".//C:calendar-user-address-set/D:href")] == [
        "mailto:beamer@example.org",
        "/dav/@principals/beamer/",
    ]


def test_a_schedule_without_an_address_is_found_by_that_of_its_person(people: Any) -> None:
    horizon = Limits.of(people.server.settings).horizon(people.now)
    with people.db.transaction(write=True) as tx:
        resources.add(
            tx,
            "bobs",
            kind=ResourceKind.PERSON,
            name="Bob's time",
            owner="bob",
            horizon=horizon,
            now=people.now,
        )
        grants.add(tx, Level.FREEBUSY, login="carol", resource="bobs", now=people.now)
    assert names(search(people.carol, ("CS:email-address-set", "bob@"))) == {"Bob's time"}
    assert names(search(people.alice, ("CS:email-address-set", "bob@"))) == set()
    reply = people.carol.propfind("/dav/@principals/bobs/", "C:calendar-user-address-set")
    assert reply.found(".//D:href")[1].text == "mailto:bob@example.org"


@proves("RFC 3744 §9.4 hidden")
def test_nobody_finds_what_she_has_no_right_on(people: Any) -> None:
    for dav, known in (
        (people.carol, {"Carol", "Room", "Free", "Großer Beamer"}),
        (people.bob, {"Bob", "Room", "Free"}),
    ):
        assert names(search(dav, ("D:displayname", ""))) == known
        assert names(search(dav, ("CS:email-address-set", "hidden@example.org"))) == set()
        assert dav.propfind("/dav/@principals/hidden/", "D:displayname").status == 404
        listed = dav.propfind("/dav/@principals/", "D:displayname", depth="1").hrefs
        assert len(listed) == len(known)  # the collection and everybody but herself
    assert people.bob.propfind("/dav/@principals/beamer/", "D:displayname").status == 404
    assert names(search(people.bob, ("D:displayname", "alice"))) == set()  # people are no open book


@proves("RFC 3744 §2", "RFC 3744 §4.4")
def test_a_principal_is_described_and_leads_to_no_other_home(people: Any) -> None:
    reply = people.carol.propfind(
        "/dav/@principals/room/",
        "D:resourcetype",
        "D:principal-URL",
        "C:calendar-home-set",
        "D:group-membership",
    )
    node = reply.by_href()["/dav/@principals/room/"]
    assert [child.tag for child in node.find(".//{DAV:}resourcetype")] == ["{DAV:}principal"]
    assert node.findtext(".//{DAV:}principal-URL/{DAV:}href") == "/dav/@principals/room/"
    assert "404" in next(
        stat.findtext("{DAV:}status", "")
        for stat in node.findall("{DAV:}propstat")
        if stat.find(f"{{DAV:}}prop/{CAL}calendar-home-set") is not None
    )
    assert people.carol.put("/dav/@principals/room/", b"x").status in {403, 404, 405}
    assert people.carol("PROPFIND", "/dav/@principals/room/deep", Depth="0").status == 404


@proves("RFC 3744 §9.5")
def test_the_searchable_properties_are_told(sqlite_world: Any) -> None:
    reply = sqlite_world.bob(
        "REPORT", "/dav/", '<D:principal-search-property-set xmlns:D="DAV:"/>', Depth="0"
    )
    assert reply.status == 200
    assert reply.xml.tag == "{DAV:}principal-search-property-set"
    told = {prop[0].tag for prop in reply.found("D:principal-search-property/D:prop")}
    assert told == {
        "{DAV:}displayname", CAL + "calendar-user-address-set", CAL + "calendar-user-type", CS + "email-address-set"
    }  # fmt: skip
    for name in told:
        prefix = {"{DAV:}": "D", CAL: "C", CS: "CS"}[name[: name.index("}") + 1]]
        assert search(sqlite_world.bob, (f"{prefix}:{name.partition('}')[2]}", "o")).hrefs, name


def test_apples_search_takes_words_and_a_context(people: Any) -> None:
    def find(context: str, *words: str, limit: str = "") -> set[str]:
        tokens = "".join(f"<CS:search-token>{word}</CS:search-token>" for word in words)
        inner = f"{tokens}{limit}{PROPS}"
        body = (
            f'<CS:calendarserver-principal-search xmlns:D="DAV:" xmlns:C="{CAL[1:-1]}" xmlns:CS="{CS[1:-1]}"'
            f' context="{context}">{inner}</CS:calendarserver-principal-search>'
        )
        return names(people.alice("REPORT", "/dav/", body, Depth="0"))

    assert find("location", "roo") == {"Room"}
    assert find("resource", "großer", "beam") == {"Großer Beamer"}
    assert find("location", "beamer") == set()
    assert find("attendee", "beamer@ex") == {"Großer Beamer"}
    assert find("user", "alice") == {"Alice"}
    assert find("group", "alice") == set()
    cut = "<CS:limit><CS:nresults>0</CS:nresults></CS:limit>"
    assert find("user", "alice", limit=cut) == set()


@proves("RFC 3744 §9.3")
def test_principal_match_finds_oneself(sqlite_world: Any) -> None:
    body = '<D:principal-match xmlns:D="DAV:"><D:self/><D:prop><D:displayname/></D:prop></D:principal-match>'
    reply = sqlite_world.carol("REPORT", "/dav/", body, Depth="0")
    assert (reply.hrefs, names(reply)) == (["/dav/carol/"], {"Carol"})
    assert sqlite_world.carol("REPORT", "/dav/@principals/", body, Depth="0").hrefs == []
    other = body.replace("<D:self/>", "<D:principal-property><D:owner/></D:principal-property>")
    assert sqlite_world.carol("REPORT", "/dav/", other, Depth="0").conditions == {"supported-report"}


@proves("RFC 3744 §9.2")
def test_who_stands_in_the_acl_is_the_person_who_asks(world: Any) -> None:
    world.bob.put("/dav/bob/free/one.ics", make_event("one"))
    inner = "<D:prop><D:displayname/></D:prop>"
    for path in ("/dav/", "/dav/bob/", "/dav/bob/free/", "/dav/bob/free/one.ics", "/dav/@principals/room/"):
        reply = world.bob.report(path, "D:acl-principal-prop-set", inner, Depth="0")
        assert (reply.status, reply.hrefs, names(reply)) == (207, ["/dav/bob/"], {"Bob"}), path
    for path, status in (("/dav/bob/free/none.ics", 404), ("/dav/bob/none/", 404), ("/dav/alice/", 403)):
        assert world.bob.report(path, "D:acl-principal-prop-set", inner).status == status


def expand(dav: Any, path: str, inner: str, **headers: str) -> Any:
    return dav("REPORT", path, f'<D:expand-property xmlns:D="DAV:">{inner}</D:expand-property>', **headers)


@proves("RFC 3253 §3.8", "RFC 3744 §5.1")
def test_expand_property_answers_with_what_lies_behind_an_href(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put("/dav/bob/free/one.ics", event("one"))
    spec = (
        '<D:property name="displayname"/><D:property name="owner"><D:property name="displayname"/>'
        f'<D:property name="calendar-home-set" namespace="{CAL[1:-1]}"><D:property name="resourcetype"/></D:property>'
        "</D:property>"
    )
    for path in ("/dav/bob/free/", "/dav/bob/free/one.ics"):
        reply = expand(bob, path, spec, Depth="0")
        owner = reply.xml.find("{DAV:}response/{DAV:}propstat/{DAV:}prop/{DAV:}owner/{DAV:}response")
        assert owner.findtext("{DAV:}href") == "/dav/bob/"
        assert owner.findtext("{DAV:}propstat/{DAV:}prop/{DAV:}displayname") == "Bob"
        home = owner.find(f"{{DAV:}}propstat/{{DAV:}}prop/{CAL}calendar-home-set/{{DAV:}}response")
        assert home.find(".//{DAV:}principal") is not None
    members = expand(bob, "/dav/bob/", spec, Depth="1")
    assert [node.text for node in members.found("D:response/D:href")] == [
        "/dav/bob/", "/dav/bob/free/", "/dav/bob/room/",
    ]  # fmt: skip
    assert len(members.found(".//D:owner/D:response")) == 3


def test_expand_property_is_bounded_and_takes_names_only(sqlite_world: Any) -> None:
    deep = '<D:property name="displayname"/>'
    for _ in range(10):
        deep = f'<D:property name="owner">{deep}</D:property>'
    assert expand(sqlite_world.bob, "/dav/bob/", deep).status == 403
    wide = "".join(f'<D:property name="p{n}"/>' for n in range(300))
    assert expand(sqlite_world.bob, "/dav/bob/", wide).status == 400
    for name in ("a b", "&lt;x&gt;", "", "1"):
        assert expand(sqlite_world.bob, "/dav/bob/", f'<D:property name="{name}"/>').status == 400
    odd = '<D:property name="a" namespace="http://www.w3.org/2000/xmlns/"/>'
    assert expand(sqlite_world.bob, "/dav/bob/", odd).status in {207, 400}
    assert expand(sqlite_world.bob, "/dav/alice/", '<D:property name="displayname"/>').status == 403
    assert expand(sqlite_world.bob, "/dav/bob/none/", '<D:property name="displayname"/>').status == 404
