"""Fetching a file: conditional, bounded in time, size and redirects, every hop through the address filter."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from gateway.providers.addresses import AddressFilter, FilteredResolver, target_of
from gateway.providers.blocking import tls_context
from gateway.providers.client import USER_AGENT
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    Misconfigured,
    ProviderError,
    RateLimited,
    SignInExpired,
    Unavailable,
)
from gateway.providers.headers import retry_after_s

MAX_HOPS = 5
_MOVED = {301, 302, 303, 307, 308}
_SCHEMES = {"webcal": "https", "webcals": "https", "feed": "https"}
KEPT = "What was read last stays."


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a file is, and how it is asked for."""

    url: str = field(repr=False)
    credentials: str = field(default="", repr=False)
    addresses: AddressFilter = field(default_factory=AddressFilter)
    ca_file: str | None = None
    user_agent: str = USER_AGENT
    max_bytes: int = 16 * 1024 * 1024
    timeout_s: float = 60.0

    @classmethod
    def from_config(cls, config: Mapping[str, str]) -> Source:
        """Read the provider's settings with those of one account laid over them.

        Raises:
            Misconfigured: a number is none.
        """
        try:
            max_bytes, timeout_s = int(config["max_bytes"]), float(config["timeout_s"])
        except ValueError:
            raise Misconfigured("CALGATE_ICS_MAX_BYTES and CALGATE_ICS_TIMEOUT_S must be numbers.") from None
        login, password = config.get("login", ""), config.get("password", "")
        return cls(
            url=config.get("url", ""),
            credentials=base64.b64encode(f"{login}:{password}".encode()).decode() if login else "",
            addresses=AddressFilter.from_config(config),
            ca_file=config.get("ca_file") or None,
            user_agent=config.get("user_agent") or USER_AGENT,
            max_bytes=max_bytes,
            timeout_s=timeout_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file, or None where it has not changed; the validators for the next time."""

    body: bytes | None = field(repr=False)
    etag: str = ""
    modified: str = ""


def address_of(text: str) -> str:
    """Return the address that is fetched for what a person pasted: webcal:// means https://."""
    scheme, mark, rest = text.strip().partition("://")
    return f"{_SCHEMES.get(scheme.lower(), scheme.lower())}://{rest}" if mark else f"https://{scheme}"


async def fetch(source: Source, *, etag: str = "", modified: str = "") -> Fetched:
    """Fetch the file, unless it still is the one that the validators name.

    Raises:
        ProviderError: no file; nothing is concluded from it.
    """
    limits = aiohttp.ClientTimeout(total=source.timeout_s, connect=10.0, sock_connect=10.0)
    connector = aiohttp.TCPConnector(
        resolver=FilteredResolver(source.addresses), ssl=tls_context(source.ca_file), use_dns_cache=False
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # done here, with a limit
        trust_env=False,
        timeout=limits,
    ) as session:
        try:
            return await _hops(session, source, etag, modified)
        except ProviderError:
            raise
        except aiohttp.ClientPayloadError:
            raise BadAnswer(f"The file was cut off. {KEPT}") from None
        except TimeoutError:
            raise Unavailable(f"The server did not answer in time. {KEPT}") from None
        except aiohttp.ClientConnectorCertificateError:
            raise Unavailable(f"The server's certificate is not valid; check ca_file. {KEPT}") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Unavailable(f"The server cannot be reached. {KEPT}") from None


async def _hops(session: aiohttp.ClientSession, source: Source, etag: str, modified: str) -> Fetched:
    url = source.url
    origin = target_of(url).origin
    for _ in range(MAX_HOPS + 1):
        is_home = source.addresses.check(url).origin == origin
        headers = {
            "Accept": "text/calendar, */*;q=0.5",
            "Accept-Encoding": "gzip",
            "User-Agent": source.user_agent,
        }
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        # A password is for the host that it was entered for, not for where that sends us.
        headers |= {"Authorization": f"Basic {source.credentials}"} if source.credentials and is_home else {}
        async with session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as answer:
            if answer.status in _MOVED and (moved := answer.headers.get("Location")):
                url = address_of(urljoin(url, moved))
                continue
            return await _read(answer, source, etag, modified)
    raise BadAnswer(f"The server's redirects come without end. {KEPT}")


async def _read(answer: aiohttp.ClientResponse, source: Source, etag: str, modified: str) -> Fetched:
    if answer.status == 304 and (etag or modified):
        return Fetched(body=None, etag=etag, modified=modified)
    if answer.status != 200:
        raise _refused(answer)
    body = await _body(answer, source.max_bytes)
    return Fetched(
        body=body,
        etag=_header(answer, "ETag"),
        modified=_header(answer, "Last-Modified"),
    )


def _header(answer: aiohttp.ClientResponse, name: str) -> str:
    text = answer.headers.get(name, "").strip()
    return text if len(text) <= 500 and text.isascii() and text.isprintable() else ""


def _refused(answer: aiohttp.ClientResponse) -> ProviderError:
    status = answer.status
    wait_s = retry_after_s(
        {name.lower(): text for name, text in answer.headers.items()}, now=datetime.now(UTC)
    )
    if status == 429:
        return RateLimited(retry_after_s=wait_s, code="429")
    if status == 401:
        return SignInExpired(
            "The file asks for a name and password, or does not take them any more.", code="401"
        )
    if status == 410:
        return CalendarMissing("The server says that this file is gone for good; connect another address.")
    if status in {403, 404}:
        return BadAnswer(
            f"The server answers {status}: there is no file, or not for us. {KEPT}", code=str(status)
        )
    return Unavailable(f"The server answered {status}. {KEPT}", retry_after_s=wait_s, code=str(status))


async def _body(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read and unpack at most ``max_bytes``: a small file may unpack to a huge one."""
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
        raise BadAnswer(f"The server packs the file in a way that we did not ask for. {KEPT}")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding not in {"identity", ""} else None
    data = bytearray()
    async for piece in answer.content.iter_chunked(65536):
        try:
            data += unpacker.decompress(piece, max_bytes + 1 - len(data)) if unpacker else piece
        except zlib.error:
            raise BadAnswer(f"The file cannot be unpacked. {KEPT}") from None
        if len(data) > max_bytes:
            raise BadAnswer(f"The file is larger than {max_bytes} bytes (CALGATE_ICS_MAX_BYTES). {KEPT}")
    if unpacker is not None and not unpacker.eof:
        raise BadAnswer(f"The file was cut off. {KEPT}")
    return bytes(data)
