"""What of the acceptance test of providers applies to a file that can only be read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from gateway.providers.contract import (
    Delete,
    ObjectKey,
    Presentation,
    Provider,
    Put,
    RemoteAccount,
    Removed,
    Upsert,
)
from gateway.providers.errors import CalendarMissing, Forbidden
from gateway.providers.samples import SERIES, SINGLE
from gateway.providers.testing import ProviderContract
from plugins.ics.account import CALENDAR_ID
from plugins.ics.provider import IcsProvider
from tests.contract.ics.ics_server import FileServer, calendar, config_for, event, file_server, opened


class TestIcs(ProviderContract):
    @pytest.fixture
    async def server(self) -> AsyncIterator[FileServer]:
        async with file_server() as running:
            yield running

    @pytest.fixture
    def provider(self) -> Provider:
        return IcsProvider()

    @pytest.fixture
    def config(self) -> Mapping[str, str]:
        return config_for()

    @pytest.fixture
    async def account(self, server: FileServer) -> RemoteAccount:
        return await opened(server.url)

    @pytest.fixture
    def calendar_id(self) -> str:
        return CALENDAR_ID

    # The four that write are asked of the file's owner instead.

    async def test_an_idle_calendar_has_no_changes(  # type: ignore[override]  # nothing is written
        self, account: RemoteAccount, calendar_id: str
    ) -> None:
        items, cursor = await self.pull(account, calendar_id, None)
        assert len(items) == 2
        for _ in range(3):
            items, cursor = await self.pull(account, calendar_id, cursor)
            assert items == {}

    async def test_changes_come_after_a_cursor_and_whole(  # type: ignore[override]  # nothing is written
        self, account: RemoteAccount, calendar_id: str, server: FileServer
    ) -> None:
        _, cursor = await self.pull(account, calendar_id, None)
        server.body = SERIES
        pages = [page async for page in account.pull(calendar_id, cursor=cursor, window=None)]
        (found,) = [item for page in pages for item in page.items]
        assert isinstance(found, Upsert)
        assert pages[-1].looked is not None
        assert found == await account.fetch(calendar_id, found.remote_id)
        assert await account.fetch(calendar_id, "one") == Removed(remote_id="one")

    async def test_a_calendar_that_is_not_there_is_missing(  # type: ignore[override]  # nothing is written
        self, account: RemoteAccount
    ) -> None:
        for attempt in (
            self.pull(account, "other", None), account.calendar("other"), account.fetch("other", "one"),
            account.push("other", Delete(remote_id="one")),
        ):  # fmt: skip
            with pytest.raises(CalendarMissing):
                await attempt

    async def test_nothing_is_ever_written(
        self, account: RemoteAccount, calendar_id: str, presentation: Presentation, key: ObjectKey
    ) -> None:
        for write in (Put(key=key, ical=SINGLE, presentation=presentation), Delete(remote_id="one")):
            with pytest.raises(Forbidden):
                await account.push(calendar_id, write)

    async def test_the_same_events_in_another_order_are_the_same(
        self, account: RemoteAccount, calendar_id: str, server: FileServer
    ) -> None:
        before, cursor = await self.pull(account, calendar_id, None)
        server.body = calendar(event("two"), event("one")).replace(b"20260101T", b"20260202T")
        after, _ = await self.pull(account, calendar_id, cursor)
        assert {name: item.version for name, item in after.items()} == {  # type: ignore[union-attr]  # both are there
            name: item.version
            for name, item in before.items()  # type: ignore[union-attr]  # likewise
        }
