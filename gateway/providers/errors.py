"""The errors a provider plug-in may raise; each class says when to try again.

    ProviderError
    ├── SignInExpired            AFTER_RECONNECTING   the grant is gone: pause the account, ask the person
    ├── SignInRefused            NEVER                this attempt to connect failed; begin anew
    ├── Misconfigured            LATER                wrong client id, API not enabled: the operator must act
    ├── Forbidden                NEVER                the account may not do this to this calendar or item
    ├── NotFound                 NEVER                the item is not there
    │   └── CalendarMissing      NEVER                the whole calendar is gone or out of reach
    ├── VersionConflict          NOW                  someone else wrote: read, plan again
    ├── CursorExpired            NOW                  list everything and compare; wipe nothing
    ├── RateLimited              LATER                wait ``retry_after_s``
    │   └── QuotaExhausted       LATER                writes are closed for hours
    ├── Unavailable              LATER                network, 5xx, time-out; see ``maybe_applied``
    │   └── BadAnswer            LATER                an answer that cannot be read: cut, HTML, wrong types
    └── Rejected                 NEVER                park this object, go on with the others
        ├── HasGuests            NEVER                people were invited there: leave it alone, report it
        └── AddressRefused       NEVER                the address filter does not let us go there

Anything else that a plug-in raises is a bug: it stops the link, not the worker. Messages say what to do and
never hold titles, descriptions, people, tokens or raw iCalendar.
"""

from __future__ import annotations

import enum
from typing import ClassVar

from gateway.domain.errors import GatewayError


class Retry(enum.Enum):
    """When the same call may be made again."""

    NOW = "now"
    LATER = "later"
    AFTER_RECONNECTING = "after reconnecting"
    NEVER = "never"


class Reach(enum.Enum):
    """How much stands still until the error is over."""

    ITEM = "item"
    CALENDAR = "calendar"
    ACCOUNT = "account"
    INSTALLATION = "installation"


class ProviderError(GatewayError):
    """The provider did not do what was asked.

    Attributes:
        retry: when the same call may be made again.
        reach: what else cannot work until then.
        code: the provider's own word for it (``rateLimitExceeded``); for logs and tests, never for decisions.
        maybe_applied: the write may have happened although no answer says so; repeat it with the same key.
    """

    retry: ClassVar[Retry] = Retry.NEVER
    reach: Reach = Reach.ITEM

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        maybe_applied: bool = False,
        reach: Reach | None = None,
    ) -> None:
        """Keep the evidence; the class docstring is the message where none is given."""
        super().__init__(message)
        self.code = code
        self.maybe_applied = maybe_applied
        if reach is not None:
            self.reach = reach


class SignInExpired(ProviderError):
    """The provider does not accept this sign-in any more; connect the account again."""

    retry = Retry.AFTER_RECONNECTING
    reach = Reach.ACCOUNT


class SignInRefused(ProviderError):
    """The account was not connected; start again from the connect page."""

    reach = Reach.ACCOUNT


class Misconfigured(ProviderError):
    """The provider refuses this installation; check client id, secret and enabled APIs."""

    retry = Retry.LATER
    reach = Reach.INSTALLATION


class Forbidden(ProviderError):
    """The account may not do this; check the rights of the calendar and the scopes that were granted."""

    reach = Reach.CALENDAR


class NotFound(ProviderError):
    """The provider does not have this any more."""


class CalendarMissing(NotFound):
    """The calendar is gone at the provider, or out of reach; choose another one or unlink it."""

    reach = Reach.CALENDAR


class VersionConflict(ProviderError):
    """The object has changed at the provider since it was read; read it and plan again."""

    retry = Retry.NOW


class CursorExpired(ProviderError):
    """The cursor is not valid any more; list everything and compare, delete nothing unseen."""

    retry = Retry.NOW
    reach = Reach.CALENDAR


class RateLimited(ProviderError):
    """The provider asks for patience.

    Attributes:
        retry_after_s: seconds to wait as the provider said, or None where it did not: back off.
    """

    retry = Retry.LATER
    reach = Reach.ACCOUNT

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        reach: Reach | None = None,
    ) -> None:
        """Keep how long to wait."""
        super().__init__(message, code=code, reach=reach)
        self.retry_after_s = retry_after_s


class QuotaExhausted(RateLimited):
    """The provider has closed writing for this account for hours; it goes on by itself."""


class Unavailable(ProviderError):
    """The provider cannot be reached or is not well; it will be tried again.

    Attributes:
        retry_after_s: seconds to wait as the provider said, or None: back off.
    """

    retry = Retry.LATER
    reach = Reach.ACCOUNT

    def __init__(
        self,
        message: str | None = None,
        *,
        maybe_applied: bool = False,
        retry_after_s: float | None = None,
        code: str | None = None,
        reach: Reach | None = None,
    ) -> None:
        """Keep how long to wait and whether a write may have happened."""
        super().__init__(message, code=code, maybe_applied=maybe_applied, reach=reach)
        self.retry_after_s = retry_after_s


class BadAnswer(Unavailable):
    """The provider's answer cannot be read; nothing was changed here, it will be tried again."""


class Rejected(ProviderError):
    """The provider does not take this object as it is; it is parked with this reason."""


class HasGuests(Rejected):
    """People were invited to this event at the provider; it is left alone there."""


class AddressRefused(Rejected):
    """This address is not allowed from here; see the settings of outgoing addresses."""
