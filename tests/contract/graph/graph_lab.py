"""A Microsoft account at the laboratory, signed in by the plug-in's own sign-in over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from gateway.lab.app import Laboratory
from gateway.providers.addresses import AddressFilter
from gateway.providers.client import AccountClient, Budget, TokenKeeper, open_session
from gateway.providers.contract import SignedIn, SignInKind, SignInRequest, Use
from gateway.providers.registry import configuration
from plugins.graph.account import GraphAccount
from plugins.graph.provider import GraphProvider
from tests.contract.lab.graph_client import ADA, CLIENT_ID, CLIENT_SECRET, Microsoft

REDIRECT = "http://127.0.0.1:8123/connect/back"
ALL_USES = frozenset(Use)


def config_for(base: str, **changes: str) -> dict[str, str]:
    """Return the plug-in's settings for a laboratory."""
    settings = {
        "CALGATE_GRAPH_CLIENT_ID": CLIENT_ID,
        "CALGATE_GRAPH_CLIENT_SECRET": CLIENT_SECRET,
        "CALGATE_GRAPH_LOGIN_URL": base,
        "CALGATE_GRAPH_API_BASE": f"{base}/v1.0",
        "CALGATE_GRAPH_ALLOW_LOOPBACK": "1",
    }
    return configuration(GraphProvider(), settings) | changes


async def consent(
    config: Mapping[str, str],
    url: str,
    *,
    account: str = ADA,
    tick: tuple[str, ...] | None = None,
    allow: bool = True,
) -> dict[str, str]:
    """Do what a person does on the consent page; return the query that comes back to the gateway."""
    async with aiohttp.ClientSession() as session:
        lab = Microsoft(config["login_url"], session)
        back = await lab.approve(url, account=account, tick=tick, allow=allow)
    return dict(parse_qsl(urlsplit(back).query))


async def connect(
    config: Mapping[str, str], *, uses: frozenset[Use] = ALL_USES, account: str = ADA
) -> SignedIn:
    """Connect an account through the consent page."""
    sign_in = GraphProvider().sign_in
    request = SignInRequest(kind=SignInKind.USER, uses=uses, redirect_uri=REDIRECT)
    challenge = sign_in.begin(config, request)
    assert challenge.url is not None
    answer = await consent(config, challenge.url, account=account)
    return await asyncio.to_thread(sign_in.complete, config, challenge.pending, answer, now=datetime.now(UTC))


@dataclass
class Signed:
    """A signed-in account with everything a test may want to look into."""

    account: GraphAccount
    http: AccountClient
    config: dict[str, str]
    keeper: TokenKeeper
    states: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def opened(
    config: dict[str, str], signed: SignedIn, *, budget: Budget | None = None, timeout_s: float = 20.0
) -> AsyncIterator[Signed]:
    """Open an account; every stored state is kept in ``states``."""
    provider = GraphProvider()
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
            account_id=signed.account_id,
        )
        yield Signed(
            account=provider.open(http, config), http=http, config=config, keeper=keeper, states=states
        )


@asynccontextmanager
async def signed_in(
    laboratory: Laboratory, *, account: str = ADA, uses: frozenset[Use] = ALL_USES, **more: Any
) -> AsyncIterator[Signed]:
    """Sign in at a laboratory and open the account."""
    config = config_for(laboratory.lab.base_url)
    async with opened(config, await connect(config, uses=uses, account=account), **more) as signed:
        yield signed


def requests_of(laboratory: Laboratory, operation: str = "") -> list[dict[str, Any]]:
    """Return the journal's entries of one operation, or of all."""
    entries: list[dict[str, Any]] = list(laboratory.lab.journal.entries)
    return [entry for entry in entries if not operation or entry["operation"] == operation]
