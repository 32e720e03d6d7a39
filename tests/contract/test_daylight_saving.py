"""Series over both changes of the clock, at every provider: the same instants as here (behaviours.md 21).

A provider joins by one entry of ``SIDES``: it opens an account with an empty calendar, and shows what a person
sees there, expanded by the laboratory's own engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.ical import parse_object
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.lab.app import make_lab
from gateway.lab.core.settings import Settings
from gateway.providers.contract import (
    CalendarLook,
    MakesCalendars,
    ObjectKey,
    Presentation,
    Put,
    RemoteAccount,
    Upsert,
)
from plugins.google.client import GoogleClient
from plugins.graph.client import GraphClient
from tests.contract.google import google_lab
from tests.contract.graph import graph_lab

Starts = set[datetime]
# Weekly and daily, across the change in spring and the one in autumn; Lord Howe moves by half an hour, Casablanca
# leaves summer time for Ramadan, Sao Paulo has had none since 2019.
ZONES = {
    "Europe/Berlin": 2026,
    "America/New_York": 2026,
    "Australia/Sydney": 2026,
    "Africa/Casablanca": 2026,
    "America/Sao_Paulo": 2018,
    "Australia/Lord_Howe": 2026,
}
RULES = ("FREQ=WEEKLY;BYDAY=MO,SU", "FREQ=DAILY;INTERVAL=3", "FREQ=MONTHLY;BYDAY=-1SU")


@dataclass(frozen=True, kw_only=True)
class Side:
    """An account at a provider, and what is seen there between two instants."""

    account: RemoteAccount
    starts: Callable[[str, str, Window], Awaitable[Starts]]


@asynccontextmanager
async def google_side() -> AsyncIterator[Side]:
    settings = Settings(user_per_minute=0.0, project_per_minute=0.0, page_cap=2500)
    async with make_lab(settings=settings) as laboratory, google_lab.signed_in(laboratory) as signed:
        client = GoogleClient(signed.http, signed.config["api_base"])

        async def starts(calendar_id: str, remote_id: str, window: Window) -> Starts:
            query = {"timeMin": window.start.isoformat(), "timeMax": window.end.isoformat()}
            path = f"{client.event(calendar_id, remote_id)}/instances"
            return {
                datetime.fromisoformat(item["start"]["dateTime"]).astimezone(UTC)
                async for page in client.pages(path, {**query, "maxResults": "2500"})
                for item in page["items"]
            }

        yield Side(account=signed.account, starts=starts)


@asynccontextmanager
async def graph_side() -> AsyncIterator[Side]:
    made = make_lab(settings=Settings(page_cap=1000), providers=frozenset({"microsoft"}))
    async with made as laboratory, graph_lab.signed_in(laboratory) as signed:
        client = GraphClient(signed.http, base=signed.config["api_base"], root="me", at_once=4)

        async def starts(calendar_id: str, remote_id: str, window: Window) -> Starts:
            query = {
                "startDateTime": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
                "endDateTime": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
                "$top": "1000",
            }
            path = f"{client.event(calendar_id, remote_id)}/instances"
            return {
                datetime.fromisoformat(item["start"]["dateTime"][:19]).replace(tzinfo=UTC)
                async for page in client.pages(path, query)
                for item in page["value"]
            }

        yield Side(account=signed.account, starts=starts)


SIDES: dict[str, Callable[[], AbstractAsyncContextManager[Side]]] = {
    "google": google_side,
    "graph": graph_side,
}


def series(zone: str, year: int, rule: str) -> bytes:
    """Return a series of a year in the small hours, where the clock changes, with an exception and a gap."""
    first = datetime(year, 1, 4) if "SU" in rule else datetime(year, 1, 5)  # noqa: DTZ001 - a wall clock
    if "-1SU" in rule:
        first = datetime(year, 1, 31)  # noqa: DTZ001 - a wall clock
        first -= timedelta(days=(first.weekday() + 1) % 7)
    elif "BYDAY" in rule:
        first -= timedelta(days=first.weekday())
    end = datetime(year, 12, 20, 23, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    day = f"{first:%Y%m%d}"
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", "UID:dst@example.org",
        "DTSTAMP:20260101T000000Z", f"DTSTART;TZID={zone}:{day}T013000", f"DTEND;TZID={zone}:{day}T020000",
        f"RRULE:{rule};UNTIL={end:%Y%m%dT%H%M%SZ}", "SUMMARY:Early", "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("provider", SIDES)
async def test_pain_21_series_keep_their_wall_clock_over_both_changes_of_the_clock(provider: str) -> None:
    wrong: list[str] = []
    async with SIDES[provider]() as side:
        account = side.account
        assert isinstance(account, MakesCalendars)
        calendar_id = (await account.create_calendar(CalendarLook(name="DST"))).id
        for zone, year in ZONES.items():
            window = Window(start=datetime(year, 1, 1, tzinfo=UTC), end=datetime(year + 1, 1, 1, tzinfo=UTC))
            for rule in RULES:
                text = series(zone, year, rule)
                key = ObjectKey(instance_id="one", resource_uuid="dst", uid=f"{zone}{rule}")
                look = Presentation(zone="Europe/Berlin")
                made = await account.push(calendar_id, Put(key=key, ical=text, presentation=look))
                assert isinstance(made, Upsert)
                assert b"RRULE" in made.ical, "a series stays a series"
                assert f"TZID={zone}:".encode() in made.ical
                expected = _starts(text, window)
                offsets = {start.astimezone(ZoneInfo(zone)).utcoffset() for start in expected}
                assert len(offsets) == 2, "it crosses both changes"
                seen = await side.starts(calendar_id, made.remote_id, window)
                if not expected == _starts(made.ical, window) == seen:
                    wrong.append(f"{zone} {rule}: {sorted(expected ^ seen)[:3]}")
    assert wrong == []


def _starts(text: bytes, window: Window) -> Starts:
    obj = parse_object(text, max_bytes=1 << 20)
    found = expand(obj, zone=ZoneInfo("Europe/Berlin"), window=window, limit=5000).occurrences
    return {each.start for each in found}
