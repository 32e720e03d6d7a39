"""Bringing the exceptions of a series in line with what is wanted; each is an event of its own there (§5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.errors import GatewayError
from gateway.domain.ical import parse_object
from gateway.domain.model import Window
from gateway.domain.recurrence import iter_instances
from gateway.providers.contract import Presentation
from gateway.providers.errors import NotFound, VersionConflict
from gateway.providers.flat.model import Flat, Key, Override, is_same
from gateway.providers.flat.write_ical import to_ical
from plugins.google.bodies import override_body
from plugins.google.client import PAGE, GoogleClient
from plugins.google.items import etag, valid
from plugins.google.reading import Event, Odd, key_of, to_flat

SILENT: Mapping[str, str] = {"sendUpdates": "none"}
FEW = 5
_DAY = timedelta(days=1)
_UTC = ZoneInfo("UTC")


class ExceptionPush:
    """The exceptions of one series."""

    def __init__(
        self,
        client: GoogleClient,
        calendar_id: str,
        master: Event,
        flat: Flat,
        presentation: Presentation,
        *,
        conditional: bool,
    ) -> None:
        """Take the master as Google has it now, and what is wanted; ``conditional``: etags still hold."""
        self._client, self._calendar_id = client, calendar_id
        self._master, self._flat, self._presentation = master, flat, presentation
        self._conditional = conditional
        self._wanted = {override.key: override for override in flat.exceptions}

    async def run(self, known: Mapping[str, Event]) -> dict[str, Event]:
        """Write what differs; return the exceptions that are there afterwards, by id.

        Raises:
            VersionConflict: an occurrence changed or vanished meanwhile: read and plan again.
        """
        result = dict(known)
        by_key = _by_key(known.values())
        changes = [
            override for key, override in self._wanted.items() if self._differs(by_key.get(key), override)
        ]
        names = await self._names([override.key for override in changes if override.key not in by_key])
        for override in changes:
            there = by_key.get(override.key)
            name = str(there["id"]) if there is not None else names.get(override.key)
            if name is None:
                raise VersionConflict(
                    "Google's series has no such occurrence; read it again.", code="noInstance"
                )
            result[name] = await self._patch(name, override, there)
        for key, event in by_key.items():
            if key not in self._wanted:
                result |= await self._settle(key, event)
        return result

    async def _settle(self, key: Key, event: Event) -> dict[str, Event]:
        """Take back an exception that is not wanted any more."""
        name, is_cancelled = str(event["id"]), event.get("status") == "cancelled"
        if key in self._flat.exdates or not self._exists(key):
            # Trap: an EXDATE does not remove an exception that exists already.
            return {} if is_cancelled else await self._cancel(name, event)
        implied = self._flat.implied(key)
        if not is_cancelled and not self._differs(event, implied):
            return {}
        # There is no way to make it follow its series again: it gets the series' own values.
        return {name: await self._patch(name, implied, event)}

    async def _patch(self, name: str, override: Override, there: Event | None) -> Event:
        path = self._client.event(self._calendar_id, name)
        body = override_body(override, self._presentation)
        version = etag(there) if there is not None and self._conditional else None
        try:
            return await self._client.call("PATCH", path, query=SILENT, json=body, if_match=version or None)
        except NotFound as error:
            raise VersionConflict(code=error.code) from None

    async def _cancel(self, name: str, event: Event) -> dict[str, Event]:
        path = self._client.event(self._calendar_id, name)
        version = etag(event) if self._conditional else None
        try:
            await self._client.call("DELETE", path, query=SILENT, if_match=version or None)
        except NotFound:
            return {}
        now = await self._client.get(self._calendar_id, name)
        return {name: now} if now is not None else {}

    def _differs(self, event: Event | None, override: Override) -> bool:
        """Return whether an exception there says something else than it should."""
        if event is None or event.get("status") == "cancelled":
            return True
        try:
            flat = to_flat(self._master, [event], uid=self._flat.uid)
        except Odd:
            return True
        there = next(
            (each for each in flat.exceptions if each.key == override.key), flat.implied(override.key)
        )
        # Reminders of an exception are the person's; they are never sent and never compared.
        wanted = replace(override, content=replace(override.content, alarms=()))
        there = replace(there, content=replace(there.content, alarms=()))
        return not is_same(there, wanted)

    def _exists(self, key: Key) -> bool:
        """Return whether the wanted series has an occurrence of this name."""
        instant = key if isinstance(key, datetime) else datetime(key.year, key.month, key.day, tzinfo=UTC)
        window = Window(start=instant - _DAY, end=instant + _DAY)
        try:
            obj = parse_object(to_ical(self._flat), max_bytes=1 << 30)
            found = iter_instances(obj, zone=_UTC, window=window, limit=1000)
        except GatewayError:
            return True
        return any(each.recurrence_id == instant for each in found) or key in self._wanted

    async def _names(self, keys: list[Key]) -> dict[Key, str]:
        """Return the ids of occurrences. Trap: they are never built by us, always asked for (§5)."""
        found: dict[Key, str] = {}
        if not keys:
            return found
        path = f"{self._client.event(self._calendar_id, str(self._master['id']))}/instances"
        query: list[dict[str, str]] = []
        if len(keys) <= FEW:
            query = [{"originalStart": _rfc3339(key)} for key in keys]
        else:
            low, high = min(map(_rfc3339, keys)), max(map(_rfc3339, keys))
            query = [{"timeMin": _shifted(low, -400), "timeMax": _shifted(high, 400)}]
        for each in query:
            async for page in self._client.pages(path, {**each, "maxResults": PAGE, "showDeleted": "true"}):
                found |= {key: str(item["id"]) for key, item in _by_key(valid(page.get("items", []))).items()}
        return {key: found[key] for key in keys if key in found}


def _by_key(events: Iterable[Event]) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    for event in events:
        try:
            found[key_of(event)] = event
        except Odd:
            continue
    return found


def _rfc3339(key: Key) -> str:
    if isinstance(key, datetime):
        return f"{key.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    return key.isoformat()


def _shifted(text: str, days: int) -> str:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _rfc3339(moment + timedelta(days=days))
