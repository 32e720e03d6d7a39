"""The part of ``ProviderContract`` about reading and the optional powers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.providers.compare import comparable
from gateway.providers.contract import (
    BusyKind,
    CalendarLook,
    Capability,
    Delete,
    KnowsBusy,
    MakesCalendars,
    Notification,
    ObjectKey,
    Presentation,
    Provider,
    ReadsNotifications,
    RemoteAccount,
    Removed,
    Upsert,
    Window,
)
from gateway.providers.errors import (
    CalendarMissing,
    CursorExpired,
    ProviderError,
)
from gateway.providers.samples import SERIES, SINGLE, edited
from gateway.providers.testing_base import ContractBase


class ReadingContract(ContractBase):
    """Cursors, listings, calendars; busy times and notifications."""

    # -- reading

    async def test_an_idle_calendar_has_no_changes(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.DELTA:
            return
        await self.put(account, calendar_id, key, SERIES, presentation)
        _, cursor = await self.pull(account, calendar_id, None)
        for _ in range(3):
            items, cursor = await self.pull(account, calendar_id, cursor)
            assert items == {}

    async def test_changes_come_after_a_cursor_and_whole(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.DELTA:
            return
        _, cursor = await self.pull(account, calendar_id, None)
        made = await self.put(account, calendar_id, key, SERIES, presentation)
        items, cursor = await self.pull(account, calendar_id, cursor)
        assert list(items) == [made.remote_id]
        made = await self.put(account, calendar_id, key, edited(SERIES), presentation, over=made)
        items, cursor = await self.pull(account, calendar_id, cursor)
        (found,) = items.values()
        assert isinstance(found, Upsert)
        assert comparable(found.ical) == comparable(provider.project(edited(SERIES), presentation))
        assert found.version == made.version
        await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=made.version))
        items, _ = await self.pull(account, calendar_id, cursor)
        assert items[made.remote_id] == Removed(remote_id=made.remote_id)
        assert all(isinstance(item, Removed) for item in items.values())

    async def test_a_cursor_that_is_not_ours_is_expired(
        self, provider: Provider, account: RemoteAccount, calendar_id: str
    ) -> None:
        if not provider.capabilities & Capability.DELTA:
            return
        for cursor in ("nonsense", "{}", '{"v":1}', "0"):
            with pytest.raises(CursorExpired):
                await self.pull(account, calendar_id, cursor)

    async def test_a_full_pull_says_where_it_looked(self, account: RemoteAccount, calendar_id: str) -> None:
        pages = [page async for page in account.pull(calendar_id, cursor=None, window=None)]
        assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert pages[-1].looked is not None
        assert all(page.cursor is None for page in pages[:-1])

    async def test_a_calendar_has_one_place_however_it_is_asked_for(
        self, account: RemoteAccount, calendar_id: str
    ) -> None:
        """What tells two accounts' calendars apart does not depend on who asks how."""
        places = {one.place for one in await account.calendars() if one.id == calendar_id}
        assert places <= {(await account.calendar(calendar_id)).place}

    async def test_a_calendar_that_is_not_there_is_missing(
        self, account: RemoteAccount, presentation: Presentation, key: ObjectKey
    ) -> None:
        missing = "no-such-calendar@group.calendar.google.com"
        with pytest.raises(CalendarMissing):
            await self.pull(account, missing, None)
        with pytest.raises(CalendarMissing):
            await account.calendar(missing)
        with pytest.raises(CalendarMissing):
            await account.fetch(missing, "nothing")
        with pytest.raises(CalendarMissing):
            await self.put(account, missing, key, SINGLE, presentation)
        with pytest.raises(CalendarMissing):
            await account.push(missing, Delete(remote_id="nothing"))

    async def test_the_calendar_can_be_found(self, account: RemoteAccount, calendar_id: str) -> None:
        assert (await account.calendar(calendar_id)).id == calendar_id
        try:
            names = [calendar.id for calendar in await account.calendars()]
        except ProviderError:
            return
        assert calendar_id in names

    # -- optional powers

    async def test_a_calendar_can_be_made_changed_and_deleted(self, account: RemoteAccount) -> None:
        if not isinstance(account, MakesCalendars):
            return
        made = await account.create_calendar(CalendarLook(name="One", zone="Europe/Berlin", color="#336699"))
        assert (made.name, made.zone) == ("One", "Europe/Berlin")
        changed = await account.change_calendar(made.id, CalendarLook(name="Two", color="#993366"))
        assert (changed.id, changed.name) == (made.id, "Two")
        await account.delete_calendar(made.id)
        await account.delete_calendar(made.id)
        with pytest.raises(CalendarMissing):
            await account.calendar(made.id)

    async def test_unknown_is_never_free(
        self,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not isinstance(account, KnowsBusy):
            return
        await self.put(account, calendar_id, key, SINGLE, presentation)
        window = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 7, 1, tzinfo=UTC))
        found = await account.busy([calendar_id, "unknown@group.calendar.google.com"], window)
        start = datetime(2026, 3, 27, 9, tzinfo=UTC)
        assert [(span.start, span.end, span.kind) for span in found[calendar_id]] == [
            (start, start + timedelta(hours=1), BusyKind.BUSY)
        ]
        (unknown,) = found["unknown@group.calendar.google.com"]
        assert (unknown.start, unknown.end, unknown.kind) == (window.start, window.end, BusyKind.UNKNOWN)

    def test_a_notification_is_read_without_belief(self, provider: Provider) -> None:
        if not isinstance(provider, ReadsNotifications):
            return
        for body in (b"", b"{", b'{"value": 7}', b"\xff" * 1000, b"[" * 5000):
            provider.notified(Notification(headers={}, query={}, body=body))
