"""What answers of a token address mean, and that one refresh serves all callers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.providers import errors
from gateway.providers.addresses import AddressFilter
from gateway.providers.client import TokenKeeper
from gateway.providers.contract import Answer, Token
from gateway.providers.errors import ProviderError, Retry
from gateway.providers.oauth import OAuthClient, claims_of, consent, exchange, token_error

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLIENT = OAuthClient(
    client_id="me",
    client_secret="hush",
    auth_url="https://accounts.example.org/auth?fixed=1",
    token_url="https://accounts.example.org/token",
    revoke_url=None,
    addresses=AddressFilter(),
)


def answer(status: int, body: Any) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={}, body=data, url="")


@pytest.mark.parametrize(
    ("status", "body", "while_connecting", "while_refreshing"),
    [
        (400, {"error": "invalid_grant"}, errors.SignInRefused, errors.SignInExpired),
        (401, {"error": "invalid_client"}, errors.Misconfigured, errors.Misconfigured),
        (400, {"error": "redirect_uri_mismatch"}, errors.Misconfigured, errors.Misconfigured),
        (401, {"error": "unauthorized_client"}, errors.Misconfigured, errors.Misconfigured),
        (400, {"error": "something_new"}, errors.SignInRefused, errors.Unavailable),
        (429, {}, errors.RateLimited, errors.RateLimited),
        (500, {"error": "internal_failure"}, errors.Unavailable, errors.Unavailable),
        (503, {"error": "invalid_grant"}, errors.Unavailable, errors.Unavailable),
        (400, b"<html>proxy</html>", errors.BadAnswer, errors.BadAnswer),
        (400, ["invalid_grant"], errors.Unavailable, errors.Unavailable),
        (400, {"error": {"code": "invalid_grant"}}, errors.Unavailable, errors.Unavailable),
    ],
)
def test_pain_30_only_the_providers_own_word_ends_a_sign_in(
    status: int,
    body: Any,
    while_connecting: type[ProviderError],
    while_refreshing: type[ProviderError],
) -> None:
    assert type(token_error(answer(status, body), is_refresh=False)) is while_connecting
    assert type(token_error(answer(status, body), is_refresh=True)) is while_refreshing


def test_error_words_that_are_not_words_do_not_reach_a_message() -> None:
    error = token_error(answer(400, {"error": "ada@example.org\n" * 9}), is_refresh=True)
    assert error.code is None
    assert "ada" not in str(error)


def test_the_consent_page_keeps_its_own_parameters_and_hides_the_secrets() -> None:
    made = consent(
        CLIENT, redirect_uri="https://cal.example.org/back", scopes=["a", "b c"], extra={"x": "&y"}
    )
    assert made.url.startswith("https://accounts.example.org/auth?fixed=1&")
    assert "x=%26y" in made.url
    kept = json.loads(made.pending)
    assert 43 <= len(kept["verifier"]) <= 128
    assert kept["verifier"] not in made.url
    assert "hush" not in made.url
    assert kept["verifier"] not in repr(made)


@pytest.mark.parametrize(
    "reply",
    [{}, {"state": ""}, {"state": "x", "code": "c"}, {"code": "c"}, {"state": "\ud7ff", "code": "c"}],
)
def test_an_answer_with_another_state_calls_nobody(reply: dict[str, str]) -> None:
    made = consent(CLIENT, redirect_uri="https://cal.example.org/back", scopes=["a"], extra={})
    with pytest.raises(errors.SignInRefused):
        exchange(CLIENT, made.pending, reply, now=NOW)


@pytest.mark.parametrize("text", [None, "", "a.b", "a.b.c", "a.bnVsbA.c", "a." + "x" * 9 + ".c", 7])
def test_an_identity_that_cannot_be_read_is_none(text: object) -> None:
    assert claims_of(text) == {}


class Slow:
    """A sign-in that counts how many run at once."""

    kinds = ()

    def __init__(self) -> None:
        self.calls: list[bool] = []
        self.running = 0
        self.lock = threading.Lock()

    def begin(self, config: Mapping[str, str], request: Any) -> Any:
        raise AssertionError

    complete = revoke = begin

    def token(
        self, config: Mapping[str, str], state: bytes, *, now: datetime, is_refused: bool = False
    ) -> Token:
        with self.lock:
            self.running += 1
            assert self.running == 1
        number = int(state) + 1 if is_refused else int(state)
        self.calls.append(is_refused)
        threading.Event().wait(0.05)
        with self.lock:
            self.running -= 1
        return Token(
            access_token=f"t{number}", expires_at_utc=now + timedelta(hours=1), state=str(number).encode()
        )


async def test_pain_29_one_refresh_at_a_time_and_stored_before_it_is_used() -> None:
    states = [b"1"]
    sign_in = Slow()

    async def load() -> bytes:
        return states[-1]

    async def store(state: bytes) -> None:
        states.append(state)

    keeper = TokenKeeper(sign_in, {}, load=load, store=store, clock=lambda: NOW)
    tokens = await asyncio.gather(*(keeper.token() for _ in range(10)))
    assert {token.access_token for token in tokens} == {"t1"}
    assert len(sign_in.calls) == 1
    tokens = await asyncio.gather(*(keeper.token(refused="t1") for _ in range(10)))
    assert {token.access_token for token in tokens} == {"t2"}
    assert states == [b"1", b"2"]
    # Refused while a plain read of the state is under way: asked again, not given back.
    fresh = TokenKeeper(sign_in, {}, load=load, store=store, clock=lambda: NOW)
    plain, refused = await asyncio.gather(fresh.token(), fresh.token(refused="t2"))
    assert (plain.access_token, refused.access_token) == ("t2", "t3")


async def test_a_state_that_cannot_be_stored_gives_no_token() -> None:
    async def load() -> bytes:
        return b"1"

    async def full(_state: bytes) -> None:
        raise OSError("disk full")

    keeper = TokenKeeper(Slow(), {}, load=load, store=full, clock=lambda: NOW)
    with pytest.raises(OSError, match="disk full"):
        await keeper.token(refused="t1")


def test_every_error_says_when_to_try_again_and_what_to_do() -> None:
    kinds = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ProviderError)
    ]
    assert len(kinds) >= 14
    for kind in kinds:
        error = kind()
        assert isinstance(error.retry, Retry)
        assert len(str(error)) > 20
        assert str(error).endswith((".", "?"))
