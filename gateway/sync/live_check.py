"""A check of a real account: one calendar, one series with an exception, written, read, edited and removed.

What the provider answered is noted as small facts without ids or text, so that it can be compared with what
the simulator answers. Whatever happens, what was made is removed again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from gateway.domain.errors import InvalidInput
from gateway.domain.fingerprint import canonical, differing, field_names
from gateway.domain.model import Window
from gateway.providers.contract import (
    CalendarLook,
    Capability,
    Delete,
    Item,
    KnowsBusy,
    MakesCalendars,
    ObjectKey,
    Presentation,
    Provider,
    Put,
    RemoteAccount,
    Removed,
    Scope,
    Upsert,
)
from gateway.providers.errors import Forbidden, ProviderError
from gateway.sync.live_objects import ZONE, edited, series, single

_log = structlog.get_logger("gateway.sync.live_check")
PREFIX = "Calgate live check"
NOT_PERMITTED = "not permitted"  # by the consent of this account: says nothing about the provider
_CLEAN_TRIES = 3
_PATIENCE_S = 2.0
Fact = tuple[str, str, str]


@dataclass(slots=True, kw_only=True)
class LiveCheck:
    """One check of one account.

    Attributes:
        calendar_id: an empty calendar to use, where the provider makes none; None makes one.
        facts: step, name and value of what was seen, in order.
        left: what could not be removed again; empty is how it should be.
        pause_s: between tries of cleaning up.
    """

    provider: Provider
    account: RemoteAccount
    now: datetime
    calendar_id: str | None = None
    facts: list[Fact] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    pause_s: float = _PATIENCE_S
    _key: ObjectKey = field(init=False)
    _made: dict[str, Upsert] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give this check keys of its own: two of them never meet."""
        self._key = ObjectKey(
            instance_id=uuid.uuid4().hex, resource_uuid=str(uuid.uuid4()), uid=f"{uuid.uuid4()}@calgate"
        )

    async def run(self) -> list[Fact]:
        """Do every step and return the facts; a step that fails is a fact, and the others go on.

        Raises:
            InvalidInput: there is no calendar to work in.
        """
        async with self._calendar() as calendar_id:
            try:
                for name, step in (
                    ("series", self._series),
                    ("listing", self._listing),
                    ("edit", self._edit),
                    ("single", self._single),
                    ("stale", self._stale),
                    ("busy", self._busy),
                    ("delete", self._delete),
                    ("again", self._again),
                ):
                    await self._step(name, step, calendar_id)
            finally:
                await self._clean(calendar_id)
        return self.facts

    # -- the frame ------------------------------------------------------------------------------------

    async def _step(self, name: str, step: Callable[[str], Awaitable[None]], calendar_id: str) -> None:
        try:
            await step(calendar_id)
        except ProviderError as error:
            self._note(name, "ended with", type(error).__name__)

    def _note(self, step: str, name: str, value: object) -> None:
        self.facts.append((step, name, str(value)))

    @asynccontextmanager
    async def _calendar(self) -> AsyncIterator[str]:
        if self.calendar_id is not None:
            if await self._everything(self.calendar_id):
                raise InvalidInput("The calendar for the check must be empty; make one for it.")
            yield self.calendar_id
            return
        if not isinstance(self.account, MakesCalendars):
            raise InvalidInput("This provider makes no calendars; name an empty one with --calendar.")
        look = CalendarLook(name=f"{PREFIX} {self.now:%Y-%m-%d %H:%M}", zone=ZONE, color="#336699")
        made = await self.account.create_calendar(look)
        try:
            self._note("calendar", "made with its name", made.name == look.name)
            found = await self.account.calendar(made.id)
            self._note("calendar", "zone kept", found.zone == ZONE)
            self._note("calendar", "may be removed", found.is_deletable)
            yield made.id
        finally:
            await self._remove_calendar(made.id)

    # -- steps ----------------------------------------------------------------------------------------

    async def _series(self, calendar_id: str) -> None:
        made = await self._put(calendar_id, "series", series(self.now))
        self._compare("series", made, series(self.now))
        self._note("series", "marked as ours", made.marker == self._key_of("series").marker)
        self._note("series", "has guests", made.guests)
        if Capability.IDEMPOTENT in self.provider.capabilities:
            twice = await self._put(calendar_id, "series", series(self.now), remember=False)
            self._note("series", "made once by one key", twice.remote_id == made.remote_id)
        found = await self.account.fetch(calendar_id, made.remote_id)
        self._note("series", "read back", type(found).__name__)
        if isinstance(found, Upsert):
            self._note("series", "version as answered", found.version == self._made["series"].version)

    async def _listing(self, calendar_id: str) -> None:
        found = await self._everything(calendar_id)
        self._note("listing", "objects", len(found))
        self._note("listing", "kinds", ",".join(sorted({type(one).__name__ for one in found})))

    async def _edit(self, calendar_id: str) -> None:
        if (known := self._made.get("series")) is None:
            return
        cursor = await self._cursor(calendar_id)
        changed = edited(series(self.now))
        made = await self._put(calendar_id, "series", changed, known=known)
        self._note("edit", "new version", made.version != known.version)
        self._note("edit", "same id", made.remote_id == known.remote_id)
        self._compare("edit", made, changed)
        if cursor is not None and Capability.DELTA in self.provider.capabilities:
            told = await self._since(calendar_id, cursor)
            self._note("edit", "told as", ",".join(sorted({type(one).__name__ for one in told})))
            self._note("edit", "told alone", {one.remote_id for one in told} == {made.remote_id})

    async def _stale(self, calendar_id: str) -> None:
        """Write twice from the same reading: the second must meet the first, however little it reads."""
        old = self._made.get("timed")
        if old is None or Capability.CONDITIONAL not in self.provider.capabilities:
            return
        await self._put(calendar_id, "timed", edited(single(self.now, "timed")), known=old)
        try:
            await self._put(calendar_id, "timed", single(self.now, "timed"), known=old)
            self._note("stale", "an old version is", "taken")
        except ProviderError as error:
            self._note("stale", "an old version is", type(error).__name__)

    async def _single(self, calendar_id: str) -> None:
        for name in ("timed", "all-day"):
            made = await self._put(calendar_id, name, single(self.now, name))
            self._compare(name, made, single(self.now, name))

    async def _busy(self, calendar_id: str) -> None:
        if not isinstance(self.account, KnowsBusy):
            return
        window = Window(start=self.now, end=self.now + timedelta(days=28))
        try:
            found = await self.account.busy([calendar_id], window)
        except Forbidden:
            self._note("busy", "kinds", NOT_PERMITTED)
            return
        spans = [one for group in found.values() for one in group]
        self._note("busy", "kinds", ",".join(sorted({one.kind.value for one in spans})))

    async def _delete(self, calendar_id: str) -> None:
        if (known := self._made.get("series")) is None:
            return
        cursor = await self._cursor(calendar_id)
        write = Delete(remote_id=known.remote_id, key=self._key_of("series"), memo=known.memo)
        self._note("delete", "answer", type(await self.account.push(calendar_id, write)).__name__)
        self._made.pop("series")
        self._note("delete", "twice", type(await self.account.push(calendar_id, write)).__name__)
        try:
            found = type(await self.account.fetch(calendar_id, known.remote_id)).__name__
        except ProviderError as error:
            found = type(error).__name__
        self._note("delete", "read afterwards", found)
        if cursor is not None and Capability.DELTA in self.provider.capabilities:
            told = await self._since(calendar_id, cursor)
            is_told = any(isinstance(one, Removed) and one.remote_id == known.remote_id for one in told)
            self._note("delete", "told", is_told)

    async def _again(self, calendar_id: str) -> None:
        made = await self._put(calendar_id, "series", series(self.now))
        self._compare("again", made, series(self.now))
        self._note("again", "objects", len(await self._everything(calendar_id)))

    # -- small ----------------------------------------------------------------------------------------

    def _key_of(self, name: str) -> ObjectKey:
        one = self._key
        return ObjectKey(
            instance_id=one.instance_id, resource_uuid=one.resource_uuid, uid=f"{name}-{one.uid}"
        )

    async def _put(
        self,
        calendar_id: str,
        name: str,
        ical: bytes,
        *,
        known: Upsert | None = None,
        remember: bool = True,
    ) -> Upsert:
        answer = await self.account.push(
            calendar_id,
            Put(
                key=self._key_of(name),
                ical=self.provider.project(ical, _LOOK),
                presentation=_LOOK,
                remote_id=known.remote_id if known is not None else None,
                if_version=known.version if known is not None else None,
                memo=known.memo if known is not None else b"",
            ),
        )
        if not isinstance(answer, Upsert):
            raise ProviderError("The provider answered a write as if it were a deletion.")
        if remember or name in self._made:
            self._made[name] = answer
        return answer

    def _compare(self, step: str, made: Upsert, ical: bytes) -> None:
        try:
            ours = canonical(self.provider.project(ical, _LOOK))
            fields = field_names(differing(ours, canonical(made.ical)))
        except InvalidInput:
            fields = ["unreadable"]
        self._note(step, "differs in", ",".join(fields) or "nothing")

    async def _everything(self, calendar_id: str) -> list[Item]:
        items, _cursor = await self._pull(calendar_id, None)
        return [one for one in items if not isinstance(one, Removed)]

    async def _cursor(self, calendar_id: str) -> str | None:
        return (await self._pull(calendar_id, None))[1]

    async def _since(self, calendar_id: str, cursor: str) -> list[Item]:
        return (await self._pull(calendar_id, cursor))[0]

    async def _pull(self, calendar_id: str, cursor: str | None) -> tuple[list[Item], str | None]:
        window = Window(start=self.now - timedelta(days=30), end=self.now + timedelta(days=180))
        found: dict[str, Item] = {}
        last: str | None = None
        async for page in self.account.pull(calendar_id, cursor=cursor, window=window, scope=Scope.OBJECTS):
            found.update({one.remote_id: one for one in page.items})
            last = page.cursor or last
        return list(found.values()), last

    # -- leaving nothing ------------------------------------------------------------------------------

    async def _clean(self, calendar_id: str) -> None:
        """Remove the objects of the check; only where the calendar is not removed as a whole."""
        if self.calendar_id is None:
            return
        for name, one in list(self._made.items()):
            write = Delete(remote_id=one.remote_id, key=self._key_of(name), memo=one.memo)
            await self._patiently(f"object {name}", partial(self.account.push, calendar_id, write))

    async def _remove_calendar(self, calendar_id: str) -> None:
        account = self.account
        if not isinstance(account, MakesCalendars):
            return

        await self._patiently("calendar", partial(account.delete_calendar, calendar_id))
        try:
            await account.calendar(calendar_id)
            self._note("calendar", "after its removal", "there")
        except ProviderError as error:
            self._note("calendar", "after its removal", type(error).__name__)

    async def _patiently(self, what: str, remove: Callable[[], Awaitable[object]]) -> None:
        for attempt in range(_CLEAN_TRIES):
            try:
                await remove()
            except ProviderError as error:
                _log.warning("live_check.not_removed", what=what, error=type(error).__name__)
                if attempt + 1 < _CLEAN_TRIES:
                    await asyncio.sleep(self.pause_s)
                continue
            return
        self.left.append(what)


_LOOK = Presentation(zone=ZONE, color="#336699")
