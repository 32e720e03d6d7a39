"""Settings that links inherit: layers, what a change reaches, and the audit of it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.errors import InvalidInput
from gateway.services import link_defaults, links
from gateway.services.link_defaults import Touched
from gateway.store import audit
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import World, make


@pytest.fixture
def world(db: Database) -> World:
    return make(db)


def change(world: World, *, for_all: bool = True, **more: Any) -> Touched:
    given = {"to_existing": False, "actor": "test", "now": NOW, "settings": {}} | more
    calendar = None if for_all else world.calendar
    settings = given.pop("settings")
    return world.db.write(link_defaults.change, calendar, settings, **given)


def sources(world: World) -> dict[str, str]:
    found = world.db.read(link_defaults.of_link, world.link())
    return {one.name: one.source for one in found if one.source != link_defaults.BUILT_IN}


def test_a_link_follows_the_nearest_layer_that_says_something(world: World) -> None:
    change(world, settings={"future_days": "30", "placeholder": "Taken"})
    change(world, for_all=False, settings={"future_days": "60"})
    assert world.link().policy.future_days == 60
    assert world.link().policy.placeholder == "Taken"
    world.db.write(
        links.change, world.link_id, {"future_days": "90"}, to_existing=False, actor="test", now=NOW
    )
    assert world.link().policy.future_days == 90
    assert sources(world) == {"future_days": "link", "placeholder": "all resources"}


def test_what_a_link_was_told_stays_though_it_equals_the_built_in_value(world: World) -> None:
    world.db.write(
        links.change, world.link_id, {"future_days": "366"}, to_existing=False, actor="test", now=NOW
    )
    assert change(world, settings={"future_days": "30"}) == Touched(links=0, copies=0)
    assert world.link().policy.future_days == 366


def test_a_setting_given_back_is_inherited_again(world: World) -> None:
    change(world, settings={"back_link": "no"})
    world.db.write(links.change, world.link_id, {"back_link": "yes"}, to_existing=False, actor="t", now=NOW)
    assert world.link().policy.back_link
    world.db.write(
        links.change, world.link_id, {}, unset=["back_link"], to_existing=False, actor="t", now=NOW
    )
    assert not world.link().policy.back_link
    change(world, unset=["back_link"])
    assert world.link().policy.back_link
    assert sources(world) == {}


def test_a_new_link_begins_with_the_defaults(db: Database, world: World) -> None:
    change(world, for_all=False, settings={"kinds": "booking"})
    found = world.db.read(link_defaults.explain, world.calendar.id, None)
    assert next(one for one in found if one.name == "kinds").value == ["booking"]
    own = link_defaults.normal({"placeholder": "Taken"})
    assert db.read(link_defaults.policy_of, world.calendar.id, own).kinds == ("booking",)


def test_a_preview_counts_links_and_copies_and_changes_nothing(world: World) -> None:
    world.put("one")
    world.run()
    settings = {"placeholder": "Taken"}
    assert change(world, settings=settings, is_preview=True) == Touched(links=1, copies=1)
    assert world.link().policy.placeholder == "Busy"
    assert world.db.read(link_defaults.explain, None, None)[0].source == link_defaults.BUILT_IN


def test_copies_that_are_there_are_brought_to_changed_defaults_only_when_asked(world: World) -> None:
    world.put("one")
    world.run()
    before = [event.version for event in world.server.events.values()]
    change(world, settings={"title": "Room: {title}"})
    world.run()
    assert [event.version for event in world.server.events.values()] == before
    change(world, settings={"title": "Booked: {title}"}, to_existing=True)
    world.run()
    assert all(b"SUMMARY:Booked: Stand-up" in event.ical for event in world.server.events.values())


@pytest.mark.parametrize(
    ("settings", "unset"),
    [({"nonsense": "1"}, ()), ({"future_days": "-1"}, ()), ({}, ("nonsense",)), ({"title": "{secret}"}, ())],
)
def test_a_wrong_setting_is_refused_and_nothing_changes(
    world: World, settings: dict[str, str], unset: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidInput):
        change(world, settings={"placeholder": "Taken"} | settings, unset=unset)
    assert world.link().policy.placeholder == "Busy"


def test_sending_guests_is_never_switched_on_for_several_links_at_once(world: World) -> None:
    with pytest.raises(InvalidInput, match="link by link"):
        change(world, settings={"sends_guests": "yes"})


def test_a_change_of_defaults_is_audited(world: World) -> None:
    change(world, settings={"future_days": "30"})
    newest = world.db.read(audit.newest, limit=1)[0]
    assert newest.action == "link.defaults-changed"
    assert newest.detail["settings"] == ["future_days"]
