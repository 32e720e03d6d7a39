"""Canary words in every text of objects of every CLASS: no face shows one that its level excludes.

One real server with everything on; each word is unique to its object and its place, so that a leak names
both. Faces: feeds of every level with their .ifb and .html, CalDAV of a reader and of somebody who may see
free/busy only, in every report that answers with data, and everything that the server logs.
"""

from __future__ import annotations

import base64
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.dav_client import DavClient
from tests.servers import Server
from tests.worlds import lines

CLASSES = {
    "none": None,
    "public": "PUBLIC",
    "private": "PRIVATE",
    "confidential": "CONFIDENTIAL",
    "odd": "X-OURS",
}
OPEN = {"none", "public"}
_WORD = re.compile(rb"canary-([a-z]+)-([a-z]+)-q", re.IGNORECASE)
TITLE = {"summary"}
LOCATION = {"location", "locationparam"}


def canary(kind: str, place: str) -> str:
    return f"canary-{kind}-{place}-q"


def canary_object(kind: str, start: datetime) -> bytes:
    """Return a series with an override and an alarm, a canary wherever text may stand."""

    def word(place: str) -> str:
        return canary(kind, place)

    def body(uid: str, *times: str, mark: str = "") -> list[str]:
        # The override carries no CLASS: it inherits the stricter one of its master.
        return [
            "BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *times,
            f'SUMMARY;ALTREP="cid:{word("summaryparam" + mark)}":{word("summary" + mark)}',
            f'LOCATION;ALTREP="cid:{word("locationparam" + mark)}":{word("location" + mark)}',
            f"DESCRIPTION:{word('description' + mark)}", f"COMMENT:{word('comment' + mark)}",
            f"CATEGORIES:{word('categories' + mark)},work", f"URL:https://example.org/{word('url' + mark)}",
            f"CONTACT:{word('contact' + mark)}", f"RESOURCES:{word('resources' + mark)}",
            f'ORGANIZER;CN="{word("organizername" + mark)}":mailto:{word("organizer" + mark)}@example.org',
            f'ATTENDEE;CN="{word("attendeename" + mark)}":mailto:{word("attendee" + mark)}@example.org',
            f"ATTACH:https://example.org/{word('attach' + mark)}",
            f"X-OURS;X-P={word('xparam' + mark)}:{word('x' + mark)}",
            f"STYLED-DESCRIPTION:{word('styled' + mark)}", f"STRUCTURED-DATA:{word('structured' + mark)}",
            f"CONFERENCE;VALUE=URI:https://example.org/{word('conference' + mark)}",
            f"GEO:48.1;13.2\r\nREQUEST-STATUS:2.0;{word('requeststatus' + mark)}",
            "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", f"DESCRIPTION:{word('alarm' + mark)}",
            f"X-INSIDE:{word('alarmx' + mark)}", "END:VALARM",
            "BEGIN:PARTICIPANT", f"UID:{word('participantuid' + mark)}",
            f"DESCRIPTION:{word('participant' + mark)}",
            "END:PARTICIPANT",
        ]  # fmt: skip

    stamps = [f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}"]
    later = start + timedelta(days=1)
    moved = [
        f"RECURRENCE-ID:{later:%Y%m%dT%H%M%SZ}", f"DTSTART:{later + timedelta(minutes=5):%Y%m%dT%H%M%SZ}",
        f"DTEND:{later + timedelta(minutes=50):%Y%m%dT%H%M%SZ}",
    ]  # fmt: skip
    value = CLASSES[kind]
    classified = [f"CLASS:{value}"] if value else []
    return lines(
        "BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//{word('prodid')}//EN",
        f"X-WR-CALNAME:{word('calname')}",
        *body(word("uid"), *stamps, "RRULE:FREQ=DAILY;COUNT=4"), *classified, "END:VEVENT",
        *body(word("uid"), *moved, mark="o"), "END:VEVENT", "END:VCALENDAR",
    )  # fmt: skip


@dataclass
class House:
    """A running server with a room full of canaries, and the ways to look at it."""

    server: Server
    cli: Cli
    start: datetime
    passwords: dict[str, str] = field(default_factory=dict)

    def client(self, login: str, path: str = "room/") -> DavClient:
        return DavClient(f"{self.server.url}/dav/{login}/{path}", login, self.passwords[login])

    def feed(self, *options: str) -> dict[str, str]:
        made = self.cli.json("feed", "create", "room", "--owner", "ann", *options)
        return {key: self.server.url + made[key][made[key].index("/feeds/") :] for key in ("url", "html")}

    def fetch(self, url: str) -> bytes:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    cli = Cli(tmp_path_factory.mktemp("privacy") / "data")
    cli.json("resource", "add", "room", "--kind", "room", "--policy", "allow")
    house = House(Server(cli.variables(CALGATE_LOG_LEVEL="debug")), cli, datetime.now(UTC))
    house.start = house.start.replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for login, level in (("ann", "manage"), ("rob", "read"), ("fay", "freebusy"), ("wim", "write")):
        cli.json("person", "add", login)
        cli.json("grant", "add", level, "--person", login, "--resource", "room")
        house.passwords[login] = cli.json("person", "app-password", login)["password"]
    with house.server:
        with house.client("ann") as client:
            for hour, kind in enumerate(CLASSES):
                data = canary_object(kind, house.start + timedelta(hours=hour))
                assert client.put(f"{canary(kind, 'href')}.ics", data).status == 201
                assert client.get(f"{canary(kind, 'href')}.ics").body == data
        yield house


