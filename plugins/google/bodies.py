"""``Flat`` to the JSON that Google takes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.providers.contract import ObjectKey, Presentation
from gateway.providers.flat.model import At, Content, Flat, Override
from gateway.providers.flat.write_ical import recurrence_lines
from plugins.google.quirks.colors import nearest_event_color
from plugins.google.quirks.markers import private_properties
from plugins.google.quirks.reminders import reminders_body
from plugins.google.quirks.texts import with_link

Body = dict[str, Any]


def whole_body(flat: Flat, presentation: Presentation, key: ObjectKey, event_id: str) -> Body:
    """Return the event or the master of the series, as a PATCH: None deletes a field there.

    Fields that are not named stay as they are: conference data, attachments and the rights of guests are the
    person's. A PUT would delete them (§4), so there is none.
    """
    content = flat.content
    body = _common(content, presentation)
    body |= {
        "start": when(flat.start),
        "end": when(flat.end),
        "recurrence": recurrence_lines(flat) or None,
        "visibility": flat.visibility.lower() or "default",
        "reminders": reminders_body(presentation.reminders, content.alarms),
        "source": _source(presentation),
    }
    body["extendedProperties"] = {
        "private": private_properties(
            key,
            event_id,
            link=presentation.back_link,
            status=content.status if content.status == "CANCELLED" else "",
            guests=(guest.address for guest in content.guests),
        )
    }
    return body


def override_body(override: Override, presentation: Presentation) -> Body:
    """Return one changed occurrence as a PATCH; what is not named it keeps from its series.

    Trap: the visibility of an instance is never sent: it would tighten the whole series (§4).
    """
    return _common(override.content, presentation) | {
        "start": when(override.start),
        "end": when(override.end),
        # A cancelled occurrence is brought back by the same call.
    }


def for_insert(body: Body, event_id: str) -> Body:
    """Return a PATCH as an insert under our id; never with ``iCalUID``: one or the other (§4)."""
    return {"id": event_id, **_without_none(body)}


def when(at: At) -> Body:
    """Return start or end.

    Trap: from timed to all-day, the other field must be set to null (§4). Trap: a series needs a zone on
    start and end (§4); a wall clock without offset keeps its time of day over DST changes.
    """
    if not isinstance(at.value, datetime):
        return {"date": at.value.isoformat(), "dateTime": None, "timeZone": None}
    text = at.value.replace(microsecond=0).isoformat()
    if at.zone == "UTC":
        return {"dateTime": f"{text}Z", "timeZone": "UTC", "date": None}
    return {"dateTime": text, "timeZone": at.zone, "date": None}


def _common(content: Content, presentation: Presentation) -> Body:
    is_cancelled = content.status == "CANCELLED"
    body: Body = {
        "summary": content.summary or None,
        "description": with_link(content.description, presentation.back_link) or None,
        "location": content.location or None,
        # Trap: ``cancelled`` deletes (§4). A cancelled meeting that is kept is shown as free time.
        "status": "tentative" if content.status == "TENTATIVE" else "confirmed",
        "transparency": "transparent" if content.is_free or is_cancelled else "opaque",
        "colorId": nearest_event_color(presentation.color),
    }
    if presentation.guests:
        body["attendees"] = [
            {"email": guest.address, "responseStatus": _RESPONSES.get(guest.status, "needsAction")}
            | ({"displayName": guest.name} if guest.name else {})
            for guest in content.guests
        ]
    return body


_RESPONSES = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}


def _source(presentation: Presentation) -> Body | None:
    """Trap: http(s) only, seen by the creator only (§4); the description holds the link for the others."""
    link = presentation.back_link
    if not link or not link.startswith(("http://", "https://")):
        return None
    return {"title": presentation.back_link_title, "url": link}


def _without_none(value: Body) -> Body:
    return {
        name: _without_none(item) if isinstance(item, dict) else item
        for name, item in value.items()
        if item is not None
    }
