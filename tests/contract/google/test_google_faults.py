"""Every fault of the laboratory at every call of a write: one event at the end, errors with a class only."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace

import pytest

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.faults import Match
from gateway.lab.core.settings import Settings
from gateway.lab.google import person
from gateway.providers.compare import comparable, with_uid
from gateway.providers.contract import CalendarLook, ObjectKey, Presentation, Put, Unreadable, Upsert
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    CursorExpired,
    Forbidden,
    Misconfigured,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    Retry,
    SignInExpired,
    Unavailable,
)
from gateway.providers.samples import SAMPLES, SERIES, edited
from plugins.google.account import GoogleAccount
from plugins.google.mapping import project
from tests.contract.google.google_lab import ADA, Signed, signed_in
from tests.contract.remote import KEY, PATIENCE_S, requests_of

LOOK = Presentation(zone="Europe/Berlin", back_link="https://cal.example.org/o/1")
# What a person or an administrator must mend: the engine stops there, so the test does too.
FINAL = {
    "person_deletes_calendar": CalendarMissing,
    "access_reduced": Forbidden,
    "403_insufficientPermissions": Forbidden,
    "refresh_invalid_grant": SignInExpired,
}
FOREIGN = {"summary": "Theirs", "start": {"date": "2026-05-04"}, "end": {"date": "2026-05-05"}}
VERBS = {"412": "PATCH", "409": "POST"}
# In seconds, with what answers late or never.
PATIENCE = {"no_answer_before": 0.7, "no_answer_after": 0.7, "slow_answer": 0.7, "slow_body": 0.7}
SKIPS = range(9) if os.environ.get("CALGATE_SOAK") else (0, 1, 2, 4)
KINDS = (
    "429_seconds", "429_date", "429_bare", "401", "reset_before", "reset_after", "half_body",
    "no_answer_before", "no_answer_after", "duplicate_commit", "slow_answer", "slow_body", "gzip",
    "closed_keep_alive", "500_before", "500_after", "502_before", "502_after", "503_before",
    "503_after", "504_before", "504_after", "403_rateLimitExceeded", "403_userRateLimitExceeded",
    "403_quotaExceeded", "403_dailyLimitExceeded", "403_accessNotConfigured",
    "403_insufficientPermissions", "410_paging", "412_spurious", "stale_read", "page_shift",
    "page_empty", "page_repeat", "412_foreign_edit", "409_ours", "409_foreign", "409_deleted",
    "person_edits", "person_deletes", "person_moves", "person_deletes_calendar", "access_reduced",
    "unknown_zone", "garbage_enum", "garbage_types", "garbage_no_start", "garbage_backwards",
    "garbage_huge", "garbage_html", "garbage_not_json", "garbage_list", "garbage_empty",
)  # fmt: skip


async def find(account: GoogleAccount, calendar_id: str, key: ObjectKey = KEY) -> list[Upsert | Unreadable]:
    """Return our copies, as a full compare sees them."""
    found: dict[str, Upsert | Unreadable] = {}
    async for page in account.pull(calendar_id, cursor=None, window=None):
        for item in page.items:
            if isinstance(item, Upsert | Unreadable):
                found[item.remote_id] = item
            else:
                found.pop(item.remote_id, None)
    return [item for item in found.values() if item.marker == key.marker]


async def converge(
    account: GoogleAccount, calendar_id: str, ical: bytes, key: ObjectKey = KEY, tries: int = 8
) -> list[ProviderError]:
    """Do what an engine does: look, write, and on an error look again. Return the errors on the way."""
    errors: list[ProviderError] = []
    for _ in range(tries):
        try:
            copies = await find(account, calendar_id, key)
            if len(copies) == 1 and isinstance(copies[0], Upsert):
                (there,) = copies
                assert isinstance(there, Upsert)
                if comparable(there.ical) == comparable(project(ical, LOOK)):
                    return errors
                write = Put(
                    key=key,
                    ical=ical,
                    presentation=LOOK,
                    remote_id=there.remote_id,
                    if_version=there.version,
                    memo=there.memo,
                )
            elif copies:
                continue
            else:
                write = Put(key=key, ical=ical, presentation=LOOK)
            await account.push(calendar_id, write)
        except ProviderError as error:
            errors.append(error)
            if error.retry in {Retry.NEVER, Retry.AFTER_RECONNECTING}:
                return errors
            await asyncio.sleep(0.01)
    return errors


@pytest.mark.parametrize("kind", KINDS)
async def test_pain_3_whatever_fails_at_whichever_call_one_event_is_there(kind: str) -> None:
    settings = Settings(user_per_minute=0.0, project_per_minute=0.0, page_cap=1)
    async with make_lab(settings=settings) as laboratory, signed_in(laboratory) as signed:
        fired = 0
        for skip in SKIPS:
            calendar_id = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
            if skip > 1 or kind.startswith("412"):
                await converge(signed.account, calendar_id, SERIES)
            match = Match(account=ADA, verb=VERBS.get(kind[:3], ""))
            rule = laboratory.lab.faults.script(kind, match, skip=skip, params={"seconds": 1.2})
            signed.wait(PATIENCE.get(kind, PATIENCE_S))
            errors = await converge(signed.account, calendar_id, edited(SERIES))
            fired += rule.times == 0
            laboratory.lab.faults.clear()
            signed.wait(PATIENCE_S)
            if rule.times == 0 and errors and isinstance(errors[-1], FINAL.get(kind, ())):
                continue
            if kind == "stale_read":
                laboratory.lab.clock.advance(1.3)
            later = await converge(signed.account, calendar_id, edited(SERIES))
            if later and isinstance(later[-1], FINAL.get(kind, ())):
                continue
            assert len(await find(signed.account, calendar_id)) == 1, skip
            assert len(ours(laboratory, calendar_id)) == 1, skip
        assert fired, f"{kind} never fired"
        assert laboratory.lab.outbox.entries == []
        assert laboratory.lab.journal.violations == []


@pytest.mark.parametrize("seed", range(20) if os.environ.get("CALGATE_SOAK") else range(2))
async def test_pain_3_after_a_storm_of_faults_every_object_is_there_once(seed: int) -> None:
    rng = random.Random(seed)
    settings = Settings(user_per_minute=0.0, project_per_minute=0.0, page_cap=5)
    keys = [
        ObjectKey(instance_id="one", resource_uuid="room", uid=f"{number}@example.org") for number in range(4)
    ]
    kinds = [kind for kind in KINDS if kind not in FINAL and not kind.startswith("person_")]
    async with make_lab(settings=settings) as laboratory, signed_in(laboratory) as signed:
        calendar_id = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        theirs = person.insert(laboratory.google, ADA, calendar_id, FOREIGN)["id"]
        laboratory.lab.faults.storm(
            seed,
            dict.fromkeys(kinds, 0.006),
            Match(account=ADA),
            {kind: {"seconds": 0.8} for kind in kinds},
        )
        signed.wait(0.5)
        wanted: dict[ObjectKey, bytes] = {}
        for _ in range(12):
            key = rng.choice(keys)
            wanted[key] = with_uid(rng.choice(list(SAMPLES.values())), key.uid)
            await converge(signed.account, calendar_id, wanted[key], key, tries=4)
        laboratory.lab.faults.clear()
        laboratory.lab.clock.advance(0.9)
        signed.wait(PATIENCE_S)
        for key, ical in wanted.items():
            await converge(signed.account, calendar_id, ical, key)
            (copy,) = await find(signed.account, calendar_id, key)
            assert isinstance(copy, Upsert)
            assert comparable(copy.ical) == comparable(project(ical, LOOK))
        assert sum(laboratory.lab.faults.fired.values()) > 3
        assert stored_by_person(laboratory, calendar_id, str(theirs))
        assert laboratory.lab.outbox.entries == []
        assert laboratory.lab.journal.violations == []


def stored_by_person(laboratory: Laboratory, calendar_id: str, name: str) -> bool:
    """Return whether a person's event is as the person left it."""
    record = laboratory.google.state.calendars[calendar_id].events[name]
    return not record.now.deleted and len(record.versions) == 1


