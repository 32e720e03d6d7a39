"""Taken slots over CalDAV: refused or warned at once, with what clashes; who holds it for managers only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from gateway.services import resources
from gateway.services.limits import Limits
from tests.dav_world import make_event


def room(login: str, name: str = "") -> str:
    return f"/dav/{login}/room/{name}"


def test_pain_60_a_taken_slot_is_refused_at_once_with_the_reason(world: Any, event: Any) -> None:
    assert world.bob.put(room("bob", "one.ics"), event("one", "SUMMARY:Secret title")).status == 201
    late = event("two", start="20260310T093000Z", end="20260310T103000Z")
    answer = world.bob.put(room("bob", "two.ics"), late)
    assert (answer.status, answer.conditions) == (409, {"no-time-conflict"})
    assert "2026-03-10 09:00" in answer.message
    assert b"Secret" not in answer.body
    assert answer.xml.find(".//{urn:calgate:xml:ns}holder") is None
    for_manager = world.alice.put(room("alice", "two.ics"), late)
    assert for_manager.xml.findtext(".//{urn:calgate:xml:ns}holder") == "Bob"
    assert world.bob("GET", room("bob", "two.ics")).status == 404
    assert (
        world.bob.put(
            room("bob", "two.ics"), event("two", start="20260310T100000Z", end="20260310T110000Z")
        ).status
        == 201
    )


def test_moving_into_a_taken_slot_is_refused_and_nothing_is_lost(world: Any, event: Any) -> None:
    world.bob.put(room("bob", "one.ics"), event("one"))
    world.bob.put("/dav/bob/free/two.ics", event("two"))
    answer = world.bob("MOVE", "/dav/bob/free/two.ics", Destination=room("bob", "two.ics"))
    assert (answer.status, answer.conditions) == (409, {"no-time-conflict"})
    assert world.bob("GET", "/dav/bob/free/two.ics").status == 200


def test_where_the_policy_warns_the_object_is_stored_and_a_header_tells(world: Any, event: Any) -> None:
    with world.db.transaction(write=True) as tx:
        resources.set_(tx, "room", policy="warn", limits=Limits(), now=world.now)
    world.bob.put(room("bob", "one.ics"), event("one"))
    answer = world.bob.put(room("bob", "two.ics"), event("two"))
    assert answer.status == 201
    assert (
        answer.headers["Calgate-Warning"] == "clash; resource=room; taken=2026-03-10T09:00Z/2026-03-10T10:00Z"
    )


def test_of_twenty_writers_racing_for_one_slot_one_wins(world: Any) -> None:
    barrier = Barrier(20)

    def write(number: int) -> int:
        dav = type(world.bob)(world.base, "bob", world.bob.password)
        barrier.wait()
        return dav.put(room("bob", f"{number}.ics"), make_event(f"u{number}")).status

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(write, range(20)))
    assert statuses == [201] + [409] * 19
    assert len(world.bob.sync(room("bob")).hrefs) == 1


def test_of_racing_creators_and_changers_of_one_object_one_wins(world: Any) -> None:
    path = "/dav/bob/free/one.ics"
    barrier = Barrier(8)

    def write(number: int, **condition: str) -> int:
        dav = type(world.bob)(world.base, "bob", world.bob.password)
        barrier.wait()
        return dav.put(path, make_event("one", f"SUMMARY:{number}"), **condition).status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda n: write(n, If_None_Match="*"), range(8))) == [201] + [412] * 7
        tag = world.bob("GET", path).headers["ETag"]
        assert sorted(pool.map(lambda n: write(n + 8, If_Match=tag), range(8))) == [204] + [412] * 7
