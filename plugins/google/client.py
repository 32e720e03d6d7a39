"""Calls to the Calendar API: addresses, parameters, pages, and errors; knows no iCalendar."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gateway.providers.contract import Answer, SignedInClient
from gateway.providers.errors import BadAnswer, NotFound
from plugins.google.errors import error_of

Json = dict[str, Any]
Query = Mapping[str, str | Sequence[str]]
PAGE = "2500"
MAX_PAGES = 20_000


def segment(text: str) -> str:
    """Return one path segment: ids hold ``@`` and ``#`` (§3)."""
    return quote(text, safe="")


class GoogleClient:
    """The API of one account."""

    def __init__(self, http: SignedInClient, base: str) -> None:
        """Use the API under ``base``, which is a setting."""
        self._http, self._base = http, base.rstrip("/")

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: Json | None = None,
        if_match: str | None = None,
    ) -> Json:
        """Return the JSON object of a 2xx answer; empty for 204.

        Raises:
            ProviderError: the class says what to do.
        """
        answer = await self.answer(method, path, query=query, json=json, if_match=if_match)
        is_write = method != "GET"
        if not 200 <= answer.status < 300:
            raise error_of(answer, is_write=is_write)
        if answer.status == 204:
            return {}
        value = answer.json()
        if not isinstance(value, dict):
            raise BadAnswer("Google answered with something that is no object.", maybe_applied=is_write)
        return value

    async def answer(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: Json | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """Return the answer whatever its status."""
        headers = {"If-Match": if_match} if if_match else None
        return await self._http.request(
            method, f"{self._base}/{path}", query=query, json=json, headers=headers
        )

    async def pages(self, path: str, query: Query) -> AsyncIterator[Json]:
        """Yield the pages of a list. All parameters stay the same from page to page (§7); pages may be empty.

        Raises:
            BadAnswer: a page that is no page, or pages without end.
        """
        token: str | None = None
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page = await self.call("GET", path, query={**query, **({"pageToken": token} if token else {})})
            if not isinstance(page.get("items", []), list):
                raise BadAnswer("Google answered with a page whose items are no list.")
            yield page
            token = page.get("nextPageToken")
            if not token:
                return
            if not isinstance(token, str) or token in seen:
                break
            seen.add(token)
        raise BadAnswer("Google's pages come without end.")

    # -- events

    def events(self, calendar_id: str) -> str:
        """Return the path of a calendar's events."""
        return f"calendars/{segment(calendar_id)}/events"

    def event(self, calendar_id: str, event_id: str) -> str:
        """Return the path of one event."""
        return f"{self.events(calendar_id)}/{segment(event_id)}"

    async def get(self, calendar_id: str, event_id: str) -> Json | None:
        """Return an event, a deleted one included (``status: cancelled``); None where it never existed."""
        try:
            return await self.call("GET", self.event(calendar_id, event_id))
        except NotFound:
            return None