def ours(laboratory: Laboratory, calendar_id: str) -> list[str]:
    """Return the ids of living events that carry our marker, as the laboratory has them."""
    found = []
    for name, record in laboratory.google.state.calendars[calendar_id].events.items():
        body = record.now.body
        private = body.get("extendedProperties", {}).get("private", {})
        is_whole = "recurringEventId" not in body and not record.now.deleted
        if is_whole and private.get("calgate-uid") == KEY.marker and private.get("calgate-event") == name:
            found.append(name)
    return found


@pytest.mark.parametrize(
    ("kind", "error", "wait_s"),
    [
        ("429_seconds", RateLimited, 1.0),
        ("429_bare", RateLimited, None),
        ("429_long", RateLimited, 120.0),
        ("403_rateLimitExceeded", RateLimited, None),
        ("403_userRateLimitExceeded", RateLimited, None),
        ("403_quotaExceeded", QuotaExhausted, 10_800.0),
        ("403_dailyLimitExceeded", QuotaExhausted, 10_800.0),
        ("403_accessNotConfigured", Misconfigured, None),
        ("403_insufficientPermissions", Forbidden, None),
        ("503_before", Unavailable, None),
        ("garbage_not_json", BadAnswer, None),
        ("garbage_list", BadAnswer, None),
        ("half_body", BadAnswer, None),
        ("410_sync", CursorExpired, None),
    ],
)
async def test_pain_30_each_answer_becomes_the_error_that_says_what_to_do(
    laboratory: Laboratory,
    signed: Signed,
    calendar_id: str,
    kind: str,
    error: type[ProviderError],
    wait_s: float | None,
) -> None:
    cursor = None
    async for page in signed.account.pull(calendar_id, cursor=None, window=None):
        cursor = page.cursor
    laboratory.lab.faults.script(kind, Match(operation="calendar.events.list"))
    with pytest.raises(error) as caught:
        _ = [page async for page in signed.account.pull(calendar_id, cursor=cursor, window=None)]
    assert type(caught.value) is error
    assert getattr(caught.value, "retry_after_s", None) == wait_s
    laboratory.lab.journal.violations.clear()


