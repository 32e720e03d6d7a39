"""PROPFIND (RFC 4918 §9.1) on the root, the home, calendars and objects."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.services import calendar_properties, person_properties, reading
from gateway.services.access import HomeEntry
from gateway.services.reading import Summary
from plugins.radicale import (
    dead_properties,
    listing,
    multistatus,
    object_properties,
    preferences,
    principal_nodes,
    properties,
)
from plugins.radicale.names import dav, element
from plugins.radicale.principal_nodes import PRINCIPAL, Known, PrincipalNode
from plugins.radicale.problems import Answer, Problem, not_found
from plugins.radicale.properties import CalendarNode, Folder
from plugins.radicale.requests import PRINCIPALS, Request, Target
from plugins.radicale.view import View

MAX_PROPERTIES = 200


class Wanted:
    """What a PROPFIND asks for: ``names`` is None for allprop and propname."""

    def __init__(self, root: ET.Element | None) -> None:
        self.names: list[str] | None = None
        self.is_names_only = False
        self.included: list[str] = []
        if root is None:
            return
        if root.tag != dav("propfind"):
            raise Problem(400, "A PROPFIND body begins with DAV:propfind.")
        if root.find(dav("propname")) is not None:
            self.is_names_only = True
        elif (prop := root.find(dav("prop"))) is not None:
            self.names = list(dict.fromkeys(child.tag for child in prop))
        if (include := root.find(dav("include"))) is not None:
            self.included = [child.tag for child in include]
        _check_number(len(self.names or ()) + len(self.included))

    @classmethod
    def of(cls, names: Sequence[str]) -> Wanted:
        """Return that just these are asked for."""
        _check_number(len(names))
        wanted = cls(None)
        wanted.names = list(dict.fromkeys(names))
        return wanted


def _check_number(count: int) -> None:
    if count > MAX_PROPERTIES:
        raise Problem(400, f"A request asks for at most {MAX_PROPERTIES} properties.")


def handle(request: Request) -> Answer:
    """Answer a PROPFIND."""
    wanted = Wanted(request.xml())
    depth = (request.header("Depth") or "0").strip().lower()
    if depth == "infinity":
        raise Problem(403, "Ask with Depth 0 or 1.", "<D:propfind-finite-depth/>")
    if depth not in {"0", "1"}:
        raise Problem(400, "Depth is 0 or 1.")
    liked = preferences.of(request)
    with request.session.reading():
        found = responses(
            request,
            request.target,
            wanted,
            is_deep=depth == "1",
            has_root=not liked.has_no_root,
            is_minimal=liked.is_minimal,
        )
        answer = multistatus.answer(found)
    answer.headers |= liked.headers
    return answer


def responses(
    request: Request,
    target: Target,
    wanted: Wanted,
    *,
    is_deep: bool = False,
    has_root: bool = True,
    is_minimal: bool = False,
) -> Iterator[str]:
    """Yield the responses for what a path names and, if ``is_deep``, for its members.

    Raises:
        Problem: there is nothing, or it may not be seen.
    """
    has_self = has_root or not is_deep
    if target.login == PRINCIPALS:
        yield from _principals(request, target, wanted, is_deep=is_deep, is_minimal=is_minimal)
        return
    request.check_home(target)
    if target.login is None:
        if has_self:
            yield _folder(request, request.href(), properties.ROOT, wanted, is_minimal)
        if is_deep:
            yield _folder(request, request.home_href, properties.HOME, wanted, is_minimal)
        return
    if target.slug is None:
        if has_self:
            yield _folder(request, request.home_href, properties.HOME, wanted, is_minimal)
        if is_deep:
            yield from _calendars(request, request.session.home(request.principal), wanted, is_minimal)
        return
    entry = request.entry(target)
    if target.name is None:
        if has_self:
            yield from _calendars(request, [entry], wanted, is_minimal)
        if is_deep:
            yield from _objects(request, entry, wanted, None, is_minimal)
        return
    found = list(_objects(request, entry, wanted, target, is_minimal))
    if not found:
        raise not_found("There is no such calendar object.")
    yield from found


def principal(request: Request, known: Known, wanted: Wanted, *, is_minimal: bool = False) -> str:
    """Return the response for a principal."""
    if known.entry is None:
        return _folder(request, known.href, properties.HOME, wanted, is_minimal)
    node = PrincipalNode(request=request, known=known)
    return multistatus.response(known.href, _propstats(node, PRINCIPAL, {}, wanted, is_minimal))


def _principals(
    request: Request, target: Target, wanted: Wanted, *, is_deep: bool, is_minimal: bool
) -> Iterator[str]:
    if target.name is not None:
        raise not_found("There is nothing so deep among principals.")
    if target.slug is not None:
        yield principal(request, principal_nodes.find(request, target.slug), wanted, is_minimal=is_minimal)
        return
    yield _folder(request, request.href(PRINCIPALS), properties.ROOT, wanted, is_minimal)
    if is_deep:
        for known in principal_nodes.others(request):
            yield principal(request, known, wanted, is_minimal=is_minimal)


def _folder(
    request: Request, href: str, table: properties.FolderTable, wanted: Wanted, is_minimal: bool
) -> str:
    own: Mapping[str, str] = {}
    is_home = table is properties.HOME
    if is_home and (wanted.names is None or any(name not in table for name in wanted.names)):
        own = person_properties.of_person(request.session.tx, request.principal.id)
    return multistatus.response(href, _propstats(Folder(request=request), table, own, wanted, is_minimal))


def _calendars(
    request: Request, entries: Sequence[HomeEntry], wanted: Wanted, is_minimal: bool
) -> Iterator[str]:
    tx = request.session.tx
    ids = [entry.calendar_id for entry in entries]
    own = calendar_properties.of_person(tx, ids, request.principal)
    for entry in entries:
        node = CalendarNode(
            request=request,
            view=View.of(tx, request.principal, entry),
            calendar=entry.calendar,
            own=own.get(entry.calendar_id, {}),
        )
        propstats = _propstats(node, properties.CALENDAR, node.own, wanted, is_minimal)
        yield multistatus.response(request.calendar_href(entry.slug), propstats)


def _propstats(
    node: Any,  # Any: what the table's functions take
    table: Mapping[str, Callable[[Any], str | None]],
    own: Mapping[str, str],
    wanted: Wanted,
    is_minimal: bool,
) -> list[tuple[int, str, str]]:
    names = wanted.names
    if names is None:
        shown = [name for name in table if name not in properties.NOT_IN_ALLPROP or wanted.is_names_only]
        names = list(dict.fromkeys([*shown, *own, *wanted.included]))
    good: list[str] = []
    missing: list[str] = []
    for name in names:
        if name in own:
            good.append(element(name) if wanted.is_names_only else own[name])
            continue
        make = table.get(name)
        inner = make(node) if make is not None else None
        if inner is not None:
            good.append(element(name, "" if wanted.is_names_only else inner))
        elif wanted.names is not None or name in wanted.included:
            missing.append(element(name))
    propstats = [(200, "".join(good), "")]
    if missing and not is_minimal:
        propstats.append((404, "".join(missing), ""))
    return propstats


def _objects(
    request: Request, entry: HomeEntry, wanted: Wanted, target: Target | None, is_minimal: bool
) -> Iterator[str]:
    tx = request.session.tx
    view = View.of(tx, request.principal, entry)
    names = wanted.names
    if names is None:
        names = list(object_properties.NAMES if wanted.is_names_only else object_properties.ALLPROP)
        names += [name for name in wanted.included if name not in names]
    with_times = object_properties.needs_times(names)
    items: list[Summary]
    if target is None or target.name is None:
        quick = None if wanted.is_names_only else listing.responses(request, view, names)
        if quick is not None:
            yield from quick
            return
        items = view.shown(reading.listing(tx, entry.calendar_id, with_times=with_times))
    else:
        found = view.find(tx, target.name)
        hrefs = [found.href] if found is not None else []
        items = reading.summaries_by_hrefs(tx, entry.calendar_id, hrefs, with_times=with_times)
    render = dead_properties.renderer(
        request,
        view,
        names,
        is_all=wanted.names is None,
        is_minimal=is_minimal,
        is_names_only=wanted.is_names_only,
    )
    for item in items:
        yield render(item, "")
