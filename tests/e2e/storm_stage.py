"""The stage of a storm: one resource, its links, the provider worlds and what people do about trouble."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gateway.domain.link_model import Account, AccountState, Direction, Link, LinkId, LinkState
from gateway.providers.contract import SignInKind
from gateway.providers.registry import Registry
from gateway.services import accounts as account_service
from gateway.services import links
from gateway.store import links as link_store
from gateway.store import watches
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from tests.e2e.hooks import hooks
from tests.e2e.office import SOON, Office, event, open_engine, series
from tests.e2e.provider_world import ProviderWorld

FOREIGN = ("Foreign", "Somebody else's")  # the second is what the laboratories' twins are called
TURNS = 200  # a run that needs more turns than this runs for ever


@dataclass
class Bond:
    """One link of the storm, with the person's end of it."""

    side: ProviderWorld
    person: str
    calendar: str
    direction: Direction
    link_id: LinkId
    settings: dict[str, Any]


class Stage:
    """One resource: copies go to one person, both ways to others, and the first one's own time blocks.

    Attributes:
        bonds: copies, both ways, own time, in this order; then both ways with every world between the first
            and the last.
        foreign: events that are not ours to write: world, calendar, id.
    """

    office: Office
    bonds: list[Bond]

    def __init__(self, db: Database, sides: Sequence[ProviderWorld]) -> None:
        self.db = db
        self.sides = sides
        self.foreign: list[tuple[ProviderWorld, str, str]] = []
        self._numbers = itertools.count()

    async def set_up(self, stack: AsyncExitStack) -> None:
        """Open the worlds, connect everybody and let the first runs pass."""
        environ: dict[str, str] = {}
        for side in self.sides:
            await stack.enter_async_context(side.open())
            environ |= side.environ
        registry = Registry(providers={side.provider.name: side.provider for side in self.sides})
        sealer = Sealer([new_key()])
        accounts, worker = await stack.enter_async_context(
            open_engine(self.db, registry, environ, sealer=sealer)
        )
        accounts.timeout_s = 0.5
        self.office = Office(db=self.db, accounts=accounts, sealer=sealer, worker=worker)
        address = await stack.enter_async_context(hooks(self.office))
        for side in self.sides:
            await side.receive_at(address)
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
        push, _both, own = self.bonds[:3]
        for bond, hour in ((push, 15), (own, 17)):
            at = SOON.replace(hour=hour)
            name = await bond.side.add(
                bond.person, bond.calendar, "Foreign", at, at + timedelta(hours=1), free=bond is push
            )
            self.foreign.append((bond.side, bond.calendar, name))

    # -- what happens on it ---------------------------------------------------------------------------

    async def any_of(self, bond: Bond, number: int) -> str | None:
        """Return one of the events of a calendar that are not foreign, or None where there is none."""
        found = await bond.side.events(bond.calendar)
        names = sorted(name for name, title in found.items() if not title.startswith(FOREIGN))
        return names[number % len(names)] if names else None

    async def busy_day(self, sides: Sequence[ProviderWorld], *, full: bool) -> None:
        """Create, change and delete on both sides, in every calendar of these providers that we write to."""
        number = next(self._numbers)
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
                and (name := await self.any_of(bond, number))
            ):
                await bond.side.edit(bond.person, bond.calendar, name, title=f"Edited on day {number}")
        await asyncio.sleep(0.02)  # messages are under way
        self.forget_waiting()
        assert await self.office.run(poll=True, full=full) < TURNS

    # -- what people do about it ----------------------------------------------------------------------

    async def calm(self) -> None:
        """End every fault of every world."""
        for side in self.sides:
            await side.calm()

    def forget_waiting(self) -> None:
        """Let time pass: back-off and Retry-After are over."""
        with self.db.transaction(write=True) as tx:
            for account in account_service.listing(tx):
                link_store.wake_account(tx, account.id)

    def forget_watches(self) -> None:
        """Let every subscription have to be made anew."""
        with self.db.transaction(write=True) as tx:
            for bond in self.bonds:
                watches.drop(tx, bond.link_id)

    def age_watches(self) -> None:
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

    async def repair(self) -> None:
        """Sign in again, give access back, choose another calendar: whatever a link says that it waits for."""
        for account in self.db.read(account_service.listing):
            if account.state is not AccountState.CONNECTED:
                for bond in self.bonds:
                    if self.status(bond).account_id == account.id:
                        await self._sign_in(bond.side, bond.person)
                        break
        for bond in self.bonds:
            found = self.status(bond)
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

    def status(self, bond: Bond) -> Link:
        """Return a link as it is now."""
        return self.office.status(bond.link_id)
