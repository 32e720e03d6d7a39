"""The corpus through the engine to Google and back: occurrences equal as instants, or a loss that has a name.

The names are those of docs/capabilities-google.md. A sample in ``make test``, all of it in ``make soak``.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.errors import GatewayError
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.link_model import Direction
from gateway.domain.model import Calendar, Window
from gateway.domain.outbound import wanted
from gateway.domain.recurrence import expand
from gateway.lab.core.settings import Settings as Switches
from gateway.providers.compare import with_uid
from gateway.services import links
from gateway.store import objects as object_store
from gateway.store.database import Database
from tests.contract.corpus_cases import LIMIT, MAX_BYTES, Case, cases, year_of
from tests.e2e.google_world import GoogleWorld, google_world, occurrences_at
from tests.e2e.office import SOAK, ZONE
from tests.judge.corpus import calendar_files, corpus_dir

EVERY = int(os.environ.get("CALGATE_CORPUS_EVERY", "1" if SOAK else "101"))
LOSSES = {
    "This event takes place at no time": "noOccurrence",
    "Google cannot repeat like this": "ruleBeyondGoogle",
    "All-day and timed instances": "mixedDates",
    "Google keeps events only": "notAnEvent",
}


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    switches = Switches(
        user_per_minute=0.0,
        project_per_minute=0.0,
        page_cap=2500,
        empty_page_chance=0.0,
        new_calendars=10_000,
    )
    async with google_world(sqlite_db, switches=switches) as made:
        yield made
        assert await made.lab.outbox() == []
        assert await made.lab.violations() == []


def starts_of(obj: ParsedObject, window: Window) -> Counter[float]:
    found = expand(obj, zone=ZoneInfo(ZONE), window=window, limit=LIMIT).occurrences
    return Counter(one.start.timestamp() for one in found)


def starts_here(
    world: GoogleWorld, calendar: Calendar, uids: set[str], window: Window, *, is_each: bool = False
) -> Counter[float]:
    """Return every start of these objects; of one object at one instant one, or with ``is_each`` all."""
    found: Counter[float] = Counter()
    for uid, ical in world.here(calendar).items():
        if uid in uids:
            starts = starts_of(parse_object(ical, max_bytes=MAX_BYTES), window)
            found.update(starts if is_each else starts.keys())
    return found


async def test_pain_17_the_corpus_goes_out_and_comes_back_through_the_engine(world: GoogleWorld) -> None:
    warnings.simplefilter("ignore")
    account = await world.connect()
    by_year: dict[int, list[Case]] = defaultdict(list)
    for number, case in enumerate(cases()):
        if number % EVERY == 0:
            by_year[_year(case)].append(case)
    losses: Counter[str] = Counter()
    copied = changed = 0
    for year, found in sorted(by_year.items()):
        # The window of a link rolls with the day; so the day is moved to where the objects are.
        world.clock = lambda year=year: datetime(year, 3, 1, 12, tzinfo=UTC)
        world.worker.clock = world.clock
        calendar = world.add_resource(f"y{year}", zone=ZONE)
        link = await world.link(
            calendar,
            account,
            direction=Direction.BOTH,
            remote=await world.person_makes_calendar(f"{year}"),
            fields="description,location",
        )
        for number, case in enumerate(found):
            try:
                world.put(calendar, f"o{number}", with_uid(case.obj.ical, f"o{number}"))
            except GatewayError as error:
                losses[type(error).__name__] += 1
        await world.run()
        assert world.status(link.id).error is None, world.status(link.id).error
        uids = {one.uid for one in world.mappings(link.id) if one.remote_id is not None}
        losses += _losses(world, calendar, link, uids)
        window = _window(year)
        here = starts_here(world, calendar, uids, window)
        most = starts_here(world, calendar, uids, window, is_each=True)
        there = await occurrences_at(world.lab, link.remote_id, window=window)
        seen = Counter(one[1] for one in there)
        # Overrides that were moved onto one instant stay several there; dates that are named twice are one.
        assert here <= seen <= most, (year, seen - most, here - seen, [case.name for case in found][:9])
        writes = await world.writes()
        await world.run(full=True)
        assert await world.writes() == writes
        # And back: a person retitles every one of them, which changes no instant.
        for name, body in (await world.there(link.remote_id)).items():
            if "recurringEventId" not in body:
                await world.person_edits(link.remote_id, name, summary="Retitled there")
        await world.run(poll=True)
        assert starts_here(world, calendar, uids, window) == here, (year, [case.name for case in found])
        copied += len(uids)
        changed += sum(b"SUMMARY:Retitled there" in ical for ical in world.here(calendar).values())
        # Its window would roll on with the day of the next ones, and take in what was not in it.
        world.db.write(links.pause, link.id, actor="test", now=world.clock())
    print(f"{copied} objects went out and came back, {changed} with a new title; losses: {dict(losses)}")
    assert copied > (12 if calendar_files()[0] == corpus_dir() else 0)
    assert changed > copied * 0.8


def _losses(world: GoogleWorld, calendar: Calendar, link: Any, uids: set[str]) -> Counter[str]:
    """Return the named losses; an object without a copy and without a name fails."""
    losses: Counter[str] = Counter()
    for one in world.parked(link.id).values():
        (name,) = [code for text, code in LOSSES.items() if one["reason"].startswith(text)]
        losses[name] += 1
    aside = {one["ref"] for one in world.parked(link.id).values()}
    with world.db.transaction(write=False) as tx:
        stored = list(object_store.by_uids(tx, calendar.id, world.here(calendar).keys()))
    for one in stored:
        if one.uid in uids or one.uid in aside:
            continue
        if one.component != "VEVENT":
            losses["notAnEvent"] += 1
        elif not wanted(one, link.policy):
            losses["cancelled: not copied"] += 1
        else:
            obj = parse_object(one.ical, max_bytes=MAX_BYTES)
            assert not starts_of(obj, _window(world.clock().year)), one.uid
            losses["noOccurrence"] += 1
    return losses


def _year(case: Case) -> int:
    try:
        return year_of(case.obj).start.year
    except (AssertionError, GatewayError):
        return 2026


def _window(year: int) -> Window:
    return Window(start=datetime(year, 1, 1, tzinfo=UTC), end=datetime(year + 1, 1, 1, tzinfo=UTC))
