"""One laboratory per test: a CalDAV server that mails guests; whoever would have been mailed fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.lab.app import DEMO_PASSWORD, Laboratory, make_lab
from gateway.lab.core.settings import Settings
from gateway.providers.contract import CalendarLook
from plugins.caldav.account import CalDavAccount
from tests.contract.caldav.dav_account import Signed, opened


@pytest.fixture
async def laboratory(request: pytest.FixtureRequest) -> AsyncIterator[Laboratory]:
    marker = request.node.get_closest_marker("lab_settings")
    settings = Settings(**(marker.kwargs if marker else {}))
    async with make_lab(settings=settings, providers=frozenset({"caldav"})) as running:
        yield running
        assert running.lab.journal.violations == []
        assert running.lab.outbox.entries == []


@pytest.fixture
async def signed(laboratory: Laboratory) -> AsyncIterator[Signed]:
    async with opened(laboratory.lab.base_url, "ada", DEMO_PASSWORD) as found:
        yield found


@pytest.fixture
def account(signed: Signed) -> CalDavAccount:
    return signed.account


@pytest.fixture
async def calendar_id(account: CalDavAccount) -> str:
    look = CalendarLook(name="Room 1", zone="Europe/Berlin", color="#336699")
    return (await account.create_calendar(look)).id
