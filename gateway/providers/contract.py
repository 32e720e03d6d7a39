"""What a provider plug-in must be: the Protocols, version 1 (architecture.md §6).

Five members act (``open``, ``project``, ``calendars``, ``pull``, ``push``); optional powers are small
Protocols of their own, found by ``isinstance`` on the account or the provider. Values live in ``items`` and
``sign_in``, errors in ``errors``; all are exported here, so that a plug-in imports this module and nothing
else.
"""

from __future__ import annotations

import enum
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from gateway.domain.model import Window
from gateway.providers.errors import BadAnswer
from gateway.providers.items import (
    Access,
    BusyKind,
    BusySpan,
    CalendarLook,
    Delete,
    Handshake,
    Item,
    Notification,
    ObjectKey,
    Page,
    Presentation,
    Put,
    Reminders,
    RemoteCalendar,
    RemoteKind,
    Removed,
    Scope,
    Signal,
    Unreadable,
    Upsert,
    Watch,
    always,
    marker_of,
    resource_hash,
)
from gateway.providers.sign_in import (
    Challenge,
    Field,
    HasAccountSettings,
    SignedIn,
    SignIn,
    SignInKind,
    SignInRequest,
    Token,
    Use,
)

__all__ = [
    "CONTRACT_VERSION",
    "Access",
    "Answer",
    "BusyKind",
    "BusySpan",
    "CalendarLook",
    "Capability",
    "Challenge",
    "Delete",
    "Field",
    "Handshake",
    "HasAccountSettings",
    "Item",
    "KnowsBusy",
    "MakesCalendars",
    "Notification",
    "Notifies",
    "ObjectKey",
    "Page",
    "Presentation",
    "Provider",
    "Put",
    "ReadsNotifications",
    "Reminders",
    "RemoteAccount",
    "RemoteCalendar",
    "RemoteKind",
    "Removed",
    "Renews",
    "Scope",
    "Setting",
    "SignIn",
    "SignInKind",
    "SignInRequest",
    "Signal",
    "SignedIn",
    "SignedInClient",
    "Token",
    "Unreadable",
    "Upsert",
    "Use",
    "Watch",
    "Window",
    "always",
    "marker_of",
    "resource_hash",
]

CONTRACT_VERSION = (1, 2)
"""Major and minor: a plug-in with another major is refused, one with a newer minor too."""


class Capability(enum.Flag):
    """How the required members behave."""

    WRITE = enum.auto()  # push works; otherwise links are read-only
    DELTA = enum.auto()  # pull honours a cursor; otherwise it lists everything and the engine compares
    WINDOWED = enum.auto()  # the cursor belongs to a window; the engine rolls it
    CONDITIONAL = enum.auto()  # push honours if_version; otherwise the engine reads first
    IDEMPOTENT = enum.auto()  # creating twice with the same key creates once
    INVITES = enum.auto()  # a push with guests may send mail: the engine asks the link's policy
    TASKS = enum.auto()  # VTODO as well as VEVENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of a provider's configuration: ``default`` None means it must be set."""

    name: str
    help: str
    default: str | None = None
    is_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, read whole within the size limit; header names in lower case.

    Attributes:
        retry_after_s: Retry-After in seconds, a date already turned into seconds; None where absent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    retry_after_s: float | None = None

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            BadAnswer: it is not JSON: cut off, HTML, not UTF-8, nested absurdly.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadAnswer(f"The provider answered {self.status} with something that is not JSON.") from None


