"""What a person may not see over CalDAV: private objects are busy time under names that tell nothing."""

from __future__ import annotations

from typing import Any

import pytest

CANARY = "XCANARYX"
FREE = "/dav/{}/free/"
DATA = "{DAV:}propstat/{DAV:}prop/{urn:ietf:params:xml:ns:caldav}calendar-data"


def secret(uid: str, classification: str = "PRIVATE", **times: str) -> bytes:
    from tests.dav_world import make_event

    texts = [
        f"{name}:{CANARY}"
        for name in ("SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "CONTACT", "CATEGORIES")
    ]
    more = [
        f"X-{CANARY}:{CANARY}", f"ATTENDEE;CN={CANARY}:mailto:{CANARY}@example.org", f"URL:https://{CANARY}.example",
        f"CLASS:{classification}",
        "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", f"DESCRIPTION:{CANARY}", "END:VALARM",
    ]  # fmt: skip
    return make_event(uid, *texts, *more, **times)


def every_answer(dav: Any) -> bytes:
    """Return everything that a person can be told about the calendar."""
    path = FREE.format(dav.login)
    replies = [
        dav.propfind(path, depth="1"),
        dav.propfind(path, "D:getetag", "D:displayname", "D:resourcetype", depth="1"),
        dav("PROPFIND", path, '<propfind xmlns="DAV:"><propname/></propfind>', Depth="1"),
        dav.sync(path),
        dav.query(path, ""),
        dav.query(path, '<C:comp-filter name="VEVENT"/>'),
        dav("GET", path),
        dav.report(
            path, "C:free-busy-query", '<C:time-range start="20260301T000000Z" end="20260401T000000Z"/>'
        ),
    ]
    replies += [dav("GET", href) for href in dav.sync(path).hrefs]
    expand = '<C:calendar-data><C:expand start="20260301T000000Z" end="20260401T000000Z"/></C:calendar-data>'
    replies.append(dav.query(path, "", props=expand))
    assert all(reply.status in {200, 207} for reply in replies)
    return b"".join(reply.body + str(reply.headers).encode() for reply in replies)


@pytest.mark.parametrize("classification", ["PRIVATE", "CONFIDENTIAL", "X-ODD"])
def test_pain_48_no_text_of_a_private_object_leaves(world: Any, classification: str) -> None:
    name = f"{CANARY}.ics"
    assert world.alice.put(FREE.format("alice") + name, secret(f"{CANARY}-uid", classification)).status == 201
    for dav in (world.bob, world.carol):
        assert CANARY.encode() not in every_answer(dav)
        assert b"20260310T090000Z" in every_answer(dav)
        assert dav("GET", FREE.format(dav.login) + name).status == 404
    assert CANARY.encode() in every_answer(world.alice)


def test_pain_49_exceptions_of_a_series_take_its_stricter_class(world: Any, event: Any) -> None:
    series = secret("series").replace(
        b"END:VEVENT",
        f"RRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:series\r\nDTSTAMP:20260101T000000Z\r\n"
        f"RECURRENCE-ID:20260311T090000Z\r\nDTSTART:20260311T120000Z\r\nSUMMARY:{CANARY}\r\n"
        f"CLASS:PUBLIC\r\nEND:VEVENT".encode(),
    )
    assert world.alice.put(FREE.format("alice") + "s.ics", series).status == 201
    told = every_answer(world.carol)
    assert CANARY.encode() not in told
    assert b"20260311T120000Z" in told


def test_masked_names_are_stable_for_a_person_and_differ_between_people(world: Any) -> None:
    world.alice.put(FREE.format("alice") + "one.ics", secret("one"))
    bob, carol = (world.people[login].sync(FREE.format(login)).hrefs for login in ("bob", "carol"))
    assert bob == world.bob.sync(FREE.format("bob")).hrefs
    assert bob[0].rsplit("/", 1)[1] != carol[0].rsplit("/", 1)[1]
    before = world.bob("GET", bob[0])
    again = world.bob("GET", bob[0])
    assert (before.body, before.headers["ETag"]) == (again.body, again.headers["ETag"])
    assert world.bob("GET", bob[0], If_None_Match=before.headers["ETag"]).status == 304
    multiget = world.bob.report(
        FREE.format("bob"),
        "C:calendar-multiget",
        f"<D:prop><C:calendar-data/></D:prop><D:href>{bob[0]}</D:href>",
    )
    assert multiget.xml.findtext(f"{{DAV:}}response/{DATA}", "").encode() == before.body


def test_who_made_a_private_object_sees_and_changes_it(world: Any) -> None:
    path = FREE.format("bob") + "mine.ics"
    assert world.bob.put(path, secret("mine")).status == 201
    assert CANARY.encode() in world.bob("GET", path).body
    assert CANARY.encode() in every_answer(world.alice)
    assert CANARY.encode() not in every_answer(world.carol)
    assert world.bob.put(path, secret("mine").replace(b"DESCRIPTION", b"COMMENT")).status == 204
    assert world.bob("DELETE", path).status == 204


def test_a_masked_object_is_read_only(world: Any, event: Any) -> None:
    world.alice.put(FREE.format("alice") + "one.ics", secret("one"))
    bob = world.bob
    href = bob.sync(FREE.format("bob")).hrefs[0]
    assert bob.put(href, event("one")).status == 403
    assert bob("DELETE", href).status == 403
    assert bob("MOVE", href, Destination=FREE.format("bob") + "x.ics").status == 403
    assert bob.put(FREE.format("bob") + "one.ics", event("two")).status == 412
    assert bob("DELETE", FREE.format("bob") + "one.ics").status == 404
    clash = bob.put(FREE.format("bob") + "two.ics", event("one"))
    assert clash.status == 409
    assert b"one.ics" not in clash.body
    assert world.alice("GET", FREE.format("alice") + "one.ics").body == secret("one")
    privileges = bob.propfind(href, "D:current-user-privilege-set").found(".//D:privilege/*")
    assert "write-content" not in {node.tag.partition("}")[2] for node in privileges}


def test_filters_do_not_search_hidden_text(world: Any) -> None:
    world.alice.put(FREE.format("alice") + "one.ics", secret(f"{CANARY}-uid"))
    for name in ("SUMMARY", "UID", "DESCRIPTION", "CATEGORIES"):
        inner = (
            f'<C:comp-filter name="VEVENT"><C:prop-filter name="{name}"><C:text-match>{CANARY}</C:text-match>'
            "</C:prop-filter></C:comp-filter>"
        )
        assert world.carol.query(FREE.format("carol"), inner).hrefs == []
        assert len(world.alice.query(FREE.format("alice"), inner).hrefs) == 1


def follow(dav: Any, held: dict[str, str], token: str) -> tuple[dict[str, str], str]:
    """Return what a client holds after a sync, as a client does it."""
    reply = dav.sync(FREE.format(dav.login), token)
    if reply.status == 403 and token:
        return follow(dav, {}, "")
    for href, node in reply.by_href().items():
        if "404" in node.findtext("{DAV:}status", ""):
            held.pop(href, None)
        else:
            held[href] = node.findtext("{DAV:}propstat/{DAV:}prop/{DAV:}getetag", "")
    assert CANARY.encode() not in reply.body
    return held, reply.xml.findtext("{DAV:}sync-token", "")


def test_a_masked_reader_follows_every_change_of_class_without_learning_names(world: Any, event: Any) -> None:
    alice, base = world.alice, FREE.format("alice")
    states: dict[str, tuple[dict[str, str], str]] = {login: ({}, "") for login in ("bob", "carol")}

    def check() -> None:
        for login, (held, token) in states.items():
            dav = world.people[login]
            states[login] = follow(dav, dict(held), token)
            listed, _ = follow(dav, {}, "")
            assert states[login][0] == listed

    name = base + f"{CANARY}.ics"
    steps = [
        lambda: alice.put(base + "public.ics", event("public")),
        lambda: alice.put(name, secret("one")),
        lambda: alice.put(name, secret("one").replace(b"LOCATION", b"COMMENT")),
        lambda: alice("DELETE", name),
        lambda: alice.put(base + "public.ics", secret("public")),  # public becomes private
        lambda: alice.put(base + "public.ics", event("public")),  # and public again
        lambda: alice("DELETE", base + "public.ics"),
        lambda: alice.put(base + "public.ics", secret("other")),  # a private one under a name known as public
        lambda: alice("DELETE", base + "public.ics"),
        lambda: alice.put(base + "public.ics", event("third")),
        lambda: alice.put(name, secret("moved", start="20260312T090000Z", end="20260312T100000Z")),
        lambda: alice("MOVE", name, Destination=base + f"{CANARY}2.ics"),
        lambda: world.bob.put(FREE.format("bob") + "bobs.ics", secret("bobs").replace(CANARY.encode(), b"x")),
        lambda: alice("DELETE", base + "bobs.ics"),
    ]
    for step in steps:
        assert step().status in {201, 204}
        check()


def test_the_log_holds_no_title_name_or_secret(
    sqlite_world: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    caplog.set_level(logging.WARNING)
    alice = sqlite_world.alice
    path = FREE.format("alice") + "one.ics"
    alice.put(path, secret("one"))
    alice.put(path, secret("one").replace(b"DTEND:2026", b"DTEND:abcd"))
    alice.query(FREE.format("alice"), f'<C:comp-filter name="{CANARY}"><C:{CANARY}/></C:comp-filter>')
    alice("PROPFIND", FREE.format("alice"), f"<{CANARY}", Depth="1")
    wrong = type(alice)(alice.base, "alice", f"{CANARY}-password")
    assert wrong.propfind("/dav/").status == 401
    logged = caplog.text + "".join(capfd.readouterr())
    assert CANARY not in logged
    assert alice.password not in logged
