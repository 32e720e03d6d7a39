"""The acceptance test of providers, for Microsoft against the laboratory over real HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from gateway.providers.contract import CalendarLook, Provider, RemoteAccount
from gateway.providers.testing import ProviderContract
from plugins.graph.account import GraphAccount
from plugins.graph.provider import GraphProvider
from tests.contract.graph.graph_lab import Signed


class TestGraph(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return GraphProvider()

    @pytest.fixture
    def config(self, signed: Signed) -> Mapping[str, str]:
        return signed.config

    @pytest.fixture
    def account(self, signed: Signed) -> RemoteAccount:
        account: GraphAccount = signed.account
        return account

    @pytest.fixture
    async def calendar_id(self, signed: Signed) -> str:
        look = CalendarLook(name="Room 1", zone="Europe/Berlin")
        return (await signed.account.create_calendar(look)).id


@pytest.mark.skipif(not os.environ.get("CALGATE_SOAK"), reason="the other half runs behind `make soak`")
@pytest.mark.lab_settings(
    delta_gone_code="resyncRequired",
    delta_lost_occurrences=1.0,
    delta_outside_removed=False,
    empty_page_chance=0.5,
    folder_names_unique=False,
    misfit_start="refuse",
    occurrence_boundaries=False,
    occurrences_as_stubs=False,
    page_cap=2,
    rewrite_text=False,
    transaction_memory_s=3600.0,
    windows_zone_names=False,
    wipe_exceptions=False,
)
class TestGraphOtherwise(TestGraph):
    """The same where every assumption about the real service is the other way round."""
