"""The corpus pushed to the laboratory and pulled back: occurrences equal as instants, or the loss has a name.

Writes docs/capabilities-graph.md when WRITE_DOCS is set, and compares with it otherwise.
"""

from __future__ import annotations

import itertools
import os
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.model import Window
from gateway.providers.compare import comparable
from gateway.providers.contract import CalendarLook, Presentation, Put, Upsert
from gateway.providers.errors import Rejected
from plugins.graph.account import GraphAccount
from plugins.graph.client import GraphClient
from plugins.graph.mapping import project
from tests.contract.corpus_cases import MAX_BYTES, ZONE, Case, Spans, cases, spans_of, year_of
from tests.contract.graph.capabilities import PATH, page
from tests.contract.graph.graph_lab import Signed
from tests.judge.corpus import calendar_files, corpus_dir

LOOK = Presentation(zone="Europe/Berlin")
# Each object costs some requests, and an expanded one some hundred: the whole corpus is for soak.
IN_ONE = 60
EVERY = 1 if os.environ.get("CALGATE_SOAK") or os.environ.get("WRITE_DOCS") else 25


def months_around(obj: ParsedObject) -> Window | None:
    """Return the window of a link as the engine would give it: here around the first start."""
    if obj.component != "VEVENT":
        return None
    year = year_of(obj)
    return Window(start=year.start - timedelta(days=366), end=year.end + timedelta(days=366))


async def spans_there(client: GraphClient, calendar_id: str, upsert: Upsert, window: Window) -> Spans:
    """Return what a person sees at the provider, which expands with an engine of its own."""
    found: Spans = set()
    query = {
        "startDateTime": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        "endDateTime": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        "$top": "1000",
    }
    async for each in client.pages(f"{client.event(calendar_id, upsert.remote_id)}/instances", query):
        for item in each["value"]:
            texts = [item[edge]["dateTime"].partition(".")[0] for edge in ("start", "end")]
            zone = ZONE if item["isAllDay"] else UTC
            start, end = (datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in texts)
            found.add((start, end))
    return found


async def compared(
    signed: Signed,
    pushed: Mapping[str, tuple[Case, Upsert]],
    pulled: Mapping[str, object],
    where: Mapping[str, str],
    losses: Counter[str],
) -> tuple[list[str], list[str]]:
    """Return the objects whose occurrences differ when read back, and when seen there."""
    client = GraphClient(signed.http, base=signed.config["api_base"], root="me", at_once=4)
    different: list[str] = []
    unlike: list[str] = []
    for name, (case, made) in pushed.items():
        item = pulled[name]
        assert isinstance(item, Upsert), (case.name, item)
        assert (item.version, item.marker) == (made.version, case.key.marker), case.name
        window = year_of(case.obj)
        try:
            wanted = spans_of(case.obj, window)
        except TooManyInstances:
            losses["moreThan5000"] += 1
            continue
        back = parse_object(item.ical, max_bytes=MAX_BYTES)
        if spans_of(back, window) != wanted:
            different.append(case.name)
            print("DIFFERENT", case.name, sorted(spans_of(back, window) ^ wanted)[:4])
        if back.master is not None and "RRULE" in back.master:
            seen = await spans_there(client, where[name], made, window)
            # calendarView compares days in UTC: those at the edges of the year may be seen or not.
            if _inside(seen, window) != _inside(wanted, window):
                unlike.append(case.name)
                print("UNLIKE", case.name, sorted(seen ^ wanted)[:4])
    return different, unlike


@pytest.mark.timeout(3600)
@pytest.mark.lab_settings(page_cap=2500, graph_latency_s=0.0, mailbox_per_10_minutes=1e9)
async def test_pain_17_the_corpus_through_graph_comes_back_equal_or_with_a_named_loss(
    signed: Signed, account: GraphAccount
) -> None:
    warnings.simplefilter("ignore")
    losses: Counter[str] = Counter()
    pushed: dict[str, tuple[Case, Upsert]] = {}
    calendars: list[str] = []
    where: dict[str, str] = {}
    for number, case in enumerate(itertools.islice(cases(), 0, None, EVERY)):
        if number % IN_ONE == 0:
            calendars.append((await account.create_calendar(CalendarLook(name=f"Corpus {number}"))).id)
        calendar_id = calendars[-1]
        look = replace(LOOK, horizon=months_around(case.obj))
        try:
            made = await account.push(calendar_id, Put(key=case.key, ical=case.obj.ical, presentation=look))
        except Rejected as error:
            losses[str(error.code)] += 1
            continue
        assert isinstance(made, Upsert)
        assert comparable(made.ical) == comparable(project(case.obj.ical, look)), case.name
        pushed[made.remote_id], where[made.remote_id] = (case, made), calendar_id
    pulled = {}
    for calendar_id in calendars:
        async for part in account.pull(calendar_id, cursor=None, window=None):
            pulled |= {item.remote_id: item for item in part.items}
    assert set(pushed) == set(pulled)
    expanded = sum(name.startswith("expanded:") for name in pushed)
    different, unlike = await compared(signed, pushed, pulled, where, losses)
    assert (different, unlike) == ([], [])
    if EVERY > 1 or calendar_files()[0] != corpus_dir():
        return
    text = page(pushed=len(pushed), expanded=expanded, losses=losses)
    if os.environ.get("WRITE_DOCS"):
        PATH.write_text(text, "utf-8")
    # The counts move whenever the reader takes more files; the words must not without being read.
    assert _words_of(PATH.read_text("utf-8")) == _words_of(text), (
        "run with WRITE_DOCS=1 and read what changed"
    )


def _inside(spans: Spans, window: Window) -> Spans:
    day = timedelta(days=2)
    return {each for each in spans if window.start + day <= each[0] and each[1] <= window.end - day}


def _words_of(text: str) -> str:
    return re.sub(r"(?m)\b\d+ (?=objects|of them|\|)", "N ", text)
