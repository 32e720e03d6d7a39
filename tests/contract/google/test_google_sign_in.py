"""Signing in at the laboratory: consent with PKCE, scopes, refresh, revocation, service accounts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from gateway.lab.app import Laboratory
from gateway.providers.contract import Challenge, SignedIn, SignInKind, SignInRequest, Use
from gateway.providers.errors import (
    AddressRefused,
    Misconfigured,
    ProviderError,
    SignInExpired,
    SignInRefused,
    Unavailable,
)
from gateway.providers.oauth import challenge_of
from plugins.google.scopes import missing_uses, scopes_for
from plugins.google.sign_in import GoogleSignIn
from tests.contract.google.google_lab import ADA, ALL_USES, REDIRECT, config_for, connect, consent
from tests.contract.lab.lab_client import LabClient
from tests.contract.remote import requests_of

SIGN_IN = GoogleSignIn()


def now() -> datetime:
    return datetime.now(UTC)


def begin(config: Mapping[str, str], uses: frozenset[Use] = ALL_USES) -> Challenge:
    return SIGN_IN.begin(config, SignInRequest(kind=SignInKind.USER, uses=uses, redirect_uri=REDIRECT))


async def complete(config: Mapping[str, str], challenge: Challenge, answer: Mapping[str, str]) -> SignedIn:
    return await asyncio.to_thread(SIGN_IN.complete, config, challenge.pending, answer, now=now())


async def agreed(config: Mapping[str, str], challenge: Challenge, base: str, **more: Any) -> dict[str, str]:
    assert challenge.url is not None
    return await consent(base, challenge.url, **more)


@pytest.fixture
def config(laboratory: Laboratory) -> dict[str, str]:
    return config_for(laboratory.lab.base_url)


@pytest.fixture
def base(laboratory: Laboratory) -> str:
    return laboratory.lab.base_url


def test_consent_asks_for_a_lasting_grant_with_pkce_and_lets_the_person_choose_the_account(
    config: dict[str, str],
) -> None:
    challenge = begin(config, frozenset({Use.OWN_CALENDARS, Use.BUSY}))
    assert challenge.url is not None
    asked = dict(parse_qsl(urlsplit(challenge.url).query))
    assert asked["prompt"].split() == ["consent", "select_account"]
    assert asked["access_type"] == "offline"
    assert asked["code_challenge_method"] == "S256"
    pending = json.loads(challenge.pending)
    assert asked["code_challenge"] == challenge_of(pending["verifier"])
    assert pending["verifier"] not in challenge.url
    assert asked["state"] == challenge.state
    assert len(challenge.state) >= 32
    assert asked["redirect_uri"] == REDIRECT
    scopes = {scope.rpartition("/")[2] for scope in asked["scope"].split()}
    assert scopes == {"openid", "email", "calendar.app.created", "calendar.freebusy"}


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_connected_account_has_identity_and_a_token(config: dict[str, str]) -> None:
    signed = await connect(config)
    assert signed.name == ADA
    assert signed.account_id
    assert signed.missing == frozenset()
    again = await connect(config)
    assert again.account_id == signed.account_id
    token = SIGN_IN.token(config, signed.state, now=now())
    assert token.state == signed.state
    assert "token" not in repr(token).replace("Token(", "")


async def test_scopes_that_were_unticked_are_named_as_missing_uses(config: dict[str, str], base: str) -> None:
    challenge = begin(config)
    kept = tuple(scope for scope in ("openid", "email", *challenge.scopes) if "freebusy" not in scope)
    signed = await complete(config, challenge, await agreed(config, challenge, base, tick=kept))
    assert signed.missing == {Use.BUSY}
    assert not any("freebusy" in scope for scope in signed.granted)


@pytest.mark.parametrize("use", list(Use))
def test_every_use_is_served_by_its_own_scope_and_by_the_widest(use: Use) -> None:
    assert missing_uses([use], scopes_for([use])) == frozenset()
    assert missing_uses([use], ["https://www.googleapis.com/auth/calendar"]) == frozenset()
    assert missing_uses([use], ["openid", "email"]) == {use}


async def test_a_denied_consent_and_a_foreign_state_connect_nothing(
    config: dict[str, str], base: str
) -> None:
    challenge = begin(config)
    with pytest.raises(SignInRefused, match="not allowed"):
        await complete(config, challenge, await agreed(config, challenge, base, allow=False))
    answer = await agreed(config, challenge, base)
    for state in ("", "wrong", "ä", challenge.state + "x"):
        with pytest.raises(SignInRefused, match="does not belong"):
            await complete(config, challenge, answer | {"state": state})
    with pytest.raises(SignInRefused):
        await complete(config, challenge, {"state": challenge.state})


async def test_a_code_is_good_once_and_only_with_its_own_verifier(config: dict[str, str], base: str) -> None:
    mine, other = begin(config), begin(config)
    stolen = await agreed(config, other, base)
    with pytest.raises(SignInRefused):
        await complete(config, mine, stolen | {"state": mine.state})
    challenge = begin(config)
    answer = await agreed(config, challenge, base)
    await complete(config, challenge, answer)
    with pytest.raises(SignInRefused):
        await complete(config, challenge, answer)


async def test_a_wrong_secret_is_a_mistake_of_the_installation(config: dict[str, str], base: str) -> None:
    signed = await connect(config)
    wrong = config | {"client_secret": "wrong"}
    with pytest.raises(Misconfigured):
        await asyncio.to_thread(SIGN_IN.token, wrong, signed.state, now=now(), is_refused=True)
    challenge = begin(config)
    answer = await agreed(config, challenge, base)
    with pytest.raises(Misconfigured):
        await complete(wrong, challenge, answer)
    with pytest.raises(Misconfigured):
        begin(config | {"client_id": ""})


async def test_tokens_are_refreshed_early_and_rotation_is_kept(
    laboratory: Laboratory, config: dict[str, str]
) -> None:
    signed = await connect(config)
    laboratory.lab.settings.rotate_refresh_tokens = True
    state, later = signed.state, now()
    for _ in range(3):
        later += timedelta(seconds=3_560)
        token = await asyncio.to_thread(SIGN_IN.token, config, state, now=later)
        assert token.state != state
        assert token.expires_at_utc is not None
        assert token.expires_at_utc > later
        state = token.state
    assert len(requests_of(laboratory, "oauth.refresh_token")) == 3


async def test_revoking_ends_the_grant_and_twice_is_done(config: dict[str, str]) -> None:
    signed = await connect(config)
    for _ in range(2):
        await asyncio.to_thread(SIGN_IN.revoke, config, signed.state)
    with pytest.raises(SignInExpired):
        await asyncio.to_thread(SIGN_IN.token, config, signed.state, now=now(), is_refused=True)


@pytest.mark.parametrize("state", [b"", b"{}", b"[]", b"\xff", b'{"kind":"other"}'])
def test_a_state_that_cannot_be_read_asks_for_reconnecting(config: dict[str, str], state: bytes) -> None:
    with pytest.raises(SignInExpired):
        SIGN_IN.token(config, state, now=now())


async def test_the_token_address_passes_the_address_filter(config: dict[str, str]) -> None:
    signed = await connect(config)
    closed = config | {"allow_loopback": ""}
    with pytest.raises(AddressRefused):
        SIGN_IN.token(closed, signed.state, now=now(), is_refused=True)
    away = config | {"token_url": "http://127.0.0.1:9/token"}
    with pytest.raises(Unavailable):
        SIGN_IN.token(away, signed.state, now=now(), is_refused=True)


# ----------------------------------------------------------------------------------- service accounts


async def key_file(base: str, *delegated: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session:
        lab = LabClient(base, session)
        made: dict[str, Any] = await lab.control(
            "POST", "service-accounts", email="robot@project.example", delegated_scopes=list(delegated)
        )
    return made


def application(config: Mapping[str, str]) -> Challenge:
    uses = frozenset({Use.WRITE, Use.LIST})
    return SIGN_IN.begin(config, SignInRequest(kind=SignInKind.APPLICATION, uses=uses))


async def test_a_service_account_acts_for_a_person(
    laboratory: Laboratory, config: dict[str, str], base: str
) -> None:
    challenge = application(config)
    key = await key_file(base, *challenge.scopes)
    # The key file's own token address is not believed.
    key["token_uri"] = "https://attacker.example.org/token"
    signed = await complete(config, challenge, {"key": json.dumps(key), "subject": f" {ADA.upper()} "})
    assert (signed.name, signed.missing) == (ADA, frozenset())
    token = await asyncio.to_thread(SIGN_IN.token, config, signed.state, now=now(), is_refused=True)
    assert token.access_token
    assert laboratory.lab.tokens.access[token.access_token].account == ADA


async def test_what_a_service_account_lacks_is_said(
    laboratory: Laboratory, config: dict[str, str], base: str
) -> None:
    challenge = application(config)
    key = json.dumps(await key_file(base, *challenge.scopes))
    for answer in (
        {"key": "", "subject": ADA},
        {"key": "[]", "subject": ADA},
        {"key": '{"type":"service_account"}', "subject": ADA},
        {"key": key, "subject": ""},
        {"key": key, "subject": "robot@project.example"},
        {"key": key, "subject": "nobody@example.com"},
        {"key": json.dumps(json.loads(key) | {"private_key": "x"}), "subject": ADA},
    ):
        with pytest.raises(SignInRefused):
            await complete(config, challenge, answer)
    bare = json.dumps(await key_file(base))
    with pytest.raises(Misconfigured):
        await complete(config, challenge, {"key": bare, "subject": ADA})


async def test_a_suspended_person_ends_the_connection_of_a_service_account(
    laboratory: Laboratory, config: dict[str, str], base: str
) -> None:
    challenge = application(config)
    key = json.dumps(await key_file(base, *challenge.scopes))
    signed = await complete(config, challenge, {"key": key, "subject": ADA})
    # Replaced, not changed: the demo accounts are shared by all laboratories of a process.
    accounts = laboratory.lab.identity.accounts
    accounts[ADA] = replace(accounts[ADA], suspended=True)
    with pytest.raises(ProviderError) as caught:
        await asyncio.to_thread(SIGN_IN.token, config, signed.state, now=now(), is_refused=True)
    assert isinstance(caught.value, SignInExpired)
