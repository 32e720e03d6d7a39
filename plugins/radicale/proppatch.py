"""PROPPATCH (RFC 4918 §9.2): what a person sets is hers; all or nothing, a status per property.

Colour, order, name, description, zone and transparency of a calendar are kept per person, and so is every
property that nobody here knows, on calendars, on objects and on the home. On a calendar that she made
herself, name, colour, description and zone change the calendar as well.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Container

from gateway.domain.css_colors import hex_of
from gateway.domain.errors import InvalidInput
from gateway.services import Transaction, access, calendar_properties, person_properties, resources
from gateway.services.access import HomeEntry
from gateway.services.person_properties import TooMuchToKeep
from plugins.radicale import (
    home_availability,
    multistatus,
    object_properties,
    preferences,
    properties,
    settable,
    zones,
)
from plugins.radicale.names import CALDAV, DAV, dav, element, xml_of
from plugins.radicale.problems import Answer, Problem, forbidden, not_found
from plugins.radicale.properties import COLOR, DESCRIPTION, DISPLAY_NAME
from plugins.radicale.requests import PRINCIPALS, Request
from plugins.radicale.session import FACE
from plugins.radicale.view import View

Changes = dict[str, ET.Element | None]
Statuses = dict[str, tuple[int, str]]
_PROTECTED = (403, "<D:error><D:cannot-modify-protected-property/></D:error>")
_TOO_MUCH = (507, "")
_CONFLICT = (409, "")
_FIELDS = {DISPLAY_NAME: "name", COLOR: "color", DESCRIPTION: "description"}


def handle(request: Request) -> Answer:
    """Answer a PROPPATCH."""
    root = request.xml()
    if root is None or root.tag != dav("propertyupdate"):
        raise Problem(400, "A PROPPATCH body begins with DAV:propertyupdate.")
    changes = read_changes(root)
    target = request.target
    if target.login is None or target.login == PRINCIPALS:
        return _refuse(request, changes, dict.fromkeys(changes, _PROTECTED))
    request.check_home()
    if target.slug is None:
        refused = {
            name: _PROTECTED
            for name in changes
            if name not in home_availability.NAMES and _is_live(name, properties.HOME)
        }
        refused |= _told(home_availability.refused(changes))
        return _write(request, changes, refused, _store_home)
    with request.session.reading():
        request.entry()
    if target.name is not None:
        live = {name: _PROTECTED for name in changes if _is_live(name, object_properties.NAMES)}
        return _write(request, changes, live, _store_object)
    refused = {name: _PROTECTED for name in changes if is_protected(name)}
    refused |= _told(settable.refused(changes))
    return _write(request, changes, refused, _store_calendar)


def is_protected(name: str) -> bool:
    """Return whether a property of a calendar is the server's to set."""
    return (
        name not in properties.PERSONAL and name not in settable.NAMES and _is_live(name, properties.CALENDAR)
    )


def _told(refused: Statuses) -> Statuses:
    """Return statuses with their preconditions inside of error elements."""
    return {
        name: (status, f"<D:error>{condition}</D:error>" if condition else "")
        for name, (status, condition) in refused.items()
    }


def _is_live(name: str, known: Container[str]) -> bool:
    if name == DISPLAY_NAME and name not in known:
        return False
    return name in known or name.startswith((f"{{{DAV}}}", f"{{{CALDAV}}}"))


def _write(
    request: Request,
    changes: Changes,
    refused: Statuses,
    store: Callable[[Transaction, Request, Changes], None],
) -> Answer:
    """Store all changes or none."""
    if refused:
        return _refuse(request, changes, refused)
    try:
        request.handle.db.write(_checked, store, request, changes)
    except TooMuchToKeep as error:
        return _refuse(request, changes, dict.fromkeys(error.names, _TOO_MUCH))
    except InvalidInput:
        # The rules of a calendar's own fields: a name without control characters, a colour that is one.
        return _refuse(request, changes, dict.fromkeys(_FIELDS.keys() & changes.keys(), _CONFLICT))
    liked = preferences.of(request)
    if liked.is_minimal:
        return Answer(204, liked.headers)
    return _answer(request, changes, dict.fromkeys(changes, (200, "")))


