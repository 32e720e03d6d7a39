"""One signed-in account: the contract's methods, each handed to the file that knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from gateway.providers.contract import (
    BusySpan,
    CalendarLook,
    Delete,
    Page,
    Put,
    RemoteCalendar,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Watch,
    Window,
)
from plugins.google import calendars
from plugins.google.busy import ask_busy
from plugins.google.channels import close_channel, open_channel
from plugins.google.client import GoogleClient
from plugins.google.items import item_of
from plugins.google.pull import Pull
from plugins.google.push import Push
from plugins.google.series import check_calendar, read_object


class GoogleAccount:
    """``RemoteAccount`` with ``MakesCalendars``, ``Notifies`` and ``KnowsBusy``."""

    def __init__(self, client: GoogleClient) -> None:
        """Speak through this client."""
        self._client = client
        self._writing: dict[str, asyncio.Lock] = {}

    async def calendars(self) -> Sequence[RemoteCalendar]:
        """List the calendars; ``Forbidden`` under ``calendar.app.created`` alone."""
        return await calendars.list_calendars(self._client)

    async def calendar(self, calendar_id: str) -> RemoteCalendar:
        """Return one calendar with its real id."""
        return await calendars.get_calendar(self._client, calendar_id)

    def pull(
        self,
        calendar_id: str,
        *,
        cursor: str | None,
        window: Window | None,  # noqa: ARG002 - a full look is the only right one here; see Pull
        scope: Scope = Scope.OBJECTS,
    ) -> AsyncIterator[Page]:
        """Yield what changed since the cursor, or everything."""
        return Pull(self._client, calendar_id, cursor=cursor, scope=scope).pages()

    async def fetch(self, calendar_id: str, remote_id: str) -> Upsert | Removed | Unreadable:
        """Return one object as it is now."""
        remote = await read_object(self._client, calendar_id, remote_id)
        if remote is None:
            await check_calendar(self._client, calendar_id)
            return Removed(remote_id=remote_id)
        return item_of(remote)

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:
        """Write one object."""
        push = Push(self._client, calendar_id)
        # Trap: writes to one calendar in quick succession are limited on their own (§5): one after the other.
        async with self._writing.setdefault(calendar_id, asyncio.Lock()):
            return await (push.put(write) if isinstance(write, Put) else push.delete(write))

    async def create_calendar(self, look: CalendarLook) -> RemoteCalendar:
        """Create a calendar of our own."""
        return await calendars.create_calendar(self._client, look)

    async def change_calendar(self, calendar_id: str, look: CalendarLook) -> RemoteCalendar:
        """Change a calendar of our own."""
        return await calendars.change_calendar(self._client, calendar_id, look)

    async def delete_calendar(self, calendar_id: str) -> None:
        """Delete a calendar of our own."""
        await calendars.delete_calendar(self._client, calendar_id)

    async def watch(
        self,
        calendar_id: str,
        *,
        callback_url: str,
        secret: str,
        watch_id: str,
        renew: Watch | None = None,  # noqa: ARG002 - there is no renewal: a new channel overlaps with the old
    ) -> Watch:
        """Open a push channel."""
        return await open_channel(
            self._client, calendar_id, callback_url=callback_url, secret=secret, watch_id=watch_id
        )

    async def unwatch(self, watch: Watch) -> None:
        """Stop a push channel."""
        await close_channel(self._client, watch)

    async def busy(self, calendar_ids: Sequence[str], window: Window) -> Mapping[str, Sequence[BusySpan]]:
        """Ask for live availability."""
        return await ask_busy(self._client, calendar_ids, window)
