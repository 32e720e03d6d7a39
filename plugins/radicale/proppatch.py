"""PROPPATCH (RFC 4918 §9.2): what a person sets on a calendar is hers; all or nothing, a status per property.

Colour, order, name and description are kept per person, and so is every property that nobody here knows.
On a calendar that she made herself, name, colour and description change the calendar as well.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from gateway.domain.errors import InvalidInput
from gateway.services import Transaction, access, calendar_properties, resources
from plugins.radicale import multistatus, preferences, properties
from plugins.radicale.names import dav, element, text
from plugins.radicale.problems import Answer, Problem, forbidden, not_found
from plugins.radicale.properties import COLOR, DESCRIPTION, DISPLAY_NAME
from plugins.radicale.requests import Request
from plugins.radicale.session import FACE

Changes = dict[str, ET.Element | None]
_PROTECTED = "<D:error><D:cannot-modify-protected-property/></D:error>"
_FIELDS = {DISPLAY_NAME: "name", COLOR: "color", DESCRIPTION: "description"}


def handle(request: Request) -> Answer:
    """Answer a PROPPATCH."""
    root = request.xml()
    if root is None or root.tag != dav("propertyupdate"):
        raise Problem(400, "A PROPPATCH body begins with DAV:propertyupdate.")
    changes = read_changes(root)
    if request.target.name is not None:
        request.entry()
        return _answer(request, changes, dict.fromkeys(changes, (403, _PROTECTED)))
    if request.target.slug is None:
        request.check_home()
        return _answer(request, changes, dict.fromkeys(changes, (403, _PROTECTED)))
    with request.session.reading():
        entry = request.entry()
    refused = {name: (403, _PROTECTED) for name in changes if is_protected(name)}
    if refused:
        rest = dict.fromkeys((name for name in changes if name not in refused), (424, ""))
        return _answer(request, changes, refused | rest)
    try:
        request.handle.db.write(_store, request, entry.slug, changes)
    except InvalidInput as error:
        raise forbidden(str(error)) from None
    liked = preferences.of(request)
    if liked.is_minimal:
        return Answer(204, liked.headers)
    return _answer(request, changes, dict.fromkeys(changes, (200, "")))


def is_protected(name: str) -> bool:
    """Return whether a property of a calendar is the server's to set."""
    if name in properties.PERSONAL:
        return False
    return name in properties.CALENDAR or name.startswith(("{DAV:}", "{urn:ietf:params:xml:ns:caldav}"))


def read_changes(root: ET.Element) -> Changes:
    """Return the elements to set, or None to remove, in the order of the body."""
    changes: Changes = {}
    for step in root:
        prop = step.find(dav("prop"))
        if step.tag not in {dav("set"), dav("remove")} or prop is None:
            continue
        for child in prop:
            child.tail = None
            changes.pop(child.tag, None)
            changes[child.tag] = child if step.tag == dav("set") else None
    return changes


def as_xml(node: ET.Element) -> str:
    """Return a property as it is kept: an element that stands alone."""
    children = "".join(ET.tostring(child, encoding="unicode") for child in node)
    return element(node.tag, text(node.text or "") + children)


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


def _store(tx: Transaction, request: Request, slug: str, changes: Changes) -> None:
    request.check_if(tx)
    entry = access.resolve(tx, request.principal, slug, face=FACE)
    if entry is None:
        raise not_found("There is no such calendar in your home.")
    kept = {name: as_xml(node) if node is not None else None for name, node in changes.items()}
    calendar_properties.change(tx, entry.calendar_id, request.principal, kept)
    resource = entry.resource
    fields = plain_fields(changes)
    if fields and resource.is_personal and resource.owner_id == request.principal.id:
        resources.set_(
            tx,
            resources.address(tx, resource),
            limits=request.handle.limits,
            now=request.handle.clock(),
            actor=request.principal.login,
            **fields,
        )


def _answer(request: Request, changes: Changes, statuses: dict[str, tuple[int, str]]) -> Answer:
    groups: dict[tuple[int, str], list[str]] = {}
    for name in changes:
        groups.setdefault(statuses[name], []).append(element(name))
    target = request.target
    segments = [part for part in (target.login, target.slug, target.name) if part is not None]
    href = request.href(*segments, is_collection=target.name is None)
    propstats = [(status, "".join(inner), error) for (status, error), inner in groups.items()]
    return multistatus.answer([multistatus.response(href, propstats)])
