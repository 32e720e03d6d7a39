"""Files and servers as they come: whatever is wrong, the last good state stays and the reason is named."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.providers.contract import Page, Unreadable, Upsert
from gateway.providers.errors import (
    AddressRefused,
    BadAnswer,
    CalendarMissing,
    CursorExpired,
    ProviderError,
    RateLimited,
    SignInExpired,
    SignInRefused,
    Unavailable,
)
from plugins.ics.account import CALENDAR_ID, IcsAccount
from plugins.ics.fetching import address_of
from tests.contract.ics.ics_server import FileServer, calendar, connect, event, file_server, opened


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with file_server() as running:
        yield running


async def pages_of(account: IcsAccount, cursor: str | None = None) -> list[Page]:
    return [page async for page in account.pull(CALENDAR_ID, cursor=cursor, window=None)]


def items_of(pages: list[Page]) -> dict[str, Any]:
    return {item.remote_id: item for page in pages for item in page.items}


def _page(server: FileServer) -> None:
    server.body = b"<!DOCTYPE html><html><body>BEGIN:VCALENDAR? Sign in</body></html>"


def _empty(server: FileServer) -> None:
    server.body = b""


def _cut_text(server: FileServer) -> None:
    server.body = server.body[:-40]


def _cut_transfer(server: FileServer) -> None:
    server.cut = True


def _hangs(server: FileServer) -> None:
    server.hang_s = 5.0


def _status(code: int) -> Callable[[FileServer], None]:
    def act(server: FileServer) -> None:
        server.status, server.body = code, b"<html>no</html>"

    return act


def _bomb(server: FileServer) -> None:
    server.body = gzip.compress(b"BEGIN:VCALENDAR\r\n" + b"X-A:" + b"a" * 50_000_000)
    server.headers = {"Content-Encoding": "gzip"}


def _large(server: FileServer) -> None:
    server.body = calendar(*(event(str(number)) for number in range(20_000)))


def _half_packed(server: FileServer) -> None:
    server.body = gzip.compress(server.body)[:-20]
    server.headers = {"Content-Encoding": "gzip"}


def _not_packed(server: FileServer) -> None:
    server.headers = {"Content-Encoding": "gzip"}


def _strange_packing(server: FileServer) -> None:
    server.headers = {"Content-Encoding": "br"}


TROUBLES: list[tuple[Callable[[FileServer], None], type[ProviderError], str]] = [
    (_page, BadAnswer, "line 1"),
    (_empty, BadAnswer, "empty"),
    (_cut_text, BadAnswer, "END:VCALENDAR"),
    (_cut_transfer, BadAnswer, "cut off"),
    (_hangs, Unavailable, "in time"),
    (_status(500), Unavailable, "500"),
    (_status(403), BadAnswer, "403"),
    (_status(404), BadAnswer, "404"),
    (_status(410), CalendarMissing, "gone for good"),
    (_status(401), SignInExpired, "password"),
    (_status(429), RateLimited, "patience"),
    (_bomb, BadAnswer, "larger"),
    (_large, BadAnswer, "larger"),
    (_half_packed, BadAnswer, "cut off"),
    (_not_packed, BadAnswer, "unpacked"),
    (_strange_packing, BadAnswer, "packs"),
]


@pytest.mark.parametrize(("act", "kind", "told"), TROUBLES)
async def test_pain_08_a_fetch_that_fails_tells_nothing_but_its_reason_ics(
    server: FileServer, act: Callable[[FileServer], None], kind: type[ProviderError], told: str
) -> None:
    patient = await opened(server.url, timeout_s="60", max_bytes="1000000")
    account = await opened(server.url, timeout_s="1", max_bytes="1000000") if act is _hangs else patient
    cursor = (await pages_of(patient))[-1].cursor
    good = server.body
    server.has_validators = False
    act(server)
    for known in (cursor, None):
        with pytest.raises(kind, match=told) as caught:
            await pages_of(account, known)
        assert "secret-word" not in str(caught.value)
    server.body, server.status, server.headers, server.hang_s, server.cut = good, 200, {}, 0.0, False
    assert (await pages_of(patient, cursor))[-1].looked is None


async def test_pain_24_one_broken_event_is_named_by_its_line_and_the_rest_is_read_ics(
    server: FileServer,
) -> None:
    server.body = calendar(event("good"), event("bad", "20269999T999999Z"), event("late"))
    pages = await pages_of(await opened(server.url))
    items = items_of(pages)
    assert {name: type(item) for name, item in items.items()} == {
        "good": Upsert, "bad": Unreadable, "late": Upsert,
    }  # fmt: skip
    assert "line 14" in items["bad"].reason
    assert "SUMMARY" not in items["bad"].reason
    assert pages[-1].looked is not None


async def test_what_has_no_identity_proves_no_absence(server: FileServer) -> None:
    server.body = calendar(event("good")).replace(
        b"END:VCALENDAR", b"BEGIN:VEVENT\r\nSUMMARY:never ends\r\nEND:VCALENDAR"
    )
    pages = await pages_of(await opened(server.url))
    assert isinstance(items_of(pages)["good"], Upsert)
    assert pages[-1].looked is None


async def test_pain_65_an_unchanged_file_costs_one_conditional_request_under_our_name_ics(
    server: FileServer,
) -> None:
    account = await opened(server.url, user_agent="Example/7")
    cursor = (await pages_of(account))[-1].cursor
    server.asked.clear()
    (page,) = await pages_of(account, cursor)
    assert (page.items, page.looked, page.cursor) == ((), None, cursor)
    (asked,) = server.asked
    assert asked["if-none-match"].startswith('"')
    assert asked["user-agent"] == "Example/7"
    assert "authorization" not in asked
    server.has_validators = False
    (page,) = await pages_of(account, cursor)
    assert (page.items, page.looked) == ((), None)


async def test_pain_10_a_cursor_of_another_release_is_expired_ics(server: FileServer) -> None:
    account = await opened(server.url)
    for cursor in ("", "[]", "{}", "null", '{"v":1}', '{"v":1,"etag":1,"modified":"","sha":""}'):
        with pytest.raises(CursorExpired):
            await pages_of(account, cursor)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://169.254.169.254/latest/meta-data", "private network"),
        ("https://[::ffff:10.0.0.1]/x", "private network"),
        ("http://example.org/x.ics", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://ann:secret@example.org/", "own fields"),
        ("/secret-word/feed.ics", "without end"),
    ],
)
async def test_every_hop_of_a_redirect_passes_the_address_filter(
    server: FileServer, location: str, told: str
) -> None:
    account = await opened(server.url)
    server.status, server.headers = 302, {"Location": location}
    with pytest.raises((AddressRefused, BadAnswer), match=told):
        await pages_of(account)


async def test_a_redirect_is_followed_and_the_password_stays_at_home(server: FileServer) -> None:
    async with file_server() as other:
        other.body = calendar(event("elsewhere"))
        account = await opened(server.url, login="ada", password="word")
        server.status, server.headers = 301, {"Location": other.url}
        assert list(items_of(await pages_of(account))) == ["elsewhere"]
        assert "authorization" in server.asked[-1]
        assert "authorization" not in other.asked[-1]


@pytest.mark.parametrize(
    ("pasted", "fetched"),
    [
        ("webcal://example.org/a.ics", "https://example.org/a.ics"),
        ("WEBCALS://example.org/a.ics", "https://example.org/a.ics"),
        (" https://example.org/a.ics ", "https://example.org/a.ics"),
        ("example.org/a.ics", "https://example.org/a.ics"),
    ],
)
def test_a_pasted_address_is_taken_as_it_comes(pasted: str, fetched: str) -> None:
    assert address_of(pasted) == fetched


async def test_connecting_looks_at_the_file_and_never_shows_its_address(server: FileServer) -> None:
    server.body = calendar(event("one"), head=("X-WR-CALNAME:Town hall",))
    signed = await connect(server.url)
    assert signed.name == "Town hall at 127.0.0.1"
    assert "secret-word" not in repr(signed)
    _page(server)
    with pytest.raises(SignInRefused, match="no calendar file"):
        await connect(server.url)
    with pytest.raises(AddressRefused):
        await connect(server.url, allow_loopback="")
    server.login = "ada"
    with pytest.raises(SignInRefused, match="password"):
        await connect(server.url)


async def test_pain_25_floating_times_keep_the_zone_that_the_file_names_ics(server: FileServer) -> None:
    server.body = calendar(
        event("one", "20260327T090000", "20260327T100000"), head=("X-WR-TIMEZONE:Australia/Lord_Howe",)
    )
    items = items_of(await pages_of(await opened(server.url)))
    assert b"X-WR-TIMEZONE:Australia/Lord_Howe" in items["one"].ical
