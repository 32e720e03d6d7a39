"""The storm: people act on both sides while every fault fires; afterwards both sides are equal.

The machine knows resources, links and ``ProviderWorld``; a test names the worlds that it runs over. Every
fault of every world is dealt to it like cards, so that each fires, beside faults at random.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gateway.domain.link_model import Account, AccountState, Direction, Link, LinkId, LinkState
from gateway.providers.contract import SignInKind
from gateway.providers.registry import Registry
from gateway.services import accounts as account_service
from gateway.services import links
from gateway.store import busy, watches
from gateway.store import links as link_store
from gateway.store.database import Database, sqlite_url
from gateway.store.sealed import Sealer, new_key
from tests.e2e.hooks import hooks
from tests.e2e.office import SOAK, SOON, Office, event, open_engine, series
from tests.e2e.provider_world import Fault, ProviderWorld

UIDS = st.sampled_from(["a", "b", "c", "d"])
TITLES = st.sampled_from(["Visit", "Interview", "Lunch", "Review"])
FOREIGN = ("Foreign", "Somebody else's")  # the second is what the laboratories' twins are called
TURNS = 200  # a run that needs more turns than this runs for ever
ROUNDS = 4  # of one storm, with every wait over in between
# How many faults are dealt to one machine: what an earlier one hides from a later one, a fresh machine shows.
HANDS = (12, 3, 1, 1)


@dataclass
class Bond:
    """One link of the storm, with the person's end of it."""

    side: ProviderWorld
    person: str
    calendar: str
    direction: Direction
    link_id: LinkId
    settings: dict[str, Any]


