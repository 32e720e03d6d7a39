"""Reading a calendar: everything, or what changed since a cursor; series come whole (§7)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from gateway.providers.contract import Item, Page, Removed, Scope, always
from gateway.providers.errors import BadAnswer, CalendarMissing, CursorExpired, NotFound, Rejected
from plugins.google.client import PAGE, GoogleClient
from plugins.google.items import Remote, by_series, is_exception, item_of, valid
from plugins.google.quirks.cursors import make_cursor, read_cursor
from plugins.google.quirks.event_types import TYPES
from plugins.google.reading import Event
from plugins.google.series import read_object

CHUNK = 200


class Pull:
    """One pull of one calendar.

    There is no ``timeMin``: it would leave out exceptions of series that were moved before it, and the series
    would look changed. So a full listing looks at everything, and absence from it means deletion.
    """

    def __init__(self, client: GoogleClient, calendar_id: str, *, cursor: str | None, scope: Scope) -> None:
        """Prepare.

        Raises:
            CursorExpired: the cursor is not ours, or of another calendar or scope.
        """
        self._client, self._calendar_id, self._scope = client, calendar_id, scope
        self._token: str | None = None
        if cursor is not None:
            self._token = read_cursor(cursor, calendar_id, scope)
            if self._token is None:
                raise CursorExpired
        self._role = ""
        self._masters: dict[str, Event] = {}
        self._exceptions: list[Event] = []
        self._gone: set[str] = set()

    async def pages(self) -> AsyncIterator[Page]:
        """Yield single events page by page, the series at the end, the cursor on the last page."""
        next_token: Any = None
        async for page in self._listing():
            self._role = str(page.get("accessRole", ""))
            next_token = page.get("nextSyncToken", next_token)
            items = self._sorted(valid(page.get("items", [])))
            if items:
                yield Page(items=tuple(items))
        if not isinstance(next_token, str) or not next_token:
            raise BadAnswer("Google's list ended without a sync token.")
        found: list[Item] = []
        async for item in self._series():
            found.append(item)
            if len(found) >= CHUNK:
                yield Page(items=tuple(found))
                found = []
        yield Page(
            items=tuple(found),
            cursor=make_cursor(next_token, self._calendar_id, self._scope),
            is_last=True,
            looked=always() if self._token is None else None,
        )

    async def _listing(self) -> AsyncIterator[dict[str, Any]]:
        query: dict[str, str | Sequence[str]] = {
            # Trap: masters and exceptions, expanded by us: expansion there ends after some years (§7).
            "singleEvents": "false",
            "maxResults": PAGE,
            "eventTypes": TYPES[self._scope],
        }
        if self._token is not None:
            # Trap: showDeleted=false is an error beside a token; deleted ones always come (§7).
            query["syncToken"] = self._token
        try:
            async for page in self._client.pages(self._client.events(self._calendar_id), query):
                yield page
        except Rejected as error:
            if self._token is not None:
                raise CursorExpired(code=error.code) from None
            raise
        except NotFound as error:
            raise CalendarMissing(code=error.code) from None

    def _sorted(self, events: Iterable[Event]) -> list[Item]:
        """Return what can be said now; series wait until everything of them was seen."""
        items: list[Item] = []
        for event in events:
            name = str(event["id"])
            if is_exception(event):
                self._exceptions.append(event)
            elif event.get("status") == "cancelled":
                self._masters.pop(name, None)
                self._gone.add(name)
                items.append(Removed(remote_id=name))
            elif event.get("recurrence"):
                self._gone.discard(name)
                self._masters[name] = event
            else:
                self._gone.discard(name)
                self._masters.pop(name, None)
                items.append(item_of(Remote(event=event), role=self._role))
        return items

    async def _series(self) -> AsyncIterator[Item]:
        exceptions = by_series(self._exceptions)
        for name in [*self._masters, *(each for each in exceptions if each not in self._masters)]:
            if self._token is None and name in self._masters:
                # A full listing has seen everything; no call is needed.
                yield item_of(
                    Remote(event=self._masters[name], exceptions=exceptions.get(name, {})), role=self._role
                )
            elif name not in self._gone:
                # Trap: the master need not be in the same delta as its exception (§7): read the series whole.
                for item in await self._whole(name, exceptions.get(name, {})):
                    yield item

    async def _whole(self, name: str, exceptions: dict[str, Event]) -> list[Item]:
        remote = await read_object(self._client, self._calendar_id, name)
        if remote is not None:
            return [item_of(remote, role=self._role)]
        # Who was invited to one occurrence has that one without its series: a single event for us.
        return [
            item_of(Remote(event=event), role=self._role, alone=True)
            for _, event in sorted(exceptions.items())
        ]
