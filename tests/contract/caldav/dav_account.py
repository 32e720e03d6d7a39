"""A CalDAV account signed in by the plug-in's own discovery, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.providers.addresses import AddressFilter
from gateway.providers.client import AccountClient, TokenKeeper, open_session
from gateway.providers.contract import SignedIn
from gateway.providers.registry import configuration
from plugins.caldav.account import CalDavAccount
from plugins.caldav.provider import CalDavProvider
from tests.contract.remote import PATIENCE_S

PASSWORD = "secret word"


def config_for(**changes: str) -> dict[str, str]:
    """Return the plug-in's settings for a server on this machine."""
    return configuration(CalDavProvider(), {"CALGATE_CALDAV_ALLOW_LOOPBACK": "1"}) | changes


async def connect(url: str, login: str = "ada", password: str = PASSWORD, **changes: str) -> SignedIn:
    """Sign in as a person does with the fields of the form."""
    answer = {"url": url, "login": login, "password": password}
    sign_in = CalDavProvider().sign_in
    return await asyncio.to_thread(
        sign_in.complete, config_for(**changes), b"", answer, now=datetime.now(UTC)
    )


@dataclass
class Signed:
    """A signed-in account with everything a test may want to look into."""

    account: CalDavAccount
    http: AccountClient
    config: dict[str, str]
    signed_in: SignedIn = field(repr=False)

    def wait(self, timeout_s: float) -> None:
        """Have so much patience with each answer from now on."""
        self.http._timeout_s = timeout_s


@asynccontextmanager
async def opened(
    url: str, login: str = "ada", password: str = PASSWORD, *, timeout_s: float = PATIENCE_S, **changes: str
) -> AsyncIterator[Signed]:
    """Open an account at a server."""
    provider = CalDavProvider()
    signed = await connect(url, login, password, **changes)
    config = config_for(**changes)
    config |= provider.sign_in.settings_of(config, signed.state)

    async def load() -> bytes:
        return signed.state

    async def store(state: bytes) -> None:
        raise AssertionError("a password has no new state")

    addresses = AddressFilter.from_config(config)
    keeper = TokenKeeper(provider.sign_in, config, load=load, store=store)
    async with open_session(addresses, ca_file=config.get("ca_file") or None) as session:
        http = AccountClient(
            session, keeper, origins=provider.hosts(config), addresses=addresses, timeout_s=timeout_s
        )
        yield Signed(account=provider.open(http, config), http=http, config=config, signed_in=signed)
