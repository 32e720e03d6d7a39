"""MOVE and COPY of a calendar object (RFC 4918 §9.8, §9.9), in a calendar or into another of the home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain import date_bounds
from gateway.domain.errors import Clash, PreconditionFailed, UidConflict
from gateway.domain.ical import shared_object
from gateway.services import Transaction, person_properties, reading, relocation
from gateway.services.access import HomeEntry
from gateway.services.relocation import Place, Relocated
from plugins.radicale import preferences, representation
from plugins.radicale.clashes import clash_problem, warning_headers
from plugins.radicale.problems import Answer, Problem, forbidden, not_found
from plugins.radicale.put import uid_problem
from plugins.radicale.requests import Request, Target, path_of
from plugins.radicale.view import View


@dataclass(frozen=True, slots=True)
class _Way:
    """What differs between the two methods."""

    change: Callable[..., Relocated]
    verb: str
    privilege: str  # on the source


_MOVE = _Way(relocation.move, "move", "unbind")
_COPY = _Way(relocation.copy, "copy", "read")


def move(request: Request) -> Answer:
    """Answer a MOVE."""
    return _answer(request, _MOVE)


def copy(request: Request) -> Answer:
    """Answer a COPY."""
    return _answer(request, _COPY)


def _answer(request: Request, way: _Way) -> Answer:
    source, target = request.target, _destination(request)
    if source.name is None:
        request.check_home()
        raise forbidden(
            f"A {way.verb} is of single objects, never of a calendar.", way.privilege, request.home_href
        )
    if target.name is None:
        raise forbidden(f"To {way.verb} an object, name it inside a calendar.", "bind", request.home_href)
    if source == target:
        raise Problem(403, "The destination is where the object is already.")
    with request.session.reading():
        origin = request.require_write() if way is _MOVE else request.entry()
        into = request.require_write(target)
    try:
        done = request.handle.db.write(_change, request, way, origin.slug, into.slug, target)
    except Clash as clash:
        raise clash_problem(request, into, clash) from None
    answer = Answer(204 if done.is_overwritten else 201, {"ETag": done.etag, **warning_headers(done.clashes)})
    return representation.after_write(request, preferences.of(request), answer, into, target.name)


def _destination(request: Request) -> Target:
    destination = request.header("Destination")
    if destination is None:
        raise Problem(400, f"A {request.method} needs a Destination.")
    path = path_of(destination, request.prefix)
    return Target.of(path) if path is not None else Target()


def _change(
    tx: Transaction, request: Request, way: _Way, slug: str, target_slug: str, target: Target
) -> Relocated:
    assert request.target.name is not None  # noqa: S101 - checked before
    assert target.name is not None  # noqa: S101 - checked before
    request.check_if(tx, also=target)
    origin = request.entry_for_write(tx, slug) if way is _MOVE else request.entry_for_read(tx, slug)
    into = request.entry_for_write(tx, target_slug)
    view, target_view = View.of(tx, request.principal, origin), View.of(tx, request.principal, into)
    found = view.find(tx, request.target.name)
    if found is None:
        raise not_found("There is no such calendar object.")
    if view.hides(found):
        raise forbidden(f"You see this object as busy time only; you cannot {way.verb} it.", way.privilege)
    _check_hidden(tx, into, target_view, target.name)
    if origin.calendar_id != into.calendar_id:  # a new name stores nothing new
        date_bounds.check(shared_object(found.ical))
    try:
        done = way.change(
            tx,
            Place(calendar_id=origin.calendar_id, href=found.href),
            Place(calendar_id=into.calendar_id, href=target.name),
            origin=request.origin,
            now=request.handle.clock(),
            limits=request.handle.limits,
            is_overwrite=(request.header("Overwrite") or "T").strip().upper() != "F",
            condition=request.condition(),
        )
    except UidConflict as conflict:
        raise uid_problem(tx, request, target_view, conflict) from None
    copied = reading.by_href(tx, into.calendar_id, target.name) if way is _COPY else None
    if copied is not None:  # dead properties go with an object; on a move the row keeps them
        person_properties.copy_object(tx, found.id, copied.id, request.principal.id)
    return done


def _check_hidden(tx: Transaction, into: HomeEntry, view: View, name: str) -> None:
    """Refuse to overwrite what she sees as busy time only, under either of its names."""
    there = reading.by_href(tx, into.calendar_id, name)
    if there is not None and view.hides(there):
        raise PreconditionFailed("Another object has this name; choose another name.")
    if there is None and view.find(tx, name) is not None:
        raise forbidden("You see this object as busy time only; you cannot overwrite it.", "write-content")
