"""REPORT sync-collection: what changed since a token, in pages, and tokens that are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gateway.services import changes, reading
from tests.compliance import proves

FREE = "/dav/bob/free/"


def token_of(reply: Any) -> str:
    return str(reply.xml.findtext("{DAV:}sync-token"))


def names(reply: Any) -> list[str]:
    return sorted(href.rsplit("/", 1)[1] for href in reply.hrefs)


@proves("RFC 6578 §3.2", "RFC 6578 §3.4")
def test_a_token_tells_what_changed_and_what_is_gone(world: Any, event: Any) -> None:
    bob = world.bob
    bob.put(FREE + "one.ics", event("one"))
    bob.put(FREE + "two.ics", event("two"))
    token = token_of(bob.sync(FREE))
    assert names(bob.sync(FREE, token)) == []
    tag = bob.put(FREE + "three.ics", event("three")).headers["ETag"]
    bob("DELETE", FREE + "one.ics")
    bob("MOVE", FREE + "two.ics", Destination=FREE + "zwei.ics")
    found = bob.sync(FREE, token).by_href()
    assert set(found) == {FREE + name for name in ("one.ics", "two.ics", "three.ics", "zwei.ics")}
    assert found[FREE + "three.ics"].findtext("{DAV:}propstat/{DAV:}prop/{DAV:}getetag") == tag
    for gone in ("one.ics", "two.ics"):
        assert "404" in found[FREE + gone].findtext("{DAV:}status", "")


@proves("RFC 6578 §3.6")
def test_limited_pages_come_to_the_same_as_one_listing(world: Any, event: Any) -> None:
    bob = world.bob
    for number in range(7):
        bob.put(f"{FREE}{number}.ics", event(f"u{number}"))
    for number in (0, 3):
        bob("DELETE", f"{FREE}{number}.ics")
    bob.put(FREE + "1.ics", event("u1", "SUMMARY:again"))
    held: set[str] = set()
    token, rounds = "", 0
    while rounds < 20:
        rounds += 1
        reply = bob.sync(FREE, token, limit=2)
        token = token_of(reply)
        is_cut = False
        for href, node in reply.by_href().items():
            status = node.findtext("{DAV:}status", "")
            if "507" in status:
                assert href == FREE
                is_cut = True
            elif "404" in status:
                held.discard(href)
            else:
                held.add(href)
        if not is_cut:
            break
    assert held == set(bob.sync(FREE).hrefs)
    assert rounds == 4  # deletions count as well
    assert names(bob.sync(FREE, token)) == []


def test_pages_of_a_first_listing_outlive_a_pruned_log(world: Any, event: Any) -> None:
    bob = world.bob
    for number in range(4):
        bob.put(f"{FREE}{number}.ics", event(f"u{number}"))
    bob("DELETE", FREE + "3.ics")
    calendar_id = _calendar_id(world, "free")
    world.db.write(changes.prune, calendar_id, before=world.now + timedelta(days=1))
    first = bob.sync(FREE, limit=2)
    second = bob.sync(FREE, token_of(first), limit=2)
    assert {*first.hrefs, *second.hrefs} == {f"{FREE}{number}.ics" for number in range(3)} | {FREE}


def _calendar_id(world: Any, slug: str) -> Any:
    from gateway.services import access, principals

    with world.db.transaction(write=False) as tx:
        entry = access.resolve(tx, principals.get(tx, "alice"), slug, face="caldav")
    assert entry is not None
    return entry.calendar_id


@proves("RFC 6578 §3.2 token")
def test_a_foreign_expired_or_restored_token_is_refused(world: Any, event: Any) -> None:
    bob = world.bob
    bob.put(FREE + "one.ics", event("one"))
    token = token_of(bob.sync(FREE))
    bob("DELETE", FREE + "one.ics")
    room = token_of(bob.sync("/dav/bob/room/"))
    bad = [
        "x",
        "http://radicale.org/ns/sync/1",
        token + "9",
        token + ":masked",
        room,
        token.replace(":1", ":99"),
    ]
    world.db.write(changes.prune, _calendar_id(world, "free"), before=world.now + timedelta(days=1))
    for sent in [*bad, token]:
        answer = bob.sync(FREE, sent)
        assert (answer.status, answer.conditions) == (403, {"valid-sync-token"}), sent
    fresh = token_of(bob.sync(FREE))
    from gateway.store import instance

    world.db.write(instance.new_epoch)
    assert bob.sync(FREE, fresh).status == 403
    assert bob.sync(FREE).status == 207


def test_the_log_and_the_listing_agree(world: Any, event: Any) -> None:
    world.bob.put(FREE + "one.ics", event("one"))
    calendar_id = _calendar_id(world, "free")
    with world.db.transaction(write=False) as tx:
        assert [(item.href, item.etag) for item in reading.listing(tx, calendar_id)] == [
            ("one.ics", world.bob("GET", FREE + "one.ics").headers["ETag"])
        ]


def test_a_limit_beyond_all_numbers_is_none(world: Any, event: Any) -> None:
    world.bob.put("/dav/bob/free/one.ics", event("one"))
    answer = world.bob.sync("/dav/bob/free/", limit=10**30)
    assert (answer.status, answer.hrefs) == (207, ["/dav/bob/free/one.ics"])
