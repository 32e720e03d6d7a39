"""One signed-in account: the contract's methods, each handed to the file that knows."""

from __future__ import annotations

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
from gateway.providers.errors import Unavailable
from plugins.graph import calendars
from plugins.graph.busy import ask_busy
from plugins.graph.client import GraphClient
from plugins.graph.items import item_of, read_group_id
from plugins.graph.lag import is_there
from plugins.graph.pull import Pull
from plugins.graph.push import Push
from plugins.graph.series import read_object
from plugins.graph.subscriptions import close_subscription, open_subscription, renew_subscription


class GraphAccount:
    """``RemoteAccount`` with ``MakesCalendars``, ``Notifies``, ``Renews`` and ``KnowsBusy``."""

    def __init__(self, client: GraphClient) -> None:
        """Speak through this client."""
        self._client = client

    async def calendars(self) -> Sequence[RemoteCalendar]:
        """List the calendars of the mailbox."""
        return await calendars.list_calendars(self._client)

    async def calendar(self, calendar_id: str) -> RemoteCalendar:
        """Return one calendar with its real id."""
        return await calendars.get_calendar(self._client, calendar_id)

    def pull(
        self,
        calendar_id: str,
        *,
        cursor: str | None,
        window: Window | None,
        scope: Scope = Scope.OBJECTS,
    ) -> AsyncIterator[Page]:
        """Yield what changed since the cursor, or everything."""
        return Pull(self._client, calendar_id, cursor=cursor, window=window, scope=scope).pages()

    async def fetch(self, calendar_id: str, remote_id: str) -> Upsert | Removed | Unreadable:
        """Return one object as it is now.

        Raises:
            Unavailable: it is there and reads do not show it yet.
        """
        remote = await read_object(self._client, calendar_id, remote_id)
        if remote is None:
            await self._client.check_calendar(calendar_id)
            if read_group_id(remote_id) is None and await is_there(self._client, calendar_id, remote_id):
                raise Unavailable("Microsoft does not show yet what was written.")
            return Removed(remote_id=remote_id)
        return item_of(remote)

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:
        """Write one object."""
        push = Push(self._client, calendar_id)
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
        renew: Watch | None = None,  # noqa: ARG002 - prolonging one is ``renew``
    ) -> Watch:
        """Subscribe to a calendar."""
        return await open_subscription(
            self._client, calendar_id, callback_url=callback_url, secret=secret, watch_id=watch_id
        )

    async def renew(self, watch: Watch) -> Watch:
        """Prolong a subscription."""
        return await renew_subscription(self._client, watch)

    async def unwatch(self, watch: Watch) -> None:
        """End a subscription."""
        await close_subscription(self._client, watch)

    async def busy(self, calendar_ids: Sequence[str], window: Window) -> Mapping[str, Sequence[BusySpan]]:
        """Ask for live availability."""
        return await ask_busy(self._client, calendar_ids, window)
