"""The corpus pushed to CalDAV servers and pulled back: occurrences equal as instants, or the loss has a name.

Writes docs/capabilities-caldav.md when WRITE_DOCS is set, and compares its words otherwise. At the reduced count
every fiftieth object goes to the laboratory, and less to the others.
"""

from __future__ import annotations

import asyncio
import os
import re
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import parse_object
from gateway.lab.app import DEMO_PASSWORD, make_lab
from gateway.lab.core.settings import Settings
from gateway.providers.compare import comparable
from gateway.providers.contract import CalendarLook, Presentation, Put, Upsert
from gateway.providers.errors import ProviderError, Rejected, Unavailable
from plugins.caldav.account import CalDavAccount
from plugins.caldav.mapping import project
from plugins.caldav.quirks.markers import copy_name
from tests.bench.stock import stock_radicale
from tests.contract.caldav.capabilities import PATH, page
from tests.contract.caldav.dav_account import opened
from tests.contract.caldav.servers import calgate, xandikos
from tests.contract.corpus_cases import MAX_BYTES, Case, cases, spans_of, year_of
from tests.judge.corpus import calendar_files, corpus_dir

LOOK = Presentation(zone="Europe/Berlin")
SOAK = bool(os.environ.get("CALGATE_SOAK"))
FULL = SOAK or bool(os.environ.get("WRITE_DOCS"))
OTHERS = 1 if SOAK else 6 if FULL else 400
SERVERS = {
    "laboratory": 1 if FULL else 50,
    "laboratory that rewrites": 1 if FULL else 100,
    "Radicale 3.9": OTHERS,
    "Xandikos": OTHERS,
    "Calgate": OTHERS,
}


@asynccontextmanager
async def server(name: str, folder: Path) -> AsyncIterator[CalDavAccount]:
    async with AsyncExitStack() as stack:
        login, password = "ada", DEMO_PASSWORD
        if name.startswith("laboratory"):
            settings = Settings(
                dav_rewrite="rewrites" in name, dav_drop_x="rewrites" in name, dav_sync_page=0
            )
            running = await stack.enter_async_context(
                make_lab(settings=settings, providers=frozenset({"caldav"}))
            )
            url = running.lab.base_url
        elif name == "Calgate":
            found = await asyncio.to_thread(stack.enter_context, calgate(folder))
            url, login, password = found.url, found.login, found.password
        elif name == "Xandikos":
            url, login = await asyncio.to_thread(stack.enter_context, xandikos(folder)), "user"
        else:
            url = await asyncio.to_thread(stack.enter_context, stock_radicale(folder))
        signed = await stack.enter_async_context(opened(url, login, password, timeout_s=60))
        yield signed.account


async def compared(
    account: CalDavAccount, step: int, *, is_exact: bool
) -> tuple[int, Counter[str], list[str]]:
    """Push, pull, compare; return how many were equal, the losses by reason, and what differs unnamed."""
    calendar_id = (await account.create_calendar(CalendarLook(name="Corpus", zone="Europe/Berlin"))).id
    losses: Counter[str] = Counter()
    different: list[str] = []
    pushed: dict[str, tuple[Case, Upsert]] = {}
    doubtful: set[str] = set()  # stock Radicale keeps some objects that it answers with an error
    for case in cases(step):
        try:
            made = await account.push(calendar_id, Put(key=case.key, ical=case.obj.ical, presentation=LOOK))
        except ProviderError as error:
            losses[_reason(error, case.name, is_exact=is_exact)] += 1
            if error.maybe_applied:
                doubtful.add(copy_name(case.key))
            continue
        assert isinstance(made, Upsert)
        assert made.marker == case.key.marker, case.name
        if comparable(made.ical) != comparable(project(case.obj.ical, LOOK)):
            if is_exact:
                different.append(case.name)
            else:
                losses["notEqual"] += 1
        pushed[made.remote_id] = (case, made)
    pulled = {}
    async for part in account.pull(calendar_id, cursor=None, window=None):
        pulled |= {item.remote_id: item for item in part.items}
    assert set(pushed) <= set(pulled) <= set(pushed) | doubtful
    equal = 0
    for name, (case, made) in pushed.items():
        item = pulled[name]
        assert isinstance(item, Upsert), case.name
        assert item.version == made.version, case.name
        try:
            window = year_of(case.obj)
            wanted = spans_of(case.obj, window)
        except TooManyInstances:
            losses["moreThan5000"] += 1
            continue
        if spans_of(parse_object(item.ical, max_bytes=MAX_BYTES), window) == wanted:
            equal += 1
        elif is_exact:
            different.append(case.name)
        else:
            losses["rewritten"] += 1
            print("REWRITTEN", case.name)
    return equal, losses, different


def _reason(error: ProviderError, name: str, *, is_exact: bool) -> str:
    if isinstance(error, Rejected):
        return str(error.code)
    if is_exact or not isinstance(error, Unavailable):
        raise AssertionError(name) from error
    return "412" if error.code is None else "serverFails"


@pytest.mark.timeout(3600)
async def test_pain_17_the_corpus_comes_back_with_equal_occurrences_or_a_named_loss_caldav(
    tmp_path: Path,
) -> None:
    warnings.simplefilter("ignore")
    figures: dict[str, tuple[int, Counter[str]]] = {}
    for name, step in SERVERS.items():
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        async with server(name, folder) as account:
            is_exact = name.startswith("laboratory")
            equal, losses, different = await compared(account, step, is_exact=is_exact)
        assert different == [], name
        assert equal > sum(losses.values()), (name, losses)
        figures[name] = (equal, losses)
        print(name, equal, dict(losses))
    if calendar_files()[0] != corpus_dir():
        return
    text = page(figures)
    if os.environ.get("WRITE_DOCS"):
        PATH.write_text(text, "utf-8")
    # The counts move with the corpus and with what was pushed; the property table must be the one that was read.
    assert _table(PATH.read_text("utf-8")) == _table(text), (
        "run this test with WRITE_DOCS=1 and read the page"
    )


def _table(text: str) -> str:
    return re.split(r"(?m)^## Property by property$", text)[1]