async def test_retry_after_as_a_date_is_measured_by_the_answers_own_clock(
    laboratory: Laboratory, signed: Signed, calendar_id: str
) -> None:
    laboratory.lab.clock.advance(86_400 * 3)
    laboratory.lab.faults.script("429_date", Match(operation="calendar.events.list"))
    with pytest.raises(RateLimited) as caught:
        await find(signed.account, calendar_id)
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s <= 86_400


async def test_pain_33_the_quota_of_the_account_says_wait(laboratory: Laboratory, signed: Signed) -> None:
    laboratory.lab.settings.user_per_minute = 1.0

    async def ask_often() -> None:
        for _ in range(70):
            await signed.account.calendars()

    with pytest.raises(RateLimited) as caught:
        await ask_often()
    assert caught.value.reach.value == "account"


async def test_pain_29_parallel_calls_share_one_refresh(laboratory: Laboratory, signed: Signed) -> None:
    laboratory.lab.settings.rotate_refresh_tokens = True
    for token in laboratory.lab.tokens.access.values():
        token.expires_at_s = 0.0
    await asyncio.gather(*(signed.account.calendars() for _ in range(20)))
    assert len(requests_of(laboratory, "oauth.refresh_token")) == 1
    # The rotated token was stored before it was used, and works the next time.
    assert len(signed.states) == 2
    for token in laboratory.lab.tokens.access.values():
        token.expires_at_s = 0.0
    await signed.account.calendars()
    assert len(signed.states) == 3


async def test_a_caller_that_gives_up_does_not_lose_a_rotated_token(
    laboratory: Laboratory, signed: Signed
) -> None:
    laboratory.lab.settings.rotate_refresh_tokens = True
    for token in laboratory.lab.tokens.access.values():
        token.expires_at_s = 0.0
    laboratory.lab.faults.script("refresh_slow", Match(), params={"seconds": 0.3})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(signed.account.calendars(), 0.15)
    await signed.account.calendars()
    assert len(signed.states) == 2


async def test_pain_28_a_revoked_grant_is_final_and_other_failures_of_a_refresh_are_not(
    laboratory: Laboratory, signed: Signed
) -> None:
    def expire() -> None:
        for token in laboratory.lab.tokens.access.values():
            token.expires_at_s = 0.0

    for kind in ("refresh_500", "token_half", "token_reset_after"):
        expire()
        laboratory.lab.faults.script(kind, Match())
        with pytest.raises(Unavailable):
            await signed.account.calendars()
        await signed.account.calendars()
    expire()
    laboratory.lab.faults.script("refresh_invalid_grant", Match())
    with pytest.raises(SignInExpired):
        await signed.account.calendars()


async def test_a_token_that_is_refused_for_ever_needs_reconnecting_after_one_refresh(
    laboratory: Laboratory, signed: Signed
) -> None:
    laboratory.lab.faults.script("401", Match(), times=-1)
    with pytest.raises(SignInExpired):
        await signed.account.calendars()
    assert len(requests_of(laboratory, "oauth.refresh_token")) == 1


async def test_unknown_words_are_read_the_strict_way(
    laboratory: Laboratory, signed: Signed, calendar_id: str
) -> None:
    await signed.account.push(calendar_id, Put(key=KEY, ical=SERIES, presentation=LOOK))
    laboratory.lab.faults.script("garbage_enum", Match(operation="calendar.events.list"), times=-1)
    (item,) = await find(signed.account, calendar_id)
    laboratory.lab.faults.clear()
    assert isinstance(item, Upsert)
    assert b"CLASS:PRIVATE" in item.ical
    assert b"TRANSPARENT" not in item.ical


async def test_html_becomes_plain_text(laboratory: Laboratory, signed: Signed, calendar_id: str) -> None:
    await signed.account.push(
        calendar_id, Put(key=KEY, ical=SERIES, presentation=replace(LOOK, back_link=None))
    )
    laboratory.lab.faults.script("garbage_html", Match(operation="calendar.events.list"), times=-1)
    (item,) = await find(signed.account, calendar_id)
    laboratory.lab.faults.clear()
    assert isinstance(item, Upsert)
    assert b"DESCRIPTION:<" not in item.ical
    assert b"alert(2)" not in item.ical.split(b"DESCRIPTION:")[-1]
