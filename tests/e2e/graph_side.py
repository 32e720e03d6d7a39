"""Microsoft in the storm: the laboratory's Entra and Graph as a ``ProviderWorld``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.settings import Settings
from gateway.lab.microsoft import event_reads, person, times
from gateway.providers.contract import Use
from plugins.graph.provider import GraphProvider
from tests.contract.lab.graph_client import ADA, BEN, REDIRECT, Microsoft
from tests.e2e.graph_world import ALL_USES, environ
from tests.e2e.lab_side import HOOKS, PARAMS, TOKENS, LabSide
from tests.e2e.office import AROUND, Occurrence
from tests.e2e.provider_world import Fault

_FREE = {"free", "workingElsewhere"}
_GARBAGE = (
    "backwards", "custom_zone", "empty", "enum", "html", "huge", "list", "no_start", "not_json", "types", "zone",
)  # fmt: skip


class GraphSide(LabSide[Microsoft]):
    """One laboratory; Ada and Ben have mailboxes in one tenant."""

    def __init__(self) -> None:
        self.params = {
            **PARAMS,
            "graph_stale_read": {"seconds": 1.0},
            "graph_early_notification": {"seconds": 1.0},
        }
        self.provider = GraphProvider()
        self.persons: Sequence[str] = (ADA, BEN)
        self.private = "Calendar"
        self.redirect_uri = REDIRECT
        self.uses: frozenset[Use] = ALL_USES
        self.faults: Sequence[Fault] = _faults()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        switches = Settings(webhook_tries=1, mailbox_per_10_minutes=1e9, graph_latency_s=0.001)
        made = make_lab(settings=switches, providers=frozenset({"microsoft"}))
        async with made as self.laboratory, aiohttp.ClientSession() as session:
            self.lab = Microsoft(self.laboratory.lab.base_url, session)
            yield

    @property
    def environ(self) -> Mapping[str, str]:
        return environ(self.lab.base)

    # -- the person's hands

    async def make_calendar(self, person: str, title: str) -> str:
        made = await self.lab.control("POST", "microsoft/calendars", account=person, name=title)
        return str(made["id"])

    async def add(
        self, person: str, calendar: str, title: str, start: datetime, end: datetime, *, free: bool = False
    ) -> str:
        body = {"subject": title, "showAs": "free" if free else "busy"} | _times(start, end)
        made = await self.lab.control(
            "POST", "microsoft/events", account=person, calendar=calendar, event=body
        )
        return str(made["immutable_id"])

    async def edit(self, person: str, calendar: str, event: str, *, title: str) -> None:
        await self._change(event, {"subject": title})

    async def move(self, person: str, calendar: str, event: str, start: datetime, end: datetime) -> None:
        await self._change(event, _times(start, end))

    async def _change(self, event: str, changes: dict[str, Any]) -> None:
        await self.lab.control("PATCH", "microsoft/events", event_id=event, changes=changes)

    async def delete(self, person: str, calendar: str, event: str) -> None:
        await self.lab.control("DELETE", "microsoft/events", event_id=event)

    async def give_access_back(self, person: str, calendar: str) -> None:
        """Do nothing: these calendars are the person's own."""

    # -- looking

    async def events(self, calendar: str) -> Mapping[str, str]:
        dump = await self.lab.control("GET", "microsoft/dump")
        return {
            event["immutable_id"]: str(event["subject"])
            for one in dump["calendars"]
            if one["id"] == calendar and not one["deleted"]
            for event in one["events"]
            if not event["deleted"]
        }

    async def seen(self, person: str, calendar: str) -> list[Occurrence]:
        return occurrences_at(self.laboratory, person, calendar)

    async def writes(self) -> int:
        counts = (await self.lab.control("GET", "status"))["counts"]
        return sum(counts.get(f"graph.events.{name}", 0) for name in ("create", "patch", "delete"))

    async def writes_to(self, calendar: str, event: str) -> int:
        return sum(
            entry["method"] in {"PATCH", "DELETE"}
            and (event in entry["path"] or quote(event, safe="") in entry["path"])
            for entry in self.laboratory.lab.journal.entries
        )


def occurrences_at(laboratory: Laboratory, account: str, calendar: str) -> list[Occurrence]:
    """Return every occurrence of a calendar; the laboratory expands series with an engine of its own."""
    microsoft = laboratory.microsoft
    found = person.calendar_of(microsoft, account, calendar)
    rows = event_reads.rows_between(microsoft, found, AROUND.start, AROUND.end)
    return sorted(
        (
            str(body["subject"] or "Busy"),
            times.instant(body["start"]).timestamp(),
            times.instant(body["end"]).timestamp(),
            body["showAs"] in _FREE,
        )
        for _item, _version, body, _day in rows
    )


def _times(start: datetime, end: datetime) -> dict[str, Any]:
    return {
        name: {"dateTime": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}
        for name, moment in (("start", start), ("end", end))
    }


def _faults() -> list[Fault]:
    """Return every row of simulator.md §3 that Microsoft has, by the laboratory's names."""
    plain = [
        *(f"429_{form}" for form in ("seconds", "date", "bare", "long")),
        *(f"{status}_{when}" for status in (500, 502, 503, 504) for when in ("before", "after")),
        *("reset_before", "reset_after", "half_body", "no_answer_before", "no_answer_after"),
        *("duplicate_commit", "401", "graph_401_claims", "graph_403_access", "graph_404_mailbox"),
        *("graph_503_move", "graph_503_store", "graph_507_quota", "graph_509_bandwidth"),
        *("graph_410_state", "graph_410_resync", "graph_410_paging"),
        *("graph_412_spurious", "graph_412_foreign_edit", "graph_transaction_taken"),
        *("graph_person_edits", "graph_person_deletes", "graph_person_moves"),
        *("graph_person_deletes_calendar", "graph_access_reduced"),
        *("graph_stale_read", "graph_early_notification"),
        *("graph_page_short", "graph_page_empty", "graph_page_repeat", "graph_page_foreign"),
        *("slow_answer", "slow_body", "gzip", "closed_keep_alive"),
        *(f"graph_garbage_{what}" for what in _GARBAGE),
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
        Fault("graph_subscription_refused", needs="watch"),
        Fault("graph_renewal_refused", needs="renewal"),
    ]
