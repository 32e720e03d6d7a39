"""How far a first sync has come, as people see it: never more than there is, never done before it is."""

from __future__ import annotations

from gateway.domain.link_model import Direction, LinkState
from gateway.providers.errors import Unavailable
from gateway.services import links
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, event, make


def watched(world: World) -> list[tuple[int, int]]:
    """Return the list to which each call to the provider adds (done, total) as they stand then."""
    seen: list[tuple[int, int]] = []
    world.server.on_call = lambda: seen.append((world.link().done, world.link().total))
    return seen


def test_what_is_still_to_be_sent_counts_while_the_calendar_there_is_listed(db: Database) -> None:
    world = make(db)
    for number in range(7):
        world.server.person_adds(f"x{number}", event(f"x{number}", start=f"2026031{number}T090000Z"))
    for number in range(4):
        world.put(f"a{number}", event(f"a{number}", start=f"2026032{number}T090000Z"))
    seen = watched(world)
    world.run()
    assert seen[:3] == [(0, 0), (3, 3 + 4), (6, 6 + 4)]
    assert seen[3:] == [(7, 7 + 4)] * 4
    assert (world.link().done, world.link().total) == (11, 11)


def test_a_listing_without_a_count_is_never_called_complete_before_its_end(db: Database) -> None:
    world = make(db)
    with db.transaction(write=True) as tx:
        account, row = world.account, world.link().remote_calendar_id
        links.remove(tx, world.link_id, actor="test", now=NOW)
        world.link_id = links.add(
            tx, world.calendar, account, remote_calendar_id=row, direction=Direction.PULL, actor="test",
            now=NOW,
        ).id  # fmt: skip
    for number in range(7):
        world.server.person_adds(f"x{number}", event(f"x{number}", start=f"2026031{number}T090000Z"))
    seen = watched(world)
    world.run()
    assert seen == [(0, 0), (3, 0), (6, 0)]
    assert world.link().state is LinkState.ACTIVE


def test_after_an_interruption_it_counts_what_the_new_listing_has_seen(db: Database) -> None:
    world = make(db)
    for number in range(7):
        world.server.person_adds(f"x{number}", event(f"x{number}", start=f"2026031{number}T090000Z"))
    world.put("a")
    calls = 0

    def third() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            world.server.before = [Unavailable("away")]

    world.server.on_call = third
    world.run()
    assert (world.link().done, world.link().total) == (6, 7)
    seen = watched(world)
    world.db.write(links.request_sync, world.link_id, is_full=False)
    world.run()
    assert all(done <= total for done, total in seen)
    assert (world.link().done, world.link().total) == (8, 8)
