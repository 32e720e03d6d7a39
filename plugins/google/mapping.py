"""The two ways between iCalendar and Google, and ``project``: what survives both. Pure."""

from __future__ import annotations

from functools import lru_cache

from gateway.domain.errors import InvalidInput, TooLarge
from gateway.domain.ical import ParsedObject, parse_object, shared_object
from gateway.domain.timezone import zone_or_default
from gateway.providers.contract import Presentation, Reminders
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import Flat
from gateway.providers.flat.write_ical import to_ical
from plugins.google.flatten import flatten

MAX_BYTES = 10 * 1024 * 1024
_KEPT_BYTES = 8192


def from_ical(ical: bytes, presentation: Presentation) -> Flat:
    """Return what Google can hold of an object.

    Raises:
        Rejected: nothing of it; the reason says why.
    """
    if len(ical) > MAX_BYTES:
        raise _unreadable(TooLarge(len(ical), MAX_BYTES))
    try:
        return _flat(shared_object(ical), presentation)
    except InvalidInput as error:
        raise _unreadable(error) from None


def _flat(obj: ParsedObject, presentation: Presentation) -> Flat:
    return flatten(
        obj,
        zone=zone_or_default(presentation.zone, "UTC"),
        guests=presentation.guests,
        link=presentation.back_link,
        alarms=presentation.reminders is Reminders.KEEP,
    )


def project(ical: bytes, presentation: Presentation) -> bytes:
    """Return what would survive the round trip; see ``Provider.project``."""
    return _kept(ical, presentation) if len(ical) <= _KEPT_BYTES else _projected(ical, presentation)


@lru_cache(maxsize=128)
def _kept(ical: bytes, presentation: Presentation) -> bytes:
    # The links of one resource mostly ask for the same, one after the other.
    return _projected(ical, presentation)


def _projected(ical: bytes, presentation: Presentation) -> bytes:
    return to_ical(_flat(_parsed(ical), presentation))


def _parsed(ical: bytes) -> ParsedObject:
    try:
        return parse_object(ical, max_bytes=MAX_BYTES)
    except InvalidInput as error:
        raise _unreadable(error) from None


def _unreadable(error: InvalidInput) -> Rejected:
    return Rejected(f"This object cannot be read: {error}", code="unreadable")
