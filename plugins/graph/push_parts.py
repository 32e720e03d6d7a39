"""Series that Outlook cannot hold, as single events: each date has a name in its marker (§7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

import structlog

from gateway.providers.contract import Put
from gateway.providers.errors import BadAnswer, CalendarMissing, NotFound, Rejected, VersionConflict
from gateway.providers.flat.model import Flat, Override, is_same
from plugins.graph.bodies import Dress, for_create, marker_of, part_body, with_marker
from plugins.graph.client import GraphClient
from plugins.graph.errors import TAKEN_KEY
from plugins.graph.expand import parts_of
from plugins.graph.items import etag, is_copy, remote_of_parts
from plugins.graph.quirks.markers import read_marker
from plugins.graph.quirks.transactions import MAX_GENERATIONS, transaction_id
from plugins.graph.reading import Event, Odd, Remote, to_flat
from plugins.graph.series import marked

_log = structlog.get_logger("plugins.graph")


class PartsPush:
    """The single events of one object; after a crash in between the same calls lead to the same events."""

    def __init__(self, client: GraphClient, calendar_id: str, flat: Flat, write: Put) -> None:
        """Take what is wanted."""
        self._client, self._calendar_id, self._flat, self._write = client, calendar_id, flat, write
        self._dress = Dress(key=write.key, presentation=write.presentation)

    async def run(self) -> Remote:
        """Create, change and delete until every date has its event, and nothing else of ours is left."""
        wanted = parts_of(self._flat)
        _log.info("series.expanded", provider="graph", dates=len(wanted))
        there = await self._ours()
        known: dict[str, Event] = {}
        extra: list[Event] = []
        for event in sorted(there, key=lambda each: (str(each.get("createdDateTime")), str(each["id"]))):
            part = read_marker(event).part
            if part in wanted and part not in known:
                known[part] = event
            else:
                extra.append(event)
        await _all(
            [
                *(self._change(name, one, known[name]) for name, one in wanted.items() if name in known),
                *(self._create(name, one) for name, one in wanted.items() if name not in known),
            ]
        )
        # Only now what it was before, a series perhaps: a crash must not leave less than there was.
        await _all(self._delete(event) for event in extra)
        remote = remote_of_parts([event for event in await self._ours() if read_marker(event).part])
        if remote is None or len(remote.parts) != len(wanted):
            raise BadAnswer("Microsoft does not show yet what was written.", maybe_applied=True)
        return remote

    async def _ours(self) -> list[dict[str, Any]]:
        found = await marked(self._client, self._calendar_id, self._write.key.marker)
        return [event for event in found if is_copy(event, self._write.key)]

    async def _create(self, name: str, one: Override) -> None:
        body = part_body(self._flat, one, self._dress)
        body.pop("recurrence")
        for generation in range(MAX_GENERATIONS + 1):
            transaction = transaction_id(self._write.key, self._calendar_id, generation, part=name)
            marker = marker_of(self._dress, transaction, content=one.content, start=one.start, part=name)
            try:
                await self._client.call(
                    "POST",
                    self._client.events(self._calendar_id),
                    json=with_marker(for_create(body, transaction), marker),
                )
            except VersionConflict as error:
                if error.code != TAKEN_KEY:
                    raise
                continue
            except NotFound as error:
                raise CalendarMissing(code=error.code) from None
            return
        raise Rejected("Microsoft takes this event for one that was deleted.", code=TAKEN_KEY)

    async def _change(self, name: str, one: Override, event: Event) -> None:
        marker = read_marker(event)
        wanted_marker = marker_of(
            self._dress, marker.transaction, content=one.content, start=one.start, part=name
        )
        try:
            there = to_flat(Remote(event=event, marker=marker), uid=self._flat.uid)
            found = Override(key=one.key, start=there.start, end=there.end, content=there.content)
            is_right = is_same(found, one) and there.visibility == self._flat.visibility
        except Odd:
            is_right = False
        if is_right and marker == wanted_marker:
            return
        body = part_body(self._flat, one, self._dress)
        body.pop("recurrence")
        path = self._client.event(self._calendar_id, str(event["id"]))
        await self._client.call(
            "PATCH", path, json=with_marker(body, wanted_marker), if_match=etag(event) or None
        )

    async def _delete(self, event: Event) -> None:
        path = self._client.event(self._calendar_id, str(event["id"]))
        try:
            await self._client.call("DELETE", path, if_match=etag(event) or None)
        except NotFound:
            return


async def _all(calls: Iterable[Awaitable[None]]) -> None:
    """Wait for all calls, then raise the first error: none may go on unseen."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
