"""Each mutation of the laboratory's Microsoft makes a proof of ours fail: the proofs see what they claim."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.microsoft import person
from gateway.providers.contract import Challenge, Removed, Upsert, Window
from gateway.providers.errors import SignInExpired, SignInRefused, Unavailable, VersionConflict
from gateway.providers.samples import SERIES, SINGLE, edited
from plugins.graph.account import GraphAccount
from plugins.graph.quirks.markers import read_marker
from tests.contract.graph.graph_lab import Signed, by_person, consent, stored
from tests.contract.graph.test_graph_sign_in import SIGN_IN, begin, complete
from tests.contract.remote import everything, put, requests_of

Proof = Callable[[Laboratory, Signed, str], Awaitable[None]]


async def a_stale_write_is_refused(_lab: Laboratory, signed: Signed, calendar_id: str) -> None:
    first = await put(signed.account, calendar_id, SINGLE)
    await put(signed.account, calendar_id, edited(SINGLE), first)
    with pytest.raises(VersionConflict):
        await put(signed.account, calendar_id, SINGLE, first)


async def a_second_create_meets_the_first(_lab: Laboratory, signed: Signed, calendar_id: str) -> None:
    await put(signed.account, calendar_id, SINGLE)
    await put(signed.account, calendar_id, SINGLE)
    assert len((await everything(signed.account, calendar_id))[0]) == 1


async def a_stolen_code_is_worth_nothing(_lab: Laboratory, signed: Signed, _calendar_id: str) -> None:
    challenge = begin(signed.config)
    answer = await consent(signed.config, challenge.url or "")
    # Whoever has stolen the code has state and nonce too; only the verifier never left the gateway.
    pending = json.loads(challenge.pending)
    pending["flow"]["code_verifier"] = "x" * 43
    stolen = Challenge(pending=json.dumps(pending).encode(), state=challenge.state, url=challenge.url)
    with pytest.raises(SignInRefused):
        await complete(signed.config, stolen, answer)


async def an_old_token_is_refreshed(lab: Laboratory, signed: Signed, _calendar_id: str) -> None:
    for token in lab.lab.tokens.access.values():
        token.expires_at_s = 0.0
    await signed.account.calendars()
    assert len(signed.states) == 2


async def a_used_refresh_token_is_worth_nothing(lab: Laboratory, signed: Signed, calendar_id: str) -> None:
    await an_old_token_is_refreshed(lab, signed, calendar_id)
    with pytest.raises(SignInExpired):
        await asyncio.to_thread(
            SIGN_IN.token, signed.config, signed.states[0], now=datetime.now(UTC), is_refused=True
        )


async def exceptions_are_written_again(lab: Laboratory, signed: Signed, calendar_id: str) -> None:
    made = await put(signed.account, calendar_id, SERIES)
    number = len(requests_of(lab, "graph.events.delete"))
    shifted = SERIES.replace(b"T100000", b"T110000").replace(b"T113000", b"T123000")
    await put(signed.account, calendar_id, shifted, made)
    # New times have dropped both deletions, so both are made again.
    assert len(requests_of(lab, "graph.events.delete")) == number + 2
    assert len(stored(lab, made.remote_id)["cancelled"]) == 2


async def what_left_the_window_is_told(lab: Laboratory, signed: Signed, calendar_id: str) -> None:
    window = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 7, 1, tzinfo=UTC))
    far = {"dateTime": "2031-05-04T10:00:00", "timeZone": "UTC"}
    name = by_person(lab, calendar_id, start=far, end=far)
    _, cursor = await everything(signed.account, calendar_id, window=window)
    person.edit(lab.microsoft, name, {"subject": "Far"})
    items, _ = await everything(signed.account, calendar_id, cursor, window=window)
    assert isinstance(items[name], Upsert)
    assert not isinstance(items[name], Removed)


async def a_receiver_proves_itself(_lab: Laboratory, signed: Signed, calendar_id: str) -> None:
    with pytest.raises(Exception, match="does not take|try"):
        await signed.account.watch(
            calendar_id, callback_url="https://127.0.0.1:9/hooks/graph", secret="s", watch_id="w"
        )


async def a_marker_is_asked_for(lab: Laboratory, signed: Signed, calendar_id: str) -> None:
    made = await put(signed.account, calendar_id, SINGLE)
    event = await signed.account._client.call(
        "GET",
        signed.account._client.event(calendar_id, made.remote_id),
    )
    assert read_marker(event).uid_hash == ""
    assert lab.microsoft.state.where


PROOFS: dict[str, tuple[Proof, object]] = {
    "ignore_if_match": (a_stale_write_is_refused, True),
    "ignore_transaction_id": (a_second_create_meets_the_first, True),
    "drop_pkce": (a_stolen_code_is_worth_nothing, True),
    "never_expire_tokens": (an_old_token_is_refreshed, True),
    "keep_used_refresh_tokens": (a_used_refresh_token_is_worth_nothing, True),
    "keep_exceptions": (exceptions_are_written_again, True),
    "delta_outside_removed": (what_left_the_window_is_told, False),
    "skip_handshake": (a_receiver_proves_itself, True),
    "markers_always": (a_marker_is_asked_for, True),
}


@pytest.mark.parametrize("is_mutated", [False, True])
@pytest.mark.parametrize("name", PROOFS)
async def test_each_mutation_of_microsoft_is_seen(
    laboratory: Laboratory, signed: Signed, calendar_id: str, name: str, is_mutated: bool
) -> None:
    proof, value = PROOFS[name]
    if not is_mutated:
        await proof(laboratory, signed, calendar_id)
        return
    setattr(laboratory.lab.settings, name, value)
    with pytest.raises((AssertionError, KeyError, pytest.fail.Exception)):
        await proof(laboratory, signed, calendar_id)


def test_no_mutation_is_left_out(laboratory: Laboratory) -> None:
    marks = laboratory.lab.settings.describe()
    mutations = {name for name, each in marks.items() if "mutation" in each.values()}
    assert len(mutations) >= 9
    assert mutations - {"accept_any_id"} <= set(PROOFS)


async def test_a_lost_write_is_no_reason_to_write_twice(account: GraphAccount, calendar_id: str) -> None:
    made = await put(account, calendar_id, SINGLE)
    with pytest.raises((VersionConflict, Unavailable)):
        await put(account, calendar_id, edited(SINGLE), replace(made, version='W/"other"'))
