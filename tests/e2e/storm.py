"""The storm: people act on both sides while every fault fires; afterwards both sides are equal.

The machine knows resources, links and ``ProviderWorld``; a test names the worlds that it runs over. Every
fault of every world is dealt to it like cards, so that each fires, beside faults at random.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gateway.store.database import Database
from gateway.store.sqlite import sqlite_url
from tests.e2e.office import SOAK, SOON, event, series
from tests.e2e.provider_world import Fault, ProviderWorld
from tests.e2e.storm_stage import Stage
from tests.e2e.storm_verdict import converge
from tests.lab_memory import forget_applications

UIDS = st.sampled_from(["a", "b", "c", "d"])
TITLES = st.sampled_from(["Visit", "Interview", "Lunch", "Review"])
ROUNDS = 4  # of one storm, with every wait over in between
# How many faults are dealt to one machine: what an earlier one hides from a later one, a fresh machine shows.
HANDS = (12, 3, 1, 1)


class Storm(RuleBasedStateMachine):
    """The acts of people and the faults that hit them, on a ``Stage``."""

    template: ClassVar[Path]
    make_sides: ClassVar[Sequence[Callable[[], ProviderWorld]]]
    fired: ClassVar[Counter[str]]
    deck: ClassVar[list[tuple[int, Fault]]]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.directory = TemporaryDirectory()
        self.is_ready = False

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def set_up(self) -> None:
        path = Path(self.directory.name) / "calgate.sqlite3"
        copyfile(self.template, path)
        self.db = Database(sqlite_url(path), synchronous="NORMAL")
        self.stage = Stage(self.db, [make() for make in self.make_sides])
        self.seen_fired = [Counter[str]() for _ in self.stage.sides]
        self.do(self.stage.set_up(self.stack))
        self.is_ready = True

    # -- here -----------------------------------------------------------------------------------------

    @rule(uid=UIDS, title=TITLES, days=st.integers(0, 3), repeats=st.booleans())
    def put_here(self, uid: str, title: str, days: int, repeats: bool) -> None:
        ical = series(uid, title, days=days) if repeats else event(uid, title, days=days)
        self.stage.office.put(self.stage.calendar, uid, ical)

    @rule(uid=UIDS)
    def delete_here(self, uid: str) -> None:
        if uid in self.stage.office.here(self.stage.calendar):
            self.stage.office.delete(self.stage.calendar, uid)

    # -- there ----------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 1), number=st.integers(0, 9), title=TITLES)
    def person_edits(self, which: int, number: int, title: str) -> None:
        bond = self.stage.bonds[which]
        if name := self.do(self.stage.any_of(bond, number)):
            self.do(bond.side.edit(bond.person, bond.calendar, name, title=f"{title} by hand"))

    @rule(which=st.integers(0, 1), number=st.integers(0, 9))
    def person_deletes(self, which: int, number: int) -> None:
        bond = self.stage.bonds[which]
        if name := self.do(self.stage.any_of(bond, number)):
            self.do(bond.side.delete(bond.person, bond.calendar, name))

    @rule(days=st.integers(0, 3))
    def person_adds(self, days: int) -> None:
        if len(self.stage.office.here(self.stage.calendar)) > 7:
            return  # below the guard, which has tests of its own
        at = SOON.replace(hour=18) + timedelta(days=days)
        bond = self.stage.bonds[1]
        self.do(bond.side.add(bond.person, bond.calendar, "Theirs", at, at + timedelta(hours=1)))

    @rule(days=st.integers(0, 3), free=st.booleans())
    def person_is_busy(self, days: int, free: bool) -> None:
        at = SOON.replace(hour=20) + timedelta(days=days)
        bond = self.stage.bonds[2]
        self.do(bond.side.add(bond.person, bond.calendar, "Own", at, at + timedelta(hours=1), free=free))

    # -- trouble --------------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 10**6), rate=st.sampled_from([0.002, 0.006]), full=st.booleans())
    def run_in_a_storm(self, seed: int, rate: float, full: bool) -> None:
        self.do(self._run_in_a_storm(seed, rate, full))

    async def _run_in_a_storm(self, seed: int, rate: float, full: bool) -> None:
        for number, side in enumerate(self.stage.sides):
            await side.storm(seed + number, rate)
        for turn in range(ROUNDS):
            await self.stage.busy_day(self.stage.sides, full=full and not turn)
        await self.stage.calm()
        for number, side in enumerate(self.stage.sides):
            self._count(number, await side.fired())
        await self.stage.repair()

    @rule(number=st.integers(0, 10**6))
    def meet_a_fault(self, number: int) -> None:
        """Draw a card: one fault that has not fired yet, while everything is done that may meet it."""
        left = [card for card in self.deck if not self.fired[card[1].label]]
        if left:
            self.meet(*left[number % len(left)])

    def meet(self, number: int, fault: Fault) -> None:
        """Let one fault hit a busy day."""
        self.do(self._meet(number, fault))

    async def _meet(self, number: int, fault: Fault) -> None:
        side = self.stage.sides[number]
        self._count(number, await side.fired())
        before = self.seen_fired[number][fault.kind]
        if fault.needs == "token":
            await side.expire_tokens()
        if fault.needs == "watch":
            self.stage.forget_watches()
        if fault.needs == "renewal":
            self.stage.age_watches()
        await side.script(fault)
        for full in (False, True):
            await self.stage.busy_day([side], full=full)
            if self._count(number, await side.fired())[fault.kind] > before:
                if fault.label != fault.kind:
                    self.fired[fault.label] += 1
                break
        await self.stage.calm()
        await self.stage.repair()

    def _count(self, number: int, now: Any) -> Counter[str]:
        news = Counter(now) - self.seen_fired[number]
        self.seen_fired[number] = Counter(now)
        for kind, count in news.items():
            if any(fault.label == kind for _, fault in self.deck):
                self.fired[kind] += count
        return self.seen_fired[number]

    # -- the end --------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.is_ready:
                self.do(converge(self.stage))
        finally:
            self.do(self.stack.aclose())
            self.runner.close()
            self.db.close()
            self.directory.cleanup()
            forget_applications()  # hundreds of them in one test


def run_storm(
    *sides: Callable[[], ProviderWorld],
    template: Path,
    examples: int,
    steps: int = 8,
    deals_all: bool = True,
) -> Counter[str]:
    """Run the storm over these worlds until every fault has fired; return how often each did.

    The second part deals what the first has not met, some faults to a machine; without ``deals_all`` there
    is none, because other storms deal the same cards.
    """
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import run_state_machine_as_test

    deck = [(number, fault) for number, make in enumerate(sides) for fault in make().faults]
    members = {"template": template, "make_sides": sides, "fired": Counter[str](), "deck": deck}
    machine = type("Machine", (Storm,), members)
    if examples:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
                database=None,
                derandomize=not SOAK,
            ),
        )
    fired: Counter[str] = machine.fired
    if not deals_all:
        return fired
    for hand in HANDS:
        left = [card for card in deck if not fired[card[1].label]]
        for start in range(0, len(left), hand):
            one = machine()
            one.set_up()
            try:
                for card in left[start : start + hand]:
                    one.meet(*card)
            finally:
                one.teardown()
    never = [fault.label for _, fault in deck if not fired[fault.label]]
    assert not never, f"a fault that never fires is a hole in the proof: {', '.join(never)}"
    return fired


__all__ = ["Storm", "run_storm"]
