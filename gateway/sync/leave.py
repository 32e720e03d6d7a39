"""Leaving a calendar: what a link wrote there is removed, or the calendar that was made for it, or nothing.

Only what carries our marker or is known as our copy is ever touched, each object by its own version, and the
result is proven by reading the calendar again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from gateway.domain.errors import InvalidInput
from gateway.domain.link_model import Account, Link
from gateway.providers.contract import (
    Delete,
    Item,
    MakesCalendars,
    RemoteAccount,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Window,
)
from gateway.providers.errors import CalendarMissing, HasGuests, NotFound, VersionConflict
from gateway.services import link_removal, links, wanted_calendars
from gateway.services.link_removal import Beside, Copy
from gateway.sync.accounts import Accounts
from gateway.sync.connect import Connector
from gateway.sync.exclusive import exclusive

_log = structlog.get_logger("gateway.sync.leave")
_TRIES = 3
GUESTS = "people were invited to it there"


class Copies(enum.StrEnum):
    """What becomes of what a link has written."""

    KEEP = "keep"
    OURS = "ours"  # remove exactly our copies
    CALENDAR = "calendar"  # delete the calendar that was made for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How a calendar was left.

    Attributes:
        removed: copies that were removed.
        kept: copies that are still there, by UID or remote id, with the reason.
        foreign: events of people that are there, none of them touched.
        is_proven: the calendar was read again and holds nothing of ours but what ``kept`` names.
        is_calendar_gone: there is no such calendar any more.
    """

    removed: int = 0
    kept: tuple[tuple[str, str], ...] = ()
    foreign: int = 0
    is_proven: bool = False
    is_calendar_gone: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as commands show it."""
        return {
            "copies_removed": self.removed,
            "kept": [{"uid": uid, "why": why} for uid, why in self.kept],
            "foreign": self.foreign,
            "proven": self.is_proven,
            "calendar_gone": self.is_calendar_gone,
        }


@dataclass(slots=True, kw_only=True)
class Leaver:
    """Leaves calendars for one instance."""

    accounts: Accounts

    async def leave(self, link: Link, account: Account, copies: Copies, *, actor: str) -> Left:
        """Stop a link for good and do what was asked with what it wrote; the link itself stays, paused.

        With ``Copies.CALENDAR`` the link goes with its calendar; where that is refused, the link goes on.

        Raises:
            InvalidInput: the calendar may not be deleted: people's events, other links, or not ours.
            ProviderError: the provider cannot be reached; what was removed is recorded, ask again.
        """
        db, clock = self.accounts.db, self.accounts.clock
        async with exclusive(db, link.id):
            if copies is not Copies.CALENDAR:
                await db.awrite(links.pause, link.id, actor=actor, now=clock())
            await Connector(accounts=self.accounts).stop_watch(link, account)
            if copies is Copies.KEEP or wanted_calendars.is_wanted(link.remote_id):
                return Left(is_calendar_gone=wanted_calendars.is_wanted(link.remote_id))
            remote = await self.accounts.open(account)
            beside = await db.aread(link_removal.beside, link)
            window = await db.aread(link_removal.window, link)
            place = _Place(self.accounts, remote, link, beside, window)
            try:
                if copies is Copies.CALENDAR:
                    left = await place.delete_calendar()
                    await db.awrite(link_removal.calendar_deleted, link, actor=actor, now=clock())
                else:
                    left = await place.remove_ours()
            except CalendarMissing:
                left = Left(is_proven=True, is_calendar_gone=True)
        _log.info("link.left", link=link.uuid, removed=left.removed, kept=len(left.kept))
        return left


class _Place:
    """One remote calendar while it is being left."""

    def __init__(
        self, accounts: Accounts, remote: RemoteAccount, link: Link, beside: Beside, window: Window
    ) -> None:
        self._accounts, self._remote, self._link = accounts, remote, link
        self._beside, self._window = beside, window

    async def remove_ours(self) -> Left:
        """Remove exactly our copies and prove it by listing."""
        db = self._accounts.db
        before = await self._listing()
        known = {one.remote_id: one for one in await db.aread(link_removal.copies, self._link.id)}
        ours: dict[str, Item] = {one.remote_id: one for one in before if self._is_ours(one, known)}
        for remote_id, copy in known.items():
            if remote_id not in ours:
                # Outside of what the listing shows, or taken for somebody else's: asked for by its id.
                ours[remote_id] = await self._fetch(remote_id) or Removed(remote_id=copy.remote_id)
        removed = 0
        kept: dict[str, str] = {}
        for remote_id, item in ours.items():
            why = await self._remove(item)
            name = known[remote_id].uid if remote_id in known else remote_id
            if why is not None:
                kept[name] = why
                continue
            removed += not isinstance(item, Removed)
            if remote_id in known:
                await db.awrite(link_removal.removed, self._link.id, name, now=self._accounts.clock())
        return await self._proven(Left(removed=removed, kept=tuple(kept.items())), known, ours)

    async def _proven(self, left: Left, known: dict[str, Copy], ours: Iterable[str]) -> Left:
        after = await self._listing()
        kept = dict(left.kept)
        still = {one.remote_id for one in after if self._is_ours(one, known)} | set(ours)
        for remote_id in still:
            name = known[remote_id].uid if remote_id in known else remote_id
            # A listing may lag behind, and may not reach everything: each is asked for by its id.
            if name not in kept and isinstance(await self._fetch(remote_id), Upsert | Unreadable):
                kept[name] = "it is still there"
        foreign = sum(one.remote_id not in still for one in after)
        is_proven = all(why == GUESTS for why in kept.values())
        return replace(left, kept=tuple(kept.items()), foreign=foreign, is_proven=is_proven)

    async def delete_calendar(self) -> Left:
        """Delete the calendar as a whole, if there is nothing of anybody else in it."""
        beside = self._beside
        if not beside.is_ours or not isinstance(self._remote, MakesCalendars):
            raise InvalidInput("Calgate has not made this calendar; remove only our copies instead.")
        if beside.links:
            raise InvalidInput(
                f"{beside.links} other links use this calendar; remove only our copies instead."
            )
        known = {one.remote_id: one for one in await self._accounts.db.aread(
            link_removal.copies, self._link.id
        )}  # fmt: skip
        there = await self._listing()
        foreign = [one for one in there if not self._is_ours(one, known)]
        invited = [one for one in there if isinstance(one, Upsert) and one.guests]
        if foreign or invited:
            raise InvalidInput(
                f"People have {len(foreign)} events of their own in this calendar and were invited to"
                f" {len(invited)}; remove only our copies instead."
            )
        await self._remote.delete_calendar(self._link.remote_id)
        try:
            await self._remote.calendar(self._link.remote_id)
        except NotFound:
            return Left(removed=len(there), is_proven=True, is_calendar_gone=True)
        raise InvalidInput("The provider still shows the calendar; ask again in a moment.")

    async def _listing(self) -> list[Upsert | Unreadable]:
        found: dict[str, Item] = {}
        async for page in self._remote.pull(
            self._link.remote_id, cursor=None, window=self._window, scope=Scope.OBJECTS
        ):
            found.update({item.remote_id: item for item in page.items})
        return [item for item in found.values() if not isinstance(item, Removed)]

    def _is_ours(self, item: Upsert | Unreadable, known: dict[str, Copy]) -> bool:
        if item.remote_id in known:
            return True
        if item.marker is None or item.remote_id in self._beside.held:
            return False
        resource = item.resource_hash if isinstance(item, Upsert) else ""
        return resource == self._beside.resource if resource else self._beside.is_alone

    async def _fetch(self, remote_id: str) -> Upsert | Unreadable | None:
        try:
            item = await self._remote.fetch(self._link.remote_id, remote_id)
        except CalendarMissing:
            raise
        except NotFound:
            return None
        return None if isinstance(item, Removed) else item

    async def _remove(self, item: Item) -> str | None:
        """Delete one object as it was seen; return why it stays, or None."""
        for _ in range(_TRIES):
            if isinstance(item, Removed):
                return None
            if isinstance(item, Upsert) and item.guests:
                return GUESTS
            memo = item.memo if isinstance(item, Upsert) else b""
            write = Delete(remote_id=item.remote_id, if_version=item.version, memo=memo)
            try:
                await self._remote.push(self._link.remote_id, write)
            except HasGuests:
                return GUESTS
            except VersionConflict:
                item = await self._fetch(item.remote_id) or Removed(remote_id=item.remote_id)
                continue
            except CalendarMissing:
                raise
            except NotFound:
                return None
            return None
        return "it changes all the time there"
