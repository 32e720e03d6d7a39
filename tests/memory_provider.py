"""A provider in memory, for quick checks of the engine's decisions. It proves nothing about real ones.

Behaves as the contract says: keys make creates idempotent, versions rise with each change, cursors are
numbers of a log. ``fail`` queues errors: raised before or after the write was applied.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.providers.contract import (
    CONTRACT_VERSION,
    Access,
    Capability,
    Challenge,
    Delete,
    Item,
    Page,
    Presentation,
    Put,
    RemoteCalendar,
    RemoteKind,
    Removed,
    Scope,
    SignedIn,
    SignInKind,
    SignInRequest,
    Token,
    Unreadable,
    Upsert,
    Window,
    always,
    resource_hash,
)
from gateway.providers.errors import CalendarMissing, CursorExpired, HasGuests, NotFound, VersionConflict


@dataclass
class Event:
    ical: bytes
    version: int
    marker: str | None = None
    resource: str = ""
    is_gone: bool = False
    guests: bool = False
    declined: bool = False
    kind: RemoteKind = RemoteKind.BOOKING
    problem: str | None = None


@dataclass
class Server:
    """What the provider holds; tests act on it as people would."""

    events: dict[str, Event] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)
    calls: int = 0
    clock: int = 0
    oldest: int = 0
    page_size: int = 3
    is_missing: bool = False
    shows_nothing: bool = False
    before: list[BaseException] = field(default_factory=list)
    after: list[BaseException] = field(default_factory=list)
    delay_s: float = 0.0
    on_call: Any = None

    def touch(self, remote_id: str) -> None:
        self.clock += 1
        self.events[remote_id].version = self.clock
        self.log.append(remote_id)

    def person_adds(self, remote_id: str, ical: bytes, **more: Any) -> None:
        self.events[remote_id] = Event(ical=ical, version=0, **more)
        self.touch(remote_id)

    def person_edits(self, remote_id: str, old: bytes, new: bytes) -> None:
        event = self.events[remote_id]
        assert old in event.ical
        event.ical = event.ical.replace(old, new)
        self.touch(remote_id)

    def person_deletes(self, remote_id: str) -> None:
        self.events[remote_id].is_gone = True
        self.touch(remote_id)

    def live(self) -> dict[str, Event]:
        return {key: one for key, one in self.events.items() if not one.is_gone}

    def item(self, remote_id: str) -> Item:
        event = self.events.get(remote_id)
        if event is None or event.is_gone:
            return Removed(remote_id=remote_id)
        if event.problem:
            return Unreadable(remote_id=remote_id, version=str(event.version), reason=event.problem)
        return Upsert(
            remote_id=remote_id,
            version=str(event.version),
            ical=event.ical,
            marker=event.marker,
            resource_hash=event.resource,
            guests=event.guests,
            is_declined=event.declined,
            kind=event.kind,
        )


class MemoryAccount:
    def __init__(self, server: Server) -> None:
        self.server = server

    async def _call(self) -> None:
        server = self.server
        server.calls += 1
        if server.on_call is not None:
            server.on_call()
        if server.delay_s:
            await asyncio.sleep(server.delay_s)
        if server.is_missing:
            raise CalendarMissing
        if server.before:
            raise server.before.pop(0)

    async def calendars(self) -> Sequence[RemoteCalendar]:
        await self._call()
        return [RemoteCalendar(id="cal", name="Calendar", access=Access.OWN)]

    async def calendar(self, calendar_id: str) -> RemoteCalendar:
        return (await self.calendars())[0]

    async def pull(
        self, calendar_id: str, *, cursor: str | None, window: Window | None, scope: Scope = Scope.OBJECTS
    ) -> AsyncIterator[Page]:
        await self._call()
        server = self.server
        end = len(server.log)
        if cursor is None:
            ids = [] if server.shows_nothing else sorted(server.live())
        else:
            if int(cursor) < server.oldest:
                raise CursorExpired
            ids = list(dict.fromkeys(server.log[int(cursor) :]))
        size = server.page_size
        parts = [ids[start : start + size] for start in range(0, len(ids), size)] or [[]]
        for number, part in enumerate(parts):
            if number:
                await self._call()
            is_last = number == len(parts) - 1
            yield Page(
                items=tuple(server.item(each) for each in part),
                cursor=str(end) if is_last else None,
                is_last=is_last,
                looked=always() if is_last and cursor is None else None,
            )

    async def fetch(self, calendar_id: str, remote_id: str) -> Upsert | Removed | Unreadable:
        await self._call()
        return self.server.item(remote_id)

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:
        await self._call()
        server = self.server
        if isinstance(write, Delete):
            answer: Upsert | Removed = self._delete(write)
        else:
            assert b"ATTENDEE" not in write.ical
            answer = self._put(write)
        if server.after:
            raise server.after.pop(0)
        return answer

    def _delete(self, write: Delete) -> Removed:
        event = self.server.events.get(write.remote_id)
        if event is not None and not event.is_gone:
            if event.guests:
                raise HasGuests
            if write.if_version is not None and write.if_version != str(event.version):
                raise VersionConflict
            event.is_gone = True
            self.server.touch(write.remote_id)
            self.server.writes.append(("delete", write.remote_id))
        return Removed(remote_id=write.remote_id)

    def _put(self, write: Put) -> Upsert:
        server = self.server
        ical = write.ical.replace(b"rewritten", b"REWRITTEN")
        if write.remote_id is None:
            seed = f"{write.key.instance_id}:{write.key.resource_uuid}:{write.key.uid}"
            remote_id = hashlib.sha256(seed.encode()).hexdigest()[:20]
            known = server.events.get(remote_id)
            if known is None or known.is_gone:
                server.events[remote_id] = Event(
                    ical=ical,
                    version=0,
                    marker=write.key.marker,
                    resource=resource_hash(write.key.resource_uuid),
                )
                server.touch(remote_id)
                server.writes.append(("create", remote_id))
        else:
            remote_id = write.remote_id
            known = server.events.get(remote_id)
            if known is None or known.is_gone:
                raise NotFound
            if known.guests:
                raise HasGuests
            if write.if_version is not None and write.if_version != str(known.version):
                raise VersionConflict
            known.ical = ical
            server.touch(remote_id)
            server.writes.append(("update", remote_id))
        item = server.item(remote_id)
        assert isinstance(item, Upsert)
        return item


class MemorySignIn:
    kinds = (SignInKind.PASSWORD,)

    def begin(self, config: Mapping[str, str], request: SignInRequest) -> Challenge:
        return Challenge(
            pending=b"pending", state="state-of-the-sign-in", url="https://provider.test/consent"
        )

    def complete(
        self, config: Mapping[str, str], pending: bytes, answer: Mapping[str, str], *, now: datetime
    ) -> SignedIn:
        return SignedIn(account_id="person", name="person@provider.test", state=b"state")

    def token(
        self, config: Mapping[str, str], state: bytes, *, now: datetime, is_refused: bool = False
    ) -> Token:
        return Token(access_token="token", expires_at_utc=None, state=state)

    def revoke(self, config: Mapping[str, str], state: bytes) -> None:
        return None


class MemoryProvider:
    name = "memory"
    label = "Memory"
    contract = CONTRACT_VERSION
    capabilities = Capability.WRITE | Capability.DELTA | Capability.CONDITIONAL | Capability.IDEMPOTENT
    settings = ()
    sign_in = MemorySignIn()

    def __init__(self, server: Server | None = None) -> None:
        self.server = server or Server()

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]:
        return frozenset({"https://provider.test"})

    def open(self, http: Any, config: Mapping[str, str]) -> MemoryAccount:
        return MemoryAccount(self.server)

    def project(self, ical: bytes, presentation: Presentation) -> bytes:
        return ical
