"""One signed-in account: the contract's methods, each handed to the file that knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from gateway.providers.contract import (
    CalendarLook,
    Delete,
    Page,
    Put,
    RemoteCalendar,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Window,
)
from plugins.caldav import calendars
from plugins.caldav.client import DavClient
from plugins.caldav.items import item_of
from plugins.caldav.pull import Pull
from plugins.caldav.push import Push
from plugins.caldav.reading import Reader


class CalDavAccount:
    """``RemoteAccount`` with ``MakesCalendars``."""

    def __init__(self, client: DavClient, homes: tuple[str, ...], addresses: frozenset[str]) -> None:
        """Speak through this client.

        Args:
            client: of the account.
            homes: addresses of its calendar homes.
            addresses: its person's own calendar addresses (``mailto:...``, lower case).
        """
        self._client, self._homes, self._addresses = client, homes, addresses

    async def calendars(self) -> Sequence[RemoteCalendar]:
        """List the calendars of the homes."""
        return await calendars.list_calendars(self._client, self._homes)

    async def calendar(self, calendar_id: str) -> RemoteCalendar:
        """Return one calendar; its id is its path on the server."""
        return await calendars.get_calendar(self._client, calendar_id)

    async def pull(
        self,
        calendar_id: str,
        *,
        cursor: str | None,
        window: Window | None,  # noqa: ARG002 - a series outside may reach inside; the engine applies the window
        scope: Scope = Scope.OBJECTS,  # noqa: ARG002 - a CalDAV calendar holds events and nothing else
    ) -> AsyncIterator[Page]:
        """Yield what changed since the cursor, or everything."""
        pull = Pull(Reader(self._client, calendar_id), cursor=cursor, addresses=self._addresses)
        async for page in pull.pages():
            yield page

    async def fetch(self, calendar_id: str, remote_id: str) -> Upsert | Removed | Unreadable:
        """Return one object as it is now."""
        remote = await Reader(self._client, calendar_id).one(remote_id)
        return Removed(remote_id=remote_id) if remote is None else item_of(remote, self._addresses)

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:
        """Write one object."""
        push = Push(Reader(self._client, calendar_id), self._addresses)
        return await (push.put(write) if isinstance(write, Put) else push.delete(write))

    async def create_calendar(self, look: CalendarLook) -> RemoteCalendar:
        """Make a calendar of our own in the first home."""
        return await calendars.create_calendar(self._client, self._homes[0], look)

    async def change_calendar(self, calendar_id: str, look: CalendarLook) -> RemoteCalendar:
        """Change a calendar of our own."""
        return await calendars.change_calendar(self._client, calendar_id, look)

    async def delete_calendar(self, calendar_id: str) -> None:
        """Delete a calendar of our own."""
        await calendars.delete_calendar(self._client, calendar_id)
