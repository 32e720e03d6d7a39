"""The signed-in client against a small server that misbehaves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from gateway.providers import blocking
from gateway.providers.addresses import AddressFilter
from gateway.providers.client import AccountClient, open_session
from gateway.providers.contract import Token
from gateway.providers.errors import AddressRefused, BadAnswer, RateLimited, SignInExpired, Unavailable
from gateway.providers.headers import retry_after_s

LOOPBACK = AddressFilter(allow_loopback=True)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Tokens:
    """A token source that counts."""

    def __init__(self) -> None:
        self.number = 1
        self.refused: list[str] = []

    async def token(self, *, refused: str | None = None) -> Token:
        if refused is not None:
            self.refused.append(refused)
            self.number += 1
        return Token(access_token=f"token-{self.number}", expires_at_utc=None, state=b"")


@asynccontextmanager
async def serving(handler: Handler, **more: Any) -> AsyncIterator[tuple[AccountClient, str, Tokens]]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    tokens = Tokens()
    try:
        async with open_session(LOOPBACK) as session:
            client = AccountClient(session, tokens, origins=frozenset({base}), addresses=LOOPBACK, **more)
            yield client, base, tokens
    finally:
        await runner.cleanup()


async def _fine(request: web.Request) -> web.Response:
    return web.json_response({"token": request.headers["Authorization"], "query": dict(request.query)})


async def test_requests_are_signed_and_encoded() -> None:
    async with serving(_fine) as (client, base, _):
        answer = await client.request("GET", f"{base}/a%40b?x=1", query={"y": "2 & 3", "z": ["4"]})
        assert answer.json() == {"token": "Bearer token-1", "query": {"x": "1", "y": "2 & 3", "z": "4"}}


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/next", "http://localhost:8080/next", "https://example.org/next", "http://[::1]:5/"],
)
async def test_a_link_to_another_host_never_gets_the_token(url: str) -> None:
    seen: list[str] = []

    async def watch(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({})

    async with serving(watch) as (client, _, _tokens):
        with pytest.raises(AddressRefused):
            await client.request("GET", url)
    assert seen == []


async def test_a_redirect_is_not_followed() -> None:
    async def away(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://example.org/"})

    async with serving(away) as (client, base, _):
        assert (await client.request("GET", base)).status == 302


async def test_one_refresh_on_401_then_the_sign_in_is_over() -> None:
    async def once(request: web.Request) -> web.Response:
        is_old = request.headers["Authorization"] == "Bearer token-1"
        return web.json_response({}, status=401 if is_old else 200)

    async with serving(once) as (client, base, tokens):
        assert (await client.request("GET", base)).status == 200
        assert tokens.refused == ["token-1"]

    async def never(_request: web.Request) -> web.Response:
        return web.json_response({}, status=401)

    async with serving(never) as (client, base, tokens):
        with pytest.raises(SignInExpired):
            await client.request("GET", base)
        assert tokens.refused == ["token-1"]


async def test_a_body_that_is_cut_off_too_large_or_dripping_is_an_error() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"half":')
        assert request.transport is not None
        request.transport.close()
        return response

    async def bomb(_request: web.Request) -> web.Response:
        response = web.Response(body=b"0" * 3_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async with serving(cut) as (client, base, _):
        with pytest.raises(BadAnswer) as caught:
            await client.request("POST", base, json={})
        assert caught.value.maybe_applied
    async with serving(bomb, max_bytes=1_000_000) as (client, base, _):
        with pytest.raises(BadAnswer):
            await client.request("GET", base)
    async with serving(drip, timeout_s=0.3) as (client, base, _):
        with pytest.raises(Unavailable):
            await client.request("GET", base)
        with pytest.raises(Unavailable):
            await asyncio.to_thread(blocking.fetch, "GET", base, addresses=LOOPBACK, timeout_s=0.3)


async def test_what_was_never_sent_was_not_applied() -> None:
    async with serving(_fine) as (_client, base, _):
        port = base.rpartition(":")[2]
    async with open_session(LOOPBACK) as session:
        origin = f"http://127.0.0.1:{port}"
        closed = AccountClient(session, Tokens(), origins=frozenset({origin}), addresses=LOOPBACK)
        with pytest.raises(Unavailable) as caught:
            await closed.request("POST", origin)
        assert not caught.value.maybe_applied


@pytest.mark.parametrize("body", [b"", b"<html>login</html>", b"\xff\xfe", b"[" * 100_000, b'{"a":'])
async def test_an_answer_that_is_no_json_is_a_bad_answer(body: bytes) -> None:
    async def odd(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with serving(odd) as (client, base, _):
        answer = await client.request("GET", base)
        with pytest.raises(BadAnswer):
            answer.json()


async def test_a_budget_that_is_used_up_sends_nothing() -> None:
    class Empty:
        async def take(self, cost: int) -> None:
            raise RateLimited(retry_after_s=7)

    async with serving(_fine, budget=Empty()) as (client, base, _):
        with pytest.raises(RateLimited) as caught:
            await client.request("GET", base)
        assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("soon", None),
        ("nan", None),
        ("1e99", 86_400.0),
        (format_datetime(NOW.replace(second=30), usegmt=True), 30.0),
        (format_datetime(NOW.replace(hour=1), usegmt=True), 0.0),
    ],
)
def test_retry_after_in_all_its_forms(text: str, expected: float | None) -> None:
    assert retry_after_s({"retry-after": text} if text else {}, now=NOW) == expected
    # Measured against the answer's own clock, wherever ours stands.
    headers = {"retry-after": text, "date": format_datetime(NOW, usegmt=True)}
    assert retry_after_s(headers, now=NOW.replace(year=2030)) == expected


async def test_a_name_that_points_inside_is_refused_when_the_connection_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def inside(host: str, port: int, **_more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    public = AddressFilter()
    async with open_session(public) as session:
        origins = frozenset({"https://rebound.example.org:443"})
        client = AccountClient(session, Tokens(), origins=origins, addresses=public)
        with pytest.raises(AddressRefused):
            await client.request("GET", "https://rebound.example.org/x")
    with pytest.raises(AddressRefused):
        await asyncio.to_thread(blocking.fetch, "GET", "https://rebound.example.org/x", addresses=public)
    # Asked once for each request: there is no second answer to fall for.
    assert asked == ["rebound.example.org"] * 2


async def test_localhost_is_reached_by_name_where_loopback_is_allowed() -> None:
    async with serving(_fine) as (_client, base, tokens):
        named = base.replace("127.0.0.1", "localhost")
        async with open_session(LOOPBACK) as session:
            client = AccountClient(session, tokens, origins=frozenset({named}), addresses=LOOPBACK)
            assert (await client.request("GET", named)).status == 200
        answer = await asyncio.to_thread(
            blocking.fetch, "GET", named, addresses=LOOPBACK, headers={"Authorization": "x"}
        )
        assert answer.status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
async def test_a_write_is_sent_once_where_a_kept_connection_breaks_after_it_was_carried_out(
    method: str,
) -> None:
    done: list[str] = []

    async def acts(request: web.Request) -> web.Response:
        if request.method != "GET":
            done.append(request.method)
            assert request.transport is not None
            request.transport.close()
        return web.json_response({})

    async with serving(acts) as (client, base, _):
        assert (await client.request("GET", base)).status == 200  # the connection is kept
        with pytest.raises(Unavailable) as caught:
            await client.request(method, base, body=b"x")
    assert caught.value.maybe_applied
    assert done == [method]


async def test_a_read_is_repeated_where_a_kept_connection_has_ended() -> None:
    seen: list[str] = []

    async def ends(request: web.Request) -> web.Response:
        seen.append(request.path)
        if len(seen) == 2:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({})

    async with serving(ends) as (client, base, _):
        assert (await client.request("GET", f"{base}/1")).status == 200
        assert (await client.request("GET", f"{base}/2")).status == 200
    assert seen == ["/1", "/2", "/2"]
