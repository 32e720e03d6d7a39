"""The two ways between iCalendar and Google, and ``project``: what survives both. Pure."""

from __future__ import annotations

from gateway.domain.errors import InvalidInput, TooLarge
from gateway.domain.ical import shared_object
from gateway.domain.timezone import zone_or_default
from gateway.providers.contract import Presentation, Reminders
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import Flat
from gateway.providers.flat.write_ical import to_ical
from plugins.google.flatten import flatten

MAX_BYTES = 10 * 1024 * 1024


def from_ical(ical: bytes, presentation: Presentation) -> Flat:
    """Return what Google can hold of an object.

    Raises:
        Rejected: nothing of it; the reason says why.
    """
    try:
        if len(ical) > MAX_BYTES:
            raise TooLarge(len(ical), MAX_BYTES)
        obj = shared_object(ical)
    except InvalidInput as error:
        raise Rejected(f"This object cannot be read: {error}", code="unreadable") from None
    return flatten(
        obj,
        zone=zone_or_default(presentation.zone, "UTC"),
        guests=presentation.guests,
        link=presentation.back_link,
        alarms=presentation.reminders is Reminders.KEEP,
    )


def project(ical: bytes, presentation: Presentation) -> bytes:
    """Return what would survive the round trip; see ``Provider.project``."""
    return to_ical(from_ical(ical, presentation))
