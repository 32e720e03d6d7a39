"""What Outlook keeps of one event: how busy it is in one word, and times in zones that Exchange has. Pure."""

from __future__ import annotations

from dataclasses import replace

from icalendar.cal.component import Component

from gateway.providers.flat.model import At, Content, at_instant
from gateway.providers.flat.object_reader import Reader
from plugins.graph.quirks import zones


def content_of(reader: Reader, component: Component) -> Content:
    """Return what Outlook keeps of an event: one word says how busy it is (``showAs``)."""
    content = reader.content(component)
    if content.status == "CANCELLED":
        return replace(content, is_free=True, away="")
    if content.away == "OOF":
        return replace(content, status="", is_free=False)
    if content.away == "WORKINGELSEWHERE":
        return replace(content, status="", is_free=True)
    return replace(content, status="" if content.is_free else content.status)


def fitting(at: At) -> At:
    """Return a time in its own zone where Exchange knows that zone at that instant, else in UTC."""
    if at.is_date or zones.fits(at.zone, at.value.year, at.value.year):
        return at
    return At(at.instant.replace(tzinfo=None), "UTC")


def in_zone(end: At, start: At) -> At:
    """Return an end in the zone of its start."""
    return end if end.is_date else at_instant(end.instant, start.zone)
