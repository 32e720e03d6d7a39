"""``ProviderContract``: the acceptance test of every provider plug-in, ours and foreign ones.

Subclass it in a pytest file (pytest-asyncio) and give it the fixtures ``provider``, ``config``, ``account``
and ``calendar_id``; docs/write-a-provider.md shows how. Needs pytest, which the gateway itself does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from gateway.providers.compare import comparable, with_uid
from gateway.providers.contract import (
    CONTRACT_VERSION,
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
    Put,
    ReadsNotifications,
    RemoteAccount,
    Removed,
    SignInKind,
    SignInRequest,
    Unreadable,
    Upsert,
    Use,
    Window,
)
from gateway.providers.errors import (
    CalendarMissing,
    CursorExpired,
    NotFound,
    ProviderError,
    Rejected,
    VersionConflict,
)
from gateway.providers.registry import load_providers
from gateway.providers.samples import SAMPLES, SERIES, SINGLE, TASK, WITH_GUESTS, edited


class ProviderContract:
    """What every provider must do. Tests that need a capability return early where it is not claimed."""

    # -- fixtures that a subclass overrides

    @pytest.fixture
    def provider(self) -> Provider:
        """The provider under test."""
        raise pytest.UsageError("override the fixture `provider`")

    @pytest.fixture
    def config(self) -> Mapping[str, str]:
        """Its settings."""
        raise pytest.UsageError("override the fixture `config`")

    @pytest.fixture
    def account(self) -> RemoteAccount:
        """A signed-in account at a test server."""
        raise pytest.UsageError("override the fixture `account`")

    @pytest.fixture
    def calendar_id(self) -> str:
        """An empty calendar that the account may write to."""
        raise pytest.UsageError("override the fixture `calendar_id`")

    # -- fixtures of ours

    @pytest.fixture
    def presentation(self) -> Presentation:
        """How the tests write."""
        return Presentation(zone="Europe/Berlin", back_link="https://cal.example.org/o/1")

    @pytest.fixture
    def key(self) -> ObjectKey:
        """A fresh object."""
        return ObjectKey(
            instance_id="test-instance", resource_uuid=str(uuid4()), uid=f"{uuid4()}@example.org"
        )

    # -- the provider itself

    def test_it_names_itself_and_its_contract(self, provider: Provider) -> None:
        assert provider.contract[0] == CONTRACT_VERSION[0]
        assert provider.name == provider.name.lower()
        assert provider.label

    def test_the_registry_takes_it(self, provider: Provider) -> None:
        from importlib.metadata import EntryPoint

        made = type(provider)
        entry = EntryPoint(name=provider.name, value=f"{made.__module__}:{made.__qualname__}", group="test")
        registry = load_providers([entry])
        assert not registry.refused
        assert registry.provider(provider.name).name == provider.name

    def test_the_token_goes_to_named_origins_only(
        self, provider: Provider, config: Mapping[str, str]
    ) -> None:
        for origin in provider.hosts(config):
            scheme, _, rest = origin.partition("://")
            assert scheme in {"http", "https"}
            assert "/" not in rest
            assert rest.rpartition(":")[2].isdigit()

    def test_every_kind_of_sign_in_says_what_to_do(
        self, provider: Provider, config: Mapping[str, str]
    ) -> None:
        assert provider.sign_in.kinds
        for kind in provider.sign_in.kinds:
            redirect = "http://127.0.0.1:8080/back" if kind is SignInKind.USER else None
            request = SignInRequest(kind=kind, uses=frozenset({Use.WRITE}), redirect_uri=redirect)
            challenge = provider.sign_in.begin(config, request)
            assert (challenge.url is not None) == (kind is SignInKind.USER)
            assert challenge.url is not None or challenge.fields
            again = provider.sign_in.begin(config, request)
            assert challenge.state != again.state

    # -- project

    @pytest.mark.parametrize("name", sorted(SAMPLES))
    def test_projecting_twice_changes_nothing(
        self, provider: Provider, presentation: Presentation, name: str
    ) -> None:
        once = provider.project(SAMPLES[name], presentation)
        assert provider.project(once, presentation) == once

    @pytest.mark.parametrize("name", sorted(SAMPLES))
    async def test_what_was_projected_comes_back(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
        name: str,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        made = await self._put(account, calendar_id, key, SAMPLES[name], presentation)
        expected = comparable(provider.project(SAMPLES[name], presentation))
        assert comparable(made.ical) == expected
        found = await account.fetch(calendar_id, made.remote_id)
        assert isinstance(found, Upsert)
        assert comparable(found.ical) == expected
        assert found.version == made.version

    def test_guests_are_dropped_even_if_the_engine_forgot(
        self, provider: Provider, presentation: Presentation
    ) -> None:
        projected = provider.project(WITH_GUESTS, presentation).upper()
        assert b"ATTENDEE" not in projected
        assert b"ORGANIZER" not in projected

    def test_tasks_are_refused_where_they_are_not_claimed(
        self, provider: Provider, presentation: Presentation
    ) -> None:
        if provider.capabilities & Capability.TASKS:
            assert provider.project(TASK, presentation)
        else:
            with pytest.raises(Rejected):
                provider.project(TASK, presentation)

    def test_an_object_that_cannot_be_read_is_rejected(
        self, provider: Provider, presentation: Presentation
    ) -> None:
        with pytest.raises(Rejected):
            provider.project(b"BEGIN:VCALENDAR\r\nnonsense", presentation)

    # -- writing

    async def test_creating_twice_with_one_key_creates_once(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.IDEMPOTENT:
            return
        first = await self._put(account, calendar_id, key, SERIES, presentation)
        second = await self._put(account, calendar_id, key, SERIES, presentation)
        assert first.remote_id == second.remote_id
        assert len(await self._everything(account, calendar_id)) == 1

    async def test_a_copy_of_ours_is_marked(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        made = await self._put(account, calendar_id, key, SINGLE, presentation)
        assert made.marker == key.marker
        (found,) = (await self._everything(account, calendar_id)).values()
        assert isinstance(found, Upsert)
        assert (found.marker, found.version) == (key.marker, made.version)

    @pytest.mark.parametrize("with_memo", [True, False])
    async def test_a_change_replaces_the_object(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
        with_memo: bool,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        now = await self._put(account, calendar_id, key, SINGLE, presentation)
        for ical in (SERIES, edited(SERIES), SAMPLES["all-day"], SINGLE, SAMPLES["moved"]):
            now = await self._put(
                account, calendar_id, key, ical, presentation, over=now, with_memo=with_memo
            )
            assert comparable(now.ical) == comparable(provider.project(ical, presentation))
            found = await account.fetch(calendar_id, now.remote_id)
            assert isinstance(found, Upsert)
            assert comparable(found.ical) == comparable(now.ical)
        assert len(await self._everything(account, calendar_id)) == 1

    async def test_a_stale_version_is_refused_and_nothing_written(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.CONDITIONAL:
            return
        for ical in (SINGLE, SERIES):
            other = ObjectKey(instance_id=key.instance_id, resource_uuid=key.resource_uuid, uid=str(uuid4()))
            first = await self._put(account, calendar_id, other, ical, presentation)
            second = await self._put(account, calendar_id, other, edited(ical), presentation, over=first)
            with pytest.raises(VersionConflict):
                await self._put(account, calendar_id, other, ical, presentation, over=first)
            with pytest.raises(VersionConflict):
                await account.push(
                    calendar_id,
                    Delete(remote_id=first.remote_id, if_version=first.version, memo=first.memo),
                )
            found = await account.fetch(calendar_id, first.remote_id)
            assert isinstance(found, Upsert)
            assert found.version == second.version

    async def test_deleting_twice_is_done_and_creating_again_works(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        for ical in (SINGLE, SERIES, SINGLE):
            made = await self._put(account, calendar_id, key, ical, presentation)
            delete = Delete(remote_id=made.remote_id, key=key, if_version=made.version, memo=made.memo)
            assert await account.push(calendar_id, delete) == Removed(remote_id=made.remote_id)
            assert await account.push(calendar_id, delete) == Removed(remote_id=made.remote_id)
            assert await self._everything(account, calendar_id) == {}
        made = await self._put(account, calendar_id, key, SERIES, presentation)
        assert comparable(made.ical) == comparable(provider.project(SERIES, presentation))
        assert len(await self._everything(account, calendar_id)) == 1

    async def test_changing_what_is_gone_says_so(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        made = await self._put(account, calendar_id, key, SINGLE, presentation)
        await account.push(calendar_id, Delete(remote_id=made.remote_id))
        with pytest.raises((NotFound, VersionConflict)):
            await self._put(account, calendar_id, key, SINGLE, presentation, over=made, with_memo=False)

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
        await self._put(account, calendar_id, key, SERIES, presentation)
        _, cursor = await self._pull(account, calendar_id, None)
        for _ in range(3):
            items, cursor = await self._pull(account, calendar_id, cursor)
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
        _, cursor = await self._pull(account, calendar_id, None)
        made = await self._put(account, calendar_id, key, SERIES, presentation)
        items, cursor = await self._pull(account, calendar_id, cursor)
        assert list(items) == [made.remote_id]
        made = await self._put(account, calendar_id, key, edited(SERIES), presentation, over=made)
        items, cursor = await self._pull(account, calendar_id, cursor)
        (found,) = items.values()
        assert isinstance(found, Upsert)
        assert comparable(found.ical) == comparable(provider.project(edited(SERIES), presentation))
        assert found.version == made.version
        await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=made.version))
        items, _ = await self._pull(account, calendar_id, cursor)
        assert items[made.remote_id] == Removed(remote_id=made.remote_id)
        assert all(isinstance(item, Removed) for item in items.values())

    async def test_a_cursor_that_is_not_ours_is_expired(
        self, provider: Provider, account: RemoteAccount, calendar_id: str
    ) -> None:
        if not provider.capabilities & Capability.DELTA:
            return
        for cursor in ("nonsense", "{}", '{"v":1}', "0"):
            with pytest.raises(CursorExpired):
                await self._pull(account, calendar_id, cursor)

    async def test_a_full_pull_says_where_it_looked(self, account: RemoteAccount, calendar_id: str) -> None:
        pages = [page async for page in account.pull(calendar_id, cursor=None, window=None)]
        assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert pages[-1].looked is not None
        assert all(page.cursor is None for page in pages[:-1])

    async def test_a_calendar_that_is_not_there_is_missing(
        self, account: RemoteAccount, presentation: Presentation, key: ObjectKey
    ) -> None:
        missing = "no-such-calendar@group.calendar.google.com"
        with pytest.raises(CalendarMissing):
            await self._pull(account, missing, None)
        with pytest.raises(CalendarMissing):
            await account.calendar(missing)
        with pytest.raises(CalendarMissing):
            await account.fetch(missing, "nothing")
        with pytest.raises(CalendarMissing):
            await self._put(account, missing, key, SINGLE, presentation)
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
        await self._put(account, calendar_id, key, SINGLE, presentation)
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

    # -- helpers

    async def _put(
        self,
        account: RemoteAccount,
        calendar_id: str,
        key: ObjectKey,
        ical: bytes,
        presentation: Presentation,
        *,
        over: Upsert | None = None,
        with_memo: bool = True,
    ) -> Upsert:
        write = Put(
            key=key,
            ical=with_uid(ical, key.uid),
            presentation=presentation,
            remote_id=over.remote_id if over else None,
            if_version=over.version if over else None,
            memo=over.memo if over and with_memo else b"",
        )
        result = await account.push(calendar_id, write)
        assert isinstance(result, Upsert)
        return result

    async def _pull(
        self, account: RemoteAccount, calendar_id: str, cursor: str | None
    ) -> tuple[dict[str, Upsert | Removed | Unreadable], str | None]:
        items: dict[str, Upsert | Removed | Unreadable] = {}
        last: str | None = None
        async for page in account.pull(calendar_id, cursor=cursor, window=None):
            items |= {item.remote_id: item for item in page.items}
            last = page.cursor
        return items, last

    async def _everything(
        self, account: RemoteAccount, calendar_id: str
    ) -> dict[str, Upsert | Removed | Unreadable]:
        items, _ = await self._pull(account, calendar_id, None)
        return {name: item for name, item in items.items() if not isinstance(item, Removed)}
