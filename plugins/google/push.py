"""Writing one object: one event, or a series with its exceptions; every write can be repeated (§5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.providers.contract import Delete, Presentation, Put, Removed, Upsert
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    Forbidden,
    HasGuests,
    NotFound,
    Rejected,
    Unavailable,
    VersionConflict,
)
from gateway.providers.flat.model import Flat
from plugins.google.bodies import Body, for_insert, whole_body
from plugins.google.client import GoogleClient
from plugins.google.items import Remote, etag, item_of, read_memo
from plugins.google.mapping import from_ical
from plugins.google.push_exceptions import ExceptionPush
from plugins.google.quirks.event_ids import MAX_GENERATIONS, event_id
from plugins.google.reading import Odd, marker_of_event, to_flat
from plugins.google.series import check_calendar, read_exceptions, read_object

SILENT: Mapping[str, str] = {"sendUpdates": "none"}
"""On every write: nobody is mailed (§4)."""
_TIMES = ("start", "end", "recurrence")


class Push:
    """One write to one calendar."""

    def __init__(self, client: GoogleClient, calendar_id: str) -> None:
        """Write to this calendar."""
        self._client, self._calendar_id = client, calendar_id

    async def put(self, write: Put) -> Upsert:
        """Create or change; see ``RemoteAccount.push``."""
        flat = from_ical(write.ical, write.presentation)
        if write.remote_id is None:
            remote = await self._create(flat, write)
        else:
            remote = await self._change(flat, write, write.remote_id)
        item = item_of(remote, uid=write.key.uid)
        if not isinstance(item, Upsert):
            raise BadAnswer("What Google answered to the write cannot be read.", maybe_applied=True)
        return item

    async def delete(self, write: Delete) -> Removed:
        """Delete; gone already counts as done (§5: 404 and 410)."""
        gone = Removed(remote_id=write.remote_id)
        memo = read_memo(write.memo)
        version = write.if_version if _is_plain(memo, write.if_version) else None
        if version is None:
            remote = await read_object(self._client, self._calendar_id, write.remote_id)
            if remote is None:
                await self._check_calendar()
                return gone
            if remote.is_cancelled:
                return gone
            _check(remote, write.if_version)
            version = etag(remote.event)
        try:
            await self._client.call(
                "DELETE", self._path(write.remote_id), query=SILENT, if_match=version or None
            )
        except NotFound:
            await self._check_calendar()
        except VersionConflict:
            now = await self._client.get(self._calendar_id, write.remote_id)
            if now is not None and now.get("status") != "cancelled":
                raise
        return gone

    # -- creating

    async def _create(self, flat: Flat, write: Put) -> Remote:
        for generation in range(MAX_GENERATIONS):
            name = event_id(write.key, generation)
            body = self._body(flat, write, name, ours=True)
            try:
                path = self._client.events(self._calendar_id)
                event = await self._client.call("POST", path, query=SILENT, json=for_insert(body, name))
            except VersionConflict:
                remote = await self._occupied(flat, write, name)
                if remote is None:
                    continue
                return remote
            except NotFound as error:
                raise CalendarMissing(code=error.code) from None
            return await self._with_exceptions(flat, write, _checked(event, name), {}, keep=False)
        raise Rejected("Google keeps the ids of this event occupied by others.", code="duplicate")

    async def _occupied(self, flat: Flat, write: Put, name: str) -> Remote | None:
        """Answer a 409: adopt our own, revive our deleted one, or return None for the next generation."""
        remote = await read_object(self._client, self._calendar_id, name)
        if remote is None:
            # Duplicate detection and reading are not in step there (§5).
            raise Unavailable("Google does not show yet what was written.", maybe_applied=True)
        marker = marker_of_event(remote.event)
        ours = marker.is_genuine(name) and marker.uid_hash == write.key.marker
        if remote.is_cancelled:
            # Of a deleted event nothing but the id is sure (§4); the id alone says that it was ours.
            if marker.uid_hash and not ours:
                return None
            try:
                return await self._overwrite(flat, write, remote, ours=True)
            except (Forbidden, NotFound, Rejected):
                return None
        if not ours:
            return None
        _check(remote, None)
        return await self._overwrite(flat, write, remote, ours=True)

    # -- changing

    async def _change(self, flat: Flat, write: Put, name: str) -> Remote:
        memo = read_memo(write.memo)
        ours = memo.get("ours") is True or name in {
            event_id(write.key, generation) for generation in range(MAX_GENERATIONS)
        }
        if _is_plain(memo, write.if_version) and not flat.recurs:
            body = self._body(flat, write, name, ours=ours, was_invited=memo.get("invited") is True)
            return Remote(event=await self._patch(name, body, write.if_version))
        remote = await read_object(self._client, self._calendar_id, name)
        if remote is None or remote.is_cancelled:
            await self._check_calendar()
            raise NotFound
        _check(remote, write.if_version)
        ours = ours or marker_of_event(remote.event).is_genuine(name)
        return await self._overwrite(flat, write, remote, ours=ours)

    async def _overwrite(self, flat: Flat, write: Put, remote: Remote, *, ours: bool) -> Remote:
        was_invited = bool(marker_of_event(remote.event).guests_hash)
        body = self._body(flat, write, remote.id, ours=ours, was_invited=was_invited)
        keep = _has_same_times(flat, remote)
        if keep:
            # Trap: new times of a master drop its exceptions (§5): what is equal is not sent.
            body = {field: value for field, value in body.items() if field not in _TIMES}
        event = await self._patch(remote.id, body, etag(remote.event))
        return await self._with_exceptions(flat, write, event, remote.exceptions, keep=keep)

    async def _patch(self, name: str, body: Body, version: str | None) -> Body:
        try:
            event = await self._client.call(
                "PATCH", self._path(name), query=SILENT, json=body, if_match=version or None
            )
        except NotFound:
            await self._check_calendar()
            raise
        return _checked(event, name)

    async def _with_exceptions(
        self, flat: Flat, write: Put, event: Body, known: Mapping[str, Any], *, keep: bool
    ) -> Remote:
        """Bring the exceptions of the series in line; ``keep``: those known are still there."""
        if not flat.recurs:
            return Remote(event=event)
        if not keep:
            # Which exceptions a change of times has dropped is not documented (§5): look.
            known = await read_exceptions(self._client, self._calendar_id, event) if known else {}
        push = ExceptionPush(
            self._client, self._calendar_id, event, flat, write.presentation, conditional=keep
        )
        return Remote(event=event, exceptions=await push.run(known))

    def _body(self, flat: Flat, write: Put, name: str, *, ours: bool, was_invited: bool = False) -> Body:
        body = whole_body(flat, write.presentation if ours else _plain(write), write.key, name)
        if not ours:
            # A person's own event keeps its colour, reminders and back link, and never gets our marker.
            for field in ("extendedProperties", "source", "colorId", "reminders"):
                body.pop(field)
        if was_invited and not write.presentation.guests:
            body["attendees"] = []
        return body

    def _path(self, name: str) -> str:
        return self._client.event(self._calendar_id, name)

    async def _check_calendar(self) -> None:
        await check_calendar(self._client, self._calendar_id)


def _plain(write: Put) -> Presentation:
    """Return how a person's own event is written: without our dress."""
    return replace(write.presentation, back_link=None, color=None)


def _is_plain(memo: Mapping[str, Any], version: str | None) -> bool:
    """Return whether the memo is enough to write without reading: one event, no guests, the same version."""
    return bool(version) and memo.get("etag") == version and not memo.get("series") and not memo.get("guests")


def _check(remote: Remote, version: str | None) -> None:
    if remote.has_guests:
        raise HasGuests
    if version is not None and remote.version != version:
        raise VersionConflict(code="version")


def _checked(event: Body, name: str) -> Body:
    if event.get("id") != name or not etag(event):
        raise BadAnswer("Google answered a write with another event.", maybe_applied=True)
    return event


def _has_same_times(flat: Flat, remote: Remote) -> bool:
    """Return whether the series there takes place as it should, cancelled occurrences counted."""
    if not flat.recurs or not remote.recurs or remote.is_cancelled:
        return False
    try:
        there = to_flat(remote.event, list(remote.exceptions.values()), uid=flat.uid)
    except Odd:
        return False
    return _times(there) == _times(flat)


def _times(flat: Flat) -> tuple[Iterable[Any], ...]:
    return (
        (flat.start, flat.start.instant, flat.length, flat.end.zone),
        (flat.rules, flat.exrules),
        flat.rdates,
        flat.exdates,
    )
