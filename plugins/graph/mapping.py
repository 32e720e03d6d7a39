"""The way from iCalendar to Outlook, and ``project``: what survives both ways. Pure."""

from __future__ import annotations

from functools import lru_cache

from gateway.domain.errors import InvalidInput, TooLarge
from gateway.domain.ical import ParsedObject, parse_object, shared_object
from gateway.domain.timezone import zone_or_default
from gateway.providers.contract import Presentation, Reminders
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import Flat
from gateway.providers.flat.object_reader import Manner
from gateway.providers.flat.write_ical import to_ical
from plugins.graph.flatten import flatten
from plugins.graph.quirks.reminders import nearest_alarm
from plugins.graph.quirks.texts import fitted, one_line

MAX_BYTES = 10 * 1024 * 1024
_KEPT_BYTES = 8192


def from_ical(ical: bytes, presentation: Presentation) -> Flat:
    """Return what Outlook can hold of an object.

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
    manner = Manner(
        line=one_line,
        text=lambda text: fitted(text, presentation.back_link),
        guests=presentation.guests,
        alarms=nearest_alarm if presentation.reminders is Reminders.KEEP else None,
        has_extras=True,
    )
    zone = zone_or_default(presentation.zone, "UTC")
    return flatten(obj, zone=zone, manner=manner, horizon=presentation.horizon, is_theirs=False)


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
