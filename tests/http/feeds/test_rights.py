"""Whose rights a feed has: levels, lost rights, revocation, private objects, several resources, the ledger."""

from __future__ import annotations

import random
import re

import pytest
from sqlalchemy import select

from gateway.domain.errors import Forbidden, GatewayError, InvalidInput, NotFound
from gateway.domain.model import FeedLevel, Level, ObjectKind
from gateway.http.feeds.ledger import family
from gateway.services import Transaction, access, feed_fetches, feeds, grants, groups, principals
from gateway.services.feed_render import FeedLookup
from gateway.store import audit
from gateway.store.schema import feed, feed_fetch
from tests.feed_world import World, event

TIMES = ("DTSTART;TZID=Europe/Berlin:20260302T100000", "DTEND;TZID=Europe/Berlin:20260302T110000")


async def body_of(world: World, made: feeds.NewFeed) -> str:
    async with world.client() as client:
        answer = await client.get(made.path)
        return (await answer.text()).replace("\r\n ", "") if answer.status == 200 else str(answer.status)


def fill(world: World) -> None:
    world.resource("room")
    world.put("room", event("a@x", *TIMES, "SUMMARY:Open words"))
    world.put("room", event("p@x", *TIMES, "SUMMARY:Private words", "CLASS:PRIVATE"))
    world.person("eve")


async def test_a_person_makes_feeds_of_what_she_may_see_only(world: World) -> None:
    fill(world)
    with pytest.raises(NotFound):
        world.feed("room", owner="eve", level=FeedLevel.FREEBUSY)
    world.grant(Level.FREEBUSY, login="eve", resource="room")
    with pytest.raises(Forbidden, match="free/busy"):
        world.feed("room", owner="eve", level=FeedLevel.TITLES)
    text = await body_of(world, world.feed("room", owner="eve", level=FeedLevel.FREEBUSY))
    assert "words" not in text
    assert text.count("BEGIN:VEVENT") == 2


async def test_only_managers_may_show_what_is_private(world: World) -> None:
    fill(world)
    world.grant(Level.WRITE, login="eve", resource="room")
    with pytest.raises(Forbidden, match="managers"):
        world.feed("room", owner="eve", level=FeedLevel.FULL, shows_private=True)
    world.grant(Level.MANAGE, login="eve", resource="room")
    hidden = await body_of(world, world.feed("room", owner="eve", level=FeedLevel.FULL))
    shown = world.feed("room", owner="eve", level=FeedLevel.FULL, shows_private=True)
    assert "Private words" not in hidden
    assert "Private words" in await body_of(world, shown)
    world.grant(Level.READ, login="eve", resource="room")  # no manager any more
    assert "Private words" not in await body_of(world, shown)


async def test_a_lost_right_stops_the_feed_and_a_smaller_one_shrinks_it(world: World) -> None:
    fill(world)
    world.resource("other")
    world.put("other", event("o@x", *TIMES, "SUMMARY:Other words"))
    first = world.grant(Level.READ, login="eve", resource="room")
    second = world.grant(Level.READ, login="eve", resource="other")
    made = world.feed("room", "other", owner="eve", level=FeedLevel.FULL)
    text = await body_of(world, made)
    assert "Open words" in text
    assert "Other words" in text
    world.grant(Level.FREEBUSY, login="eve", resource="room")
    text = await body_of(world, made)
    assert "Open words" not in text
    assert "Other words" in text
    world.db.write(grants.remove, first, now=world.now)
    assert "BEGIN:VEVENT" in await body_of(world, made)
    world.db.write(grants.remove, second, now=world.now)
    assert await body_of(world, made) == "404"


async def test_a_right_on_another_face_is_no_right_on_feeds(world: World) -> None:
    fill(world)
    world.grant(Level.READ, login="eve", resource="room", faces=["caldav"])
    with pytest.raises(NotFound):
        world.feed("room", owner="eve")
    world.grant(Level.READ, login="eve", resource="room", faces=["caldav", "feed"])
    assert "Open words" in await body_of(world, world.feed("room", owner="eve"))


