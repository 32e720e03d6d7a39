"""A CalDAV server in the storm: the laboratory's, which mails guests and lies on demand, as a ``ProviderWorld``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from gateway.lab.app import DEMO_PASSWORD, Laboratory, make_lab
from gateway.lab.caldav import lines, person
from gateway.lab.caldav.model import Calendar
from gateway.lab.caldav.pages import occurring
from gateway.lab.caldav.paths import calendar as path_of
from gateway.lab.caldav.paths import place_of
from gateway.lab.core.faults import Match
from gateway.lab.core.settings import Settings
from gateway.providers.contract import Use
from plugins.caldav.provider import CalDavProvider
from tests.e2e.office import AROUND, ZONE, Occurrence
from tests.e2e.provider_world import Fault

# Long enough to outlast the client's patience of half a second, or short enough not to.
_PARAMS: Mapping[str, dict[str, Any]] = {
    "slow_answer": {"seconds": 0.1},
    "slow_body": {"seconds": 0.1},
    "no_answer_before": {"seconds": 0.6},
    "no_answer_after": {"seconds": 0.6},
}
_PLAIN = (
    *(f"429_{form}" for form in ("seconds", "date", "bare", "long")),
    *(f"{status}_{when}" for status in (500, 502, 503, 504) for when in ("before", "after")),
    *("reset_before", "reset_after", "half_body", "no_answer_before", "no_answer_after"),
    *("duplicate_commit", "401", "slow_answer", "slow_body", "gzip", "closed_keep_alive", "clock_skew"),
    *("dav_html_200", "dav_html_207", "dav_html_404", "dav_html_503", "dav_412", "dav_423", "dav_507"),
    *("dav_old_token", "dav_old_token_bare", "dav_no_token", "dav_empty", "dav_one_missing", "dav_strangers"),
    *("dav_person_edits", "dav_person_deletes"),
)
NOT_HERE = {"dav_person_invites"}
"""An event with guests is left as it is, so that the sides would differ: it has tests of its own."""


class CalDavSide:
    """One laboratory; Ada and Ben have accounts. ``switches`` make its server another one."""

    def __init__(self, **switches: Any) -> None:
        self.provider = CalDavProvider()
        self.persons: Sequence[str] = ("ada", "ben")
        self.private = path_of("ada", "default")
        self.redirect_uri = ""
        self.uses: frozenset[Use] = frozenset()
        self.switches = switches
        has_tokens = switches.get("dav_sync_collection", True)
        tokens = {"dav_old_token", "dav_old_token_bare", "dav_no_token"}
        self.faults: Sequence[Fault] = [
            *(Fault(kind) for kind in _PLAIN if has_tokens or kind not in tokens),
            Fault("401", name="401_for_ever", times=-1),
        ]
        self.laboratory: Laboratory

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        settings = Settings(**self.switches)
        async with make_lab(settings=settings, providers=frozenset({"caldav"})) as self.laboratory:
            yield

    @property
    def environ(self) -> Mapping[str, str]:
        return {"CALGATE_CALDAV_ALLOW_LOOPBACK": "1"}

    async def consent(self, url: str, person: str) -> dict[str, str]:
        raise AssertionError("there is no consent page")

    def fields(self, person: str) -> dict[str, str]:
        """Return what the person types into the form."""
        return {"url": self.laboratory.lab.base_url, "login": person, "password": DEMO_PASSWORD}

    async def receive_at(self, address: str) -> None:
        """A CalDAV server tells nothing by itself."""

    # -- the person's hands

    def _calendar(self, path: str) -> Calendar:
        place = place_of(path)
        return self.laboratory.dav.calendar(place.login, place.segment)

    async def make_calendar(self, person: str, title: str) -> str:
        made = self.laboratory.dav.new_calendar(person, uuid4().hex, name=title)
        return path_of(person, made.segment)

    async def add(
        self, person_: str, calendar: str, title: str, start: datetime, end: datetime, *, free: bool = False
    ) -> str:
        found = [*_times(start, end).values(), f"SUMMARY:{title}"]
        found += ["TRANSP:TRANSPARENT"] if free else []
        return person.add(self.laboratory.dav, self._calendar(calendar), *found)

    async def edit(self, person_: str, calendar: str, event: str, *, title: str) -> None:
        person.change(self.laboratory.dav, self._calendar(calendar), event, summary=f"SUMMARY:{title}")

    async def move(self, person_: str, calendar: str, event: str, start: datetime, end: datetime) -> None:
        found = _times(start, end)
        person.change(
            self.laboratory.dav, self._calendar(calendar), event,
            dtstart=found["DTSTART"], dtend=found["DTEND"], duration="",
        )  # fmt: skip

    async def delete(self, person_: str, calendar: str, event: str) -> None:
        self.laboratory.dav.delete(self._calendar(calendar), event, operation=person.BY_HAND)

    async def give_access_back(self, person_: str, calendar: str) -> None:
        self._calendar(calendar).read_only = False

    # -- looking

    async def events(self, calendar: str) -> Mapping[str, str]:
        return {
            name: lines.text(next(lines.components(one.body)), "SUMMARY")
            for name, one in self._calendar(calendar).resources.items()
        }

    async def seen(self, person_: str, calendar: str) -> list[Occurrence]:
        view = ZoneInfo(ZONE)
        days = (AROUND.end - AROUND.start).days
        rows = occurring(self.laboratory.dav, self._calendar(calendar), view, AROUND.start.date(), days)
        found = [
            (row["own_title"] or "Busy", _stamp(row["start"], view), _stamp(row["end"], view), row["free"])
            for row in rows
        ]
        low, high = AROUND.start.timestamp(), AROUND.end.timestamp()
        return sorted(one for one in found if one[1] < high and one[2] > low)

    async def writes(self) -> int:
        counts = self.laboratory.lab.journal.counts
        return int(counts["caldav.put"] + counts["caldav.delete"])

    async def writes_to(self, calendar: str, event: str) -> int:
        return sum(
            entry["method"] in {"PUT", "DELETE"} and event in entry["path"]
            for entry in self.laboratory.lab.journal.entries
        )

    async def requests(self) -> int:
        return self.laboratory.lab.journal.number

    async def outbox(self) -> Sequence[Any]:
        return list(self.laboratory.lab.outbox.entries)

    async def violations(self) -> Sequence[Any]:
        return list(self.laboratory.lab.journal.violations)

    # -- trouble

    async def script(self, fault: Fault) -> None:
        params = {**_PARAMS.get(fault.kind, {}), **fault.params}
        self.laboratory.lab.faults.script(fault.kind, Match(**fault.at), times=fault.times, params=params)

    async def storm(self, seed: int, rate: float) -> None:
        kinds = sorted({fault.kind for fault in self.faults})
        params = {kind: dict(_PARAMS.get(kind, {})) for kind in kinds}
        self.laboratory.lab.faults.storm(seed, dict.fromkeys(kinds, rate), Match(), params)

    async def calm(self) -> None:
        self.laboratory.lab.faults.clear()

    async def expire_tokens(self) -> None:
        """A password does not end."""

    async def fired(self) -> Mapping[str, int]:
        return dict(self.laboratory.lab.faults.fired)


def _times(start: datetime, end: datetime) -> dict[str, str]:
    return {
        name: f"{name}:{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        for name, moment in (("DTSTART", start), ("DTEND", end))
    }


def _stamp(value: date | datetime, view: ZoneInfo) -> float:
    moment = value if isinstance(value, datetime) else datetime.combine(value, time(), view)
    return moment.timestamp()
