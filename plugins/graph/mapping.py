"""The way from iCalendar to Outlook, and ``project``: what survives both ways. Pure."""

from __future__ import annotations

from gateway.domain.ical import ParsedObject
from gateway.domain.timezone import zone_or_default
from gateway.providers.contract import Presentation, Reminders
from gateway.providers.flat import mapping
from gateway.providers.flat.model import Flat
from gateway.providers.flat.object_reader import Manner
from plugins.graph.flatten import flatten
from plugins.graph.quirks.reminders import nearest_alarm
from plugins.graph.quirks.texts import fitted, one_line


def from_ical(ical: bytes, presentation: Presentation) -> Flat:
    """Return what Outlook can hold of an object.

    Raises:
        Rejected: nothing of it; the reason says why.
    """
    return mapping.from_ical(ical, presentation, flat=_flat)


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
    return mapping.project(ical, presentation, flat=_flat)
