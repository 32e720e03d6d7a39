"""The acceptance test of providers, for CalDAV against servers that others have written, and against ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from gateway.providers.contract import CalendarLook, Provider, RemoteAccount
from gateway.providers.errors import Forbidden
from gateway.providers.testing import ProviderContract
from plugins.caldav.provider import CalDavProvider
from tests.bench.stock import stock_radicale
from tests.contract.caldav.dav_account import Signed, opened
from tests.contract.caldav.servers import Neighbour, calgate, xandikos


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


class TestStockRadicale(_CalDav):
    @pytest.fixture
    async def signed(self, radicale: str) -> AsyncIterator[Signed]:
        async with opened(radicale) as found:
            yield found


@pytest.fixture(scope="module")
def xandikos_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with xandikos(tmp_path_factory.mktemp("xandikos")) as url:
        yield url


class TestXandikos(_CalDav):
    @pytest.fixture
    async def signed(self, xandikos_url: str) -> AsyncIterator[Signed]:
        async with opened(xandikos_url, "user") as found:
            yield found


@pytest.fixture(scope="module")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbour]:
    with calgate(tmp_path_factory.mktemp("calgate")) as found:
        yield found


class TestCalgate(_CalDav):
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
