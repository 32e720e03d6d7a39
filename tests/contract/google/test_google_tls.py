"""Certificates: an authority of one's own by setting, nothing without."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.lab.app import make_lab
from gateway.providers.addresses import AddressFilter
from gateway.providers.client import AccountClient, TokenKeeper, open_session
from gateway.providers.contract import SignInKind, SignInRequest
from gateway.providers.errors import Unavailable
from plugins.google.provider import GoogleProvider
from tests.contract.google.google_lab import ADA, ALL_USES, REDIRECT, config_for


async def test_an_authority_of_ones_own_is_trusted_by_setting_only(tmp_path: Path) -> None:
    provider = GoogleProvider()
    async with make_lab(tls=tmp_path) as laboratory:
        base = laboratory.lab.base_url
        assert base.startswith("https://")
        client = laboratory.lab.identity.clients[config_for(base)["client_id"]]
        scopes = ["https://www.googleapis.com/auth/calendar"]
        issued = laboratory.google.tokens_for(ADA, client, scopes)
        state = b'{"kind":"user","refresh":"%s"}' % issued["refresh_token"].encode()
        for config, is_trusted in (
            (config_for(base, ca_file=str(tmp_path / "ca.pem")), True),
            (config_for(base), False),
        ):
            states = [state]

            async def load(states: list[bytes] = states) -> bytes:
                return states[-1]

            async def store(new: bytes, states: list[bytes] = states) -> None:
                states.append(new)

            addresses = AddressFilter.from_config(config)
            keeper = TokenKeeper(provider.sign_in, config, load=load, store=store)
            async with open_session(addresses, ca_file=config["ca_file"] or None) as session:
                http = AccountClient(session, keeper, origins=provider.hosts(config), addresses=addresses)
                account = provider.open(http, config)
                if is_trusted:
                    assert [calendar.id for calendar in await account.calendars()] == [ADA]
                    continue
                with pytest.raises(Unavailable):
                    await account.calendars()
                keeper._token = provider.sign_in.token(
                    config,
                    b'{"kind":"user","access":"x","expires":"2999-01-01T00:00:00+00:00"}',
                    now=laboratory.lab.clock.now(),
                )
                with pytest.raises(Unavailable):
                    await account.calendars()


def test_consent_needs_no_network() -> None:
    config = config_for("https://lab.example.org")
    request = SignInRequest(kind=SignInKind.USER, uses=ALL_USES, redirect_uri=REDIRECT)
    assert (GoogleProvider().sign_in.begin(config, request).url or "").startswith("https://lab.example.org/")
