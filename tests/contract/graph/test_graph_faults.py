"""Every fault of the laboratory at every call of a write: one object at the end, errors with a class only."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.faults import Match
from gateway.lab.core.settings import Settings
from gateway.providers.compare import comparable, with_uid
from gateway.providers.contract import CalendarLook, Put, Unreadable, Upsert
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    CursorExpired,
    Forbidden,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    Retry,
    SignInExpired,
    Unavailable,
)
from gateway.providers.samples import SAMPLES, SERIES, SINGLE, edited
from plugins.graph.account import GraphAccount
from plugins.graph.mapping import project
from plugins.graph.quirks.markers import read_marker
from tests.contract.graph.graph_lab import Signed, signed_in
from tests.contract.lab.graph_client import ADA
from tests.contract.remote import KEY, LOOK, PATIENCE_S, requests_of

SOAK = bool(os.environ.get("CALGATE_SOAK"))
SKIPS = range(9) if SOAK else (1,)
SHAPES = {"series": SERIES, "single": SINGLE, "expanded": SAMPLES["dates"]}
# Few calls of one write can meet these: the first that can, does.
ONCE = {"graph_412_spurious", "graph_412_foreign_edit", "graph_transaction_taken"}
LATE = {"no_answer_before", "no_answer_after", "slow_answer", "slow_body"}
# What a person or an administrator must mend: the engine stops there, so the test does too.
FINAL = (CalendarMissing, Forbidden, SignInExpired)
KINDS = (
    "429_seconds", "429_date", "429_bare", "401", "reset_before", "reset_after", "half_body",
    "no_answer_before", "no_answer_after", "duplicate_commit", "slow_answer", "slow_body", "gzip",
    "closed_keep_alive", "500_before", "500_after", "502_after", "503_before", "503_after", "504_after",
    "graph_401_claims", "graph_403_access", "graph_404_mailbox", "graph_503_move", "graph_507_quota",
    "graph_509_bandwidth", "graph_412_spurious", "graph_412_foreign_edit", "graph_transaction_taken",
    "graph_person_edits", "graph_person_deletes", "graph_person_moves", "graph_stale_read",
    "graph_page_short", "graph_page_empty", "graph_page_repeat", "graph_page_foreign",
    "graph_garbage_enum", "graph_garbage_types", "graph_garbage_no_start", "graph_garbage_backwards",
    "graph_garbage_huge", "graph_garbage_html", "graph_garbage_not_json", "graph_garbage_list",
    "graph_garbage_empty", "graph_garbage_zone",
)  # fmt: skip


async def find(account: GraphAccount, calendar_id: str) -> list[Upsert | Unreadable]:
    """Return our copies, as a full compare sees them."""
    found: dict[str, Upsert | Unreadable] = {}
    async for page in account.pull(calendar_id, cursor=None, window=None):
        found |= {item.remote_id: item for item in page.items if isinstance(item, Upsert | Unreadable)}
    return [item for item in found.values() if item.marker == KEY.marker]


async def converge(
    account: GraphAccount, calendar_id: str, ical: bytes, tries: int = 8
) -> list[ProviderError]:
    """Do what an engine does: look, write, and on an error look again. Return the errors on the way."""
    errors: list[ProviderError] = []
    is_repeat = False
    for _ in range(tries):
        try:
            copies = await find(account, calendar_id)
            there = copies[0] if copies else None
            if isinstance(there, Unreadable):
                continue
            if (
                there is not None
                and comparable(there.ical) == comparable(project(ical, LOOK))
                and len(copies) == 1
            ):
                return errors
            write = Put(key=KEY, ical=ical, presentation=LOOK, is_repeat=is_repeat)
            if there is not None and len(copies) == 1:
                write = replace(
                    write,
                    remote_id=there.remote_id,
                    if_version=there.version,
                    memo=there.memo,
                    is_repeat=False,
                )
            is_repeat = True
            await account.push(calendar_id, write)
        except ProviderError as error:
            errors.append(error)
            if error.retry in {Retry.NEVER, Retry.AFTER_RECONNECTING}:
                return errors
            await asyncio.sleep(0.01)
    return errors


def alive(laboratory: Laboratory, calendar_id: str) -> int:
    """Return how many objects of ours live in a calendar, as the laboratory has them."""
    microsoft = laboratory.microsoft
    calendar = microsoft.state.calendars[microsoft.ids.read_folder("calendar", calendar_id, ADA)]
    found = set()
    for item in calendar.items.values():
        marker = read_marker(item.now.body)
        if not item.now.deleted and marker.is_genuine(item.now.body):
            found.add(marker.uid_hash if marker.part else item.key)
    return len(found)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shape", SHAPES if SOAK else ["series"])
async def test_pain_3_whatever_fails_at_whichever_call_one_object_is_there_graph(shape: str) -> None:
    ical = with_uid(SHAPES[shape], KEY.uid)
    settings = Settings(page_cap=3, graph_latency_s=0.0, mailbox_per_10_minutes=1e9)
    made = make_lab(settings=settings, providers=frozenset({"microsoft"}))
    async with made as laboratory, signed_in(laboratory) as signed:
        wrong: list[str] = []
        for kind in KINDS:
            fired = 0
            for skip in SKIPS if SOAK or kind not in ONCE else (0,):
                if not (calendar := await _calendar(signed.account, f"{kind} {skip}")):
                    wrong.append(f"{kind} {skip}: no calendar")
                    continue
                if skip > 1 or kind.startswith("graph_412"):
                    await converge(signed.account, calendar, ical)
                rule = laboratory.lab.faults.script(
                    kind, Match(account=ADA), skip=skip, params={"seconds": 1.0}
                )
                signed.wait(0.8 if kind in LATE else PATIENCE_S)
                await converge(signed.account, calendar, edited(ical))
                fired += rule.times == 0
                laboratory.lab.faults.clear()
                signed.wait(PATIENCE_S)
                if "stale" in kind:
                    laboratory.lab.clock.advance(1.1)
                if "no_answer" in kind:
                    await asyncio.sleep(1.1)  # until the call is over at the other end, too
                later = await converge(signed.account, calendar, edited(ical))
                if later and isinstance(later[-1], FINAL):
                    wrong.append(f"{kind} {skip}: {type(later[-1]).__name__}")
                if alive(laboratory, calendar) != 1 or len(await find(signed.account, calendar)) != 1:
                    wrong.append(f"{kind} {skip}: {alive(laboratory, calendar)} objects")
            if not fired and not (kind.startswith("graph_page") or SOAK):
                wrong.append(f"{kind} never fired")
        assert wrong == [], wrong
        assert laboratory.lab.outbox.entries == []
        assert laboratory.lab.journal.violations == []


async def _calendar(account: GraphAccount, name: str) -> str:
    for _ in range(3):
        try:
            return (await account.create_calendar(CalendarLook(name=name))).id
        except ProviderError:
            await asyncio.sleep(0.1)
    return ""


@pytest.mark.parametrize(
    ("kind", "error", "wait_s"),
    [
        ("429_seconds", RateLimited, 1.0),
        ("429_bare", RateLimited, None),
        ("429_long", RateLimited, 120.0),
        ("503_before", Unavailable, None),
        ("graph_503_move", Unavailable, None),
        ("graph_509_bandwidth", RateLimited, None),
        ("graph_507_quota", QuotaExhausted, 3600.0),
        ("graph_403_access", Forbidden, None),
        ("graph_404_mailbox", Forbidden, None),
        ("graph_410_state", CursorExpired, None),
        ("graph_410_resync", CursorExpired, None),
        ("graph_garbage_not_json", BadAnswer, None),
        ("graph_garbage_list", BadAnswer, None),
        ("graph_garbage_empty", BadAnswer, None),
        ("half_body", BadAnswer, None),
    ],
)
async def test_pain_30_each_answer_of_graph_becomes_the_error_that_says_what_to_do(
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
    laboratory.lab.faults.script(kind, Match(operation="graph.calendarView.delta"))
    with pytest.raises(error) as caught:
        _ = [page async for page in signed.account.pull(calendar_id, cursor=cursor, window=None)]
    assert type(caught.value) is error
    assert getattr(caught.value, "retry_after_s", None) == wait_s
    laboratory.lab.journal.violations.clear()


@pytest.mark.lab_settings(graph_latency_s=0.02)
async def test_pain_34_never_more_than_four_calls_at_once_for_one_mailbox(
    laboratory: Laboratory, signed: Signed, calendar_id: str
) -> None:
    await asyncio.gather(*(signed.account.fetch(calendar_id, f"nothing{number}") for number in range(24)))
    statuses = {entry["status"] for entry in requests_of(laboratory)}
    assert 429 not in statuses


async def test_pain_33_the_quota_of_the_mailbox_says_wait_graph(
    laboratory: Laboratory, signed: Signed
) -> None:
    laboratory.lab.settings.mailbox_per_10_minutes = 5.0

    async def ask_often() -> None:
        for _ in range(10):
            await signed.account.calendars()

    with pytest.raises(RateLimited) as caught:
        await ask_often()
    assert caught.value.reach.value == "account"
    assert caught.value.retry_after_s == 120.0


async def test_a_spurious_412_is_answered_by_reading_again_and_a_genuine_one_too(
    laboratory: Laboratory, signed: Signed, calendar_id: str
) -> None:
    for kind in ("graph_412_spurious", "graph_412_foreign_edit"):
        await converge(signed.account, calendar_id, SINGLE)
        laboratory.lab.faults.script(kind, Match())
        errors = await converge(signed.account, calendar_id, edited(SINGLE))
        assert [type(error).__name__ for error in errors] == ["VersionConflict"]
        assert len(await find(signed.account, calendar_id)) == 1
