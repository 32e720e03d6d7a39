"""MOVE of a calendar object (RFC 4918 §9.9): within a calendar, or into another one of the same home."""

from __future__ import annotations

from gateway.domain.errors import Clash, UidConflict
from gateway.services import Transaction, objects, reading
from plugins.radicale.clashes import clash_problem
from plugins.radicale.problems import Answer, Problem, forbidden, not_found
from plugins.radicale.put import uid_problem
from plugins.radicale.requests import Request, Target, path_of
from plugins.radicale.view import View


def handle(request: Request) -> Answer:
    """Answer a MOVE."""
    destination = request.header("Destination")
    if destination is None:
        raise Problem(400, "A MOVE needs a Destination.")
    path = path_of(destination, request.prefix)
    target = Target.of(path) if path is not None else Target()
    if request.target.name is None:
        request.check_home()
        raise forbidden("Calendars are not moved; move single objects.", "unbind", request.home_href)
    if target.name is None:
        raise forbidden("Move an object to a name inside a calendar.", "bind", request.home_href)
    with request.session.reading():
        source = request.require_write()
        into = request.require_write(target)
    try:
        is_overwritten = request.handle.db.write(
            _move, request, (source.slug, request.target.name), (into.slug, target.name)
        )
    except Clash as clash:
        raise clash_problem(request, into, clash) from None
    return Answer(204 if is_overwritten else 201)


def _move(tx: Transaction, request: Request, source: tuple[str, str], target: tuple[str, str]) -> bool:
    origin_entry = request.entry_for_write(tx, source[0])
    target_entry = request.entry_for_write(tx, target[0])
    view = View.of(tx, request.principal, origin_entry)
    target_view = View.of(tx, request.principal, target_entry)
    found = view.find(tx, source[1])
    if found is None:
        raise not_found("There is no such calendar object.")
    there = reading.by_href(tx, target_entry.calendar_id, target[1])
    if view.hides(found) or (there is not None and target_view.hides(there)):
        raise forbidden("You see this object as busy time only; you cannot move it.", "unbind")
    try:
        return objects.move(
            tx,
            origin_entry.calendar_id,
            found.href,
            target_entry.calendar_id,
            target[1],
            origin=request.origin,
            now=request.handle.clock(),
            limits=request.handle.limits,
            is_overwrite=(request.header("Overwrite") or "T").strip().upper() != "F",
            condition=request.condition(),
        )
    except UidConflict as conflict:
        raise uid_problem(tx, request, target_view, conflict) from None
