"""The caldav library's asynchronous client on the gateway's own transport.

The library builds and names the requests. What it would send over its own session goes through
``SignedInClient`` instead: address filter, time and size limits, token, budget and TLS are the gateway's,
and no answer is ever written to a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from caldav.async_davclient import AsyncDAVClient
from caldav.response import DAVResponse
from lxml import etree
from multidict import CIMultiDict

from gateway.providers.contract import Answer, SignedInClient
from gateway.providers.errors import BadAnswer
from plugins.caldav.errors import error_of
from plugins.caldav.hrefs import resolved
from plugins.caldav.multistatus import parse

MAX_HOPS = 3
_READS = {"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"}


class Reply(DAVResponse):
    """An answer of 2xx; ``tree`` is None where the body is not XML and need not be."""

    def __init__(self, answer: Answer, tree: etree._Element | None) -> None:
        """Keep what was read; the library's own parsing is not used: it fails as a whole or logs bodies."""
        self.status = answer.status
        self.headers: CIMultiDict[str] = CIMultiDict(answer.headers)
        self.body = answer.body
        self.url = answer.url
        self.tree = tree


def _is_page(answer: Answer) -> bool:
    """Return whether a page for people came: of a sign-in, a proxy, a captive portal."""
    return answer.headers.get("content-type", "").startswith("text/html") and bool(answer.body)


class DavClient(AsyncDAVClient):
    """Requests of one account. All raise ``ProviderError`` for anything but 2xx."""

    def __init__(self, http: SignedInClient, home: str) -> None:
        """Speak to the server of this home; opens nothing."""
        self._http, self.home = http, home
        super().__init__(url=home, enable_rfc6764=False, rate_limit_handle=False)

    def _create_session(self) -> None:
        """There is no session beside the gateway's."""
        self.session = None

    async def request(
        self,
        url: str,
        method: str = "GET",
        body: str | bytes = "",
        headers: Mapping[str, str] | None = None,
        rate_limit_time_slept: float = 0,  # noqa: ARG002 - the library's signature; the engine waits, not we
    ) -> Reply:
        """Send one request; the library's methods all end here."""
        answer = await self.answer(method, url, body=body, headers=headers)
        if not 200 <= answer.status < 300:
            raise error_of(answer, is_write=method not in _READS)
        if method not in _READS and answer.status == 200 and _is_page(answer):
            raise BadAnswer(
                "A web page answered the write; it is not known what became of it.", maybe_applied=True
            )
        is_multistatus = method in {"PROPFIND", "REPORT"} or answer.status == 207
        if is_multistatus and answer.status != 207:
            raise BadAnswer(f"The server answered {method} with {answer.status}; this is no CalDAV calendar.")
        return Reply(answer, parse(answer.body) if is_multistatus else None)

    async def answer(
        self,
        method: str,
        url: str,
        *,
        body: str | bytes = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer whatever its status; reads follow redirects at the same origin."""
        data = body.encode() if isinstance(body, str) else body
        address = urljoin(self.home, url)
        for _ in range(MAX_HOPS):
            answer = await self._http.request(method, address, body=data or None, headers=headers)
            moved = answer.headers.get("location")
            if answer.status not in {301, 302, 307, 308} or method not in _READS or not moved:
                return answer
            there = resolved(address, moved)
            if there is None:
                raise BadAnswer(
                    "The server sends us to another host; connect the account again with its new address."
                )
            address = there
        raise BadAnswer("The server's redirects come without end.")

    async def ask(self, method: str, path: str, body: str, *, depth: int | None) -> Reply:
        """Send PROPFIND or REPORT."""
        reply: Any = (
            await self.propfind(path, body, depth or 0)
            if method == "PROPFIND"
            else await self.report(path, body, depth)
        )
        if not isinstance(reply, Reply):
            raise TypeError("the library answered past the transport")
        return reply
