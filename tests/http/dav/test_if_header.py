"""The If header (RFC 4918 §10.4): entity tags of this and of other resources, ``Not``, and no locks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.compliance import proves
from tests.dav_world import Dav

FREE = "/dav/bob/free/"
ONE, TWO = FREE + "one.ics", FREE + "two.ics"
LOCK = "<urn:uuid:181d4fae-7d8c-11d0-a765-00a0c91e6bf2>"


@proves("RFC 4918 §10.4")
def test_one_list_must_hold_as_a_whole(world: Any, event: Any) -> None:
    bob = world.bob
    one = bob.put(ONE, event("one")).headers["ETag"]
    two = bob.put(TWO, event("two")).headers["ETag"]
    whole = bob("GET", FREE).headers["ETag"]
    wanted = {
        f"([{one}])": True,
        '(["other"])': False,
        f'(["other"]) ([{one}])': True,
        f'([{one}] ["other"])': False,
        f'([{one}] Not ["other"])': True,
        f"(Not [{one}])": False,
        f"([W/{one}])": False,
        f"({LOCK})": False,
        f"(Not {LOCK})": True,
        f"([{one}] {LOCK})": False,
        "(Not <DAV:no-lock>)": True,
        f"<{world.base}{ONE}> ([{one}])": True,
        f"<{TWO}> ([{two}])": True,
        f"<{TWO}> ([{one}])": False,
        f"<{TWO}> ([{one}]) ([{two}])": True,
        f"<{TWO}> ([{one}]) <{ONE}> ([{one}])": True,
        f"<{FREE}> ([{whole}])": True,
        f"<{FREE}none.ics> ([{one}])": False,
        f"<{FREE}none.ics> (Not [{one}])": True,
        f"<https://elsewhere.example/x> ([{one}])": False,
        f"</dav/alice/free/one.ics> ([{one}])": False,
    }
    got = {header: bob("GET", ONE, If=header).status for header in wanted}
    assert got == {header: 200 if holds else 412 for header, holds in wanted.items()}
    # The same bytes again: nothing changes, and so no tag of the table either.
    got = {header: bob.put(ONE, event("one"), If=header).status for header in wanted}
    assert got == {header: 204 if holds else 412 for header, holds in wanted.items()}


UNREADABLE = (
    "", "()", "one", '"one"', "([one])", '(["one"]', "<x>", '(["one"]) <x>', "(Not)", '(Not Not ["a"])',
    "(" + '["a"]' * 300 + ")",
)  # fmt: skip


def test_a_header_that_cannot_be_read_is_an_error_of_the_client(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(ONE, event("one"))
    for header in UNREADABLE:
        assert bob("GET", ONE, If=header).status == 400, header
        assert bob("DELETE", ONE, If=header).status == 400, header
    assert bob("GET", ONE).status == 200


@proves("RFC 4918 §10.4")
def test_every_write_is_stopped_by_it(world: Any, event: Any) -> None:
    bob = world.bob
    one = bob.put(ONE, event("one")).headers["ETag"]
    assert bob.put(ONE, event("one", "SUMMARY:x"), If='(["other"])').status == 412
    assert bob("DELETE", ONE, If='(["other"])').status == 412
    assert bob("MOVE", ONE, Destination=TWO, If='(["other"])').status == 412
    assert bob("COPY", ONE, Destination="/dav/bob/room/x.ics", If='(["other"])').status == 412
    patch = '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x/></D:prop></D:set></D:propertyupdate>'
    assert bob("PROPPATCH", FREE, patch, If='(["other"])').status == 412
    assert bob("GET", ONE).body == event("one")
    assert bob("MOVE", ONE, Destination=TWO, If=f"<{ONE}> ([{one}])").status == 201
    assert bob("DELETE", TWO, If=f"([{one}])").status == 204


def test_of_two_writers_at_once_one_finds_what_it_expects(world: Any, event: Any) -> None:
    one = world.bob.put(ONE, event("one")).headers["ETag"]
    writers = [Dav(world.base, "bob", world.bob.password) for _ in range(6)]

    def write(number: int) -> int:
        # A tag of another resource counts as well: it is compared under the lock of its calendar.
        header = f"([{one}])" if number % 2 else f"<{ONE}> ([{one}])"
        return int(writers[number].put(ONE, event("one", f"SUMMARY:{number}"), If=header).status)

    with ThreadPoolExecutor(len(writers)) as pool:
        statuses = sorted(pool.map(write, range(len(writers))))
    assert statuses == [204, 412, 412, 412, 412, 412]
