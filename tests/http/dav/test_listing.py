"""Listings that the database writes by itself say the same as those that are written one by one."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import requests

FREE = "/dav/{}/free/"
NAMES = [
    "plain.ics", "with space.ics", "ümlaut.ics", "a&b<c>.ics", "100%.ics", "quote'\".ics", "semi;colon.ics",
    "[brackets].ics", "plus+at@equals=.ics", "~tilde!$()*,:.ics", "no-extension", "-dash.ics",
]  # fmt: skip


def fill(world: Any, event: Any) -> None:
    from urllib.parse import quote

    for number, name in enumerate(NAMES):
        day = f"202603{10 + number}T"
        ical = event(
            f"u{number}",
            f"CLASS:{'PRIVATE' if number % 4 == 1 else 'PUBLIC'}",
            start=f"{day}090000Z",
            end=f"{day}100000Z",
        )
        assert world.alice.put(FREE.format("alice") + quote(name), ical).status == 201


def listed(reply: Any) -> dict[str, str]:
    return {
        href: node.findtext("{DAV:}propstat/{DAV:}prop/{DAV:}getetag", "")
        for href, node in reply.by_href().items()
        if not href.endswith("/")
    }


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dave"])
def test_a_listing_names_the_same_objects_whoever_writes_it(world: Any, event: Any, who: str) -> None:
    fill(world, event)
    dav = getattr(world, who)
    path = FREE.format(who)
    # The time of change is not for the database to write.
    one_by_one = listed(dav.propfind(path, "D:getetag", "D:getlastmodified", depth="1"))
    assert len(one_by_one) == len(NAMES)
    assert listed(dav.propfind(path, "D:getetag", depth="1")) == one_by_one
    assert listed(dav.sync(path)) == one_by_one
    whole = dav.propfind(
        path, "D:getcontenttype", "D:getetag", "D:resourcetype", "D:current-user-privilege-set", depth="1"
    )
    assert listed(whole) == one_by_one
    for href in one_by_one:
        node = whole.by_href()[href]
        assert "component=VEVENT" in node.findtext("{DAV:}propstat/{DAV:}prop/{DAV:}getcontenttype", "")
        alone = dav.propfind(href, "D:getetag", "D:current-user-privilege-set").found(".//D:privilege/*")
        assert [one.tag for one in node.iterfind(".//{DAV:}privilege/*")] == [one.tag for one in alone]


def test_an_empty_calendar_lists_nothing(world: Any) -> None:
    assert listed(world.alice.propfind(FREE.format("alice"), "D:getetag", depth="1")) == {}


@pytest.mark.parametrize(
    ("accepts", "is_packed"),
    [("gzip, deflate", True), ("gzip;q=0", False), ("br", False), ("deflate,gzip;q=0.5", True)],
)
def test_answers_are_packed_for_who_can_unpack_them(
    world: Any, event: Any, accepts: str, is_packed: bool
) -> None:
    fill(world, event)
    dav = world.alice
    answer = requests.request(
        "PROPFIND", dav.base + FREE.format("alice"), headers={"Depth": "1", "Accept-Encoding": accepts},
        auth=(dav.login, dav.password), timeout=30, stream=True,
    )  # fmt: skip
    raw = answer.raw.read(decode_content=False)
    assert (answer.headers.get("Content-Encoding") == "gzip") is is_packed
    assert b"multistatus" in (gzip.decompress(raw) if is_packed else raw)
    assert int(answer.headers["Content-Length"]) == len(raw)


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dave"])
def test_data_is_the_same_by_multiget_query_and_get(world: Any, event: Any, who: str) -> None:
    fill(world, event)
    dav, path = getattr(world, who), FREE.format(who)
    data = "{DAV:}propstat/{DAV:}prop/{urn:ietf:params:xml:ns:caldav}calendar-data"
    hrefs = [*listed(dav.sync(path)), f"{path}gone.ics", "/elsewhere/x.ics"]
    named = "".join(f"<D:href>{href.replace('&', '&amp;')}</D:href>" for href in hrefs)
    span = '<C:time-range start="20260301T000000Z" end="20260401T000000Z"/>'
    for _ in range(2):  # once read, once remembered
        answers = [
            dav.report(
                path, "C:calendar-multiget", f"<D:prop><D:getetag/><C:calendar-data/></D:prop>{named}"
            ),
            dav.query(path, f'<C:comp-filter name="VEVENT">{span}</C:comp-filter>'),
        ]
        assert set(answers[0].by_href()) == set(hrefs)
        for answer in answers:
            shown = {href: node.findtext(data) for href, node in answer.by_href().items()}
            assert shown.pop(f"{path}gone.ics", None) is shown.pop("/elsewhere/x.ics", None) is None
            assert len(shown) == len(NAMES)
            for href, text in shown.items():
                assert (text or "").encode() == dav("GET", href).body
    assert world.alice("DELETE", FREE.format("alice") + "plain.ics").status == 204
    assert (
        len(dav.query(path, f'<C:comp-filter name="VEVENT">{span}</C:comp-filter>').hrefs) == len(NAMES) - 1
    )