class SignedInClient(Protocol):
    """HTTP for one account: adds the token, refreshes it once on 401, keeps time, size and rate limits.

    Never sends the token to another host than the provider's configured ones; an address elsewhere, a
    next-page link included, is refused with ``AddressRefused``.
    """

    @property
    def account_id(self) -> str:
        """Return ``SignedIn.account_id`` of the account; empty where nobody told."""
        ...

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str | Sequence[str]] | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Return the answer whatever its status; redirects are not followed.

        Raises:
            Unavailable: no answer, or none in time; ``maybe_applied`` unless the method only reads.
            BadAnswer: the body was cut off or too large.
            SignInExpired: 401 also with a fresh token, or no fresh token to be had.
            RateLimited: the account's own budget is used up; nothing was sent.
            AddressRefused: not an address of this provider.
        """
        ...


class Provider(Protocol):
    """A provider; stateless, made once per process by its entry point without arguments."""

    @property
    def name(self) -> str:
        """The lower-case word that settings, CLI and database use."""
        ...

    @property
    def label(self) -> str:
        """What people call it."""
        ...

    @property
    def contract(self) -> tuple[int, int]:
        """The ``CONTRACT_VERSION`` it was written for, as a literal."""
        ...

    @property
    def capabilities(self) -> Capability:
        """How its members behave."""
        ...

    @property
    def settings(self) -> Sequence[Setting]:
        """What can be configured; every outgoing address is among it."""
        ...

    @property
    def sign_in(self) -> SignIn:
        """How accounts are connected."""
        ...

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]:
        """Return the origins (``https://host:port``) that may see the token."""
        ...

    def open(self, http: SignedInClient, config: Mapping[str, str]) -> RemoteAccount:
        """Return the account that ``http`` is signed in to; calls nobody."""
        ...

    def project(self, ical: bytes, presentation: Presentation) -> bytes:
        """Return what would survive the round trip; pure, and projecting twice changes nothing.

        Raises:
            Rejected: the provider cannot hold this object at all; the reason says why.
        """
        ...


class RemoteAccount(Protocol):
    """One signed-in account. Every method raises ``ProviderError`` and nothing else."""

    async def calendars(self) -> Sequence[RemoteCalendar]:
        """List the account's calendars.

        Raises:
            Forbidden: the granted scopes do not allow listing; ask for an id instead.
        """
        ...

    async def calendar(self, calendar_id: str) -> RemoteCalendar:
        """Return one calendar; aliases are resolved.

        Raises:
            CalendarMissing: gone or out of reach.
        """
        ...

    def pull(
        self, calendar_id: str, *, cursor: str | None, window: Window | None, scope: Scope = Scope.OBJECTS
    ) -> AsyncIterator[Page]:
        """Yield pages of what changed since ``cursor``, or of everything.

        An object comes whole; where it comes twice in one pull, the later one counts. ``window`` says what
        is of interest; a plug-in may deliver more. The last page has ``is_last`` and the next cursor.

        Raises:
            CursorExpired: also in the middle of paging; nothing of this pull may then be believed to be
                complete.
        """
        ...

    async def fetch(self, calendar_id: str, remote_id: str) -> Upsert | Removed | Unreadable:
        """Return one object as it is now.

        Raises:
            CalendarMissing: the whole calendar is gone: nothing can be said about the object.
        """
        ...

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:
        """Write one object and return what is there afterwards.

        Raises:
            VersionConflict: it has changed since ``if_version``.
            NotFound: it was to be changed and is gone.
            HasGuests: people were invited to it there; nothing was written.
        """
        ...


@runtime_checkable
class MakesCalendars(Protocol):
    """Optional power of an account: calendars of our own."""

    async def create_calendar(self, look: CalendarLook) -> RemoteCalendar:
        """Create a calendar; not idempotent: store the id at once, never repeat blindly."""
        ...

    async def change_calendar(self, calendar_id: str, look: CalendarLook) -> RemoteCalendar:
        """Change name, zone or colour."""
        ...

    async def delete_calendar(self, calendar_id: str) -> None:
        """Delete a calendar that we created, for everybody and for ever; gone already counts as done."""
        ...


@runtime_checkable
class Notifies(Protocol):
    """Optional power of an account: push subscriptions."""

    async def watch(
        self, calendar_id: str, *, callback_url: str, secret: str, watch_id: str, renew: Watch | None = None
    ) -> Watch:
        """Subscribe; a renewal overlaps with the old watch, which the caller stops afterwards.

        Args:
            calendar_id: what to watch.
            callback_url: our webhook door, https.
            secret: comes back with every notification.
            watch_id: fresh and unguessable, at most 64 characters; stored before the call.
            renew: the watch that is about to end.
        """
        ...

    async def unwatch(self, watch: Watch) -> None:
        """Stop a subscription; gone already counts as done."""
        ...


@runtime_checkable
class Renews(Protocol):
    """Optional power of an account that ``Notifies``: a watch can be prolonged in its place."""

    async def renew(self, watch: Watch) -> Watch:
        """Prolong a watch; id and secret stay.

        Raises:
            NotFound: it is gone; make another.
        """
        ...


@runtime_checkable
class ReadsNotifications(Protocol):
    """Optional power of a provider whose accounts are ``Notifies``."""

    def notified(self, request: Notification) -> Handshake | Sequence[Signal]:
        """Read a request to our webhook door; pure, believes nothing, raises nothing."""
        ...


@runtime_checkable
class KnowsBusy(Protocol):
    """Optional power of an account: live availability."""

    async def busy(self, calendar_ids: Sequence[str], window: Window) -> Mapping[str, Sequence[BusySpan]]:
        """Return what is taken, per calendar asked for; what is unknown is a span of its own kind."""
        ...
