"""How the feed door answers: conditional requests, coding, names, revocation."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.model import FeedLevel
from gateway.services import feeds
from tests.feed_world import World, event

MEETING = (
    "DTSTART;TZID=Europe/Berlin:20260302T100000",
    "DTEND;TZID=Europe/Berlin:20260302T110000",
    "SUMMARY:Plan",
)


@pytest.fixture
def made(world: World) -> Any:
    world.resource("room")
    world.put("room", event("a@x", *MEETING))
    return world.feed("room", level=FeedLevel.FULL)


async def test_feed_is_served_with_every_header_clients_need(world: World, made: Any) -> None:
    async with world.client() as client:
        answer = await client.get(made.path)
        body = await answer.read()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="room.ics"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["ETag"].startswith('"')
    assert int(answer.headers["Content-Length"]) == len(body)
    assert b"SUMMARY:Plan\r\n" in body
    assert body.endswith(b"END:VCALENDAR\r\n")


async def test_pain_36_both_hints_are_there_and_304_needs_no_rendering(
    world: World, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.client() as client:
        first = await client.get(made.path)
        body = await first.read()
        monkeypatch.setattr("gateway.http.feeds.door.render_ics", None)  # nobody may render from here on
        again = await client.get(made.path, headers={"If-None-Match": first.headers["ETag"]})
        since = await client.get(made.path, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT15M\r\n" in body
    assert b"X-PUBLISHED-TTL:PT15M\r\n" in body
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert since.status == 304


async def test_pain_36_page_tells_each_programs_real_rhythm(world: World, made: Any) -> None:
    async with world.client() as client:
        page = await (await client.get(made.path.replace(".ics", ".html"))).text()
    for words in ("every 4 to 24 hours", "about every 3 hours", "connect the calendar directly"):
        assert words in page


async def test_etag_is_stable_while_nothing_changes_and_new_with_every_change(
    world: World, made: Any
) -> None:
    async with world.client() as client:
        one = await client.get(made.path)
        two = await client.get(made.path)
        world.put("room", event("b@x", *MEETING))
        three = await client.get(made.path)
        assert await one.read() == await two.read()
        assert one.headers["ETag"] == two.headers["ETag"] != three.headers["ETag"]
        assert b"UID:b@x" in await three.read()


async def test_if_none_match_is_a_list_and_wins_over_the_date(world: World, made: Any) -> None:
    async with world.client() as client:
        tag = (await client.get(made.path)).headers["ETag"]
        future = "Fri, 01 Jan 2027 00:00:00 GMT"
        listed = await client.get(made.path, headers={"If-None-Match": f'"x", W/{tag}'})
        other = await client.get(made.path, headers={"If-None-Match": '"x"', "If-Modified-Since": future})
        bad = await client.get(made.path, headers={"If-Modified-Since": "yesterday"})
    assert (listed.status, other.status, bad.status) == (304, 200, 200)


async def test_pain_37_sequence_and_last_modified_rise_with_each_change(world: World, made: Any) -> None:
    def lines(body: bytes, name: bytes) -> bytes:
        found = body.partition(b"BEGIN:VEVENT")[2].split(b"\r\n")
        return next(line.partition(b":")[2] for line in found if line.startswith(name))

    async with world.client() as client:
        first = await client.get(made.path)
        before = await first.read()
        world.later(minutes=5)
        world.put("room", event("a@x", *MEETING[:2], "SUMMARY:New title"))
        second = await client.get(made.path)
        after = await second.read()
        world.later(minutes=5)
        world.db.write(feeds.set_, made.feed.uuid, now=world.now, level=FeedLevel.FREEBUSY)
        masked = await (await client.get(made.path)).read()
    assert lines(before, b"UID") == lines(after, b"UID")
    assert lines(before, b"CREATED") == lines(after, b"CREATED")
    for name in (b"SEQUENCE", b"LAST-MODIFIED", b"DTSTAMP"):
        assert lines(before, name) < lines(after, name) < lines(masked, name)
    assert first.headers["Last-Modified"] != second.headers["Last-Modified"]


async def test_pain_40_text_calendar_for_any_accept_or_none(world: World, made: Any) -> None:
    async with world.client() as client:
        for accept in (None, "*/*", "text/html,application/xhtml+xml", "application/json"):
            answer = await client.get(made.path, headers={"Accept": accept} if accept else {})
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"


async def test_pain_41_gzip_only_if_asked_with_its_own_etag_and_length(world: World, made: Any) -> None:
    async with world.client() as client:
        plain = await client.get(made.path)
        packed = await client.get(made.path, headers={"Accept-Encoding": "br, gzip;q=0.8"})
        refused = await client.get(made.path, headers={"Accept-Encoding": "gzip;q=0, identity"})
        tag = packed.headers["ETag"]
        again = await client.get(made.path, headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
        raw = await packed.read()
        assert gzip.decompress(raw) == await plain.read()
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in refused.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(raw)
    assert plain.headers["ETag"] == refused.headers["ETag"] != tag == again.headers["ETag"]
    assert again.status == 304


async def test_pain_41_gzip_can_be_turned_off_per_feed(world: World) -> None:
    world.resource("room")
    made = world.feed("room", allows_gzip=False)
    async with world.client() as client:
        answer = await client.get(made.path, headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert "Content-Encoding" not in answer.headers


async def test_pain_42_head_equals_get_without_body(world: World, made: Any) -> None:
    async with world.client() as client:
        for suffix in (".ics", ".ifb", ".html"):
            path = made.path.replace(".ics", suffix)
            get, head = await client.get(path), await client.head(path)
            assert head.status == get.status == 200
            skipped = {"Date"}
            assert {k: v for k, v in head.headers.items() if k not in skipped} == {
                k: v for k, v in get.headers.items() if k not in skipped
            }
            assert await head.read() == b""


async def test_pain_43_path_ends_in_ics_without_query_and_redirect(world: World, made: Any) -> None:
    links = made.links("https://cal.example.org")
    assert links.url.endswith(".ics")
    assert "?" not in links.url
    async with world.client() as client:
        answer = await client.get(made.path, allow_redirects=False)
        assert answer.status == 200
        assert b"METHOD:PUBLISH\r\n" in await answer.read()


async def test_pain_39_robots_txt_permits_the_path_while_noindex_is_sent(world: World, made: Any) -> None:
    from urllib.robotparser import RobotFileParser

    async with world.client() as client:
        robots = RobotFileParser()
        robots.parse((await (await client.get("/robots.txt")).text()).splitlines())
        feed = await client.get(made.path)
    assert robots.can_fetch("Google-Calendar-Importer", f"https://cal.example.org{made.path}")
    assert "noindex" in feed.headers["X-Robots-Tag"]


async def test_pain_38_uids_stay_the_same_on_each_fetch(world: World, made: Any) -> None:
    async with world.client() as client:
        first = await (await client.get(made.path)).read()
        world.later(days=1)
        second = await (await client.get(made.path)).read()
    assert first == second  # a day later, nothing changed: the same bytes
    assert b"UID:a@x\r\n" in first


async def test_unknown_revoked_expired_and_misnamed_links_get_one_answer(world: World, made: Any) -> None:
    expiring = world.feed("room", expires_at_utc=world.now + timedelta(hours=1))
    revoked = world.feed("room")
    async with world.client() as client:
        assert (await client.get(expiring.path)).status == 200
        assert (await client.get(revoked.path)).status == 200
        world.db.write(feeds.revoke, revoked.feed.uuid, now=world.now)
        world.later(hours=2)
        answers = [
            await client.get(path)
            for path in (
                revoked.path,
                expiring.path,
                "/feeds/" + "x" * 32 + "/room.ics",
                made.path.replace("room.ics", "other.ics"),
                made.path.replace("room.ics", "room.txt"),
            )
        ]
        bodies = {await answer.read() for answer in answers}
        assert {answer.status for answer in answers} == {404}
        assert len(bodies) == 1
        assert (
            len(
                {
                    tuple(sorted(set(answer.headers.items()) - {("Date", answer.headers["Date"])}))
                    for answer in answers
                }
            )
            == 1
        )
        assert (await client.get(made.path.replace("room.ics", "Room.ICS"))).status == 200


async def test_free_busy_file_tells_times_only(world: World, made: Any) -> None:
    async with world.client() as client:
        answer = await client.get(made.path.replace(".ics", ".ifb"))
        body = await answer.read()
    assert answer.headers["Content-Type"].startswith("text/calendar")
    assert b"BEGIN:VFREEBUSY" in body
    assert b"20260302T090000Z/20260302T100000Z" in body
    assert b"Plan" not in body
    assert b"METHOD:PUBLISH" in body


async def test_free_busy_file_counts_availability_and_the_feed_has_nothing_of_it(
    world: World, made: Any
) -> None:
    hours = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VAVAILABILITY\r\nUID:hours\r\n"
        "DTSTAMP:20260101T000000Z\r\nDTSTART:20260303T000000Z\r\nDTEND:20260304T000000Z\r\n"
        "BEGIN:AVAILABLE\r\nUID:open\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260303T080000Z\r\n"
        "DTEND:20260303T160000Z\r\nEND:AVAILABLE\r\nEND:VAVAILABILITY\r\nEND:VCALENDAR\r\n"
    )
    world.put("room", hours.encode())
    async with world.client() as client:
        times = await (await client.get(made.path.replace(".ics", ".ifb"))).read()
        events = await (await client.get(made.path)).read()
    assert b"BUSY-UNAVAILABLE:20260303T000000Z/20260303T080000Z" in times.replace(b"\r\n ", b"")
    assert b"AVAILAB" not in events


async def test_two_requests_at_once_render_once(
    world: World, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from gateway.http.feeds import door

    calls = []
    real = door.render_ics
    monkeypatch.setattr(door, "render_ics", lambda *a, **k: (calls.append(1), real(*a, **k))[1])
    async with world.client() as client:
        answers = await asyncio.gather(*(client.get(made.path) for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
    assert len(calls) == 1


@pytest.mark.parametrize("more", [{}, {"Accept-Encoding": "gzip"}])
async def test_ready_answers_equal_those_of_the_long_way(
    world: World, made: Any, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second answer of a state is ready; HTTP/1.0, Connection: close and HEAD take the long way."""
    async with world.client() as client:
        tag = (await client.get(made.path, headers=more)).headers["ETag"]
        for headers in (more, {**more, "If-None-Match": tag}):
            ready = await client.get(made.path, headers=headers)
            raw = await ready.read()
            closing = await client.get(made.path, headers={**headers, "Connection": "close"})
            assert (ready.status, raw) == (closing.status, await closing.read())
            other = dict(closing.headers)
            assert other.pop("Connection") == "close"
            assert {**ready.headers, "Date": ""} == {**other, "Date": ""}
            assert ready.headers["Date"].endswith("GMT")


async def test_many_requests_on_one_connection_keep_their_order(world: World, made: Any) -> None:
    import asyncio

    async with world.client() as client:
        tag = (await client.get(made.path)).headers["ETag"]
        host, port = client.server.host, client.server.port
        reader, writer = await asyncio.open_connection(host, port)
        one = f"GET {made.path} HTTP/1.1\r\nHost: x\r\n"
        writer.write((one + f"If-None-Match: {tag}\r\n\r\n" + one + "Connection: close\r\n\r\n").encode())
        answers = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    first, _, second = answers.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 304")
    assert second.startswith(b"HTTP/1.1 200")
    assert second.endswith(b"END:VCALENDAR\r\n")
