"""Calls to Graph: addresses, headers, pages, errors, four at once; knows no iCalendar."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog

from gateway.providers.addresses import target_of
from gateway.providers.contract import Answer, SignedInClient
from gateway.providers.errors import AddressRefused, BadAnswer, CalendarMissing, NotFound
from plugins.graph.errors import code_of, error_of
from plugins.graph.quirks.markers import EXPAND

Json = dict[str, Any]
Query = Mapping[str, str | Sequence[str]]
PAGE = "500"
MAX_PAGES = 20_000
# Trap: ids change when an item is moved unless every call asks otherwise; one header, the values separated by
# commas; its letters count (§4).
PREFER = 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="text"'
_log = structlog.get_logger("plugins.graph")


def segment(text: str) -> str:
    """Return one path segment. Trap: ids hold ``/``, ``+`` and ``=`` (§4)."""
    return quote(text, safe="")


class GraphClient:
    """Graph for one mailbox."""

    def __init__(self, http: SignedInClient, *, base: str, root: str, at_once: int) -> None:
        """Use the Graph under ``base`` for the mailbox under ``root`` (``me`` or ``users/...``)."""
        self._http, self._base, self.root = http, base.rstrip("/"), root
        self._origin = target_of(base).origin
        # Trap: a fifth call at the same time for one mailbox is refused (§12).
        self._places = asyncio.Semaphore(at_once)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: Json | None = None,
        if_match: str | None = None,
        page_size: str = "",
    ) -> Json:
        """Return the JSON object of a 2xx answer; empty for answers without a body.

        Raises:
            ProviderError: the class says what to do.
        """
        return await self._call(
            method, f"{self._base}/{path}", query=query, json=json, if_match=if_match, page_size=page_size
        )

    async def _call(
        self,
        method: str,
        url: str,
        *,
        query: Query | None = None,
        json: Json | None = None,
        if_match: str | None = None,
        page_size: str = "",
    ) -> Json:
        headers = {
            "Prefer": f"{PREFER}, odata.maxpagesize={page_size}" if page_size else PREFER,
            "client-request-id": str(uuid.uuid4()),
            "return-client-request-id": "true",
        }
        if if_match:
            headers["If-Match"] = if_match
        async with self._places:
            answer = await self._http.request(method, url, query=query, json=json, headers=headers)
        # getSchedule only asks.
        is_write = method != "GET" and not url.endswith("/getSchedule")
        if not 200 <= answer.status < 300:
            _tell(answer, headers["client-request-id"])
            raise error_of(answer, is_write=is_write)
        if answer.status in {202, 204} or (method != "GET" and not answer.body):
            return {}
        value = answer.json()
        if not isinstance(value, dict):
            raise BadAnswer("Microsoft answered with something that is no object.", maybe_applied=is_write)
        return value

    async def pages(self, path: str, query: Query, *, page_size: str = "") -> AsyncIterator[Json]:
        """Yield the pages of a list; a page may be empty.

        Raises:
            BadAnswer: a page that is no page, or pages without end.
        """
        first = await self.call("GET", path, query=query, page_size=page_size)
        async for page in self._following(first, page_size=page_size):
            yield page

    async def pages_after(self, link: str, *, page_size: str = "") -> AsyncIterator[Json]:
        """Yield the pages from a link on that Graph gave: ``@odata.deltaLink`` of an earlier round."""
        first = await self._follow(link, page_size=page_size)
        async for page in self._following(first, page_size=page_size):
            yield page

    async def _following(self, page: Json, *, page_size: str) -> AsyncIterator[Json]:
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            if not isinstance(page.get("value"), list):
                raise BadAnswer("Microsoft answered with a page that holds no list.")
            yield page
            link = page.get("@odata.nextLink")
            if link is None:
                return
            if not isinstance(link, str) or link in seen:
                break
            seen.add(link)
            page = await self._follow(link, page_size=page_size)
        raise BadAnswer("Microsoft's pages come without end.")

    async def _follow(self, link: str, *, page_size: str) -> Json:
        if not self.is_ours(link):
            # Trap: a link to another host would carry the token there (§1).
            raise BadAnswer(
                "Microsoft's next page lies on another host; it was not opened.", code="foreignLink"
            )
        return await self._call("GET", link, page_size=page_size)

    def is_ours(self, link: str) -> bool:
        """Return whether a link leads to the Graph of the settings and nowhere else."""
        try:
            return target_of(link).origin == self._origin
        except AddressRefused:
            return False

    # -- paths

    def calendar(self, calendar_id: str) -> str:
        """Return the path of a calendar.

        Trap: always with the calendar: ``/me/events/{id}`` does not find events of shared ones (§5).
        """
        return f"{self.root}/calendars/{segment(calendar_id)}"

    def events(self, calendar_id: str) -> str:
        """Return the path of a calendar's events."""
        return f"{self.calendar(calendar_id)}/events"

    def event(self, calendar_id: str, event_id: str) -> str:
        """Return the path of one event."""
        return f"{self.events(calendar_id)}/{segment(event_id)}"

    def subscription(self, name: str) -> str:
        """Return the path of a subscription."""
        return f"subscriptions/{segment(name)}"

    async def get(self, calendar_id: str, event_id: str) -> Json | None:
        """Return an event with our marker, or None where it is not there."""
        try:
            return await self.call("GET", self.event(calendar_id, event_id), query={"$expand": EXPAND})
        except NotFound:
            return None

    async def check_calendar(self, calendar_id: str) -> None:
        """Trap: a 404 may mean that the whole calendar is gone: ask once before believing.

        Raises:
            CalendarMissing: it is.
        """
        try:
            await self.call("GET", self.calendar(calendar_id), query={"$select": "id"})
        except NotFound as error:
            raise CalendarMissing(code=error.code) from None


def _tell(answer: Answer, ours: str) -> None:
    """Log both ids of a refused request: Microsoft's support asks for them."""
    _log.info(
        "graph.refused",
        status=answer.status,
        code=code_of(answer),
        request_id=answer.headers.get("request-id", "")[:64],
        client_request_id=ours,
    )
