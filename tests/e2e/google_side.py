"""Google in the storm: the laboratory's Google as a ``ProviderWorld``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from gateway.lab.app import make_lab
from gateway.lab.core.settings import Settings
from gateway.providers.contract import Use
from plugins.google.provider import GoogleProvider
from tests.contract.lab.lab_client import ADA, BEN, REDIRECT, LabClient
from tests.e2e.google_world import ALL_USES, environ, occurrences_at
from tests.e2e.lab_side import HOOKS, PARAMS, TOKENS, LabSide
from tests.e2e.office import Occurrence
from tests.e2e.provider_world import Fault

_WRITES = ("insert", "patch", "update", "delete", "import", "move")
_REFUSED = (
    "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded",
    "accessNotConfigured", "insufficientPermissions",
)  # fmt: skip
_GARBAGE = (
    "enum", "types", "no_start", "backwards", "huge", "html", "not_json", "list", "empty",
)  # fmt: skip


class GoogleSide(LabSide[LabClient]):
    """One laboratory; Ada and Ben have accounts."""

    def __init__(self) -> None:
        self.params = {
            **PARAMS,
            "stale_read": {"seconds": 1.0},
            "early_notification": {"seconds": 1.0},
        }
        self.provider = GoogleProvider()
        self.persons: Sequence[str] = (ADA, BEN)
        self.private = ADA
        self.redirect_uri = REDIRECT
        self.uses: frozenset[Use] = ALL_USES
        self.faults: Sequence[Fault] = _faults()
        self.strays: list[str] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        switches = Settings(user_per_minute=0.0, project_per_minute=0.0, webhook_tries=1)
        async with (
            make_lab(settings=switches) as self.laboratory,
            aiohttp.ClientSession() as session,
            _elsewhere(self.strays) as self._other_host,
        ):
            self.lab = LabClient(self.laboratory.lab.base_url, session)
            yield

    @property
    def environ(self) -> Mapping[str, str]:
        return environ(self.lab.base)

    # -- the person's hands

    async def make_calendar(self, person: str, title: str) -> str:
        made = await self.lab.control("POST", "google/calendars", account=person, summary=title)
        return str(made["id"])

    async def add(
        self, person: str, calendar: str, title: str, start: datetime, end: datetime, *, free: bool = False
    ) -> str:
        body = {"summary": title} | _times(start, end) | ({"transparency": "transparent"} if free else {})
        made = await self.lab.control("POST", "google/events", account=person, calendar=calendar, event=body)
        return str(made["id"])

    async def edit(self, person: str, calendar: str, event: str, *, title: str) -> None:
        await self._change(calendar, event, {"summary": title})

    async def move(self, person: str, calendar: str, event: str, start: datetime, end: datetime) -> None:
        await self._change(calendar, event, _times(start, end))

    async def _change(self, calendar: str, event: str, changes: dict[str, Any]) -> None:
        await self.lab.control("PATCH", "google/events", calendar=calendar, event_id=event, changes=changes)

    async def delete(self, person: str, calendar: str, event: str) -> None:
        await self.lab.control("DELETE", "google/events", account=person, calendar=calendar, event_id=event)

    async def give_access_back(self, person: str, calendar: str) -> None:
        found = self.laboratory.google.state.calendars.get(calendar)
        if found is not None and not found.deleted:  # else the next run finds out
            await self.lab.control("POST", "google/access", account=person, calendar=calendar, role="owner")

    # -- looking

    async def events(self, calendar: str) -> Mapping[str, str]:
        dump = await self.lab.control("GET", "google/dump")
        return {
            event["id"]: str(event.get("summary", ""))
            for one in dump["calendars"]
            if one["id"] == calendar
            for event in one["events"]
            if event.get("status") != "cancelled" and "recurringEventId" not in event
        }

    async def seen(self, person: str, calendar: str) -> list[Occurrence]:
        return await occurrences_at(self.lab, calendar, account=person)

    async def writes(self) -> int:
        counts = (await self.lab.control("GET", "status"))["counts"]
        return sum(counts.get(f"calendar.events.{name}", 0) for name in _WRITES)

    async def writes_to(self, calendar: str, event: str) -> int:
        return sum(
            entry["method"] in {"PATCH", "PUT", "DELETE"} and event in entry["path"]
            for entry in self.laboratory.lab.journal.entries
        )

    async def violations(self) -> Sequence[Any]:
        assert self.strays == [], "a token went to another host"
        return await super().violations()

    def params_of(self, kind: str) -> dict[str, Any]:
        return {**super().params_of(kind), "to": self._other_host}


def _times(start: datetime, end: datetime) -> dict[str, Any]:
    return {
        name: {"dateTime": moment.isoformat(), "timeZone": "UTC"}
        for name, moment in (("start", start), ("end", end))
    }


@asynccontextmanager
async def _elsewhere(strays: list[str]) -> AsyncIterator[str]:
    """Listen as another host: whoever comes here was led astray, and may have brought a token."""

    async def stray(request: web.BaseRequest) -> web.Response:
        strays.append(request.path)
        return web.Response(text="{}", content_type="application/json")

    runner = web.ServerRunner(web.Server(stray))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _faults() -> list[Fault]:
    """Return every row of simulator.md §3 that Google has, by the laboratory's names."""
    plain = [
        *(f"429_{form}" for form in ("seconds", "date", "bare", "long")),
        *(f"403_{reason}" for reason in _REFUSED),
        *(f"{status}_{when}" for status in (500, 502, 503, 504) for when in ("before", "after")),
        *("reset_before", "reset_after", "half_body", "no_answer_before", "no_answer_after"),
        *("duplicate_commit", "401", "410_sync", "410_paging", "412_spurious", "412_foreign_edit"),
        *("409_ours", "409_foreign", "409_deleted"),
        *("person_edits", "person_deletes", "person_moves", "person_deletes_calendar", "access_reduced"),
        *("stale_read", "early_notification", "page_shift", "page_empty", "page_repeat"),
        *("page_elsewhere", "redirect_elsewhere"),
        *("slow_answer", "slow_body", "gzip", "closed_keep_alive", "unknown_zone"),
        *(f"garbage_{what}" for what in _GARBAGE),
        *(f"webhook_{what}" for what in HOOKS),
    ]
    return [
        *(Fault(kind) for kind in plain),
        Fault("401", name="401_for_ever", times=-1),
        *(Fault(kind, needs="token") for kind in TOKENS),
        *(
            Fault("clock_skew", name=f"clock_skew_{skew}", params={"seconds": float(skew)}, needs="token")
            for skew in (600, -600)
        ),
        Fault("channel_refused", needs="watch"),
    ]
