"""Every error the product can raise on purpose.

    GatewayError
    ├── InvalidInput
    │   ├── InvalidCalendarData          broken iCalendar (line and property named)
    │   ├── InvalidCalendarObject        RFC 4791 §4.1: UID, METHOD, DTSTART ... rules
    │   ├── TooEarly, TooLate            a date before or behind what a calendar holds
    │   ├── UnsupportedComponent         the calendar does not take this kind of component
    │   ├── TooLarge                     over the size limit
    │   ├── TooManyInstances             a rule denser than the limit, or SECONDLY
    │   └── InvalidName                  a path segment, slug or login we do not take
    ├── NotFound
    ├── AlreadyExists
    ├── UidConflict                      the UID is already there under another href
    ├── Forbidden
    ├── PreconditionFailed               If-Match / If-None-Match
    ├── InvalidSyncToken                 foreign, expired or from before a restore
    ├── Clash                            the slot is taken (rules.md, Conflicts)
    └── StoreError
        ├── StoreFull                    the disk is full
        ├── StoreBusy                    the database stayed locked
        └── StoreUnusable                not migrated, from a newer release, unreachable

The docstring of a class is its default message; attributes carry the evidence. Nothing here knows
HTTP: the doors translate. Messages are read by people and say what to do; they never hold a title,
an attendee or raw iCalendar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.domain.model import ClashReport


class GatewayError(Exception):
    """Something went wrong in the gateway; see the log of the server."""

    def __init__(self, message: str | None = None) -> None:
        """Take the class docstring's first paragraph as the message where none is given."""
        super().__init__(message or self.default_message())

    @classmethod
    def default_message(cls) -> str:
        """Return the first paragraph of the class docstring on one line."""
        return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())


class InvalidInput(GatewayError):
    """The input cannot be used as it is."""


class InvalidCalendarData(InvalidInput):
    """This is not valid iCalendar (RFC 5545).

    Attributes:
        line: number of the offending line in the input, from 1, or None where no single line is to blame.
        property_name: name of the offending property, or None.
        reason: the message without the place.
    """

    def __init__(
        self, message: str | None = None, *, line: int | None = None, property_name: str | None = None
    ) -> None:
        """Prefix the message with the place, so that it can be read alone."""
        self.line = line
        self.property_name = property_name
        text = message or self.default_message()
        self.reason = text
        place = [f"line {line}"] if line is not None else []
        place += [property_name] if property_name else []
        super().__init__(f"{', '.join(place)}: {text}" if place else text)


class InvalidCalendarObject(InvalidCalendarData):
    """This is iCalendar, but not a calendar object that can be stored (RFC 4791 §4.1)."""


class TooEarly(InvalidCalendarData):
    """A date lies before the first that a calendar holds (RFC 4791 §5.2.6)."""


class TooLate(InvalidCalendarData):
    """A date lies behind the last that a calendar holds (RFC 4791 §5.2.7)."""


class UnsupportedComponent(InvalidInput):
    """This calendar does not take components of this kind."""

    def __init__(self, component: str, supported: Sequence[str]) -> None:
        """Name what came and what would be taken."""
        self.component = component
        self.supported = tuple(supported)
        super().__init__(f"This calendar takes {', '.join(supported)}, not {component}.")


class TooLarge(InvalidInput):
    """The object is larger than the limit."""

    def __init__(self, size_bytes: int | None, limit_bytes: int) -> None:
        """Name both sizes; ``size_bytes`` is None where reading stopped at the limit."""
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes
        have = f"has {size_bytes} bytes" if size_bytes is not None else "is larger than allowed"
        super().__init__(f"The object {have}; the limit is {limit_bytes} bytes.")


class TooManyInstances(InvalidInput):
    """The rule has more instances inside the index horizon than the limit; make it less frequent."""


class InvalidName(InvalidInput):
    """This name cannot be used."""


class NotFound(GatewayError):
    """There is no such thing here."""


class AlreadyExists(GatewayError):
    """There is already something with this name."""


class UidConflict(GatewayError):
    """Another object of this calendar already has this UID (RFC 4791 §5.3.2.1)."""

    def __init__(self, href: str) -> None:
        """Keep the href of the object that holds the UID."""
        self.href = href
        super().__init__()


class Forbidden(GatewayError):
    """You may not do this here."""


class PreconditionFailed(GatewayError):
    """The object has changed since you read it; fetch it again and repeat the change."""


class InvalidSyncToken(GatewayError):
    """This sync token is not valid any more; start again without a token."""


class Clash(GatewayError):
    """The time is already taken."""

    def __init__(self, clashes: Sequence[ClashReport], message: str | None = None) -> None:
        """Keep the clashes in time order; the door decides how much of them a person may read."""
        self.clashes = tuple(clashes)
        super().__init__(message)


class StoreError(GatewayError):
    """The database could not do its work."""


class StoreFull(StoreError):
    """The disk is full; nothing was changed. Make room and repeat."""


class StoreBusy(StoreError):
    """The database was locked for too long; nothing was changed. Repeat in a moment."""


class StoreUnusable(StoreError):
    """The database cannot be used; run `calgate doctor`."""