def test_the_hot_lookup_gives_the_levels_that_the_rights_give(world: World) -> None:
    """The one statement of the lookup and services.access must never differ."""
    rng = random.Random(7)
    world.person("eve")
    world.db.write(groups.add, "staff", name="Staff", now=world.now)
    world.db.write(groups.add, "others", name="Others", now=world.now)
    world.db.write(groups.add_member, "staff", "eve", now=world.now)
    slugs = [f"r{n}" for n in range(5)]
    for number, slug in enumerate(slugs):
        more = {"owner": "eve"} if number == 4 else {}
        world.resource(slug, department="north" if number % 2 else "south", **more)
    made = world.feed(*slugs)

    def set_owner(tx: Transaction) -> None:
        tx.execute(feed.update().values(owner_id=principals.get(tx, "eve").id))

    def compare(tx: Transaction) -> None:
        eve = principals.get(tx, "eve")
        hit = FeedLookup(world.db).find(tx, feeds.secret_hash(made.secret))
        levels = hit.levels if hit is not None else {}
        for resource_id in made.feed.resource_ids:
            own = access.level_on(tx, eve, resource_id, face="feed")
            assert levels.get(resource_id) == (int(own) if own is not None else None)

    world.db.write(set_owner)
    for _ in range(40):
        subject = rng.choice([{"login": "eve"}, {"group": "staff"}, {"group": "others"}])
        target = rng.choice([{"resource": rng.choice(slugs)}, {"department": rng.choice(["north", "south"])}])
        faces = rng.choice([[], ["feed"], ["caldav"], ["caldav", "feed"], ["push-google"]])
        given = world.grant(rng.choice(list(Level)), **subject, **target, faces=faces)
        world.db.read(compare)
        if rng.random() < 0.4:
            world.db.write(grants.remove, given, now=world.now)
            world.db.read(compare)


async def test_pain_47_secrets_are_hashed_shown_to_their_owner_only_and_audited(world: World) -> None:
    fill(world)
    world.person("bob")
    world.grant(Level.READ, login="eve", resource="room")
    made = world.feed("room", owner="eve", actor="eve")
    assert len(made.secret) >= 22  # 128 bits
    eve, bob = (world.db.read(principals.get, login) for login in ("eve", "bob"))

    def look(viewer: object) -> feeds.NewFeed:
        return world.db.write(
            feeds.show_link, made.feed.uuid, settings=world.settings, now=world.now, viewer=viewer, actor="x"
        )

    assert look(eve).secret == made.secret
    for other in (bob, None):
        with pytest.raises(Forbidden):
            look(other)
    stored = world.db.read(lambda tx: tx.execute(select(feed)).one())
    assert made.secret.encode() not in b"".join(v for v in stored if isinstance(v, bytes))
    assert not [value for value in stored if value == made.secret]
    world.db.write(feeds.revoke, made.feed.uuid, now=world.now, actor="eve")
    with pytest.raises(NotFound):
        look(eve)
    lines = world.db.read(audit.newest, target=("feed", made.feed.uuid))
    assert [line.action for line in lines] == ["feed.revoke", "feed.show-link", "feed.create"]
    assert made.secret not in repr(lines)


async def test_secrets_are_not_kept_where_the_setting_says_so(world: World) -> None:
    fill(world)
    world.settings = world.settings.model_copy(update={"feeds_keep_secret": False})
    made = world.feed("room")
    with pytest.raises(NotFound, match="not kept"):
        world.db.write(feeds.show_link, made.feed.uuid, settings=world.settings, now=world.now, viewer=None)


async def test_masked_uids_are_stable_for_a_link_and_differ_between_links(world: World) -> None:
    fill(world)
    one, two = (world.feed("room", level=FeedLevel.FREEBUSY) for _ in range(2))

    async def uids(made: feeds.NewFeed) -> set[str]:
        return set(re.findall(r"\nUID:(\S+)", (await body_of(world, made)).partition("BEGIN:VEVENT")[2]))

    before = await uids(one)
    world.put("room", event("a@x", *TIMES, "SUMMARY:Changed words"))
    assert await uids(one) == before
    assert len(before) == 2
    assert not before & await uids(two)
    assert not any("@x" in uid for uid in before)


async def test_pain_38_unmasked_feeds_of_all_levels_show_one_uid(world: World) -> None:
    fill(world)
    for level in (FeedLevel.TITLES, FeedLevel.FULL):
        assert "UID:a@x\r\n" in await body_of(world, world.feed("room", level=level))


async def test_one_uid_in_two_resources_stays_two_events_whatever_the_window(world: World) -> None:
    world.resource("one")
    world.resource("two")
    for slug in ("one", "two"):
        world.put(slug, event("same@x", *TIMES, "SUMMARY:Both"))
    made = world.feed("one", "two")
    uids = re.findall(r"\nUID:(\S*same@x\S*)", await body_of(world, made))
    assert len(set(uids)) == 2
    assert uids[0] == "same@x"
    # The first one leaves the window; the second keeps its own UID all the same.
    world.put("one", event("same@x", "DTSTART:20200101T100000Z", "SUMMARY:Both"))
    assert re.findall(r"\nUID:(\S*same@x\S*)", await body_of(world, made)) == [uids[1]]


