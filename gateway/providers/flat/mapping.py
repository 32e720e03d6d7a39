"""What plug-ins do around a flat form of their own: reading an object, refusing it, projecting it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from gateway.domain.errors import InvalidInput, TooLarge
from gateway.domain.ical import ParsedObject, parse_object, shared_object
from gateway.providers.contract import Presentation
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import Flat
from gateway.providers.flat.write_ical import to_ical

MAX_BYTES = 10 * 1024 * 1024
_KEPT_BYTES = 8192
FlatOf = Callable[[ParsedObject, Presentation], Flat]


def from_ical(ical: bytes, presentation: Presentation, *, flat: FlatOf) -> Flat:
    """Return what a provider can hold of an object.

    Raises:
        Rejected: nothing of it; the reason says why.
    """
    if len(ical) > MAX_BYTES:
        raise _unreadable(TooLarge(len(ical), MAX_BYTES))
    try:
        return flat(shared_object(ical), presentation)
    except InvalidInput as error:
        raise _unreadable(error) from None


def project(ical: bytes, presentation: Presentation, *, flat: FlatOf) -> bytes:
    """Return what would survive the round trip; see ``Provider.project``."""
    return (_kept if len(ical) <= _KEPT_BYTES else _projected)(ical, presentation, flat)


def _projected(ical: bytes, presentation: Presentation, flat: FlatOf) -> bytes:
    try:
        parsed = parse_object(ical, max_bytes=MAX_BYTES)
    except InvalidInput as error:
        raise _unreadable(error) from None
    return to_ical(flat(parsed, presentation))


# The links of one resource mostly ask for the same, one after the other.
_kept = lru_cache(maxsize=256)(_projected)


def _unreadable(error: InvalidInput) -> Rejected:
    return Rejected(f"This object cannot be read: {error}", code="unreadable")
