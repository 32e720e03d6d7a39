"""What one thread holds during one request: the person, one lazy reading transaction, what was looked up.

Radicale makes two storage and two rights objects per application and nests its locks; all of them share
this one object, which keeps its state per thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from gateway.domain.model import Calendar, Level, Principal, PrincipalId
from gateway.services import Transaction, access, principals
from gateway.services.access import HomeEntry
from gateway.services.handle import Handle

FACE = "caldav"
_WRITTEN = 500  # calendars that are remembered for the next write


class _State(threading.local):
    principal: Principal | None = None
    depth: int = 0
    stack: ExitStack | None = None
    tx: Transaction | None = None
    entries: dict[str, HomeEntry | None]

    def __init__(self) -> None:
        self.entries = {}


class Session:
    """Reading for one request at a time in each thread."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self._state = _State()
        self._written: dict[tuple[PrincipalId, str], Calendar] = {}

    @contextmanager
    def of(self, principal: Principal | None) -> Iterator[None]:
        """Serve one request of this person."""
        state = self._state
        state.principal, state.entries = principal, {}
        try:
            yield
        finally:
            state.principal, state.entries = None, {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Share one snapshot inside the block; it may be nested, and costs nothing until it is used."""
        state = self._state
        state.depth += 1
        try:
            yield
        finally:
            state.depth -= 1
            if state.depth == 0 and state.stack is not None:
                stack, state.stack, state.tx = state.stack, None, None
                stack.close()

    @property
    def tx(self) -> Transaction:
        """Return the snapshot of the block; opened at the first use."""
        state = self._state
        if state.tx is None:
            if state.depth == 0:
                raise RuntimeError("reading outside of a reading block")
            stack = ExitStack()
            state.tx = stack.enter_context(self.handle.db.transaction(write=False))
            state.stack = stack
        return state.tx

    def principal(self, login: str) -> Principal | None:
        """Return the person of this request, or by name where Radicale runs alone."""
        known = self._state.principal
        if known is not None:
            return known if known.login == login else None
        with self.reading():
            return principals.find_by_login(self.tx, login)

    def entry(self, principal: Principal, slug: str) -> HomeEntry | None:
        """Return what ``slug`` is in a person's home; looked up once per request."""
        entries = self._state.entries
        if slug not in entries:
            with self.reading():
                entries[slug] = access.resolve(self.tx, principal, slug, face=FACE)
        return entries[slug]

    def look_up(self, tx: Transaction, principal: Principal, slug: str) -> None:
        """Look up anew what ``slug`` is in a person's home, inside a write of the request's own."""
        found = access.resolve(tx, principal, slug, face=FACE)
        self._state.entries[slug] = found
        if found is not None and found.level >= Level.WRITE:
            if len(self._written) >= _WRITTEN:
                self._written.clear()
            self._written[principal.id, slug] = found.calendar

    def written_before(self, principal: Principal, slug: str | None) -> Calendar | None:
        """Return a calendar as it was when this person wrote in it last, or None.

        A guess that saves a look at the database: nothing in it is true before it is read again.
        """
        return self._written.get((principal.id, slug or ""))

    def home(self, principal: Principal) -> list[HomeEntry]:
        """Return every calendar of a person's home."""
        found = list(access.home(self.tx, principal, face=FACE))
        self._state.entries.update({entry.slug: entry for entry in found})
        return found
