"""What reports share: the properties asked for, and the writing of responses with calendar data."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from gateway.domain.model import Calendar, CalendarObject
from gateway.services import Transaction
from gateway.services.reading import Summary
from plugins.radicale import dead_properties, object_properties, preferences, zone_references, zones
from plugins.radicale.calendar_data import CalendarData
from plugins.radicale.names import caldav, dav
from plugins.radicale.problems import Problem
from plugins.radicale.requests import Request
from plugins.radicale.view import View

_DATA = caldav("calendar-data")
MAX_PROPERTIES = 200


@dataclass(slots=True, kw_only=True)
class Report:
    """One REPORT on a calendar; everything is read in one snapshot."""

    request: Request
    root: ET.Element
    view: View
    calendar: Calendar

    @property
    def tx(self) -> Transaction:
        """Return the snapshot."""
        return self.request.session.tx

    @property
    def only(self) -> str | None:
        """Return the name of the object that the report is on, None where it is on the calendar."""
        return self.request.target.name

    def names(self) -> list[str]:
        """Return the properties asked for, without calendar-data.

        Raises:
            Problem: too many.
        """
        prop = self.root.find(dav("prop"))
        if prop is None:
            is_all = self.root.find(dav("allprop")) is not None
            return list(object_properties.ALLPROP) if is_all else []
        names = [name for name in dict.fromkeys(child.tag for child in prop) if name != _DATA]
        if len(names) > MAX_PROPERTIES:
            raise Problem(400, f"A request asks for at most {MAX_PROPERTIES} properties.")
        return names

    def data(self, zone: tzinfo | None = None) -> CalendarData | None:
        """Return how calendar-data is wanted, None where it is not; ``zone``: of the query, if known."""
        prop = self.root.find(dav("prop"))
        node = prop.find(_DATA) if prop is not None else None
        if node is None:
            return None
        limit = self.request.handle.limits.max_instances
        zone = zone or zones.of_query(self.root, self.view, self.tx)
        data = CalendarData.of(node, zone=zone, limit=limit)
        data.zones = zone_references.wish(self.request)
        return data

    def writer(self, data: CalendarData | None) -> Callable[[CalendarObject], str]:
        """Return what writes the response of one object with everything asked for."""
        render = self.renderer()
        view = self.view
        if data is None:
            return lambda stored: render(summary_of(stored), "")
        return lambda stored: render(summary_of(stored), data.element(view.ical_of(stored)))

    def renderer(self) -> Callable[[Summary, str], str]:
        """Return what writes the response of one object without calendar data."""
        is_all = self.root.find(dav("allprop")) is not None
        is_minimal = preferences.of(self.request).is_minimal
        return dead_properties.renderer(
            self.request, self.view, self.names(), is_all=is_all, is_minimal=is_minimal
        )

    def object_href(self, name: str) -> str:
        """Return the href of an object in this calendar."""
        request = self.request
        return request.href(request.principal.login, self.view.entry.slug, name, is_collection=False)


def summary_of(stored: CalendarObject) -> Summary:
    """Return an object without its text."""
    return Summary(
        id=stored.id,
        href=stored.href,
        uid=stored.uid,
        component=stored.component,
        etag=stored.etag,
        size_bytes=len(stored.ical),
        seq=stored.seq,
        classification=stored.classification,
        creator_id=stored.creator_id,
        is_recurring=stored.is_recurring,
        modified_at_utc=stored.modified_at_utc,
        created_at_utc=stored.created_at_utc,
    )
