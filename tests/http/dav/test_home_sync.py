"""sync-collection on the home: which calendars are new, changed or gone."""

from __future__ import annotations

from typing import Any

from gateway.domain.model import Level
from gateway.services import grants
from tests.compliance import proves

HOME, FREE, ROOM = "/dav/bob/", "/dav/bob/free/", "/dav/bob/room/"


def sync(dav: Any, token: str = "", limit: int | None = None, level: str = "1", props: str = "") -> Any:
    limited = f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>" if limit else ""
    inner = f"<D:sync-token>{token}</D:sync-token><D:sync-level>{level}</D:sync-level>{limited}"
    return dav.report(HOME, "D:sync-collection", f"{inner}<D:prop><D:displayname/>{props}</D:prop>")


def token_of(reply: Any) -> str:
    return str(reply.xml.findtext("{DAV:}sync-token"))


def told(reply: Any) -> dict[str, str]:
    """Return by href the status, or the name of what is there."""
    return {
        href: node.findtext("{DAV:}status", "").partition(" ")[2][:3]
        or node.findtext("{DAV:}propstat/{DAV:}prop/{DAV:}displayname", "")
        for href, node in reply.by_href().items()
    }


@proves("RFC 6578 §3.2 home")
def test_the_home_tells_which_calendars_have_changed(world: Any, event: Any) -> None:
    bob = world.bob
    first = sync(bob)
    assert told(first) == {FREE: "Free", ROOM: "Room"}
    asked = bob.propfind(HOME, "D:sync-token").xml.findtext(".//{DAV:}sync-token")
    assert asked == token_of(first)
    assert told(sync(bob, asked)) == {}
    bob.put(FREE + "one.ics", event("one"))
    assert told(sync(bob, asked)) == {FREE: "Free"}
    bob("MKCALENDAR", HOME + "mine/")
    second = sync(bob, asked)
    assert set(told(second)) == {FREE, HOME + "mine/"}
    patch = (
        '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:displayname>Kitchen</D:displayname></D:prop></D:set>'
        "</D:propertyupdate>"
    )
    bob("PROPPATCH", ROOM, patch)
    assert told(sync(bob, token_of(second))) == {ROOM: "Kitchen"}


@proves("RFC 6578 §3.2 home")
def test_a_calendar_that_is_out_of_sight_is_gone(world: Any) -> None:
    token = token_of(sync(world.bob))
    with world.db.transaction(write=True) as tx:
        for grant in grants.list_(tx):
            if grant.login == "bob" and grant.resource == "room":
                grants.remove(tx, grant.id, now=world.now)
        grants.add(tx, Level.READ, login="bob", resource="free", now=world.now)
    reply = sync(world.bob, token, props="<D:current-user-privilege-set/>")
    assert told(reply) == {ROOM: "404", FREE: "Free"}
    assert b"write-content" not in reply.body


@proves("RFC 6578 §3.6")
def test_a_home_is_told_in_pages_too(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    for name in "abc":
        bob("MKCALENDAR", f"{HOME}{name}/")
    seen: list[str] = []
    token, rounds = "", 0
    while rounds < 9:
        rounds += 1
        reply = sync(bob, token, limit=2)
        token = token_of(reply)
        found = told(reply)
        seen += [href for href in found if href != HOME]
        if HOME not in found:
            break
        assert found[HOME] == "507"
    assert seen == [f"{HOME}{name}/" for name in ("a", "b", "c", "free", "room")]
    assert rounds == 3
    assert told(sync(bob, token)) == {}


def test_a_token_that_is_not_of_this_home_is_refused(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    good = token_of(sync(bob))
    bad = (
        "x", good[:-9], good + "!", good.replace("home:", "home:0"), good[: good.rindex(":") + 1],
        token_of(bob.sync(FREE)), good[: good.rindex(":") + 1] + "eNqrBQAAewB6",
    )  # fmt: skip
    for sent in bad:
        answer = sync(bob, sent)
        assert (answer.status, answer.conditions) == (403, {"valid-sync-token"}), sent
    assert sync(bob, good, level="infinite").conditions == {"sync-traversal-supported"}
    assert sync(bob, good, level="2").status == 400
    other = bob.report("/dav/", "D:sync-collection", "<D:sync-token/><D:sync-level>1</D:sync-level>")
    assert other.conditions == {"supported-report"}
