"""A state machine: people act on both sides while every fault fires; afterwards both sides are equal."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import text_of
from gateway.domain.link_model import AccountState, Direction
from gateway.services import accounts as account_service
from gateway.store import links as link_store
from gateway.store.database import Database, sqlite_url
from tests.contract.lab.lab_client import ADA, BEN
from tests.e2e.google_world import GoogleWorld, google_world
from tests.e2e.office import SOON, event

EXAMPLES = int(os.environ.get("CALGATE_STORM_EXAMPLES", "6"))
UIDS = st.sampled_from(["a", "b", "c", "d"])
TITLES = st.sampled_from(["Visit", "Interview", "Lunch", "Review"])
# Final states that a person has to answer; each has a test of its own.
FINAL = ["person_deletes_calendar", "access_reduced", "person_moves", "403_insufficientPermissions"]
SLOW = {"slow_answer": {"seconds": 0.2}, "slow_body": {"seconds": 0.2}}
FIRED: dict[str, int] = {}


class Storm(RuleBasedStateMachine):
    """One resource; its copies go to Ada, both ways to Ben's calendar, and Ada's own calendar blocks it."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.directory = TemporaryDirectory()
        self.foreign: dict[str, Any] = {}
        self.steps = 0

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def set_up(self) -> None:
        path = Path(self.directory.name) / "calgate.sqlite3"
        copyfile(self.template, path)
        self.db = Database(sqlite_url(path), synchronous="NORMAL")
        self.do(self._set_up())

    async def _set_up(self) -> None:
        self.world: GoogleWorld = await self.stack.enter_async_context(google_world(self.db))
        self.world.accounts.timeout_s = 0.5
        await self.world.lab.set(webhook_tries=1)
        self.calendar = self.world.add_resource()
        ada = await self.world.connect(ADA, "ada")
        ben = await self.world.connect(BEN, "ben")
        self.push = await self.world.link(self.calendar, ada, drift="revert")
        self.both = await self.world.link(self.calendar, ben, direction=Direction.BOTH)
        self.busy = await self.world.link(self.calendar, ada, direction=Direction.PULL, remote=ADA)
        name = await self.world.person_adds(
            ADA,
            summary="Ada's own",
            start={"dateTime": f"{SOON:%Y-%m-%d}T15:00:00Z", "timeZone": "UTC"},
            end={"dateTime": f"{SOON:%Y-%m-%d}T16:00:00Z", "timeZone": "UTC"},
        )
        await self.world.run()
        self.foreign = {name: (await self.world.there(ADA))[name]}

    @rule(uid=UIDS, title=TITLES, days=st.integers(0, 3))
    def put_here(self, uid: str, title: str, days: int) -> None:
        self.world.put(self.calendar, uid, event(uid, title, days=days))

    @rule(uid=UIDS)
    def delete_here(self, uid: str) -> None:
        if uid in self.world.here(self.calendar):
            self.world.delete(self.calendar, uid)

    @rule(is_both=st.booleans(), number=st.integers(0, 9), title=TITLES)
    def person_edits(self, is_both: bool, number: int, title: str) -> None:
        link = self.both if is_both else self.push
        found = sorted(self.do(self.world.there(link.remote_id)))
        if found:
            self.do(
                self.world.person_edits(
                    link.remote_id, found[number % len(found)], summary=f"{title} by hand"
                )
            )

    @rule(is_both=st.booleans(), number=st.integers(0, 9))
    def person_deletes(self, is_both: bool, number: int) -> None:
        link = self.both if is_both else self.push
        found = sorted(self.do(self.world.there(link.remote_id)))
        if found:
            self.do(self.world.person_deletes(link.remote_id, found[number % len(found)]))

    @rule(days=st.integers(0, 3))
    def person_adds(self, days: int) -> None:
        if len(self.world.here(self.calendar)) > 7:
            return  # below the guard, which has tests of its own
        day = SOON + timedelta(days=days)
        self.do(
            self.world.person_adds(
                self.both.remote_id,
                summary="Theirs",
                start={"dateTime": f"{day:%Y-%m-%d}T18:00:00Z", "timeZone": "UTC"},
                end={"dateTime": f"{day:%Y-%m-%d}T19:00:00Z", "timeZone": "UTC"},
            )
        )

    @rule(seed=st.integers(0, 10**6), rate=st.sampled_from([0.1, 0.3]), full=st.booleans())
    def run_in_a_storm(self, seed: int, rate: float, full: bool) -> None:
        self.do(self._run_in_a_storm(seed, rate, full))

    async def _run_in_a_storm(self, seed: int, rate: float, full: bool) -> None:
        lab = self.world.lab
        await lab.control("POST", "storms", seed=seed, rates=rate / 6, without=FINAL)
        self._forget_waiting()
        await self.world.run(poll=True, full=full)
        for kind, count in (await lab.fired()).items():
            FIRED[kind] = FIRED.get(kind, 0) + count
        await lab.control("DELETE", "faults")

    def _forget_waiting(self) -> None:
        """Let time pass: back-off and Retry-After are over, and people have signed in again."""
        with self.db.transaction(write=True) as tx:
            for account in account_service.listing(tx):
                if account.state is not AccountState.CONNECTED:
                    account_service.account_store.set_state(tx, account.id, AccountState.CONNECTED, None)
                link_store.refresh_runnable(tx, account.id)
                link_store.wake_account(tx, account.id)

    def teardown(self) -> None:
        try:
            if hasattr(self, "busy"):
                self.do(self._converge())
        finally:
            self.do(self.stack.aclose())
            self.runner.close()
            self.db.close()
            self.directory.cleanup()

    async def _converge(self) -> None:
        world = self.world
        for full in (False, True, True):
            self._forget_waiting()
            await world.run(poll=True, full=full)
            self._forget_waiting()
            await world.run(poll=True)
        for link in (self.push, self.both, self.busy):
            found = world.status(link.id)
            assert found.state.value == "active", (found.state, found.error, found.reason)
        found = world.here(self.calendar)
        for link, is_masked in ((self.push, True), (self.both, False)):
            here = shape_here(found, is_masked=is_masked)
            there = await world.there(link.remote_id)
            if link is self.push:  # what others put into that calendar is theirs, and no object here
                ours = {one.remote_id for one in world.mappings(link.id)}
                there = {
                    name: one
                    for name, one in there.items()
                    if name in ours or one.get("summary") != "Somebody else's"
                }
            assert shape_there(there) == here, world.parked(link.id)
        writes = await world.writes()
        await world.run(poll=True)
        await world.run(full=True)
        assert await world.writes() == writes
        for name, body in self.foreign.items():
            assert (await world.there(ADA))[name] == body
        assert await world.lab.outbox() == []
        assert await world.lab.violations() == []


def shape_here(found: dict[str, bytes], *, is_masked: bool = False) -> list[tuple[str, float]]:
    """Return titles and starts; ``is_masked``: as a link shows them that did not bring them."""
    shapes = []
    for ical in found.values():
        parsed = parse_object(ical, max_bytes=len(ical))
        start = parsed.components[0]["DTSTART"]
        zone = parsed.zones.get(start.params.get("TZID", "")) if start.params else None
        moment = start.dt if start.dt.tzinfo else start.dt.replace(tzinfo=zone)
        title = text_of(parsed.components[0], "SUMMARY") or "Busy"
        if is_masked and parsed.classification:
            title = "Busy"
        shapes.append((title, moment.timestamp()))
    return sorted(shapes)


def shape_there(found: dict[str, dict[str, Any]]) -> list[tuple[str, float]]:
    return sorted(
        (one.get("summary") or "Busy", datetime.fromisoformat(one["start"]["dateTime"]).timestamp())
        for one in found.values()
    )


def test_after_every_storm_both_sides_are_equal(sqlite_template: Path) -> None:
    machine = type("Machine", (Storm,), {"template": sqlite_template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    print(dict(sorted(FIRED.items())))


if __name__ == "__main__":
    pytest.main([__file__])
