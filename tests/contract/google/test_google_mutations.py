"""Each mutation of the laboratory makes a proof of ours fail: the proofs see what they claim to see."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from gateway.lab.app import Laboratory
from gateway.providers.contract import Put
from gateway.providers.errors import SignInExpired, SignInRefused, VersionConflict
from gateway.providers.samples import SINGLE, edited
from plugins.google.account import GoogleAccount
from plugins.google.quirks.event_ids import event_id
from tests.contract.google.google_lab import Signed
from tests.contract.google.test_google_sign_in import SIGN_IN, agreed, begin, complete
from tests.contract.remote import KEY, LOOK, put


async def _stale_write_is_refused(account: GoogleAccount, calendar_id: str) -> None:
    first = await put(account, calendar_id, SINGLE)
    await put(account, calendar_id, edited(SINGLE), first)
    with pytest.raises(VersionConflict):
        await put(account, calendar_id, SINGLE, first)


async def _second_insert_meets_the_first(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str
) -> None:
    await put(account, calendar_id, SINGLE)
    versions = laboratory.google.state.calendars[calendar_id].events[event_id(KEY, 0)].versions
    number = len(versions)
    await put(account, calendar_id, SINGLE)
    # Met and patched, not inserted again over the first: what the person has there is kept.
    assert len(versions) == number + 1
    assert versions[-1].body["created"] == versions[0].body["created"]
    refused = [entry for entry in laboratory.lab.journal.entries if entry["status"] == 409]
    assert len(refused) == 1


async def _foreign_code_is_refused(laboratory: Laboratory, config: dict[str, str]) -> None:
    challenge = begin(config)
    answer = await agreed(config, challenge, laboratory.lab.base_url)
    # Whoever has stolen the code has state and nonce too; only the verifier never left the gateway.
    guessed = json.loads(challenge.pending) | {"verifier": "x" * 43}
    with pytest.raises(SignInRefused):
        await complete(config, replace(challenge, pending=json.dumps(guessed).encode()), answer)


async def _an_old_token_is_refreshed(laboratory: Laboratory, signed: Signed) -> None:
    for token in laboratory.lab.tokens.access.values():
        token.expires_at_s = 0.0
    await signed.account.calendars()
    assert len(signed.states) == 2


@pytest.mark.parametrize("mutated", [False, True])
async def test_ignoring_if_match_is_seen(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str, mutated: bool
) -> None:
    laboratory.lab.settings.ignore_if_match = mutated
    await _seen(_stale_write_is_refused(account, calendar_id), mutated=mutated)


@pytest.mark.parametrize("mutated", [False, True])
async def test_accepting_any_id_is_seen(
    laboratory: Laboratory, account: GoogleAccount, calendar_id: str, mutated: bool
) -> None:
    laboratory.lab.settings.accept_any_id = mutated
    await _seen(_second_insert_meets_the_first(laboratory, account, calendar_id), mutated=mutated)


@pytest.mark.parametrize("mutated", [False, True])
async def test_dropping_pkce_is_seen(laboratory: Laboratory, signed: Signed, mutated: bool) -> None:
    laboratory.lab.settings.drop_pkce = mutated
    await _seen(_foreign_code_is_refused(laboratory, signed.config), mutated=mutated)


@pytest.mark.parametrize("mutated", [False, True])
async def test_tokens_that_never_expire_are_seen(
    laboratory: Laboratory, signed: Signed, mutated: bool
) -> None:
    laboratory.lab.settings.never_expire_tokens = mutated
    await _seen(_an_old_token_is_refreshed(laboratory, signed), mutated=mutated)


async def _seen(proof: object, *, mutated: bool) -> None:
    assert asyncio.iscoroutine(proof)
    if not mutated:
        await proof
        return
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await proof


async def test_a_revoked_refresh_token_ends_the_sign_in(signed: Signed) -> None:
    await asyncio.to_thread(SIGN_IN.revoke, signed.config, signed.states[-1])
    with pytest.raises(SignInExpired):
        await signed.account.push("primary", Put(key=KEY, ical=SINGLE, presentation=LOOK))
