"""The signed-in HTTP client of one account, and the keeper of its token.

One place for: time limits, size limits, one refresh on 401, Retry-After, the account's budget, and the rule
that a token goes to the provider's own hosts only. It never repeats a request by itself: when to try again is
the engine's decision, from the error's class.
"""

from __future__ import annotations

import asyncio
import json as json_module
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gateway.providers.addresses import AddressFilter, FilteredResolver
from gateway.providers.blocking import tls_context
from gateway.providers.contract import Answer, SignIn, Token
from gateway.providers.errors import AddressRefused, BadAnswer, SignInExpired, Unavailable
from gateway.providers.headers import retry_after_s

MAX_BYTES = 32 * 1024 * 1024
TIMEOUT_S = 60.0
CONNECT_S = 10.0
EARLY_S = 60.0
_READS = {"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"}
USER_AGENT = "Calgate/1 (+calendar gateway)"


class Budget(Protocol):
    """Where the engine hangs in its rate limits, per account or project."""

    async def take(self, cost: int) -> None:
        """Return when the request may be sent.

        Raises:
            RateLimited: not now; ``retry_after_s`` says when.
        """
        ...


class Unlimited:
    """A budget that never ends."""

    async def take(self, cost: int) -> None:
        """Return at once."""


class TokenSource(Protocol):
    """Where the client gets its token."""

    async def token(self, *, refused: str | None = None) -> Token:
        """Return a token that is good now; ``refused`` is one that the provider has just not accepted."""
        ...


