"""Reading a calendar: everything, or what changed since a cursor; objects come whole (§9).

A delta tells of events without our marker, of occurrences in stubs, and of whatever lies outside its window
as removed. So it is believed only as far as "something is new about this id"; what, is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.providers.contract import Item, Page, Removed, Scope, Window, always
from gateway.providers.errors import BadAnswer, CalendarMissing, CursorExpired, NotFound
from plugins.graph.client import PAGE, GraphClient
from plugins.graph.items import group_of, item_of, read_group_id, remote_of_parts, valid, version_of
from plugins.graph.quirks.cursors import Cursor, covers, read_cursor, window_for
from plugins.graph.quirks.markers import EXPAND, FILTER_PARTS, read_marker
from plugins.graph.reading import Event, Remote
from plugins.graph.series import read_object, whole

CHUNK = 100
FEW = 25
_TOP = "250"


class Pull:
    """One pull of one calendar."""

    def __init__(
        self,
        client: GraphClient,
        calendar_id: str,
        *,
        cursor: str | None,
        window: Window | None,
        scope: Scope,
        now: datetime | None = None,
    ) -> None:
        """Prepare.

        Raises:
            CursorExpired: the cursor is not ours, of another calendar or scope, or its window has been left.
        """
        self._client, self._calendar_id, self._scope = client, calendar_id, scope
        now = now or datetime.now(UTC)
        self._window = window_for(window, now)
        self._cursor: Cursor | None = None
        if cursor is not None:
            self._cursor = read_cursor(cursor, calendar_id, scope)
            if self._cursor is None or not covers(self._cursor, window, now):
                raise CursorExpired
            if not client.is_ours(self._cursor.link):
                raise CursorExpired(code="foreignLink")
        self._groups: dict[str, str] = {}

    async def pages(self) -> AsyncIterator[Page]:
        """Yield what there is, the cursor on the last page."""
        try:
            source = self._everything() if self._cursor is None else self._changes(self._cursor)
            async for page in source:
                yield page
        except NotFound as error:
            raise CalendarMissing(code=error.code) from None

    # -- everything

    async def _everything(self) -> AsyncIterator[Page]:
        """List the events with their markers after taking the cursor: what changes between comes again."""
        link = ""
        query = {"startDateTime": _text(self._window.start), "endDateTime": _text(self._window.end)}
        path = f"{self._client.calendar(self._calendar_id)}/calendarView/delta"
        async for page in self._client.pages(path, query, page_size=PAGE):
            link = _delta_link(page, link)
        self._check(link)
        masters: dict[str, Event] = {}
        parts: dict[str, dict[str, Event]] = {}
        query = {"$expand": EXPAND, "$top": _TOP}
        async for page in self._client.pages(self._client.events(self._calendar_id), query):
            events = valid(page["value"])
            masters |= {event["id"]: event for event in events if event.get("type") == "seriesMaster"}
            singles = [event for event in events if event.get("type") != "seriesMaster"]
            for event in singles:
                group = group_of(event)
                if group is not None:
                    parts.setdefault(group, {})[event["id"]] = event
            items = [item_of(_single(event)) for event in singles if group_of(event) is None]
            if items:
                yield Page(items=tuple(items))
        found: list[Item] = [item for group in parts for item in self._group(group, parts[group].values())]
        async for chunk in self._read(list(masters.values())):
            yield Page(items=tuple(chunk))
        yield Page(items=tuple(found), cursor=self._text(link), is_last=True, looked=always())

    def _group(self, group: str, events: Iterable[Event]) -> list[Item]:
        remote = remote_of_parts(events)
        if remote is None:
            return [Removed(remote_id=group)]
        self._groups[group] = version_of(remote)
        return [item_of(remote)]

    async def _read(self, events: Sequence[Event]) -> AsyncIterator[list[Item]]:
        """Yield series whole, some at once; one that is gone by now is told as removed."""
        for start in range(0, len(events), CHUNK):
            part = events[start : start + CHUNK]
            found = await _all(whole(self._client, self._calendar_id, event) for event in part)
            yield [
                item_of(remote) if remote is not None else Removed(remote_id=str(event["id"]))
                for event, remote in zip(part, found, strict=True)
            ]

    # -- changes

    async def _changes(self, cursor: Cursor) -> AsyncIterator[Page]:
        self._groups |= cursor.groups
        self._window = cursor.window
        link = ""
        named: dict[str, bool] = {}
        async for page in self._client.pages_after(cursor.link, page_size=PAGE):
            link = _delta_link(page, link)
            for event in valid(page["value"]):
                # Trap: of an occurrence only times and its series are told (§9): the series is read whole.
                name = event.get("seriesMasterId") or event["id"]
                is_removed = "@removed" in event
                named[str(name)] = is_removed and named.get(str(name), True)
        self._check(link)
        removed = [name for name, is_removed in named.items() if is_removed]
        touched: set[str] = set()
        changed = [name for name, is_removed in named.items() if not is_removed]
        alive = await self._still_there(removed)
        for names in _chunks([*changed, *alive]):
            found = await _all(read_object(self._client, self._calendar_id, name) for name in names)
            items: list[Item] = []
            for name, remote in zip(names, found, strict=True):
                group = group_of(remote.event) if remote is not None else None
                if remote is None:
                    items.append(Removed(remote_id=name))
                elif group is not None:
                    touched.add(group)
                else:
                    items.append(item_of(remote))
            if items:
                yield Page(items=tuple(items))
        gone = [name for name in removed if name not in alive]
        last: list[Item] = [Removed(remote_id=name) for name in gone]
        last += await self._expanded(touched, has_removals=bool(gone))
        yield Page(items=tuple(last), cursor=self._text(link), is_last=True)

    async def _still_there(self, names: Sequence[str]) -> list[str]:
        """Trap: what lies outside the window is told as removed too: ask before believing (§9)."""
        if len(names) <= FEW:
            found = await _all(self._client.get(self._calendar_id, name) for name in names)
            return [name for name, event in zip(names, found, strict=True) if event is not None]
        # Deleting a long series names each of its occurrences: one listing is cheaper than asking for each.
        listed: set[str] = set()
        query = {"$select": "id", "$top": _TOP}
        async for page in self._client.pages(self._client.events(self._calendar_id), query):
            listed |= {event["id"] for event in valid(page["value"])}
        return [name for name in names if name in listed]

    async def _expanded(self, touched: set[str], *, has_removals: bool) -> list[Item]:
        """Return the expanded series that changed; a removal may be of any of them."""
        if not touched and not (has_removals and self._groups):
            return []
        parts: dict[str, dict[str, Event]] = {group: {} for group in (*self._groups, *touched)}
        query = {"$filter": FILTER_PARTS, "$expand": EXPAND, "$top": _TOP}
        async for page in self._client.pages(self._client.events(self._calendar_id), query):
            for event in valid(page["value"]):
                group = group_of(event)
                if group in parts:
                    parts[group][event["id"]] = event
        before = dict(self._groups)
        items: list[Item] = []
        for group, events in parts.items():
            found = self._group(group, events.values())
            if not events:
                self._groups.pop(group, None)
            if group in touched or self._groups.get(group) != before.get(group):
                items += found
        return items

    # -- cursor

    def _check(self, link: str) -> None:
        if not link:
            raise BadAnswer("Microsoft's list ended without a delta link.")
        if not self._client.is_ours(link):
            # Trap: a delta link to another host would carry the token there (§1).
            raise BadAnswer(
                "Microsoft's delta link leads to another host; it is not kept.", code="foreignLink"
            )

    def _text(self, link: str) -> str:
        cursor = Cursor(link=link, window=self._window, groups=self._groups)
        return cursor.text(self._calendar_id, self._scope)


def _single(event: Event) -> Remote:
    return Remote(event=event, marker=read_marker(event))


def _delta_link(page: dict[str, Any], known: str) -> str:
    link = page.get("@odata.deltaLink")
    return link if isinstance(link, str) else known


def _chunks(names: Sequence[str]) -> Iterable[Sequence[str]]:
    names = [name for name in dict.fromkeys(names) if read_group_id(name) is None]
    return [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]


async def _all(calls: Iterable[Any]) -> list[Any]:
    """Wait for all calls, then raise the first error: none may go on unseen."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
