"""One file as a calendar that can be read: the contract's methods."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence

from gateway.providers.contract import (
    Access,
    Delete,
    Page,
    Put,
    RemoteCalendar,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Window,
    always,
)
from gateway.providers.errors import CalendarMissing, CursorExpired, Forbidden
from plugins.ics.fetching import Fetched, Source, fetch
from plugins.ics.reading import Content, read

CALENDAR_ID = "file"
VERSION = 1
PAGE = 200


class IcsAccount:
    """``RemoteAccount`` without any power to write."""

    def __init__(self, source: Source, name: str) -> None:
        """Read this file."""
        self._source, self._name = source, name

    async def calendars(self) -> Sequence[RemoteCalendar]:
        """Return the one calendar that a file is."""
        return [await self.calendar(CALENDAR_ID)]

    async def calendar(self, calendar_id: str) -> RemoteCalendar:
        """Return it."""
        _check(calendar_id)
        return RemoteCalendar(id=CALENDAR_ID, name=self._name, access=Access.READ, is_primary=True)

    async def pull(
        self,
        calendar_id: str,
        *,
        cursor: str | None,
        window: Window | None,  # noqa: ARG002 - a file comes whole
        scope: Scope = Scope.BUSY,  # noqa: ARG002 - it holds events and nothing else
    ) -> AsyncIterator[Page]:
        """Yield all events, or nothing where the file is the one that was read last."""
        _check(calendar_id)
        note = _read_cursor(cursor) if cursor is not None else {}
        fetched = await fetch(self._source, etag=note.get("etag", ""), modified=note.get("modified", ""))
        digest = (
            hashlib.sha256(fetched.body).hexdigest()[:32] if fetched.body is not None else note.get("sha", "")
        )
        following = _make_cursor(fetched, digest)
        if fetched.body is None or digest == note.get("sha"):
            yield Page(items=(), cursor=following, is_last=True)
            return
        content = await asyncio.to_thread(read, fetched.body)
        for start in range(0, len(content.items), PAGE):
            yield Page(items=content.items[start : start + PAGE], total=len(content.items))
        looked = always() if content.is_whole else None
        yield Page(items=(), cursor=following, is_last=True, looked=looked)

    async def fetch(self, calendar_id: str, remote_id: str) -> Upsert | Removed | Unreadable:
        """Return one event of the file as it is now."""
        _check(calendar_id)
        content = await self._content()
        found = next((item for item in content.items if item.remote_id == remote_id), None)
        return found or Removed(remote_id=remote_id)

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:  # noqa: ARG002 - the contract's signature
        """Refuse: a file cannot be written to."""
        _check(calendar_id)
        raise Forbidden("A calendar file at an address can only be read.", code="readOnly")

    async def _content(self) -> Content:
        fetched = await fetch(self._source)
        return await asyncio.to_thread(read, fetched.body or b"")


def _check(calendar_id: str) -> None:
    if calendar_id != CALENDAR_ID:
        raise CalendarMissing


def _make_cursor(fetched: Fetched, digest: str) -> str:
    note = {"v": VERSION, "etag": fetched.etag, "modified": fetched.modified, "sha": digest}
    return json.dumps(note, separators=(",", ":"))


def _read_cursor(cursor: str) -> Mapping[str, str]:
    try:
        note = json.loads(cursor)
    except (ValueError, RecursionError):
        note = None
    if not isinstance(note, dict) or note.pop("v", None) != VERSION:
        raise CursorExpired
    if set(note) != {"etag", "modified", "sha"} or not all(isinstance(text, str) for text in note.values()):
        raise CursorExpired
    return note
