"""What who may see free/busy only is told over CalDAV: busy times, on every way, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.model import Level
from gateway.services import grants
from tests.compliance import proves
from tests.dav_world import make_event
from tests.http.dav.test_privacy import CANARY, every_answer, follow, secret

FREE = "/dav/{}/free/"
DAVE = FREE.format("dave")
NS = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
DATA = "{DAV:}propstat/{DAV:}prop/{urn:ietf:params:xml:ns:caldav}calendar-data"


def public(uid: str, *more: str, **times: str) -> bytes:
    texts = [f"{name}:{CANARY}" for name in ("SUMMARY", "DESCRIPTION", "LOCATION", "CATEGORIES", "X-ODD")]
    alarm = ["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", f"DESCRIPTION:{CANARY}", "END:VALARM"]
    return make_event(uid, *texts, *more, *alarm, **times)


def other(kind: str, uid: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", f"BEGIN:{kind}", f"UID:{uid}",
             "DTSTAMP:20260301T000000Z", "DTSTART:20260310T090000Z", f"SUMMARY:{CANARY}", f"END:{kind}",
             "END:VCALENDAR", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


def fill(world: Any) -> None:
    base = FREE.format("alice")
    for name, data in (
        (f"{CANARY}.ics", public(f"{CANARY}-uid")),
        ("b.ics", secret(f"{CANARY}-two", start="20260311T090000Z", end="20260311T100000Z")),
        (
            "c.ics",
            public(
                f"{CANARY}-series",
                "RRULE:FREQ=WEEKLY;COUNT=3",
                start="20260312T090000Z",
                end="20260312T100000Z",
            ),
        ),
        ("task.ics", other("VTODO", f"{CANARY}-task")),
        ("note.ics", other("VJOURNAL", f"{CANARY}-note")),
    ):
        assert world.alice.put(base + name, data).status == 201


@proves("RFC 4791 §6.1.1")
def test_pain_48_free_busy_shows_times_and_no_field(world: Any) -> None:
    fill(world)
    told = every_answer(world.dave)
    assert CANARY.encode() not in told
    for time in (b"20260310T090000Z", b"20260311T090000Z", b"20260312T090000Z", b"20260319T090000Z"):
        assert time in told
    assert b"VTODO" not in told.replace(b'name="VTODO"', b"")
    assert b"VJOURNAL" not in told
    assert b"VALARM" not in told
    assert b"CLASS:PRIVATE" not in told  # not even what is private among it
    hrefs = world.dave.sync(DAVE).hrefs
    assert len(hrefs) == 3
    jcal = {"Accept": "application/calendar+json"}
    props = "<D:prop><D:getetag/><C:calendar-data/></D:prop>"
    more = [world.dave("GET", href, **jcal) for href in hrefs]
    more += [
        world.dave.report(DAVE, "D:expand-property", '<D:property name="owner"><D:property name="displayname"/></D:property>', Depth="1"),
        world.dave.report("/dav/dave/", "D:sync-collection", f"<D:sync-token/><D:sync-level>1</D:sync-level>{props}"),
        world.dave.report(DAVE, "D:sync-collection", f"<D:sync-token/><D:sync-level>1</D:sync-level>{props}"),
        world.dave.query(DAVE, "", props='<C:calendar-data content-type="application/calendar+json"/>'),
        world.dave("COPY", hrefs[0], Destination=DAVE + "copy.ics"),
        world.dave("MOVE", hrefs[0], Destination=DAVE + "copy.ics"),
    ]  # fmt: skip
    assert all(CANARY.encode() not in reply.body + str(reply.headers).encode() for reply in more)
    assert [reply.status for reply in more[:3]] == [200, 200, 200]
    names = f"<D:propfind {NS}><D:propname/></D:propfind>"
    for path in (DAVE, *hrefs):
        asked = world.dave("PROPFIND", path, names, Depth="0").found("D:response/D:propstat/D:prop/*")
        everything = "".join(f'<x:{tag} xmlns:x="{space}"/>' for space, _, tag in
                             (node.tag[1:].partition("}") for node in asked))  # fmt: skip
        body = f"<D:propfind {NS}><D:prop>{everything}</D:prop></D:propfind>"
        assert CANARY.encode() not in world.dave("PROPFIND", path, body, Depth="0").body


def test_a_masked_calendar_says_that_it_takes_events_and_no_writes(world: Any, event: Any) -> None:
    fill(world)
    dave = world.dave
    reply = dave.propfind(DAVE, "D:current-user-privilege-set", "C:supported-calendar-component-set", "D:acl")
    privileges = {
        node.tag.partition("}")[2] for node in reply.found(".//D:current-user-privilege-set//D:privilege/*")
    }
    assert privileges == {"read", "read-acl", "read-current-user-privilege-set", "read-free-busy"}
    assert [node.get("name") for node in reply.found(".//C:comp")] == ["VEVENT"]
    href = dave.sync(DAVE).hrefs[0]
    before = world.alice.sync(FREE.format("alice")).xml.findtext("{DAV:}sync-token")
    for refused in (
        dave.put(DAVE + "new.ics", event("new")),
        dave.put(href, event("new")),
        dave("DELETE", href),
        dave("MOVE", href, Destination=DAVE + "x.ics"),
    ):
        assert (refused.status, refused.conditions) == (403, {"need-privileges"})
    assert world.alice.sync(FREE.format("alice")).xml.findtext("{DAV:}sync-token") == before


@proves("RFC 4918 §15.4")
def test_the_length_of_hidden_text_is_not_told(world: Any) -> None:
    fill(world)
    body = f"<D:propfind {NS}><D:prop><D:getcontentlength/><D:getetag/></D:prop></D:propfind>"
    told = {}
    for login in ("alice", "carol", "dave"):
        reply = world.people[login]("PROPFIND", FREE.format(login), body, Depth="1", Prefer="depth-noroot")
        told[login] = [node.findtext(".//{DAV:}getcontentlength") or "" for node in reply.found("D:response")]
        for node in reply.found("D:response"):
            length = node.findtext(".//{DAV:}getcontentlength")
            if length:
                path = node.findtext("{DAV:}href")
                whole = world.people[login]("GET", path, Accept_Encoding="identity")
                assert length == whole.headers["Content-Length"]
    assert all(told["alice"])
    assert sorted(map(bool, told["carol"])) == [False, True, True, True, True]
    assert not any(told["dave"])


def test_real_names_are_not_there_and_masked_ones_work_in_every_way(world: Any) -> None:
    fill(world)
    dave = world.dave
    for name in (f"{CANARY}.ics", "b.ics", "task.ics", "nothing.ics", f"{'0' * 40}.ics"):
        assert dave("GET", DAVE + name).status == 404
        assert dave.propfind(DAVE + name, "D:getetag").status == 404
    listed = dave.propfind(DAVE, "D:getetag", depth="1", Prefer="depth-noroot").hrefs
    assert listed == dave.sync(DAVE).hrefs == dave.query(DAVE, "").hrefs
    assert all(len(href) == len(DAVE) + 44 for href in listed)
    names = [*listed, DAVE + "b.ics"]
    inner = "<D:prop><D:getetag/><C:calendar-data/></D:prop>" + "".join(
        f"<D:href>{name}</D:href>" for name in names
    )
    found = dave.report(DAVE, "C:calendar-multiget", inner).by_href()
    for href in listed:
        single = dave("GET", href)
        assert single.status == 200
        assert found[href].findtext(DATA, "").encode() == single.body
        assert single.headers["ETag"] == dave.propfind(href, "D:getetag").xml.findtext(".//{DAV:}getetag")
    assert "404" in found[DAVE + "b.ics"].findtext("{DAV:}status", "")
    whole = dave("GET", DAVE)
    assert whole.body.count(b"BEGIN:VEVENT") == 3


@pytest.mark.parametrize("login", ["carol", "dave"])
@proves("RFC 4791 §7.8 hidden")
def test_filters_and_order_are_no_oracle_on_hidden_fields(world: Any, login: str) -> None:
    fill(world)
    dav, path = world.people[login], FREE.format(login)
    asked = (
        '<C:comp-filter name="VEVENT"><C:prop-filter name="{}"><C:text-match>{}</C:text-match></C:prop-filter>'
        "</C:comp-filter>"
    )
    for name in ("SUMMARY", "UID", "DESCRIPTION", "LOCATION", "CATEGORIES", "X-ODD"):
        seen = dav.query(path, asked.format(name, CANARY), props="<C:calendar-data/>")
        for node in seen.xml.findall("{DAV:}response"):
            assert CANARY in node.findtext(DATA, "")  # what matches is what she reads
    for inner in (
        '<C:comp-filter name="VEVENT"><C:prop-filter name="X-ODD"/></C:comp-filter>',
        '<C:comp-filter name="VEVENT"><C:comp-filter name="VALARM"/></C:comp-filter>',
        '<C:comp-filter name="VTODO"/>',
        '<C:comp-filter name="VJOURNAL"><C:prop-filter name="SUMMARY"/></C:comp-filter>',
    ):
        for node in dav.query(path, inner).xml.findall("{DAV:}response"):
            assert CANARY in node.findtext(DATA, "")
    for hrefs in (
        dav.sync(path).hrefs,
        dav.query(path, "").hrefs,
        dav.query(path, '<C:comp-filter name="VEVENT"/>').hrefs,
    ):
        assert hrefs == sorted(hrefs)  # by the names she knows, not by those she does not


def test_a_masked_reader_follows_every_change(world: Any, event: Any) -> None:
    alice, base = world.alice, FREE.format("alice")
    held: dict[str, str] = {}
    token = ""
    name = base + f"{CANARY}.ics"
    task = other("VTODO", "shape")
    steps = [
        lambda: alice.put(base + "one.ics", public("one")),
        lambda: alice.put(name, secret("two", start="20260313T090000Z", end="20260313T100000Z")),
        lambda: alice.put(base + "one.ics", secret("one")),
        lambda: alice("MOVE", name, Destination=base + f"{CANARY}2.ics"),
        lambda: alice.put(base + "shape.ics", event("shape")),
        lambda: alice.put(base + "shape.ics", task),  # an event becomes a task
        lambda: alice.put(base + "shape.ics", event("shape")),
        lambda: alice("DELETE", base + "one.ics"),
        lambda: alice.put(base + "one.ics", event("third")),
        lambda: alice.put(base + "task.ics", other("VTODO", "task")),
        lambda: alice("DELETE", base + "task.ics"),
    ]
    for step in steps:
        answer = step()
        assert answer.status in {201, 204}, answer.body
        held, token = follow(world.dave, dict(held), token)
        assert held == follow(world.dave, {}, "")[0]
        limited = world.dave.sync(DAVE, limit=1)
        assert CANARY.encode() not in limited.body
    assert len(held) == 3


def test_a_token_of_another_level_is_refused(world: Any, event: Any) -> None:
    world.alice.put(FREE.format("alice") + "one.ics", event("one"))
    token = world.dave.sync(DAVE).xml.findtext("{DAV:}sync-token")
    etag = world.dave("GET", DAVE).headers["ETag"]
    with world.db.transaction(write=True) as tx:
        grants.add(tx, Level.READ, login="dave", resource="free", now=world.now)
    assert world.dave.sync(DAVE, token).conditions == {"valid-sync-token"}
    assert world.dave("GET", DAVE, If_None_Match=etag).status == 200
    assert world.dave.sync(DAVE).hrefs == [DAVE + "one.ics"]
    reading_token = world.dave.sync(DAVE).xml.findtext("{DAV:}sync-token")
    with world.db.transaction(write=True) as tx:
        for grant in grants.list_(tx):
            if grant.login == "dave" and grant.level is Level.READ:
                grants.remove(tx, grant.id, now=world.now)
        grants.add(tx, Level.FREEBUSY, login="dave", resource="free", now=world.now)
    assert world.dave.sync(DAVE, reading_token).conditions == {"valid-sync-token"}
    assert world.dave("GET", DAVE + "one.ics").status == 404
