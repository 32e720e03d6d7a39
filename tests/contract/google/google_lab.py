"""A Google account at the laboratory, signed in by the plug-in's own sign-in over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from gateway.lab.app import DEMO_CLIENT, Laboratory
from gateway.lab.google import person
from gateway.providers.contract import SignedIn, SignInKind, SignInRequest, Use
from gateway.providers.registry import configuration
from plugins.google.account import GoogleAccount
from plugins.google.provider import GoogleProvider
from tests.contract import remote
from tests.contract.lab.lab_client import LabClient
from tests.contract.remote import opened

REDIRECT = "http://127.0.0.1:8123/connect/back"
ALL_USES = frozenset(Use)
ADA = "ada@example.com"
Signed = remote.Signed[GoogleAccount]


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


@asynccontextmanager
async def signed_in(
    laboratory: Laboratory, *, account: str = ADA, uses: frozenset[Use] = ALL_USES, **more: Any
) -> AsyncIterator[Signed]:
    """Sign in at a laboratory and open the account; ``more`` goes to ``opened``."""
    config = config_for(laboratory.lab.base_url)
    signed = await connect(config, uses=uses, account=account)
    async with opened(GoogleProvider(), config, signed, **more) as found:
        yield found


def stored(laboratory: Laboratory, calendar_id: str, name: str) -> dict[str, Any]:
    """Return the body of an event as the laboratory has it."""
    body: dict[str, Any] = laboratory.google.state.calendars[calendar_id].events[name].now.body
    return body


def by_person(laboratory: Laboratory, calendar_id: str, **event: Any) -> str:
    """Let a person add an event; return its id."""
    body = {
        "summary": "Theirs",
        "start": {"dateTime": "2026-05-04T10:00:00+02:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-05-04T11:00:00+02:00", "timeZone": "Europe/Berlin"},
    } | event
    return str(person.insert(laboratory.google, ADA, calendar_id, body)["id"])