class TokenKeeper:
    """Keeps the token of one account: one refresh at a time, its state stored before the token is used."""

    def __init__(
        self,
        sign_in: SignIn,
        config: Mapping[str, str],
        *,
        load: Callable[[], Awaitable[bytes]],
        store: Callable[[bytes], Awaitable[None]],
        exclusive: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take what reaches the sealed state.

        Args:
            sign_in: of the plug-in.
            config: of the provider.
            load: reads the state as it is stored now: another process may have rotated it.
            store: returns when the new state is safe.
            exclusive: a lock that holds across processes.
            clock: the present instant.
        """
        self._sign_in, self._config = sign_in, config
        self._load, self._store, self._exclusive, self._clock = load, store, exclusive, clock
        self._token: Token | None = None
        self._running: asyncio.Task[Token] | None = None

    async def token(self, *, refused: str | None = None) -> Token:
        """Return a good token; parallel callers share one refresh.

        Raises:
            SignInExpired: the account must be connected again.
            Unavailable: it cannot be refreshed now.
        """
        known = self._token
        if known is not None and known.access_token != refused and self._lives(known):
            return known
        token = await self._shared(is_refused=refused is not None)
        if token.access_token == refused:
            # The refresh that was under way had begun before the token was refused.
            token = await self._shared(is_refused=True)
        return token

    async def _shared(self, *, is_refused: bool) -> Token:
        if self._running is None:
            # A task of its own: a caller that gives up must not lose a rotated token between answer and
            # store.
            self._running = asyncio.create_task(self._refresh(is_refused=is_refused))
            self._running.add_done_callback(self._done)
        return await asyncio.shield(self._running)

    def _lives(self, token: Token) -> bool:
        end = token.expires_at_utc
        return end is None or end - self._clock() > timedelta(seconds=EARLY_S / 2)

    def _done(self, task: asyncio.Task[Token]) -> None:
        self._running = None
        if not task.cancelled():
            task.exception()

    async def _refresh(self, *, is_refused: bool) -> Token:
        async with self._exclusive():
            state = await self._load()
            token = await asyncio.to_thread(
                self._sign_in.token, self._config, state, now=self._clock(), is_refused=is_refused
            )
            if token.state != state:
                await self._store(token.state)
        self._token = token
        return token


@asynccontextmanager
async def open_session(
    addresses: AddressFilter, *, ca_file: str | None = None, connections: int = 100
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connection pool that all accounts of one provider share."""
    connector = aiohttp.TCPConnector(
        resolver=FilteredResolver(addresses),
        ssl=tls_context(ca_file),
        limit=connections,
        use_dns_cache=False,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        trust_env=False,
    ) as session:
        yield session


class _Broken(aiohttp.ClientError):
    """A connection ended before the answer to a write; it may have been carried out."""


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a write once: aiohttp repeats PUT and DELETE where a kept connection breaks, answered or not."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken from error


class AccountClient:
    """``SignedInClient`` over aiohttp."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tokens: TokenSource,
        *,
        origins: frozenset[str],
        addresses: AddressFilter,
        budget: Budget | None = None,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
        account_id: str = "",
    ) -> None:
        """Sign requests of one account.

        Args:
            session: from ``open_session`` with the same ``addresses``.
            tokens: of the account.
            origins: ``Provider.hosts``: the only places that ever see the token.
            addresses: the filter.
            budget: rate limits; none where absent.
            timeout_s: longest time for one request altogether, body included.
            max_bytes: largest body, after decompression.
            account_id: ``SignedIn.account_id``.
        """
        self.account_id = account_id
        self._session, self._tokens, self._origins = session, tokens, origins
        self._addresses, self._budget = addresses, budget or Unlimited()
        self._timeout_s, self._max_bytes = timeout_s, max_bytes

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str | Sequence[str]] | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request; see ``SignedInClient.request``."""
        if self._addresses.check(url).origin not in self._origins:
            raise AddressRefused("This address is not the provider's own; the request was not sent.")
        address = URL(url, encoded=True)
        if query:
            address = address.extend_query(_pairs(query))
        sent = CIMultiDict(headers or {})
        if json is not None:
            body = json_module.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            sent.setdefault("Content-Type", "application/json; charset=utf-8")
        refused: str | None = None
        while True:
            await self._budget.take(1)
            token = await self._tokens.token(refused=refused)
            sent["Authorization"] = f"{token.scheme} {token.access_token}"
            answer = await self._send(method, address, sent, body, timeout_s or self._timeout_s)
            if answer.status != 401:
                return answer
            if refused is not None:
                raise SignInExpired(code="401")
            refused = token.access_token

    async def _send(
        self, method: str, address: URL, headers: CIMultiDict[str], body: bytes | None, timeout_s: float
    ) -> Answer:
        is_write = method not in _READS
        limits = aiohttp.ClientTimeout(total=timeout_s, connect=CONNECT_S, sock_connect=CONNECT_S)
        try:
            async with self._session.request(
                method,
                address,
                headers=headers,
                data=body,
                timeout=limits,
                allow_redirects=False,
                middlewares=(_once,) if is_write else (),
            ) as response:
                data = await self._read(response, is_write=is_write)
                received = {name.lower(): value for name, value in response.headers.items()}
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise Unavailable("The provider cannot be reached; it will be tried again.") from None
        except aiohttp.ClientPayloadError:
            raise BadAnswer("The provider's answer was cut off.", maybe_applied=is_write) from None
        except TimeoutError:
            raise Unavailable("The provider did not answer in time.", maybe_applied=is_write) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Unavailable("The connection to the provider broke.", maybe_applied=is_write) from None
        return Answer(
            status=response.status,
            headers=received,
            body=data,
            url=str(address),
            retry_after_s=retry_after_s(received, now=datetime.now(UTC)),
        )

    async def _read(self, response: aiohttp.ClientResponse, *, is_write: bool) -> bytes:
        data = bytearray()
        async for piece in response.content.iter_chunked(65536):
            data += piece
            if len(data) > self._max_bytes:
                response.close()
                raise BadAnswer("The provider's answer is too large.", maybe_applied=is_write)
        return bytes(data)


def _pairs(query: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
    return [
        (name, item)
        for name, value in query.items()
        for item in ([value] if isinstance(value, str) else value)
    ]
