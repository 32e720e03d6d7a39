"""What a server remembers of somebody's last write in a calendar is a guess: nothing is decided by it."""

from __future__ import annotations

from typing import Any

from gateway.domain.model import CalendarId
from gateway.services import Transaction, calendars, grants, resources
from gateway.services.limits import Limits
from tests.dav_world import World, make_event
from tests.statements import statements

FREE = "/dav/{}/free/"


def calendar_id(world: World) -> CalendarId:
    return world.db.read(resources.calendar_id, "free")


def withdraw(world: World, login: str) -> None:
    def remove(tx: Transaction) -> None:
        for grant in grants.list_(tx, resource="free"):
            if grant.login == login:
                grants.remove(tx, grant.id, now=world.now)

    world.db.write(remove)


def floating(uid: str) -> bytes:
    return make_event(uid, start="20260310T090000", end="20260310T100000")


def at_hour(world: World, hour: int) -> set[str]:
    start, end = f"20260310T{hour:02}0000Z", f"20260310T{hour:02}3000Z"
    inner = f'<C:comp-filter name="VEVENT"><C:time-range start="{start}" end="{end}"/></C:comp-filter>'
    return {href.rpartition("/")[2] for href in world.bob.query(FREE.format("bob"), inner).hrefs}


def test_a_second_write_looks_at_rights_once_and_inside_itself(world: World) -> None:
    bob, path = world.bob, FREE.format("bob")
    assert bob.put(path + "a.ics", make_event("a")).status == 201
    with statements(world.db) as found:
        assert bob.put(path + "a.ics", make_event("a", "SUMMARY:again")).status == 204
    assert sum("resource_grant" in sql for sql, _ in found) == 1
    with statements(world.db) as found:
        assert bob("DELETE", path + "a.ics").status == 204
    assert sum("resource_grant" in sql for sql, _ in found) == 1


def test_the_zone_that_a_calendar_has_now_decides_where_floating_times_lie(world: World) -> None:
    bob, path = world.bob, FREE.format("bob")
    assert bob.put(path + "berlin.ics", floating("berlin")).status == 201
    assert at_hour(world, 8) == {"berlin.ics"}
    limits = Limits.of(world.server.settings)
    world.db.write(resources.set_, "free", zone="America/New_York", limits=limits, now=world.now)
    assert bob.put(path + "york.ics", floating("york")).status == 201
    assert at_hour(world, 13) == {"berlin.ics", "york.ics"}
    assert at_hour(world, 8) == set()


def test_who_lost_a_right_is_refused_for_that_and_not_for_what_she_sends(world: World) -> None:
    bob, path = world.bob, FREE.format("bob")
    assert bob.put(path + "a.ics", make_event("a")).status == 201
    withdraw(world, "bob")
    broken: dict[str, Any] = {"Content_Type": "text/plain"}
    assert bob.put(path + "a.ics", make_event("a", "SUMMARY:other")).status == 404
    assert bob.put(path + "a.ics", b"not a calendar").status == 404
    assert bob.put(path + "a.ics", make_event("a"), **broken).status == 404
    assert bob("DELETE", path + "a.ics").status == 404
    assert b"SUMMARY:other" not in world.alice("GET", FREE.format("alice") + "a.ics").body


def test_who_may_only_read_now_is_told_which_right_is_missing(world: World) -> None:
    bob, path = world.bob, FREE.format("bob")
    assert bob.put(path + "a.ics", make_event("a")).status == 201
    withdraw(world, "bob")

    def allow_reading(tx: Transaction) -> None:
        level = next(one.level for one in grants.list_(tx, resource="free") if one.login == "carol")
        grants.add(tx, level, login="bob", resource="free", now=world.now)

    world.db.write(allow_reading)
    for refused in (
        bob.put(path + "a.ics", make_event("a", "SUMMARY:other")),
        bob.put(path + "a.ics", b"not a calendar"),
        bob("DELETE", path + "a.ics"),
    ):
        assert (refused.status, refused.conditions) == (403, {"need-privileges"})


def test_a_calendar_that_takes_no_events_any_more_refuses_the_next_one(world: World) -> None:
    bob, path = world.bob, FREE.format("bob")
    assert bob.put(path + "a.ics", make_event("a")).status == 201
    number = calendar_id(world)
    world.db.write(calendars.set_components, number, ("VTODO",))
    refused = bob.put(path + "b.ics", make_event("b"))
    assert (refused.status, refused.conditions) == (403, {"supported-calendar-component"})
    todo = make_event("c").replace(b"VEVENT", b"VTODO").replace(b"DTEND", b"DUE")
    assert bob.put(path + "c.ics", todo).status == 201
    world.db.write(calendars.set_components, number, ("VEVENT",))
    assert bob.put(path + "d.ics", make_event("d")).status == 201
