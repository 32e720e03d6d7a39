"""The corpus pushed to the laboratory and pulled back: occurrences equal as instants, or the loss has a name.

Writes docs/capabilities-google.md when WRITE_DOCS is set, and compares with it otherwise.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from datetime import UTC, datetime

import pytest

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import parse_object
from gateway.domain.model import Window
from gateway.lab.app import Laboratory
from gateway.providers.compare import comparable
from gateway.providers.contract import Presentation, Put, Upsert
from gateway.providers.errors import Rejected
from plugins.google.account import GoogleAccount
from plugins.google.client import GoogleClient
from plugins.google.mapping import project
from tests.contract.corpus_cases import MAX_BYTES, ZONE, Case, Spans, cases, spans_of, year_of
from tests.contract.google.capabilities import PATH, page
from tests.contract.google.google_lab import Signed
from tests.judge.corpus import calendar_files, corpus_dir

LOOK = Presentation(zone="Europe/Berlin")


async def spans_there(client: GoogleClient, calendar_id: str, upsert: Upsert, window: Window) -> Spans:
    """Return what a person sees at the provider, which expands with an engine of its own."""
    found: Spans = set()
    query = {
        "timeMin": window.start.isoformat(),
        "timeMax": window.end.isoformat(),
        "maxResults": "2500",
    }
    async for each in client.pages(f"{client.event(calendar_id, upsert.remote_id)}/instances", query):
        for item in each["items"]:
            start, end = item["start"], item["end"]
            if "date" in start:
                edges = [datetime.fromisoformat(at["date"]).replace(tzinfo=ZONE) for at in (start, end)]
            else:
                edges = [datetime.fromisoformat(at["dateTime"]) for at in (start, end)]
            found.add((edges[0].astimezone(UTC), edges[1].astimezone(UTC)))
    return found


@pytest.mark.lab_settings(page_cap=2500, empty_page_chance=0.0)
async def test_pain_17_the_corpus_comes_back_with_equal_occurrences_or_a_named_loss(
    laboratory: Laboratory, signed: Signed, account: GoogleAccount, calendar_id: str
) -> None:
    warnings.simplefilter("ignore")
    losses: Counter[str] = Counter()
    pushed: dict[str, tuple[Case, Upsert]] = {}
    for case in cases():
        try:
            made = await account.push(calendar_id, Put(key=case.key, ical=case.obj.ical, presentation=LOOK))
        except Rejected as error:
            losses[str(error.code)] += 1
            continue
        assert isinstance(made, Upsert)
        assert comparable(made.ical) == comparable(project(case.obj.ical, LOOK)), case.name
        pushed[made.remote_id] = (case, made)
    pulled = {}
    async for part in account.pull(calendar_id, cursor=None, window=None):
        pulled |= {item.remote_id: item for item in part.items}
    # One event that is busy for us is an empty list for nobody: everything pushed is there, and nothing else.
    assert set(pushed) == set(pulled)
    client = GoogleClient(signed.http, signed.config["api_base"])
    different: list[str] = []
    unlike: Counter[str] = Counter()
    for name, (case, made) in pushed.items():
        item = pulled[name]
        assert isinstance(item, Upsert), case.name
        assert (item.version, item.marker) == (made.version, case.key.marker), case.name
        try:
            window = year_of(case.obj)
            wanted = spans_of(case.obj, window)
        except TooManyInstances:
            losses["moreThan5000"] += 1
            continue
        back = parse_object(item.ical, max_bytes=MAX_BYTES)
        if spans_of(back, window) != wanted:
            different.append(case.name)
        if back.master is not None and "RRULE" in back.master:
            seen = await spans_there(client, calendar_id, made, window)
            if {start for start, _ in seen} != {start for start, _ in wanted}:
                unlike["starts"] += 1
                print("UNLIKE", case.name, sorted(seen ^ wanted)[:3])
            elif seen != wanted:
                unlike["ends"] += 1
                print("ENDS", case.name, sorted(seen ^ wanted)[:3])
    assert different == []
    assert unlike["starts"] == 0
    if calendar_files()[0] != corpus_dir():
        return
    text = page(pushed=len(pushed), losses=losses, ends=unlike["ends"])
    if os.environ.get("WRITE_DOCS"):
        PATH.write_text(text, "utf-8")
    # The counts move whenever the reader takes more files; the words must not without being read.
    written = PATH.read_text("utf-8")
    assert _words_of(written) == _words_of(text), "run this test with WRITE_DOCS=1 and read what changed"


def _words_of(text: str) -> str:
    return re.sub(r"(?m)^(\| )?\d+ ", "N ", text)
