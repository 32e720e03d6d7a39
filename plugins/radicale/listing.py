"""Listings of whole calendars: the responses that the database writes by itself, and the few it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from string import Formatter

from gateway.services import reading
from plugins.radicale import access_control, object_properties
from plugins.radicale.requests import Request
from plugins.radicale.view import View

_FIELDS: dict[str, reading.Field] = {"0": "href", "1": "etag", "2": "component"}
# Properties that need no more than the row of an object.
WRITTEN = frozenset(object_properties.NAMES) - object_properties.OF_THE_WHOLE_ROW
_OPENING = "<D:response>"


def responses(request: Request, view: View, names: Sequence[str]) -> list[str] | None:
    """Return the responses of every object, or None where they have to be written one by one.

    Args:
        request: for hrefs, and its snapshot.
        view: of the calendar.
        names: the properties asked for.
    """
    if not WRITTEN.issuperset(names):
        return None
    if view.is_busy_only:
        return _masked(request, view, names)
    literals, fields = parts(object_properties.template(request, view, names), view)
    if len(set(fields)) < len(fields):
        return None
    tx, calendar_id = request.session.tx, view.entry.calendar_id
    viewer = view.principal.id if view.is_masked else None
    whole, others = reading.joined(tx, calendar_id, literals, fields, viewer=viewer)
    if not others:
        return [whole]
    render = object_properties.renderer(request, view, names)
    items = view.shown(reading.summaries_by_ids(tx, calendar_id, others))
    written = [render(item, "") for item in items]
    if not view.is_masked:
        return [whole, *written]
    # By the names she knows, each right behind the opening: the place of a masked object tells nothing.
    return sorted([*(_OPENING + rest for rest in whole.split(_OPENING)[1:]), *written])


def _masked(request: Request, view: View, names: Sequence[str]) -> list[str]:
    """Return the responses of a calendar of which she sees busy times only, by the names she knows."""
    template = object_properties.template(request, view, names, has_length=False)
    privileges = access_control.privileges(view.entry.level, is_masked=True)
    write = template.format
    # Names and tags are hexadecimal digits: nothing to escape.
    return sorted(
        write(view.masked_href(uid), view.masked_etag(etag, seq), "VEVENT", "", privileges, "")
        for uid, etag, seq in reading.tags(request.session.tx, view.entry.calendar_id, component="VEVENT")
    )


def parts(template: str, view: View, *, has_data: bool = False) -> tuple[list[str], list[reading.Field]]:
    """Return what stands around the fields of a template, and the fields; ``data`` where it is wanted."""
    fixed = {"4": access_control.privileges(view.entry.level), "5": ""}
    fields_by_number: dict[str, reading.Field] = _FIELDS | {"5": "data"} if has_data else _FIELDS
    literals: list[str] = [""]
    fields: list[reading.Field] = []
    for literal, number, _, _ in Formatter().parse(template):
        literals[-1] += literal
        if number in fields_by_number:
            fields.append(fields_by_number[number])
            literals.append("")
        elif number is not None:
            literals[-1] += fixed[number]
    return literals, fields