def decoded(body: bytes) -> bytes:
    """Return the body with folding undone, and what is encoded in base64 laid open."""
    whole = re.sub(rb"\r?\n[ \t]", b"", body)
    hidden = re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", whole)
    opened = [base64.b64decode(part + b"=" * (-len(part) % 4)) for part in hidden if len(part) % 4 != 1]
    return whole + b"\n".join(opened)


def words(body: bytes) -> dict[str, set[str]]:
    """Return which canaries are in a body: places by CLASS; the override's places lose their mark."""
    found: dict[str, set[str]] = {}
    for kind, place in _WORD.findall(decoded(body)):
        found.setdefault(kind.decode().lower(), set()).add(place.decode().lower())
    return found


def bare(places: set[str]) -> set[str]:
    """Return places without the mark of the override."""
    return {place.removesuffix("o") for place in places}


def every_place() -> set[str]:
    return words(canary_object("none", datetime.now(UTC)))["none"]


class TestFeeds:
    def test_freebusy_shows_no_word_of_anything(self, house: House) -> None:
        link = house.feed("--privacy", "freebusy")
        for url in (link["url"], link["html"], link["url"].replace(".ics", ".ifb")):
            body = house.fetch(url)
            assert words(body) == {}
        assert house.fetch(link["url"]).count(b"BEGIN:VEVENT") >= len(CLASSES)

    def test_titles_show_the_titles_of_what_is_open(self, house: House) -> None:
        link = house.feed("--privacy", "titles", "--alarms")
        for url in (link["url"], link["html"]):
            found = words(house.fetch(url))
            assert found.keys() == OPEN
            for places in found.values():
                assert places & {"summary", "summaryo"}
                assert bare(places) <= {"summary", "uid"}
        assert words(house.fetch(link["url"].replace(".ics", ".ifb"))) == {}

    def test_chosen_fields_show_those_and_no_others(self, house: House) -> None:
        link = house.feed("--privacy", "fields", "--fields", "location")
        for url in (link["url"], link["html"]):
            found = words(house.fetch(url))
            assert found.keys() == OPEN
            for places in found.values():
                assert "location" in places
                assert bare(places) <= {"summary", "location", "locationparam", "uid"}

    def test_full_hides_what_is_not_open(self, house: House) -> None:
        link = house.feed("--privacy", "full", "--alarms")
        for url in (link["url"], link["html"]):
            found = words(house.fetch(url))
            assert found.keys() == OPEN
            assert {"summary", "location"} <= bare(found["public"])
        assert {"description", "comment", "alarm"} <= bare(words(house.fetch(link["url"]))["public"])

    def test_pain_50_the_owner_may_see_everything_in_her_own_feed(self, house: House) -> None:
        link = house.feed("--privacy", "full", "--show-private")
        assert words(house.fetch(link["url"])).keys() == CLASSES.keys()

    def test_the_feed_of_a_reader_never_shows_more_than_she_may_see(self, house: House) -> None:
        refused = house.cli("feed", "create", "room", "--owner", "rob", "--privacy", "full", "--show-private")
        if refused.code == 0:
            made = house.cli.json(
                "feed", "create", "room", "--owner", "rob", "--privacy", "full", "--show-private"
            )
            url = house.server.url + made["url"][made["url"].index("/feeds/") :]
            assert words(house.fetch(url)).keys() <= OPEN
        body = house.cli.json("feed", "create", "room", "--owner", "fay", "--privacy", "freebusy")["url"]
        assert words(house.fetch(house.server.url + body[body.index("/feeds/") :])) == {}


_EVERY_PROPERTY = '<propfind xmlns="DAV:"><allprop/></propfind>'
_DATA = "<D:prop><D:getetag/><C:calendar-data>{inner}</C:calendar-data></D:prop>"
_SYNC = (
    '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop><getetag/></prop>'
    "</sync-collection>"
)
_FREE_BUSY = (
    '<C:free-busy-query xmlns:C="urn:ietf:params:xml:ns:caldav"><C:time-range {span}/></C:free-busy-query>'
)
_QUERY = (
    '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">' + _DATA + "<C:filter>"
    '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{more}</C:comp-filter></C:comp-filter>'
    "</C:filter></C:calendar-query>"
)


