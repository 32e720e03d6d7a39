"""What a feed shows changes with its resource and with the instance as well: every validator must notice."""

from __future__ import annotations

import re

import pytest

from gateway.domain.model import FeedLevel, Level
from gateway.services import resources
from gateway.store.sealed import CannotOpen, Sealer, ensure_canary, load_keys
from tests.feed_world import World, event

FLOATING = ("DTSTART:20260302T100000", "DTEND:20260302T110000", "SUMMARY:Plan")


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Hall"), ("zone", "Asia/Tokyo"), ("color", "#ff0000"), ("description", "First floor")],
)
async def test_pain_37_change_of_the_resource_reaches_clients_that_ask_by_date(
    world: World, field: str, value: str
) -> None:
    """A renamed room answered 304 to If-Modified-Since for ever: its date was that of the last event."""
    world.resource("room")
    world.put("room", event("a@x", *FLOATING))
    made = world.feed("room", level=FeedLevel.FULL)
    async with world.client() as client:
        before = await client.get(made.path)
        world.later(minutes=1)
        world.db.write(resources.set_, "room", limits=world.limits, now=world.now, **{field: value})
        since = await client.get(made.path, headers={"If-Modified-Since": before.headers["Last-Modified"]})
        tagged = await client.get(made.path, headers={"If-None-Match": before.headers["ETag"]})
        again = await client.get(made.path, headers={"If-Modified-Since": since.headers["Last-Modified"]})
    assert (since.status, tagged.status, again.status) == (200, 200, 304)


async def test_pain_37_zone_of_the_resource_moves_floating_times_with_a_higher_sequence(world: World) -> None:
    world.resource("room")
    world.put("room", event("a@x", *FLOATING))
    made = world.feed("room", level=FeedLevel.FULL)
    async with world.client() as client:
        before = await (await client.get(made.path)).text()
        world.later(minutes=1)
        world.db.write(resources.set_, "room", limits=world.limits, now=world.now, zone="Asia/Tokyo")
        after = await (await client.get(made.path)).text()
    assert "DTSTART;TZID=Europe/Berlin:20260302T100000" in before
    assert "DTSTART;TZID=Asia/Tokyo:20260302T100000" in after
    assert re.findall(r"SEQUENCE:(\d+)", before) == ["0"]
    assert re.findall(r"SEQUENCE:(\d+)", after) == ["1"]
    assert f"LAST-MODIFIED:{world.now:%Y%m%dT%H%M%SZ}" in after


async def test_policy_of_the_resource_changes_nothing_that_a_feed_shows(world: World) -> None:
    world.resource("room")
    world.put("room", event("a@x", *FLOATING))
    made = world.feed("room", level=FeedLevel.FULL)
    async with world.client() as client:
        before = await client.get(made.path)
        world.later(minutes=1)
        world.db.write(resources.set_, "room", limits=world.limits, now=world.now, policy="warn")
        after = await client.get(made.path)
        assert await before.read() == await after.read()
    assert before.headers["ETag"] == after.headers["ETag"]


async def test_lost_right_reaches_a_client_that_asks_by_date(world: World) -> None:
    """Rights leave no date: an owned feed answered 304 with titles that its owner may not see any more."""
    world.resource("room")
    world.person("ann")
    world.grant(Level.READ, login="ann", resource="room")
    world.put("room", event("a@x", *FLOATING))
    made = world.feed("room", level=FeedLevel.TITLES, owner="ann")
    async with world.client() as client:
        before = await client.get(made.path)
        world.grant(Level.FREEBUSY, login="ann", resource="room")
        since = await client.get(made.path, headers={"If-Modified-Since": before.headers["Last-Modified"]})
        body = await since.text()
    assert since.status == 200
    assert "SUMMARY:Busy" in body
    assert "Plan" not in body


async def test_restart_with_another_public_address_gives_a_new_entity_tag(world: World) -> None:
    """The address stands in SOURCE and URL; the same strong tag named two different bodies."""
    world.resource("room")
    made = world.feed("room")
    async with world.client() as client:
        before = await client.get(made.path)
        one = await before.text()
    world.settings = world.settings.model_copy(update={"public_url": "https://other.example.org"})
    async with world.client() as client:
        after = await client.get(made.path)
        two = await after.text()
    assert one != two
    assert before.headers["ETag"] != after.headers["ETag"]


def test_feed_is_not_made_with_a_key_that_the_server_could_not_open_again(world: World) -> None:
    """With secret.key lost, a command made a new one and sealed the link of the feed with it for good."""
    world.resource("room")
    world.db.write(ensure_canary, Sealer(load_keys(world.settings)))
    world.feed("room")
    world.settings.secret_key_path.unlink()
    with pytest.raises(CannotOpen, match="put back secret.key from your backup"):
        world.feed("room")
