"""One laboratory per test; what contradicts Graph's description, or mails anybody, fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.settings import Settings
from gateway.providers.contract import CalendarLook
from plugins.graph.account import GraphAccount
from tests.contract.graph.graph_lab import Signed, signed_in


@pytest.fixture
async def laboratory(request: pytest.FixtureRequest) -> AsyncIterator[Laboratory]:
    marker = request.node.get_closest_marker("lab_settings")
    settings = Settings(**{"graph_latency_s": 0.001, **(marker.kwargs if marker else {})})
    async with make_lab(settings=settings, providers=frozenset({"microsoft"})) as running:
        yield running
        assert running.lab.journal.violations == []
        assert running.lab.outbox.entries == []


@pytest.fixture
async def signed(laboratory: Laboratory) -> AsyncIterator[Signed]:
    async with signed_in(laboratory) as opened:
        yield opened


@pytest.fixture
def account(signed: Signed) -> GraphAccount:
    return signed.account


@pytest.fixture
async def calendar_id(account: GraphAccount) -> str:
    return (await account.create_calendar(CalendarLook(name="Room 1", zone="Europe/Berlin"))).id
