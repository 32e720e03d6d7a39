"""A Google account at the laboratory, signed in by the plug-in's own sign-in over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from gateway.lab.app import DEMO_CLIENT, Laboratory
from gateway.providers.addresses import AddressFilter
from gateway.providers.client import AccountClient, Budget, TokenKeeper, open_session
from gateway.providers.contract import SignedIn, SignInKind, SignInRequest, Use
from gateway.providers.registry import configuration
from plugins.google.account import GoogleAccount
from plugins.google.provider import GoogleProvider
from tests.contract.lab.lab_client import LabClient

REDIRECT = "http://127.0.0.1:8123/connect/back"
ALL_USES = frozenset(Use)
ADA = "ada@example.com"


def config_for(base: str, **changes: str) -> dict[str, str]:
    """Return the plug-in's settings for a laboratory."""
    settings = {
        "CALGATE_GOOGLE_CLIENT_ID": DEMO_CLIENT.client_id,
        "CALGATE_GOOGLE_CLIENT_SECRET": DEMO_CLIENT.client_secret,
        "CALGATE_GOOGLE_API_BASE": f"{base}/calendar/v3",
        "CALGATE_GOOGLE_AUTH_URL": f"{base}/o/oauth2/v2/auth",
        "CALGATE_GOOGLE_TOKEN_URL": f"{base}/token",
        "CALGATE_GOOGLE_REVOKE_URL": f"{base}/revoke",
        "CALGATE_GOOGLE_ALLOW_LOOPBACK": "1",
    }
    return configuration(GoogleProvider(), settings) | changes


def base_of(config: Mapping[str, str]) -> str:
    """Return the address of the laboratory."""
    return config["api_base"].removesuffix("/calendar/v3")


async def consent(
    base: str, url: str, *, account: str = ADA, tick: tuple[str, ...] | None = None, allow: bool = True
) -> dict[str, str]:
    """Do what a person does on the consent page; return the query that comes back to the gateway."""
    async with aiohttp.ClientSession() as session:
        back = await LabClient(base, session).approve(url, account=account, tick=tick, allow=allow)
    return dict(parse_qsl(urlsplit(back).query))


async def connect(
    config: Mapping[str, str], *, uses: frozenset[Use] = ALL_USES, account: str = ADA
) -> SignedIn:
    """Connect an account through the consent page."""
    sign_in = GoogleProvider().sign_in
    request = SignInRequest(kind=SignInKind.USER, uses=uses, redirect_uri=REDIRECT)
    challenge = sign_in.begin(config, request)
    assert challenge.url is not None
    answer = await consent(base_of(config), challenge.url, account=account)
    return await asyncio.to_thread(sign_in.complete, config, challenge.pending, answer, now=datetime.now(UTC))


@dataclass
class Signed:
    """A signed-in account with everything a test may want to look into."""

    account: GoogleAccount
    http: AccountClient
    config: dict[str, str]
    keeper: TokenKeeper
    states: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def signed_in(
    laboratory: Laboratory,
    *,
    uses: frozenset[Use] = ALL_USES,
    budget: Budget | None = None,
    timeout_s: float = 20.0,
    account: str = ADA,
) -> AsyncIterator[Signed]:
    """Open an account at a laboratory; every stored state is kept in ``states``."""
    config = config_for(laboratory.lab.base_url)
    provider = GoogleProvider()
    signed = await connect(config, uses=uses, account=account)
    states = [signed.state]

    async def load() -> bytes:
        return states[-1]

    async def store(state: bytes) -> None:
        states.append(state)

    addresses = AddressFilter.from_config(config)
    keeper = TokenKeeper(provider.sign_in, config, load=load, store=store)
    async with open_session(addresses) as session:
        http = AccountClient(
            session,
            keeper,
            origins=provider.hosts(config),
            addresses=addresses,
            budget=budget,
            timeout_s=timeout_s,
        )
        yield Signed(
            account=provider.open(http, config), http=http, config=config, keeper=keeper, states=states
        )


def requests_of(laboratory: Laboratory, operation: str = "") -> list[dict[str, Any]]:
    """Return the journal's entries of one operation, or of all."""
    entries: list[dict[str, Any]] = list(laboratory.lab.journal.entries)
    return [entry for entry in entries if not operation or entry["operation"] == operation]
