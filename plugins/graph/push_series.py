"""Bringing the exceptions and deletions of a series in line with what is wanted (§7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.providers.errors import NotFound, Rejected, Unavailable, VersionConflict
from gateway.providers.flat.model import At, Flat, Key, Override, is_same
from plugins.graph.bodies import Dress, override_body, whole_body, with_pending
from plugins.graph.client import GraphClient
from plugins.graph.errors import CROSSING
from plugins.graph.items import etag, valid
from plugins.graph.reading import Event, Odd, Remote, instant_of, to_flat
from plugins.graph.series import whole

_DAY = timedelta(days=1)
_APART = timedelta(days=45)
_WIPING = ("start", "end", "isAllDay", "recurrence")


class SeriesPush:
    """The occurrences of one series."""

    def __init__(self, client: GraphClient, calendar_id: str, flat: Flat, dress: Dress) -> None:
        """Take what is wanted."""
        self._client, self._calendar_id = client, calendar_id
        self._flat, self._dress = flat, dress

    async def run(self, remote: Remote) -> Remote:
        """Write what differs; return the series as it is afterwards.

        Raises:
            VersionConflict: an occurrence changed or vanished meanwhile: read and plan again.
        """
        if cannot_keep(self._flat, remote):
            remote = await self._afresh(remote)
        known = _by_key(remote.exceptions, is_all_day=self._flat.start.is_date)
        wanted = {one.key: one for one in self._flat.exceptions}
        changes = {key: one for key, one in wanted.items() if self._differs(remote, known.get(key), one)}
        for key, event in known.items():
            if key not in wanted and key not in self._flat.exdates:
                implied = self._flat.implied(key)
                if self._differs(remote, event, implied):
                    # There is no way to make it follow its series again: it gets the series' own values.
                    changes[key] = implied
        cancelled = {_key_of_day(day, self._flat.start) for day in remote.cancelled}
        deletions = [key for key in self._flat.exdates if key not in cancelled]
        if not changes and not deletions and not remote.marker.is_pending:
            return remote
        names = {key: str(event["id"]) for key, event in known.items()}
        names |= await self._names(remote, [key for key in (*changes, *deletions) if key not in names])
        for key in deletions:
            await self._delete(names.get(key))
        await self._patch_all(changes, names)
        if remote.marker.is_pending:
            done = with_pending({}, replace(remote.marker, is_pending=False), self._dress)
            path = self._client.event(self._calendar_id, str(remote.event["id"]))
            await self._client.call("PATCH", path, json=done)
        seen = await whole(self._client, self._calendar_id, remote.event)
        if seen is None:
            raise VersionConflict(code="gone")
        return seen

    async def _afresh(self, remote: Remote) -> Remote:
        """Bring deleted occurrences back: nothing but a new rule does, and it drops all exceptions."""
        body = whole_body(self._flat, self._dress)
        times = {name: body[name] for name in _WIPING}
        path = self._client.event(self._calendar_id, str(remote.event["id"]))
        version: str | None = etag(remote.event)
        for step in ({"recurrence": None}, times):
            event = await self._client.call("PATCH", path, json=step, if_match=version)
            version = etag(event) or None
        seen = await whole(self._client, self._calendar_id, {**event, "type": "seriesMaster"})
        if seen is None or cannot_keep(self._flat, seen):
            raise Unavailable("Microsoft does not show the new series yet.", maybe_applied=True)
        return seen

    async def _patch_all(self, changes: Mapping[Key, Override], names: Mapping[Key, str]) -> None:
        """Change occurrences; those that meet a neighbour that moves later wait for it (§7)."""
        left = dict(changes)
        while left:
            crossing: dict[Key, Override] = {}
            for key, one in left.items():
                try:
                    await self._patch(names.get(key), one)
                except Rejected as error:
                    if error.code != CROSSING:
                        raise
                    crossing[key] = one
            if len(crossing) == len(left):
                raise Rejected(
                    "Outlook does not let an occurrence of this series overlap or pass another.",
                    code=CROSSING,
                )
            left = crossing

    async def _patch(self, name: str | None, one: Override) -> None:
        if name is None:
            raise VersionConflict(
                "Outlook's series has no such occurrence; read it again.", code="noInstance"
            )
        try:
            await self._client.call(
                "PATCH", self._client.event(self._calendar_id, name), json=override_body(one, self._dress)
            )
        except NotFound as error:
            raise VersionConflict(code=error.code) from None

    async def _delete(self, name: str | None) -> None:
        if name is None:
            return  # not an occurrence there: nothing to leave out
        try:
            await self._client.call("DELETE", self._client.event(self._calendar_id, name))
        except NotFound:
            return

    def _differs(self, remote: Remote, event: Event | None, wanted: Override) -> bool:
        """Return whether an occurrence there says something else than it should."""
        if event is None:
            return True
        try:
            there = to_flat(replace(remote, exceptions=(event,), cancelled=()), uid=self._flat.uid)
        except Odd:
            return True
        found = next((one for one in there.exceptions if one.key == wanted.key), there.implied(wanted.key))
        # Reminders of an occurrence are the person's; they are never sent and never compared.
        plain = replace(wanted, content=replace(wanted.content, alarms=()))
        return not is_same(replace(found, content=replace(found.content, alarms=())), plain)

    async def _names(self, remote: Remote, keys: list[Key]) -> dict[Key, str]:
        """Return the ids of occurrences. Trap: they are never built by us, always asked for by time (§7)."""
        found: dict[Key, str] = {}
        path = f"{self._client.event(self._calendar_id, str(remote.event['id']))}/instances"
        for low, high in _spans(keys):
            query = {
                "startDateTime": f"{low:%Y-%m-%dT%H:%M:%SZ}",
                "endDateTime": f"{high:%Y-%m-%dT%H:%M:%SZ}",
                "$select": "id,start,originalStart,type",
                "$top": "250",
            }
            async for page in self._client.pages(path, query):
                events = _by_key(valid(page["value"]), is_all_day=self._flat.start.is_date)
                found |= {key: str(event["id"]) for key, event in events.items()}
        return {key: found[key] for key in keys if key in found}


def cannot_keep(flat: Flat, remote: Remote) -> bool:
    """Return whether an occurrence is deleted there that should take place."""
    if not flat.rules or not remote.cancelled:
        return False
    return any(_key_of_day(day, flat.start) not in flat.exdates for day in remote.cancelled)


def _key_of_day(day: str, start: At) -> Key:
    when = datetime.fromisoformat(day)
    if not isinstance(start.value, datetime):
        return when.date()
    return At(datetime.combine(when, start.value.time()), start.zone).instant


def _by_key(events: Iterable[Event], *, is_all_day: bool) -> dict[Key, Event]:
    """Return occurrences by the instance that they were made for (``originalStart``)."""
    found: dict[Key, Event] = {}
    for event in events:
        try:
            original = instant_of(event.get("originalStart"), "originalStart")
        except Odd:
            continue
        found[original.date() if is_all_day else original] = event
    return found


def _spans(keys: list[Key]) -> list[tuple[datetime, datetime]]:
    """Return few windows that hold all the instances: near ones share one."""
    instants = sorted(
        key if isinstance(key, datetime) else datetime(key.year, key.month, key.day, tzinfo=UTC)
        for key in keys
    )
    spans: list[tuple[datetime, datetime]] = []
    for instant in instants:
        if spans and instant - spans[-1][1] < _APART:
            spans[-1] = (spans[-1][0], instant + _DAY)
        else:
            spans.append((instant - _DAY, instant + _DAY))
    return spans
