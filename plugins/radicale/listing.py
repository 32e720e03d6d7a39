"""Listings of whole calendars: the responses that the database writes by itself, and the few it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from string import Formatter

from gateway.services import reading
from plugins.radicale import access_control, object_properties
from plugins.radicale.requests import Request
from plugins.radicale.view import View

_FIELDS: dict[str, reading.Field] = {"0": "href", "1": "etag", "2": "component"}
_WRITTEN = frozenset(object_properties.NAMES) - {object_properties.MODIFIED}


def responses(request: Request, view: View, names: Sequence[str]) -> list[str] | None:
    """Return the responses of every object, or None where they have to be written one by one.

    Args:
        request: for hrefs, and its snapshot.
        view: of the calendar; where it masks all, each object is written by itself.
        names: the properties asked for.
    """
    if view.is_busy_only or not _WRITTEN.issuperset(names):
        return None
    literals, fields = _parts(object_properties.template(request, view, names), view)
    if len(set(fields)) < len(fields):
        return None
    tx, calendar_id = request.session.tx, view.entry.calendar_id
    viewer = view.principal.id if view.is_masked else None
    whole, others = reading.joined(tx, calendar_id, literals, fields, viewer=viewer)
    if not others:
        return [whole]
    render = object_properties.renderer(request, view, names)
    items = view.shown(reading.summaries_by_ids(tx, calendar_id, others))
    return [whole, *(render(item, "") for item in items)]


def _parts(template: str, view: View) -> tuple[list[str], list[reading.Field]]:
    """Return what stands around the fields of a template, and the fields."""
    fixed = {"4": access_control.privileges(view.entry.level), "5": ""}
    literals, fields = [""], []
    for literal, field, _, _ in Formatter().parse(template):
        literals[-1] += literal
        if field in _FIELDS:
            fields.append(_FIELDS[field])
            literals.append("")
        elif field is not None:
            literals[-1] += fixed[field]
    return literals, fields
