"""How a plug-in signs an account in: the Protocol ``SignIn`` and its values.

Sign-in belongs to the plug-in (rules.md, Providers). Its methods are synchronous: the gateway runs them in a
thread, one at a time per account, and stores the new state before the token is used. The state is opaque to
the gateway, which seals it at rest.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable


class SignInKind(enum.StrEnum):
    """How an account proves itself."""

    USER = "user"  # a person consents in a browser
    APPLICATION = "application"  # an administrator gives a key that may act for people
    PASSWORD = "password"  # noqa: S105 - the word for a kind, not a password


class Use(enum.StrEnum):
    """What the connection is for; the plug-in turns it into scopes and says what is missing afterwards."""

    OWN_CALENDARS = "own-calendars"  # write into calendars that we create
    WRITE = "write"  # write into calendars that exist already
    READ = "read"  # read events
    BUSY = "busy"  # read free/busy only
    LIST = "list"  # list the calendars of the account


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRequest:
    """What ``begin`` needs to know.

    Attributes:
        kind: one of the plug-in's ``kinds``.
        uses: what the connection is for.
        redirect_uri: where the browser comes back to; USER only.
        login_hint: the address of the account, where it is known already.
    """

    kind: SignInKind
    uses: frozenset[Use]
    redirect_uri: str | None = None
    login_hint: str | None = None


SUBJECT = "subject"
"""The field of an APPLICATION that names the mailbox to act for; every plug-in calls it so.

``SignedIn.account_id`` of an application is another than that of the person, who may have consented, too.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that a person must type or paste for APPLICATION and PASSWORD."""

    name: str
    label: str
    help: str = ""
    is_secret: bool = False
    is_required: bool = True
    is_long: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What the person has to do now.

    Attributes:
        url: the consent page; None where ``fields`` are asked for.
        state: the value by which the answer finds ``pending`` again; unguessable, single use.
        pending: secret note of the plug-in; keep it sealed for ten minutes and give it to ``complete`` once.
        fields: what to ask for where there is no consent page.
        scopes: what is asked for, in the provider's words; shown beside the consent.
    """

    pending: bytes = field(repr=False)
    state: str = field(repr=False)
    url: str | None = None
    fields: tuple[Field, ...] = ()
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """An account that has just been connected.

    Attributes:
        account_id: the provider's stable id of the account (one owner per account); never shown.
        name: what people call it, usually the address.
        state: secret note that ``token`` needs; seal it.
        granted: the scopes given, in the provider's words.
        missing: uses that were asked for and not given (people can untick single scopes).
    """

    account_id: str
    name: str
    state: bytes = field(repr=False)
    granted: frozenset[str] = frozenset()
    missing: frozenset[Use] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What signs one request.

    Attributes:
        access_token: goes into ``Authorization: <scheme> <access_token>``.
        expires_at_utc: None where it does not expire.
        state: the new state. Differs from the old one after a rotation: store it before the token is used.
    """

    access_token: str = field(repr=False)
    expires_at_utc: datetime | None
    state: bytes = field(repr=False)
    scheme: str = "Bearer"


class SignIn(Protocol):
    """The sign-in of one provider; stateless, every method may be called from any thread.

    ``config`` holds the provider's settings (client id, addresses, CA file): text to text. All methods raise
    ``ProviderError``: ``SignInExpired`` only when the provider said that the grant is over,
    ``Misconfigured`` for the installation's own mistakes, ``Unavailable`` for everything that time may heal.
    """

    @property
    def kinds(self) -> Sequence[SignInKind]:
        """What is offered, the best first."""
        ...

    def begin(self, config: Mapping[str, str], request: SignInRequest) -> Challenge:
        """Say what the person has to do; calls nobody."""
        ...

    def complete(
        self, config: Mapping[str, str], pending: bytes, answer: Mapping[str, str], *, now: datetime
    ) -> SignedIn:
        """Finish with the query of the redirect (USER) or the filled fields.

        Raises:
            SignInRefused: consent denied, wrong or reused state or code, wrong key.
        """
        ...

    def token(
        self, config: Mapping[str, str], state: bytes, *, now: datetime, is_refused: bool = False
    ) -> Token:
        """Return a token that lives for at least a minute, refreshed where it must be.

        ``is_refused`` says that the provider has just answered 401 to the token in ``state``: get another
        one.
        """
        ...

    def revoke(self, config: Mapping[str, str], state: bytes) -> None:
        """Give the grant back at the provider; one that is gone already counts as done."""
        ...


@runtime_checkable
class HasAccountSettings(Protocol):
    """Optional power of a sign-in (contract 1.1): settings of one account, such as its server's address."""

    def settings_of(self, config: Mapping[str, str], state: bytes) -> Mapping[str, str]:
        """Return what is laid over ``config`` in ``hosts`` and ``open`` for this account; calls nobody.

        Raises:
            SignInExpired: the state cannot be read.
        """
        ...
