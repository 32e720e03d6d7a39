"""Reports on principals (RFC 3744 §9.2-5): the one in DAV:acl, oneself, searches and what can be searched.

Apple's calendarserver-principal-search is the same with words instead of properties. Everybody finds
herself and those whose calendars she may see, by name and mail address; nobody else exists.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

from plugins.radicale import multistatus, propfind
from plugins.radicale.names import CALSERVER, DECLARATIONS, caldav, dav, element
from plugins.radicale.principal_nodes import EMAILS, Known, herself, others
from plugins.radicale.problems import XML_TYPE, Answer, Problem
from plugins.radicale.requests import PRINCIPALS, Request

MAX_MATCHES = 500
_MAX_CONDITIONS = 50
_NAME, _ADDRESSES, _TYPE = (
    dav("displayname"),
    caldav("calendar-user-address-set"),
    caldav("calendar-user-type"),
)
_SEARCHABLE: dict[str, str] = {
    _NAME: "Name",
    _ADDRESSES: "Calendar user address",
    EMAILS: "Mail address",
    _TYPE: "INDIVIDUAL, ROOM or RESOURCE",
}
_HOW: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda value, part: part in value,
    "equals": lambda value, part: value == part,
    "starts-with": lambda value, part: value.startswith(part) or f" {part}" in value,
    "ends-with": lambda value, part: value.endswith(part),
}
# The contexts of Apple's search, and whom they mean.
_CONTEXTS = {
    "user": {"INDIVIDUAL"},
    "attendee": {"INDIVIDUAL", "ROOM", "RESOURCE"},
    "location": {"ROOM"},
    "resource": {"RESOURCE"},
    "group": set[str](),
}
Condition = Callable[[Known], bool]


def search(request: Request, root: ET.Element) -> Answer:
    """Answer a principal-property-search."""
    conditions = [_condition(node) for node in root.findall(dav("property-search"))]
    if not conditions or len(conditions) > _MAX_CONDITIONS:
        raise Problem(400, f"A principal-property-search has 1 to {_MAX_CONDITIONS} DAV:property-search.")
    is_anyof = root.get("test", "allof") == "anyof"

    def wanted(known: Known) -> bool:
        found = (condition(known) for condition in conditions)
        return any(found) if is_anyof else all(found)

    return _answer(request, root, [known for known in _searched(request, root) if wanted(known)])


def search_by_words(request: Request, root: ET.Element) -> Answer:
    """Answer Apple's calendarserver-principal-search: every word begins a word of name or address."""
    words = [(node.text or "").strip().casefold() for node in root.findall(f"{{{CALSERVER}}}search-token")]
    words = [word for word in words if word][:_MAX_CONDITIONS]
    if not words:
        raise Problem(400, "A calendarserver-principal-search has a CS:search-token.")
    types = _CONTEXTS.get(root.get("context", "attendee"), _CONTEXTS["attendee"])
    found = [
        known
        for known in (herself(request), *others(request))
        if known.type in types
        and all(
            any(
                _HOW["starts-with"](value, word)
                for value in (*_values(known, _NAME), *_values(known, EMAILS))
            )
            for word in words
        )
    ]
    limit = root.findtext(f"{{{CALSERVER}}}limit/{{{CALSERVER}}}nresults")
    return _answer(request, root, found[: int(limit)] if limit and limit.isdecimal() else found)


def search_properties(request: Request, root: ET.Element) -> Answer:
    """Answer a principal-search-property-set: by what principals can be found."""
    del request, root
    inner = "".join(
        f"<D:principal-search-property><D:prop>{element(name)}</D:prop>"
        f'<D:description xml:lang="en">{description}</D:description></D:principal-search-property>'
        for name, description in _SEARCHABLE.items()
    )
    body = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<D:principal-search-property-set {DECLARATIONS}>'
        f"{inner}</D:principal-search-property-set>\n"
    )
    return Answer(200, {"Content-Type": XML_TYPE}, body.encode())


def match(request: Request, root: ET.Element) -> Answer:
    """Answer a principal-match for DAV:self: the person herself, where she lies below the path."""
    if root.find(dav("self")) is None:
        raise Problem(403, "principal-match is answered for DAV:self only.", "<D:supported-report/>")
    is_below = request.target.login != PRINCIPALS
    return _answer(request, root, [herself(request)] if is_below else [])


def of_acl(request: Request, root: ET.Element) -> Answer:
    """Answer an acl-principal-prop-set: who stands in DAV:acl is the person who asks."""
    next(iter(propfind.responses(request, request.target, propfind.Wanted.of([dav("acl")]))))  # it is there
    return _answer(request, root, [herself(request)])


def _searched(request: Request, root: ET.Element) -> list[Known]:
    """Return the principals below the path, or all where the collections of principals are to be searched."""
    if request.target.login == PRINCIPALS and root.find(dav("apply-to-principal-collection-set")) is None:
        return others(request)
    return [herself(request), *others(request)]


def _condition(node: ET.Element) -> Condition:
    prop, part = node.find(dav("prop")), node.find(dav("match"))
    if prop is None or part is None or not len(prop):
        raise Problem(400, "A DAV:property-search has a DAV:prop and a DAV:match.")
    names = [child.tag for child in prop]
    how = _HOW.get(part.get("match-type", "contains"), _HOW["contains"])
    wanted = (part.text or "").strip().casefold()
    is_negated = part.get("negate-condition", "no") == "yes"

    def meets(known: Known) -> bool:
        # What cannot be searched matches nothing; all properties of one condition match (RFC 3744 §9.4).
        return all(
            name in _SEARCHABLE
            and any(how(value, wanted) for value in _values(known, name)) is not is_negated
            for name in names
        )

    return meets


def _values(known: Known, name: str) -> list[str]:
    email = known.email.casefold() if known.email else None
    if name == _NAME:
        return [known.name.casefold()]
    if name == _TYPE:
        return [known.type.casefold()]
    if name == EMAILS:
        return [email] if email else []
    return ([f"mailto:{email}", email] if email else []) + [known.href.casefold()]


def _answer(request: Request, root: ET.Element, found: list[Known]) -> Answer:
    if len(found) > MAX_MATCHES:
        raise Problem(
            403,
            f"More than {MAX_MATCHES} principals match; ask more closely.",
            "<D:number-of-matches-within-limits/>",
        )
    prop = root.find(dav("prop"))
    wanted = propfind.Wanted.of([child.tag for child in prop] if prop is not None else [])
    return multistatus.answer([propfind.principal(request, known, wanted) for known in found])
