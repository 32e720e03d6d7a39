"""Large calendars and slow writers: what a request costs does not grow with them, and nobody waits for nobody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from gateway.services import access, objects, principals
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import prepare
from plugins.radicale import put
from tests.dav_world import make_event
from tests.statements import statements

FREE = "/dav/{}/free/"


def fill(world: Any, first: int, count: int) -> None:
    limits = Limits.of(world.server.settings)
    with world.db.transaction(write=True) as tx:
        entry = access.resolve(tx, principals.get(tx, "alice"), "free", face="caldav")
        for number in range(first, first + count):
            data = make_event(f"uid-{number:05}", f"SUMMARY:Number {number}")
            prepared = prepare(data, entry.calendar, limits=limits, now=world.now)
            objects.put(
                tx, entry.calendar_id, f"{number:05}.ics", prepared,
                origin=Origin(label="import"), now=world.now, limits=limits,
            )  # fmt: skip


@pytest.mark.parametrize("login", ["bob", "dave"])
def test_pain_59_what_a_listing_asks_of_the_database_does_not_grow_with_it(world: Any, login: str) -> None:
    dav, path = world.people[login], FREE.format(login)
    asked: dict[str, set[int]] = {}
    size = 0
    for more in (20, 380):
        token = dav.sync(path).xml.findtext("{DAV:}sync-token")
        fill(world, size, more)
        size += more
        now = dav.sync(path).xml.findtext("{DAV:}sync-token")
        world.alice.put(FREE.format("alice") + "one.ics", make_event("one", f"SUMMARY:{size}"))
        week = '<C:comp-filter name="VEVENT"><C:time-range start="20200101T000000Z" end="20200108T000000Z"/></C:comp-filter>'
        requests = {
            "listing": (partial(dav.propfind, path, "D:getetag", depth="1", Prefer="depth-noroot"), size + 1),
            "first sync": (partial(dav.sync, path), size + 1),
            "a change": (partial(dav.sync, path, now), 1),
            "all changes": (partial(dav.sync, path, token), more + 1),
            "a quiet week": (partial(dav.query, path, week), 0),
        }
        for name, (ask, count) in requests.items():
            ask()  # caches of statements and keys are filled
            world.server.settle()  # the use of an app password is noted beside its first request
            with statements(world.db) as found:
                reply = ask()
            assert len(reply.hrefs) == count, name
            asked.setdefault(name, set()).add(len(found))
    assert all(len(counts) == 1 for name, counts in asked.items() if name != "all changes"), asked


def test_pain_59_nobody_waits_while_an_object_is_parsed(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parsing, go_on = threading.Event(), threading.Event()
    really = put.prepare

    def slow(data: bytes, *args: Any, **kwargs: Any) -> Any:
        if b"UID:slow" in data:
            parsing.set()
            assert go_on.wait(60)
        return really(data, *args, **kwargs)

    monkeypatch.setattr(put, "prepare", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world.alice.put, FREE.format("alice") + "slow.ics", make_event("slow"))
        try:
            assert parsing.wait(60)
            bob, path = world.bob, FREE.format("bob")
            assert bob.put(path + "quick.ics", make_event("quick")).status == 201
            assert bob.sync(path).hrefs == [path + "quick.ics"]
            assert bob("DELETE", path + "quick.ics").status == 204
            assert not waiting.done()
        finally:
            go_on.set()
        assert waiting.result(60).status == 201
