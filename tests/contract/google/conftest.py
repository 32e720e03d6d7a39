"""One laboratory per test; what contradicts Google's schema, or mails anybody, fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.settings import Settings
from gateway.providers.contract import CalendarLook
from plugins.google.account import GoogleAccount
from tests.contract.google.google_lab import Signed, signed_in


@pytest.fixture
async def laboratory(request: pytest.FixtureRequest) -> AsyncIterator[Laboratory]:
    marker = request.node.get_closest_marker("lab_settings")
    settings = Settings(
        **{"user_per_minute": 0.0, "project_per_minute": 0.0, **(marker.kwargs if marker else {})}
    )
    async with make_lab(settings=settings) as running:
        yield running
        assert running.lab.journal.violations == []
        assert running.lab.outbox.entries == []


@pytest.fixture
async def signed(laboratory: Laboratory) -> AsyncIterator[Signed]:
    async with signed_in(laboratory) as opened:
        yield opened


@pytest.fixture
def account(signed: Signed) -> GoogleAccount:
    return signed.account


@pytest.fixture
async def calendar_id(account: GoogleAccount) -> str:
    return (await account.create_calendar(CalendarLook(name="Room 1", zone="Europe/Berlin"))).id
