"""A Microsoft account at the laboratory, signed in by the plug-in's own sign-in over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from gateway.lab.app import Laboratory
from gateway.lab.microsoft import person
from gateway.providers.contract import SignedIn, SignInKind, SignInRequest, Use
from gateway.providers.registry import configuration
from plugins.graph.account import GraphAccount
from plugins.graph.provider import GraphProvider
from tests.contract import remote
from tests.contract.lab.graph_client import ADA, CLIENT_ID, CLIENT_SECRET, Microsoft
from tests.contract.remote import opened

REDIRECT = "http://127.0.0.1:8123/connect/back"
ALL_USES = frozenset(Use)
Signed = remote.Signed[GraphAccount]


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


@asynccontextmanager
async def signed_in(
    laboratory: Laboratory, *, account: str = ADA, uses: frozenset[Use] = ALL_USES, **more: Any
) -> AsyncIterator[Signed]:
    """Sign in at a laboratory and open the account; ``more`` goes to ``opened``."""
    config = config_for(laboratory.lab.base_url)
    signed = await connect(config, uses=uses, account=account)
    async with opened(GraphProvider(), config, signed, **more) as found:
        yield found


def stored(laboratory: Laboratory, event_id: str) -> dict[str, Any]:
    """Return the body of an event as the laboratory has it."""
    body: dict[str, Any] = person.event_of(laboratory.microsoft, event_id).body
    return body


def by_person(laboratory: Laboratory, calendar_id: str, **event: Any) -> str:
    """Let a person add an event; return its id."""
    microsoft = laboratory.microsoft
    body = {
        "subject": "Theirs",
        "start": {"dateTime": "2026-05-04T10:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-05-04T11:00:00", "timeZone": "Europe/Berlin"},
    } | event
    item = person.insert(microsoft, person.calendar_of(microsoft, ADA, calendar_id), body)
    return microsoft.ids.item(item.key, item.generation, immutable=True)


def weekly(**more: Any) -> dict[str, Any]:
    """Return the fields of an event that takes place on six Mondays."""
    return {
        "recurrence": {
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
            "range": {"type": "numbered", "startDate": "2026-05-04", "numberOfOccurrences": 6},
        }
    } | more
