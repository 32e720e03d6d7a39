"""The acceptance test of providers, for CalDAV against servers that others have written, and against ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from gateway.providers.contract import CalendarLook, Provider, RemoteAccount
from gateway.providers.testing import ProviderContract
from plugins.caldav.provider import CalDavProvider
from tests.bench.stock import stock_radicale
from tests.contract.caldav.dav_account import Signed, opened


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