def everything_in_caldav(house: House, login: str) -> bytes:
    """Return the bodies and headers of all that a person can get out of the calendar."""
    seen = b""
    begin, end = f"{house.start:%Y%m%dT000000Z}", f"{house.start + timedelta(days=9):%Y%m%dT000000Z}"
    span = f'start="{begin}" end="{end}"'
    with house.client(login, "") as home, house.client(login) as client:
        requests = [
            (home, "PROPFIND", _EVERY_PROPERTY, "1"),
            (client, "PROPFIND", _EVERY_PROPERTY, "1"),
            (client, "GET", "", "0"),
            (client, "REPORT", _QUERY.format(inner="", more=""), "1"),
            (client, "REPORT", _QUERY.format(inner=f"<C:expand {span}/>", more=""), "1"),
            (client, "REPORT", _QUERY.format(inner="", more=f"<C:time-range {span}/>"), "1"),
            (client, "REPORT", _FREE_BUSY.format(span=span), "1"),
        ]  # fmt: skip
        for who, method, body, depth in requests:
            answer = who.ask(method, body=body, Depth=depth, Content_Type="text/xml")
            seen += repr(answer.headers).encode() + answer.body + b"\n"
        answer = client.ask(
            "REPORT", Content_Type="text/xml", Depth="1",
            body=_SYNC,
        )  # fmt: skip
        seen += answer.body
        hrefs = set(re.findall(rb"<[^>]*href>([^<]*\.ics)</", seen))
        for href in hrefs:
            got = client.get(href.decode().rpartition("/")[2])
            seen += repr(got.headers).encode() + got.body
    return seen


class TestCalDav:
    @pytest.mark.parametrize("login", ["rob", "wim"])
    def test_a_reader_and_a_writer_see_what_is_open_and_busy_time(self, house: House, login: str) -> None:
        found = words(everything_in_caldav(house, login))
        assert found.keys() == OPEN
        assert found["none"] >= every_place()

    def test_a_manager_sees_everything(self, house: House) -> None:
        found = words(everything_in_caldav(house, "ann"))
        assert found.keys() == CLASSES.keys()
        assert found["confidential"] >= every_place()

    def test_who_may_see_free_busy_only_sees_no_word(self, house: House) -> None:
        assert words(everything_in_caldav(house, "fay")) == {}

    @pytest.mark.parametrize("kind", sorted(CLASSES.keys() - OPEN))
    @pytest.mark.parametrize("login", ["rob", "wim", "fay"])
    def test_guessing_a_name_or_a_uid_tells_nothing(self, house: House, login: str, kind: str) -> None:
        """What is hidden answers like what is not there, and a search for its words finds nothing."""
        text = canary(kind, "summary")
        search = f'<C:prop-filter name="SUMMARY"><C:text-match>{text}</C:text-match></C:prop-filter>'
        with house.client(login) as client:
            hidden, absent = client.get(f"{canary(kind, 'href')}.ics"), client.get("not-there.ics")
            assert hidden.status == absent.status
            answer = client.ask(
                "REPORT", body=_QUERY.format(inner="", more=search), Depth="1", Content_Type="text/xml"
            )
            assert b"calendar-data" not in answer.body
            stolen = canary_object(kind, house.start).replace(b"RRULE:FREQ=DAILY;COUNT=4", b"TRANSP:OPAQUE")
            replies = [
                client.put(f"{canary(kind, 'href')}.ics", stolen),
                client.put("mine.ics", stolen),
                client.delete(f"{canary(kind, 'href')}.ics"),
            ]
            for reply in replies:
                assert reply.status in {403, 404, 409, 412}, reply
                assert canary(kind, "href").encode() not in reply.body
        with house.client("ann") as client:
            assert client.get(f"{canary(kind, 'href')}.ics").status == 200


def test_no_canary_and_no_password_is_logged_or_printed(house: House, tmp_path: Path) -> None:
    everything_in_caldav(house, "rob")
    bad = canary_object("odd", house.start).replace(b"DTSTART:", b"DTSTART;TZID=canary-odd-tzid-q:")
    with house.client("ann") as client:
        broken = client.put("broken.ics", bad.replace(b"END:VEVENT", b"END:VEVENT:canary-odd-broken-q", 1))
        assert broken.status in {400, 403, 415}, broken
        assert words(broken.body) == {}
    path = tmp_path / "file.ics"
    path.write_bytes(bad.replace(b"DTEND:", b"DTEND;X-BAD:canary"))
    imported = house.cli("import", "room", path)
    house.server._read()
    # The command's own output names UIDs and zones to the operator who gave the file; nothing else.
    assert bare(words(imported.stdout.encode() + imported.stderr.encode()).get("odd", set())) <= {
        "uid",
        "tzid",
    }
    logged = re.sub(rb'"path": "[^"]*"|path=\S+', b"", (house.server.log + house.server.output).encode())
    assert house.server.log
    assert words(logged) == {}
    for password in house.passwords.values():
        assert password.encode() not in logged
    assert b"/feeds/" not in logged or b"/feeds/***" in logged or not re.search(rb"/feeds/[\w-]{20,}", logged)
