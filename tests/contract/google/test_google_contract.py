"""The acceptance test of providers, for Google against the laboratory over real HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.providers.contract import CalendarLook, Provider, RemoteAccount
from gateway.providers.testing import ProviderContract
from plugins.google.account import GoogleAccount
from plugins.google.provider import GoogleProvider
from tests.contract.google.google_lab import Signed


class TestGoogle(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return GoogleProvider()

    @pytest.fixture
    def config(self, signed: Signed) -> Mapping[str, str]:
        return signed.config

    @pytest.fixture
    def account(self, signed: Signed) -> RemoteAccount:
        account: GoogleAccount = signed.account
        return account

    @pytest.fixture
    async def calendar_id(self, signed: Signed) -> str:
        look = CalendarLook(name="Room 1", zone="Europe/Berlin")
        return (await signed.account.create_calendar(look)).id


@pytest.mark.lab_settings(
    allow_revival=False,
    drop_exceptions="rekeyed",
    rewrite_text=False,
    patch_needs_null=False,
    revision_bumps=False,
    rotate_refresh_tokens=True,
    refuse_local_until=False,
    refuse_sub_daily=False,
    app_created_foreign_status=403,
    quota_status=429,
    page_cap=1,
    empty_page_chance=0.5,
)
class TestGoogleOtherwise(TestGoogle):
    """The same where every assumption about the real service is the other way round."""
