"""The corpus pushed to the laboratory and pulled back: occurrences equal as instants, or the loss has a name.

Writes docs/capabilities-google.md when WRITE_DOCS is set, and compares with it otherwise.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.errors import InvalidInput, TooManyInstances
from gateway.domain.ical import ParsedObject, parse_entry, parse_object, split_import
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.lab.app import Laboratory
from gateway.providers.compare import comparable
from gateway.providers.contract import ObjectKey, Presentation, Put, Upsert
from gateway.providers.errors import Rejected
from plugins.google.account import GoogleAccount
from plugins.google.client import GoogleClient
from plugins.google.mapping import project
from tests.contract.google.capabilities import PATH, page
from tests.contract.google.google_lab import Signed
from tests.judge.corpus import calendar_files, corpus_dir

ZONE = ZoneInfo("Europe/Berlin")
LOOK = Presentation(zone="Europe/Berlin")
PROBE = Window(start=datetime(1900, 1, 1, tzinfo=UTC), end=datetime(1900, 1, 2, tzinfo=UTC))
MAX_BYTES = 10_000_000
LIMIT = 5000
Spans = set[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    obj: ParsedObject
    key: ObjectKey


def cases() -> Iterator[Case]:
    base, files = calendar_files()
    number = 0
    for path in files:
        try:
            entries = split_import(path.read_bytes(), max_object_bytes=MAX_BYTES).entries
        except InvalidInput:
            continue
        for entry in entries:
            try:
                obj = parse_entry(entry, max_bytes=MAX_BYTES)
            except InvalidInput:
                continue
            number += 1
            key = ObjectKey(instance_id="corpus", resource_uuid=f"object-{number}", uid=obj.uid)
            yield Case(name=f"{path.relative_to(base)} {obj.uid}", obj=obj, key=key)


def year_of(obj: ParsedObject) -> Window:
    first = expand(obj, zone=ZONE, window=PROBE, limit=LIMIT).first_start
    assert first is not None
    return Window(
        start=datetime(first.year, 1, 1, tzinfo=UTC), end=datetime(first.year + 1, 1, 1, tzinfo=UTC)
    )


def spans_of(obj: ParsedObject, window: Window) -> Spans:
    found = expand(obj, zone=ZONE, window=window, limit=LIMIT).occurrences
    return {(each.start, each.end) for each in found}


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
