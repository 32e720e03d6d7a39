"""Writing one object: a single event, a series, or the single events of an expanded one (§6 to §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.providers.contract import Delete, Put, Removed, Upsert
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    HasGuests,
    NotFound,
    Rejected,
    Unavailable,
    VersionConflict,
)
from gateway.providers.flat.model import Flat
from plugins.graph.bodies import Body, Dress, for_create, marker_of, whole_body, with_marker, with_pending
from plugins.graph.client import GraphClient
from plugins.graph.errors import TAKEN_KEY
from plugins.graph.items import (
    etag,
    has_guests,
    invites,
    is_copy,
    item_of,
    read_group_id,
    read_memo,
    valid,
    version_of,
)
from plugins.graph.mapping import from_ical
from plugins.graph.push_parts import PartsPush
from plugins.graph.push_series import SeriesPush, cannot_keep
from plugins.graph.quirks.markers import Marker, read_marker
from plugins.graph.quirks.transactions import MAX_GENERATIONS, transaction_id
from plugins.graph.reading import Odd, Remote, to_flat
from plugins.graph.series import marked, read_object, whole

_TIMES = ("start", "end", "isAllDay", "recurrence")


class Push:
    """One write to one calendar."""

    def __init__(self, client: GraphClient, calendar_id: str) -> None:
        """Write to this calendar."""
        self._client, self._calendar_id = client, calendar_id

    async def put(self, write: Put) -> Upsert:
        """Create or change; see ``RemoteAccount.push``."""
        flat = from_ical(write.ical, write.presentation)
        if flat.rdates:
            remote = await self._put_parts(flat, write)
        elif write.remote_id is None:
            remote = await self._create(flat, write)
        else:
            remote = await self._change(flat, write, write.remote_id)
        item = item_of(remote, uid=write.key.uid)
        if not isinstance(item, Upsert):
            raise BadAnswer("What Microsoft answered to the write cannot be read.", maybe_applied=True)
        return item

    async def delete(self, write: Delete) -> Removed:
        """Delete; gone already counts as done."""
        gone = Removed(remote_id=write.remote_id)
        memo = read_memo(write.memo)
        if read_group_id(write.remote_id) is None and _is_plain(memo, write.if_version):
            await self._delete_event(write.remote_id, write.if_version)
            return gone
        remote = await read_object(self._client, self._calendar_id, write.remote_id)
        if remote is None:
            await self._client.check_calendar(self._calendar_id)
            return gone
        _check(remote, write.if_version)
        for event, _ in remote.parts or ((remote.event, remote.marker),):
            await self._delete_event(str(event["id"]), etag(event))
        return gone

    async def _delete_event(self, event_id: str, version: str | None) -> None:
        path = self._client.event(self._calendar_id, event_id)
        try:
            await self._client.call("DELETE", path, if_match=version or None)
        except NotFound:
            await self._client.check_calendar(self._calendar_id)
        except VersionConflict:
            if await self._client.get(self._calendar_id, event_id) is not None:
                raise

    # -- creating

    async def _create(self, flat: Flat, write: Put) -> Remote:
        if write.is_repeat:
            # How long a transactionId is remembered is not documented (§8).
            found = await self._ours(write)
            if found is not None:
                return await self._overwrite(flat, write, found)
        dress = Dress(key=write.key, presentation=write.presentation)
        body = whole_body(flat, dress)
        is_doubtful = False
        for generation in range(MAX_GENERATIONS + 1):
            transaction = transaction_id(write.key, self._calendar_id, generation)
            marker = marker_of(dress, transaction, content=flat.content, start=flat.start)
            try:
                event = await self._client.call(
                    "POST",
                    self._client.events(self._calendar_id),
                    json=with_marker(for_create(body, transaction), marker),
                )
            except VersionConflict as error:
                if error.code != TAKEN_KEY:
                    raise
                found = await self._ours(write)
                if found is not None:
                    return await self._overwrite(flat, write, found)
                # Used by one that was deleted since: the key is spent (§8). Or it is not shown yet.
                is_doubtful = write.is_repeat
                continue
            except NotFound as error:
                raise CalendarMissing(code=error.code) from None
            here = await self._in_place(_checked(event), body) if write.is_repeat else _checked(event)
            if here is None:
                # The answer is an earlier attempt's event, which a person has moved to another calendar.
                continue
            if is_doubtful:
                # Reads lag behind writes, so what was not found before may be there; the older one stays.
                found = await self._ours(write)
                if found is None or found.event["id"] != here["id"]:
                    await self._delete_event(str(here["id"]), None)
                if found is None:
                    raise Unavailable("Microsoft does not show yet what was written.", maybe_applied=True)
                return await self._overwrite(flat, write, found)
            return await self._created(flat, write, here, marker)
        raise Rejected("Microsoft takes this event for one that was deleted.", code=TAKEN_KEY)

    async def _created(self, flat: Flat, write: Put, event: Body, marker: Marker) -> Remote:
        """Finish a create. The answer may be an event of an earlier attempt, changed since by a person."""
        if event.get("type") == "seriesMaster":
            remote = await whole(self._client, self._calendar_id, event)
            if remote is None:
                raise BadAnswer("Microsoft does not show yet what was written.", maybe_applied=True)
        else:
            remote = Remote(event=event, marker=marker)
        try:
            is_as_sent = _master(to_flat(remote, uid=flat.uid)) == _master(flat)
        except Odd:
            is_as_sent = False
        if not is_as_sent:
            return await self._overwrite(flat, write, remote)
        return await self._finish(flat, write, remote)

    async def _in_place(self, event: Body, body: Body) -> Body | None:
        """Return an event as it is in this calendar; None where it is in another one.

        Trap: reads lag behind writes (§8): a new event would look like a moved one; a write does not err.
        """
        if invites(event, read_marker(event)):
            return await self._client.get(self._calendar_id, str(event["id"]))
        try:
            return await self._patch(str(event["id"]), {"subject": body["subject"]}, None)
        except NotFound:
            return None

    async def _ours(self, write: Put) -> Remote | None:
        """Return our event of this object, found by its marker; twins of it are removed."""
        found = [
            event
            for event in await marked(self._client, self._calendar_id, write.key.marker)
            if is_copy(event, write.key) and not read_marker(event).part
        ]
        found.sort(key=lambda each: (str(each.get("createdDateTime")), str(each["id"])))
        for twin in found[1:]:
            if not invites(twin, read_marker(twin)):
                await self._delete_event(str(twin["id"]), etag(twin))
        return await whole(self._client, self._calendar_id, found[0]) if found else None

    # -- changing

    async def _change(self, flat: Flat, write: Put, name: str) -> Remote:
        memo = read_memo(write.memo)
        is_single = read_group_id(name) is None and not flat.rules and not write.presentation.guests
        if is_single and _is_plain(memo, write.if_version):
            dress = Dress(key=write.key, presentation=write.presentation)
            marker = marker_of(dress, str(memo["transaction"]), content=flat.content, start=flat.start)
            body = whole_body(flat, dress)
            del body["recurrence"]
            event = await self._patch(name, with_marker(body, marker), write.if_version)
            return Remote(event=event, marker=marker)
        remote = await read_object(self._client, self._calendar_id, name)
        if remote is None:
            await self._client.check_calendar(self._calendar_id)
            raise NotFound
        _check(remote, write.if_version, is_inviting=write.presentation.guests)
        if remote.parts:
            made = await self._create(flat, write)
            for part, _ in remote.parts:
                await self._delete_event(str(part["id"]), etag(part))
            return made
        return await self._overwrite(flat, write, remote)

    async def _put_parts(self, flat: Flat, write: Put) -> Remote:
        if write.remote_id is not None:
            remote = await read_object(self._client, self._calendar_id, write.remote_id)
            if remote is None:
                await self._client.check_calendar(self._calendar_id)
                raise NotFound
            _check(remote, write.if_version, is_inviting=write.presentation.guests)
            if not remote.marker.is_genuine(remote.event):
                raise Rejected(
                    "Outlook cannot repeat a person's own event like this.", code="ruleBeyondOutlook"
                )
        return await PartsPush(self._client, self._calendar_id, flat, write).run()

    async def _overwrite(self, flat: Flat, write: Put, remote: Remote) -> Remote:
        """Bring an event or series in line with what is wanted; what is equal is not sent."""
        dress = Dress(
            key=write.key,
            presentation=write.presentation,
            is_ours=remote.marker.is_genuine(remote.event),
        )
        there = _read(remote, flat.uid)
        body = self._changes(flat, dress, remote, there)
        marker, was_pending = remote.marker, remote.marker.is_pending
        # Trap: what follows this call can be interrupted, and the series would look like a person's edit. So
        # the very call that drops the exceptions says that they are still to be written.
        is_pending = bool(flat.exceptions or flat.exdates) and ("recurrence" in body or was_pending)
        if dress.is_ours:
            marker = marker_of(dress, marker.transaction, content=flat.content, start=flat.start)
        marker = replace(marker, is_pending=is_pending)
        if dress.is_ours or is_pending or was_pending:
            body = with_pending(body, marker, dress)
        if body:
            event = await self._patch(str(remote.event["id"]), body, etag(remote.event))
            remote = Remote(
                event=event, marker=marker, exceptions=remote.exceptions, cancelled=remote.cancelled
            )
        if flat.rules and body:
            seen = await whole(self._client, self._calendar_id, remote.event)
            if seen is None:
                raise VersionConflict(code="gone")
            remote = seen
        return await self._finish(flat, write, remote)

    def _changes(self, flat: Flat, dress: Dress, remote: Remote, there: Flat | None) -> Body:
        body = whole_body(flat, dress)
        has_same_times = there is not None and _times(there) == _times(flat)
        if has_same_times and not cannot_keep(flat, remote):
            # Trap: new times or a new rule of a master drop its exceptions (§7).
            body = {name: value for name, value in body.items() if name not in _TIMES}
        elif not remote.recurs and not flat.rules:
            del body["recurrence"]
        if there is not None:
            same = _equal_fields(there, flat)
            is_meeting = bool(remote.event.get("isOnlineMeeting"))
            # Trap: a new body destroys an online meeting's link; a person's event keeps what is equal (§6).
            dropped = same if not dress.is_ours else same & {"body"} if is_meeting else set()
            body = {name: value for name, value in body.items() if name not in dropped}
        return body

    async def _finish(self, flat: Flat, write: Put, remote: Remote) -> Remote:
        if not flat.rules:
            return remote
        dress = Dress(
            key=write.key,
            presentation=write.presentation,
            is_ours=remote.marker.is_genuine(remote.event),
        )
        return await SeriesPush(self._client, self._calendar_id, flat, dress).run(remote)

    async def _patch(self, name: str, body: Body, version: str | None) -> Body:
        path = self._client.event(self._calendar_id, name)
        try:
            event = await self._client.call("PATCH", path, json=body, if_match=version or None)
        except NotFound:
            await self._client.check_calendar(self._calendar_id)
            raise
        return _checked(event, name)


def _is_plain(memo: Mapping[str, Any], version: str | None) -> bool:
    """Return whether the memo is enough to write without reading: our own single event, the same version."""
    is_ours = isinstance(memo.get("transaction"), str)
    has_more = bool(memo.keys() & {"series", "guests"})
    return bool(version) and is_ours and memo.get("etag") == version and not has_more


def _check(remote: Remote, version: str | None, *, is_inviting: bool = True) -> None:
    """Trap: changing or deleting an event with guests mails them (§6)."""
    has_ours = bool(remote.marker.guests_hash) and not is_inviting
    if has_guests(remote) or has_ours:
        raise HasGuests
    if version is not None and version_of(remote) != version:
        raise VersionConflict(code="version")


def _checked(event: Body, name: str | None = None) -> Body:
    if not valid([event]) or not etag(event) or name not in {None, event["id"]}:
        raise BadAnswer("Microsoft answered a write with another event.", maybe_applied=True)
    return event


def _read(remote: Remote, uid: str) -> Flat | None:
    try:
        return to_flat(remote, uid=uid)
    except Odd:
        return None


def _times(flat: Flat) -> tuple[Any, ...]:
    return flat.start, flat.length, flat.rules


def _master(flat: Flat) -> tuple[Any, ...]:
    content = flat.content
    shown = (content.summary, content.description, content.location, content.status, content.is_free)
    return (*_times(flat), *shown, content.categories, content.away, flat.visibility)


def _equal_fields(there: Flat, wanted: Flat) -> set[str]:
    """Return the fields of an event that already say what they should."""
    one, two = there.content, wanted.content
    pairs = {
        "subject": (one.summary, two.summary),
        "body": (one.description, two.description),
        "location": (one.location, two.location),
        "showAs": ((one.status, one.is_free, one.away), (two.status, two.is_free, two.away)),
        "categories": (one.categories, two.categories),
        "sensitivity": (there.visibility, wanted.visibility),
    }
    return {name for name, (first, second) in pairs.items() if first == second}