class Storm(RuleBasedStateMachine):
    """One resource: copies go to one person, both ways to others, and the first one's own time blocks."""

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
        self.numbers = itertools.count()

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def set_up(self) -> None:
        path = Path(self.directory.name) / "calgate.sqlite3"
        copyfile(self.template, path)
        self.db = Database(sqlite_url(path), synchronous="NORMAL")
        self.do(self._set_up())
        self.is_ready = True

    async def _set_up(self) -> None:
        self.sides = [make() for make in self.make_sides]
        environ: dict[str, str] = {}
        for side in self.sides:
            await self.stack.enter_async_context(side.open())
            environ |= side.environ
        registry = Registry(providers={side.provider.name: side.provider for side in self.sides})
        sealer = Sealer([new_key()])
        accounts, worker = await self.stack.enter_async_context(
            open_engine(self.db, registry, environ, sealer=sealer)
        )
        accounts.timeout_s = 0.5
        self.office = Office(db=self.db, accounts=accounts, sealer=sealer, worker=worker)
        address = await self.stack.enter_async_context(hooks(self.office))
        for side in self.sides:
            await side.receive_at(address)
        self.seen_fired = [Counter[str]() for _ in self.sides]
        self.calendar = self.office.add_resource()
        self.bonds = await self._bonds()
        await self._foreigners()
        await self.office.run()

    async def _bonds(self) -> list[Bond]:
        first, last = self.sides[0], self.sides[-1]
        push = await self._bond(first, first.persons[0], Direction.PUSH, drift="revert")
        both = await self._bond(last, last.persons[1], Direction.BOTH)
        busy_bond = await self._bond(first, first.persons[0], Direction.PULL, calendar=first.private)
        # Between a first and a last provider there may be more: the schedule goes both ways with each of them.
        between = [await self._bond(side, side.persons[1], Direction.BOTH) for side in self.sides[1:-1]]
        return [push, both, busy_bond, *between]

    async def _bond(
        self,
        side: ProviderWorld,
        person: str,
        direction: Direction,
        *,
        calendar: str | None = None,
        **settings: Any,
    ) -> Bond:
        account = await self._sign_in(side, person)
        calendar = calendar or await side.make_calendar(person, f"Room, {direction.value}")
        made = await self.office.link(
            self.calendar, account, direction=direction, remote=calendar, **settings
        )
        return Bond(side, person, calendar, direction, made.id, settings)

    async def _sign_in(self, side: ProviderWorld, person: str) -> Account:
        if SignInKind.USER not in side.provider.sign_in.kinds:
            return await self.office.connector.with_fields(
                side.provider.name,
                side.fields(person),
                kind=SignInKind.PASSWORD,
                principal_id=self.office.person(person.partition("@")[0]).id,
                actor="test",
            )
        return await self.office.sign_in(
            side.provider.name,
            lambda url: side.consent(url, person),
            login=person.partition("@")[0],
            redirect_uri=side.redirect_uri,
            uses=side.uses,
        )

    async def _foreigners(self) -> None:
        """Put a person's own events where we must not write: beside our copies, and in her own calendar."""
        self.foreign: list[tuple[ProviderWorld, str, str]] = []
        push, _both, own = self.bonds[:3]
        for bond, hour in ((push, 15), (own, 17)):
            at = SOON.replace(hour=hour)
            name = await bond.side.add(
                bond.person, bond.calendar, "Foreign", at, at + timedelta(hours=1), free=bond is push
            )
            self.foreign.append((bond.side, bond.calendar, name))

    # -- here -----------------------------------------------------------------------------------------

    @rule(uid=UIDS, title=TITLES, days=st.integers(0, 3), repeats=st.booleans())
    def put_here(self, uid: str, title: str, days: int, repeats: bool) -> None:
        ical = series(uid, title, days=days) if repeats else event(uid, title, days=days)
        self.office.put(self.calendar, uid, ical)

    @rule(uid=UIDS)
    def delete_here(self, uid: str) -> None:
        if uid in self.office.here(self.calendar):
            self.office.delete(self.calendar, uid)

    # -- there ----------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 1), number=st.integers(0, 9), title=TITLES)
    def person_edits(self, which: int, number: int, title: str) -> None:
        bond = self.bonds[which]
        if name := self.do(self._any_of(bond, number)):
            self.do(bond.side.edit(bond.person, bond.calendar, name, title=f"{title} by hand"))

    @rule(which=st.integers(0, 1), number=st.integers(0, 9))
    def person_deletes(self, which: int, number: int) -> None:
        bond = self.bonds[which]
        if name := self.do(self._any_of(bond, number)):
            self.do(bond.side.delete(bond.person, bond.calendar, name))

    @rule(days=st.integers(0, 3))
    def person_adds(self, days: int) -> None:
        if len(self.office.here(self.calendar)) > 7:
            return  # below the guard, which has tests of its own
        at = SOON.replace(hour=18) + timedelta(days=days)
        bond = self.bonds[1]
        self.do(bond.side.add(bond.person, bond.calendar, "Theirs", at, at + timedelta(hours=1)))

    @rule(days=st.integers(0, 3), free=st.booleans())
    def person_is_busy(self, days: int, free: bool) -> None:
        at = SOON.replace(hour=20) + timedelta(days=days)
        bond = self.bonds[2]
        self.do(bond.side.add(bond.person, bond.calendar, "Own", at, at + timedelta(hours=1), free=free))

    async def _any_of(self, bond: Bond, number: int) -> str | None:
        found = await bond.side.events(bond.calendar)
        names = sorted(name for name, title in found.items() if not title.startswith(FOREIGN))
        return names[number % len(names)] if names else None

    # -- trouble --------------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 10**6), rate=st.sampled_from([0.002, 0.006]), full=st.booleans())
    def run_in_a_storm(self, seed: int, rate: float, full: bool) -> None:
        self.do(self._run_in_a_storm(seed, rate, full))

    async def _run_in_a_storm(self, seed: int, rate: float, full: bool) -> None:
        for number, side in enumerate(self.sides):
            await side.storm(seed + number, rate)
        for turn in range(ROUNDS):
            await self._busy_day(self.sides, full=full and not turn)
        await self._calm()
        for number, side in enumerate(self.sides):
            self._count(number, await side.fired())
        await self._repair()

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
        side = self.sides[number]
        self._count(number, await side.fired())
        before = self.seen_fired[number][fault.kind]
        if fault.needs == "token":
            await side.expire_tokens()
        if fault.needs == "watch":
            self._forget_watches()
        if fault.needs == "renewal":
            self._age_watches()
        await side.script(fault)
        for full in (False, True):
            await self._busy_day([side], full=full)
            if self._count(number, await side.fired())[fault.kind] > before:
                if fault.label != fault.kind:
                    self.fired[fault.label] += 1
                break
        await self._calm()
        await self._repair()

    async def _busy_day(self, sides: Sequence[ProviderWorld], *, full: bool) -> None:
        """Create, change and delete on both sides, in every calendar of these providers that we write to."""
        number = next(self.numbers)
        self.office.put(self.calendar, "busy", series("busy", f"Busy {number}", days=1, moved=number % 3))
        self.office.put(self.calendar, "day", event("day", f"Day {number}", days=2))
        if "gone" in self.office.here(self.calendar):
            self.office.delete(self.calendar, "gone")
        else:
            self.office.put(self.calendar, "gone", event("gone", "Gone", days=3))
        # "gone" comes back under its old name there, so only a name never used before is surely inserted.
        self.office.put(self.calendar, f"new-{number}", event(f"new-{number}", "New", days=3))
        if (last := f"new-{number - 1}") in self.office.here(self.calendar):
            self.office.delete(self.calendar, last)
        for bond in self.bonds:
            if (
                bond.side in sides
                and bond.direction is not Direction.PULL
                and (name := await self._any_of(bond, number))
            ):
                await bond.side.edit(bond.person, bond.calendar, name, title=f"Edited on day {number}")
        await asyncio.sleep(0.02)  # messages are under way
        self._forget_waiting()
        assert await self.office.run(poll=True, full=full) < TURNS

    def _count(self, number: int, now: Any) -> Counter[str]:
        news = Counter(now) - self.seen_fired[number]
        self.seen_fired[number] = Counter(now)
        for kind, count in news.items():
            if any(fault.label == kind for _, fault in self.deck):
                self.fired[kind] += count
        return self.seen_fired[number]

    # -- what people do about it ----------------------------------------------------------------------

    async def _calm(self) -> None:
        for side in self.sides:
            await side.calm()

    def _forget_waiting(self) -> None:
        """Let time pass: back-off and Retry-After are over."""
        with self.db.transaction(write=True) as tx:
            for account in account_service.listing(tx):
                link_store.wake_account(tx, account.id)

    def _forget_watches(self) -> None:
        with self.db.transaction(write=True) as tx:
            for bond in self.bonds:
                watches.drop(tx, bond.link_id)

    def _age_watches(self) -> None:
        """Let half of the life of every subscription be over."""
        with self.db.transaction(write=True) as tx:
            for bond in self.bonds:
                if known := watches.of_link(tx, bond.link_id):
                    watches.renew(
                        tx,
                        bond.link_id,
                        expires_at_utc=known["expires_at_utc"],
                        renew_at_utc=self.office.clock(),
                    )

    async def _repair(self) -> None:
        """Sign in again, give access back, choose another calendar: whatever a link says that it waits for."""
        for account in self.db.read(account_service.listing):
            if account.state is not AccountState.CONNECTED:
                for bond in self.bonds:
                    if self._status(bond).account_id == account.id:
                        await self._sign_in(bond.side, bond.person)
                        break
        for bond in self.bonds:
            found = self._status(bond)
            if found.state is LinkState.FORBIDDEN:
                await bond.side.give_access_back(bond.person, bond.calendar)
                self.db.write(links.resume, bond.link_id, actor="test", now=self.office.clock())
            elif found.state is LinkState.MISSING:
                await self._choose_anew(bond, found)
            assert found.state in {
                LinkState.ACTIVE, LinkState.FIRST_SYNC, LinkState.FORBIDDEN, LinkState.MISSING,
            }, (found.state, found.error)  # fmt: skip

    async def _choose_anew(self, bond: Bond, found: Link) -> None:
        account = next(one for one in self.db.read(account_service.listing) if one.id == found.account_id)
        self.db.write(links.remove, bond.link_id, actor="test", now=self.office.clock())
        bond.calendar = await bond.side.make_calendar(bond.person, f"Room again, {bond.direction.value}")
        made = await self.office.link(
            self.calendar, account, direction=bond.direction, remote=bond.calendar, **bond.settings
        )
        bond.link_id = made.id

    def _status(self, bond: Bond) -> Link:
        return self.office.status(bond.link_id)

    # -- the end --------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.is_ready:
                self.do(self._converge())
        finally:
            self.do(self.stack.aclose())
            self.runner.close()
            self.db.close()
            self.directory.cleanup()

    async def _converge(self) -> None:
        await self._calm()
        before = await self._requests()
        for full in (False, True, True):
            await self._repair()
            self._forget_waiting()
            assert await self.office.run(poll=True, full=full) < TURNS
            await self._calm()
        await self._settled()
        here = self.office.here(self.calendar)
        cost = await self._requests() - before
        bound = 60 * len(self.bonds) + 40 * len(self.bonds) * len(here)
        assert cost <= bound, (cost, bound)
        for bond in self.bonds:
            found = self._status(bond)
            assert found.state is LinkState.ACTIVE, (found.state, found.error, found.reason)
            await self._assert_equal(bond)
        for side, calendar, name in self.foreign:
            assert await side.writes_to(calendar, name) == 0
        for side in self.sides:
            assert await side.outbox() == []
            assert await side.violations() == []

    async def _settled(self) -> None:
        """Assert that further runs write nothing, here and there."""
        writes = [await side.writes() for side in self.sides]
        here = self.office.here(self.calendar)
        await self.office.run(poll=True)
        await self.office.run(full=True)
        assert [await side.writes() for side in self.sides] == writes
        assert self.office.here(self.calendar) == here

    async def _requests(self) -> int:
        return sum([await side.requests() for side in self.sides])

    async def _assert_equal(self, bond: Bond) -> None:
        there = Counter(await bond.side.seen(bond.person, bond.calendar))
        if bond.direction is Direction.PULL:
            # Her own time, all of it. An occurrence that she has moved there out of a copy of ours is an event
            # of its own by now and takes time, too; a whole copy of ours takes none.
            times = {one: (one[1], one[2]) for one in there if not one[3]}
            own = {span for one, span in times.items() if one[0].startswith(("Foreign", "Own"))}
            assert own <= self._periods(bond) <= set(times.values()), (self._periods(bond) ^ own, there)
            return
        here = Counter(self.office.occurrences(self.calendar, as_seen_by=bond.link_id))
        known = {one.remote_id for one in self.office.mappings(bond.link_id)}
        strange = {
            title for name, title in (await bond.side.events(bond.calendar)).items() if name not in known
        }
        if bond.direction is Direction.BOTH:
            assert strange == set(), (strange, self.office.parked(bond.link_id), self.office.tickets())
        # A second copy of ours would be here under a title of ours.
        assert all(title.startswith(FOREIGN) for title in strange), strange
        assert here - there == Counter(), self.office.parked(bond.link_id)
        assert {one[0] for one in there - here} <= strange, (there - here, strange)

    def _periods(self, bond: Bond) -> set[tuple[float, float]]:
        return {
            (float(one.start_ts), float(one.end_ts))
            for one in self.db.read(busy.within, self.calendar.id, 0, 2**40)
            if one.link_id == bond.link_id and one.busy.blocks
        }


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