def _checked(
    tx: Transaction,
    store: Callable[[Transaction, Request, Changes], None],
    request: Request,
    changes: Changes,
) -> None:
    request.check_if(tx)
    store(tx, request, changes)


def _refuse(request: Request, changes: Changes, refused: Statuses) -> Answer:
    rest = dict.fromkeys((name for name in changes if name not in refused), (424, ""))
    return _answer(request, changes, refused | rest)


def read_changes(root: ET.Element) -> Changes:
    """Return the elements to set, or None to remove, in the order of the body."""
    changes: Changes = {}
    for step in root:
        prop = step.find(dav("prop"))
        if step.tag not in {dav("set"), dav("remove")} or prop is None:
            continue
        for child in prop:
            child.tail = None
            if child.tag == COLOR and not (child.text or "").strip().startswith("#"):
                child.text = hex_of(child.text or "") or child.text  # a name of CSS, as in RFC 7986 §5.9
            changes.pop(child.tag, None)
            changes[child.tag] = child if step.tag == dav("set") else None
    return changes


def as_xml(node: ET.Element) -> str:
    """Return a property as it is kept: an element that stands alone."""
    return xml_of(node)


def plain_fields(changes: Changes) -> dict[str, str]:
    """Return the fields of a resource that these changes set, without an empty name."""
    fields = {
        _FIELDS[name]: (node.text or "").strip()
        for name, node in changes.items()
        if name in _FIELDS and node is not None
    }
    if not fields.get("name", "-"):
        del fields["name"]
    return fields


def _kept(changes: Changes) -> dict[str, str | None]:
    return {name: as_xml(node) if node is not None else None for name, node in changes.items()}


def _store_home(tx: Transaction, request: Request, changes: Changes) -> None:
    kept = _kept(changes) | home_availability.kept(changes)
    person_properties.change_home(tx, request.principal, kept, large=home_availability.NAMES)


def _store_object(tx: Transaction, request: Request, changes: Changes) -> None:
    view = View.of(tx, request.principal, _entry(tx, request))
    found = view.find(tx, request.target.name or "")
    if found is None:
        raise not_found("There is no such calendar object.")
    if view.hides(found):
        raise forbidden("You see this object as busy time only.", "write-properties")
    person_properties.change_object(tx, found.id, request.principal, _kept(changes))


def _store_calendar(tx: Transaction, request: Request, changes: Changes) -> None:
    entry = _entry(tx, request)
    resource = entry.resource
    kept = _kept(changes)
    is_own = resource.is_personal and resource.owner_id == request.principal.id
    zone = settable.zone_of(changes)
    if settable.touches_zone(changes):
        kept |= dict.fromkeys((zones.ZONE, zones.ZONE_ID))
        if zone is not None and not is_own:
            kept |= zones.kept(zone, entry.calendar)
    calendar_properties.change(tx, entry.calendar_id, request.principal, kept)
    if not is_own:
        return
    fields = plain_fields(changes)
    if settable.touches_zone(changes):
        fields["zone"] = zone.key if zone is not None else ""
    if fields:
        resources.set_(
            tx,
            resources.address(tx, resource),
            limits=request.handle.limits,
            now=request.handle.clock(),
            actor=request.principal.login,
            **fields,
        )


def _entry(tx: Transaction, request: Request) -> HomeEntry:
    entry = access.resolve(tx, request.principal, request.target.slug or "", face=FACE)
    if entry is None:
        raise not_found("There is no such calendar in your home.")
    return entry


def _answer(request: Request, changes: Changes, statuses: dict[str, tuple[int, str]]) -> Answer:
    groups: dict[tuple[int, str], list[str]] = {}
    for name in changes:
        groups.setdefault(statuses[name], []).append(element(name))
    target = request.target
    segments = [part for part in (target.login, target.slug, target.name) if part is not None]
    href = request.href(*segments, is_collection=target.name is None)
    propstats = [(status, "".join(inner), error) for (status, error), inner in groups.items()]
    return multistatus.answer([multistatus.response(href, propstats)])
