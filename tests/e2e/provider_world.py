"""What the storm asks of a simulated provider: its people, its faults, and what a person sees there.

A provider joins the storm by one class like ``google_side.GoogleSide``; the machine knows nothing else of it.
Calendars and events are named by the ids that the plug-in uses; persons by whatever the world likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.providers.contract import Provider, Use
from tests.e2e.office import Occurrence


@dataclass(frozen=True)
class Fault:
    """One kind of trouble that must have fired before the storm may pass.

    Attributes:
        kind: what the provider's control calls it.
        name: the same with its parameters, where a kind comes in several forms.
        times: calls to hit; -1 for ever.
        at: which calls, as the provider's control says it.
        needs: what must be prepared so that it can fire: ``token`` (access tokens have ended), ``watch`` (the
            subscriptions are to be made anew), ``renewal`` (they are to be prolonged); empty where ordinary work
            meets it.
    """

    kind: str
    name: str = ""
    times: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    at: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""

    @property
    def label(self) -> str:
        """Return the name under which it is counted."""
        return self.name or self.kind


class ProviderWorld(Protocol):
    """A simulated provider."""

    provider: Provider
    """The plug-in."""
    persons: Sequence[str]
    """At least two accounts; the first has a calendar of her own, ``private``."""
    private: str
    redirect_uri: str
    uses: frozenset[Use]
    faults: Sequence[Fault]
    """Every fault that must fire, each once."""

    def open(self) -> AbstractAsyncContextManager[None]:
        """Start the provider; everything else is asked inside."""
        ...

    @property
    def environ(self) -> Mapping[str, str]:
        """Return the plug-in's settings."""
        ...

    async def consent(self, url: str, person: str) -> dict[str, str]:
        """Say yes on the consent page; return the query that the browser brings back."""
        ...

    def fields(self, person: str) -> dict[str, str]:
        """Return what the person types in where there is no consent page."""
        ...

    async def receive_at(self, address: str) -> None:
        """Allow push messages to a door on loopback."""
        ...

    # -- the person's hands

    async def make_calendar(self, person: str, title: str) -> str: ...

    async def add(
        self, person: str, calendar: str, title: str, start: datetime, end: datetime, *, free: bool = False
    ) -> str: ...

    async def edit(self, person: str, calendar: str, event: str, *, title: str) -> None: ...

    async def move(self, person: str, calendar: str, event: str, start: datetime, end: datetime) -> None: ...

    async def delete(self, person: str, calendar: str, event: str) -> None: ...

    async def give_access_back(self, person: str, calendar: str) -> None:
        """Let the account write to a calendar again after ``access reduced``."""
        ...

    # -- looking

    async def events(self, calendar: str) -> Mapping[str, str]:
        """Return titles of living events and masters by id, past all lag."""
        ...

    async def seen(self, person: str, calendar: str) -> list[Occurrence]:
        """Return every occurrence as the person sees it, expanded by the provider."""
        ...

    async def writes(self) -> int:
        """Return how many writes of events the provider has been asked for."""
        ...

    async def writes_to(self, calendar: str, event: str) -> int:
        """Return how many of them named this event."""
        ...

    async def requests(self) -> int: ...

    async def outbox(self) -> Sequence[Any]:
        """Return who would have been mailed."""
        ...

    async def violations(self) -> Sequence[Any]:
        """Return what contradicted the official description."""
        ...

    # -- trouble

    async def script(self, fault: Fault) -> None:
        """Let the next calls meet a fault."""
        ...

    async def storm(self, seed: int, rate: float) -> None:
        """Let every call meet some fault with a probability; final ones included."""
        ...

    async def calm(self) -> None:
        """End every fault and everything that lingers: lag, held messages."""
        ...

    async def expire_tokens(self) -> None: ...

    async def fired(self) -> Mapping[str, int]:
        """Return how often each kind has fired."""
        ...
