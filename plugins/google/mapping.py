"""The two ways between iCalendar and Google, and ``project``: what survives both. Pure."""

from __future__ import annotations

from gateway.domain.ical import ParsedObject
from gateway.domain.timezone import zone_or_default
from gateway.providers.contract import Presentation, Reminders
from gateway.providers.flat import mapping
from gateway.providers.flat.model import Flat
from plugins.google.flatten import flatten


def from_ical(ical: bytes, presentation: Presentation) -> Flat:
    """Return what Google can hold of an object.

    Raises:
        Rejected: nothing of it; the reason says why.
    """
    return mapping.from_ical(ical, presentation, flat=_flat)


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
    return mapping.project(ical, presentation, flat=_flat)