async def test_feed_of_several_resources_says_which(world: World) -> None:
    world.resource("one", name="Room One", location="East")
    world.resource("two", name="Room Two")
    world.put("one", event("a@x", *TIMES, "SUMMARY:A"))
    world.put("two", event("b@x", *TIMES, "SUMMARY:B"))
    text = await body_of(world, world.feed("one", "two", title="Both rooms"))
    assert "X-WR-CALNAME:Both rooms" in text
    assert "LOCATION:Room One\\, East" in text
    assert "LOCATION:Room Two" in text


async def test_kinds_and_window_filter(world: World) -> None:
    world.resource("room")
    world.put("room", event("a@x", *TIMES), kind=ObjectKind.BOOKING)
    world.put("room", event("b@x", *TIMES), kind=ObjectKind.BLOCK)
    world.put("room", event("c@x", "DTSTART:20260601T100000Z"))
    world.put("room", event("s@x", "DTSTART:20200106T100000Z", "RRULE:FREQ=WEEKLY", "DURATION:PT1H"))
    blocks = await body_of(world, world.feed("room", kinds=[ObjectKind.BLOCK]))
    near = await body_of(world, world.feed("room", past_days=0, future_days=7))
    assert re.findall(r"UID:(\w@x)", blocks) == ["b@x"]
    assert set(re.findall(r"UID:(\w@x)", near)) == {"a@x", "b@x", "s@x"}
    assert "DTSTART:20200106T100000Z" in near


async def test_pain_44_a_feed_over_its_budget_shrinks(world: World) -> None:
    world.settings = world.settings.model_copy(update={"feed_budget_bytes": 10_000})
    world.resource("room")
    for day in range(1, 28):
        world.put("room", event(f"{day}@x", f"DTSTART:202603{day:02}T100000Z", f"DESCRIPTION:{'x' * 700}"))
    text = await body_of(world, world.feed("room", level=FeedLevel.FULL))
    assert len(text) < 10_000
    assert "UID:2@x" in text
    assert "UID:27@x" not in text


async def test_fetches_are_counted_by_program_without_addresses(world: World) -> None:
    fill(world)
    made = world.feed("room")
    async with world.client() as client:
        agent = {"User-Agent": "Thunderbird/128.0 (someone@example.org; http://192.0.2.7)"}
        first = await client.get(made.path, headers=agent)
        await client.get(made.path, headers={**agent, "If-None-Match": first.headers["ETag"]})
        await client.get(made.path, headers={**agent, "If-None-Match": first.headers["ETag"]})
    rows = world.db.read(lambda tx: tx.execute(select(feed_fetch).order_by(feed_fetch.c.status)).all())
    assert [(row.client, row.status, row.fetches) for row in rows] == [
        ("Thunderbird", 200, 1),
        ("Thunderbird", 304, 2),
    ]
    assert rows[0].seqs == "2"
    assert world.db.read(feed_fetches.last_fetches, [made.feed]) == {made.feed.id: world.now}
    assert world.db.write(feed_fetches.prune, before=world.now) == 0


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Google-Calendar-Importer", "Google Calendar"),
        ("iOS/17.4 (21E219) dataaccessd/1.0", "Apple Calendar (iOS)"),
        ("macOS/14.4 (23E214) CalendarAgent/954", "Apple Calendar (macOS)"),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0)", "Outlook desktop"),
        ("Mozilla/5.0 (X11; rv:115.0) Gecko/20100101 Thunderbird/115.9", "Thunderbird"),
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/120", "a browser"),
        ("ICSx5/2.2 (ical4j)", "ICSx5"),
        ("curl/8.0", "curl"),
        ("", "unknown"),
        ("someone@example.org", "someone"),
    ],
)
def test_programs_are_told_by_family(agent: str, name: str) -> None:
    assert family(agent) == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": FeedLevel.FIELDS},
        {"level": FeedLevel.FIELDS, "fields": ["attendees"]},
        {"past_days": -1},
        {"future_days": 100_000},
        {"title": "a\nb"},
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_to_do(world: World, wrong: dict[str, object]) -> None:
    world.resource("room")
    with pytest.raises(InvalidInput):
        world.feed("room", **wrong)
    with pytest.raises(GatewayError):
        world.feed()


async def test_pain_51_a_feed_needs_no_login_and_no_cookie(world: World) -> None:
    fill(world)
    made = world.feed("room")
    async with world.client() as client:
        answer = await client.get(made.path)
    assert answer.status == 200
    assert "WWW-Authenticate" not in answer.headers
    assert "Set-Cookie" not in answer.headers
