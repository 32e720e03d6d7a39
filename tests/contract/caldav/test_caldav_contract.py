"""The acceptance test of providers, for CalDAV against servers that others have written, and against ours."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from gateway.providers.contract import CalendarLook, ObjectKey, Presentation, Provider, RemoteAccount
from gateway.providers.errors import Forbidden
from gateway.providers.samples import SAMPLES
from gateway.providers.testing import ProviderContract
from plugins.caldav.provider import CalDavProvider
from tests.bench.stock import stock_radicale
from tests.contract.caldav.dav_account import Signed, opened
from tests.contract.caldav.servers import Neighbour, calgate, xandikos

SOAK = bool(os.environ.get("CALGATE_SOAK"))
NAMES = sorted(SAMPLES) if SOAK else ("series",)


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stock_radicale(tmp_path_factory.mktemp("radicale")) as url:
        yield url


class _CalDav(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return CalDavProvider()

    @pytest.fixture
    def config(self, signed: Signed) -> Mapping[str, str]:
        return signed.config

    @pytest.fixture
    def account(self, signed: Signed) -> RemoteAccount:
        return signed.account

    @pytest.fixture
    async def calendar_id(self, signed: Signed) -> str:
        look = CalendarLook(name="Room 1", zone="Europe/Berlin", color="#336699")
        return (await signed.account.create_calendar(look)).id


class TestLaboratory(_CalDav):
    """A server that has all of RFC 4791 and 6578, in small parts, and mails guests."""


class _Again(_CalDav):
    """The same against another server, at a reduced count with fewer samples."""

    @pytest.mark.parametrize("name", NAMES)
    async def test_what_was_projected_comes_back(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
        name: str,
    ) -> None:
        await super().test_what_was_projected_comes_back(
            provider, account, calendar_id, presentation, key, name
        )

    @pytest.mark.parametrize("name", NAMES)
    def test_projecting_twice_changes_nothing(
        self, provider: Provider, presentation: Presentation, name: str
    ) -> None:
        super().test_projecting_twice_changes_nothing(provider, presentation, name)


if SOAK:

    @pytest.mark.lab_settings(
        dav_sync_collection=False,
        dav_ignore_conditions=True,
        dav_rewrite=True,
        dav_drop_x=True,
        dav_html_errors=True,
    )
    class TestLaboratoryWithoutSync(_Again):
        """No sync-collection, no conditions; objects are rewritten, X- properties dropped, errors are pages."""

    @pytest.mark.lab_settings(dav_etags="weak", dav_own_uids=True, dav_uid_scope="account", dav_sync_page=0)
    class TestLaboratoryWithWeakTags(_Again):
        """Weak tags and UIDs of the server's own."""

    @pytest.mark.lab_settings(dav_etags="changing", dav_rewrite=True, dav_sync_collection=False)
    class TestLaboratoryWithChangingTags(_Again):
        """Another tag with every answer."""

        async def test_an_idle_calendar_has_no_changes(  # type: ignore[override]  # less is promised
            self, account: RemoteAccount, calendar_id: str, presentation: Presentation, key: ObjectKey
        ) -> None:
            """Every listing names everything again, in the same version: the engine does nothing."""
            made = await self.put(account, calendar_id, key, SAMPLES["series"], presentation)
            _, cursor = await self.pull(account, calendar_id, None)
            items, _ = await self.pull(account, calendar_id, cursor)
            assert items == {made.remote_id: made}

    @pytest.mark.lab_settings(dav_etags="missing")
    class TestLaboratoryWithoutTags(_Again):
        """No tags at all."""


class TestStockRadicale(_Again):
    @pytest.fixture
    async def signed(self, radicale: str) -> AsyncIterator[Signed]:
        async with opened(radicale) as found:
            yield found


@pytest.fixture(scope="module")
def xandikos_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with xandikos(tmp_path_factory.mktemp("xandikos")) as url:
        yield url


class TestXandikos(_Again):
    @pytest.fixture
    async def signed(self, xandikos_url: str) -> AsyncIterator[Signed]:
        async with opened(xandikos_url, "user") as found:
            yield found


@pytest.fixture(scope="module")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbour]:
    with calgate(tmp_path_factory.mktemp("calgate")) as found:
        yield found


class TestCalgate(_Again):
    """Another Calgate: calendars there are removed by their owner, not over CalDAV."""

    @pytest.fixture
    async def signed(self, neighbour: Neighbour) -> AsyncIterator[Signed]:
        async with opened(neighbour.url, neighbour.login, neighbour.password) as found:
            yield found

    async def test_a_calendar_can_be_made_changed_and_deleted(self, signed: Signed) -> None:  # type: ignore[override]  # another fixture
        account = signed.account
        made = await account.create_calendar(CalendarLook(name="One", zone="Europe/Berlin", color="#336699"))
        assert (made.name, made.zone, made.color) == ("One", "Europe/Berlin", "#336699")
        changed = await account.change_calendar(made.id, CalendarLook(name="Two", color="#993366"))
        assert (changed.id, changed.name, changed.color) == (made.id, "Two", "#993366")
        with pytest.raises(Forbidden):
            await account.delete_calendar(made.id)
        assert (await account.calendar(made.id)).name == "Two"
