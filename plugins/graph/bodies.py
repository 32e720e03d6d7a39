"""``Flat`` to the JSON that Graph takes (§6, §7). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from icalendar import vRecur

from gateway.domain.rrule import read_rule
from gateway.providers.contract import ObjectKey, Presentation
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Content, Flat, Override
from plugins.graph.patterns import pattern_of
from plugins.graph.quirks import zones
from plugins.graph.quirks.markers import Marker, marker_for, pending_properties, properties_of
from plugins.graph.quirks.reminders import reminder_fields
from plugins.graph.quirks.texts import with_link
from plugins.graph.rule_ends import range_json

Body = dict[str, Any]
_SENSITIVITY = {"": "normal", "PRIVATE": "private", "CONFIDENTIAL": "confidential"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dress:
    """How the events of one write look there; ``is_ours`` False: a person's own event, without our dress."""

    key: ObjectKey
    presentation: Presentation
    is_ours: bool = True

    @property
    def link(self) -> str | None:
        """Return the back link, which a person's own event never gets."""
        return self.presentation.back_link if self.is_ours else None


def whole_body(flat: Flat, dress: Dress) -> Body:
    """Return the event or the master of a series.

    Trap: ``attendees`` sends invitations and nothing switches that off: it is there only where the audited
    switch of the link is on (§6). Online meetings, attachments and what else is not named stay as they are.
    """
    body = _common(flat.content, dress) | when(flat.start, flat.end, dress.presentation.zone)
    body["sensitivity"] = _SENSITIVITY.get(flat.visibility, "private")
    if dress.is_ours:
        body |= reminder_fields(dress.presentation.reminders, flat.content.alarms)
        # Nobody is asked to answer, whatever Outlook thinks of an event.
        body |= {"responseRequested": False, "allowNewTimeProposals": False}
    body["recurrence"] = _recurrence(flat, dress.presentation.zone) if flat.rules else None
    return body


def part_body(flat: Flat, part: Override, dress: Dress) -> Body:
    """Return one date of a series that Outlook cannot hold, as a single event."""
    single = Flat(
        uid=flat.uid, start=part.start, end=part.end, content=part.content, visibility=flat.visibility
    )
    return whole_body(single, dress)


def override_body(override: Override, dress: Dress) -> Body:
    """Return one changed occurrence; what is not named it keeps from its series."""
    return _common(override.content, dress) | when(override.start, override.end, dress.presentation.zone)


def for_create(body: Body, transaction: str) -> Body:
    """Return a body as a create that can be repeated (§8)."""
    return {name: value for name, value in body.items() if value is not None} | {"transactionId": transaction}


def with_marker(body: Body, marker: Marker) -> Body:
    """Return a body with our extended properties."""
    return body | {"singleValueExtendedProperties": properties_of(marker)}


def with_pending(body: Body, marker: Marker, dress: Dress) -> Body:
    """Return a body that says whether the exceptions of a series are still to be written.

    A person's own series gets no marker of ours: it would be taken for a copy.
    """
    if dress.is_ours:
        return with_marker(body, marker)
    return body | {"singleValueExtendedProperties": pending_properties(is_pending=marker.is_pending)}


def marker_of(dress: Dress, transaction: str, *, content: Content, start: At, part: str = "") -> Marker:
    """Return the marker of an event: what cannot be read from its fields stands there."""
    return marker_for(
        dress.key,
        transaction,
        part=part,
        link=dress.link,
        status=content.status if content.status == "CANCELLED" else "",
        zone=start.zone,
        guests=(guest.address for guest in content.guests),
    )


def when(start: At, end: At, zone: str) -> Body:
    """Return start, end and whether they are days.

    Trap: days are midnights of one zone, the end not included (§6). Trap: no offset behind the time (§6).
    """
    if not isinstance(start.value, datetime) or not isinstance(end.value, datetime):
        name = zones.graph_name(zone) or "UTC"
        days = (f"{at.value:%Y-%m-%d}T00:00:00" for at in (start, end))
        first, last = ({"dateTime": f"{day:0>19}", "timeZone": name} for day in days)
        return {"isAllDay": True, "start": first, "end": last}
    return {"isAllDay": False, "start": _time(start), "end": _time(end)}


def _time(at: At) -> Body:
    name = zones.graph_name(at.zone)
    if name is None:
        raise Rejected("Outlook does not know the time zone of this event.", code="zone")
    value = at.value
    return {"dateTime": value.isoformat().partition(".")[0], "timeZone": name}


def _recurrence(flat: Flat, zone: str) -> Body:
    rrule = flat.rules[0]
    pattern = pattern_of(read_rule(vRecur.from_ical(rrule)), flat.start)
    if pattern is None:
        raise Rejected("Outlook has no pattern for this rule.", code="rule")
    name = zones.graph_name(flat.start.zone or zone) or "UTC"
    return {"pattern": pattern.json(), "range": range_json(rrule, flat.start, name)}


def _common(content: Content, dress: Dress) -> Body:
    body: Body = {
        "subject": content.summary,
        "body": {"contentType": "text", "content": with_link(content.description, dress.link)},
        "location": {"displayName": content.location},
        "showAs": show_as(content),
        "categories": list(content.categories),
    }
    if dress.presentation.guests:
        body["attendees"] = [
            {
                "type": "required",
                "emailAddress": {"address": guest.address, "name": guest.name or guest.address},
            }
            for guest in content.guests
        ]
    return body


def show_as(content: Content) -> str:
    """Return the one word that says how busy an event is. ``isCancelled`` cannot be set: shown as free."""
    if content.away:
        return {"OOF": "oof"}.get(content.away, "workingElsewhere")
    if content.is_free or content.status == "CANCELLED":
        return "free"
    return "tentative" if content.status == "TENTATIVE" else "busy"
