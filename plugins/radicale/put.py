"""PUT of a calendar object (RFC 4791 §5.3.2): bytes kept as sent, all else checked in one transaction."""

from __future__ import annotations

from contextlib import suppress

from gateway.domain import date_bounds
from gateway.domain.errors import (
    Clash,
    InvalidCalendarData,
    InvalidInput,
    PreconditionFailed,
    UidConflict,
)
from gateway.domain.model import Calendar, Principal
from gateway.services import Transaction, objects, reading
from gateway.services.access import HomeEntry
from gateway.services.objects import PutResult
from gateway.services.prepare import Prepared, prepare
from plugins.radicale import object_body, preferences, representation
from plugins.radicale.clashes import clash_problem, warning_headers
from plugins.radicale.object_body import ObjectBody
from plugins.radicale.problems import Answer, Problem, forbidden
from plugins.radicale.requests import Request
from plugins.radicale.view import View, is_masked_href


def handle(request: Request) -> Answer:
    """Answer a PUT."""
    name = request.target.name
    request.check_home()
    if name is None:
        raise Problem(
            405,
            "A whole calendar is never overwritten; send single objects, or use `calgate import`.",
        )
    return store(request, name)


def store(request: Request, name: str) -> Answer:
    """Store the body of a request under a name."""
    body = _body(request)
    try:
        prepared = _prepared(request, body.ical)
    except InvalidCalendarData as error:
        raise body.told(error) from None
    wanted = preferences.of(request)
    try:
        result = request.handle.db.write(_store, request, name, prepared)
    except Clash as clash:
        raise clash_problem(request, request.require_write(), clash) from None
    except PreconditionFailed as error:
        return representation.after_refusal(request, wanted, error, request.require_write(), name)
    headers = warning_headers(result.clashes)
    if body.jcal is None:  # otherwise other bytes are there than were sent (RFC 4791 §5.3.4)
        headers = {"ETag": result.etag, **headers}
    answer = Answer(201 if result.is_created else 204, headers)
    if not wanted.wants_representation:
        return answer
    return representation.after_write(request, wanted, answer, request.require_write(), name)


def _body(request: Request) -> ObjectBody:
    """Return what was sent; what stands against it is told to who may write."""
    try:
        return object_body.read(request)
    except (Problem, InvalidInput):
        request.require_write()
        raise


def _prepared(request: Request, ical: bytes) -> Prepared:
    """Parse and expand an object, for the calendar as it was at her last write where there was one.

    Her right, zone and horizon are read in the write itself; what was prepared for others is prepared again
    there. Nothing is refused for what the calendar once was, nor before it is known that she may write.
    """
    guess = request.session.written_before(request.principal, request.target.slug)
    if guess is not None:
        with suppress(InvalidInput):
            return _prepared_for(guess, request, ical)
    return _prepared_for(request.require_write().calendar, request, ical)


def _prepared_for(calendar: Calendar, request: Request, ical: bytes) -> Prepared:
    handle = request.handle
    prepared = prepare(ical, calendar, limits=handle.limits, now=handle.clock())
    date_bounds.check(prepared.parsed)
    return prepared


def _store(tx: Transaction, request: Request, name: str, prepared: Prepared) -> PutResult:
    entry = request.require_write_inside(tx)
    request.check_if(tx)
    _check_hidden(tx, request.principal, entry, name)
    try:
        return objects.put(
            tx,
            entry.calendar_id,
            name,
            prepared,
            origin=request.origin,
            now=request.handle.clock(),
            limits=request.handle.limits,
            condition=request.condition(),
            seen=entry.calendar,
        )
    except UidConflict as conflict:
        view = View.of(tx, request.principal, entry)
        raise uid_problem(tx, request, view, conflict) from None


def _check_hidden(tx: Transaction, principal: Principal, entry: HomeEntry, name: str) -> None:
    """Refuse to write on what she sees as busy time only, under either of its names."""
    if not View.masks(principal, entry):
        return
    existing = reading.by_href(tx, entry.calendar_id, name)
    if existing is None:
        # Most names are nothing like a masked one, and cost no more than this look.
        if is_masked_href(name) and View.of(tx, principal, entry).find(tx, name) is not None:
            raise forbidden("You see this object as busy time only; you cannot change it.", "write-content")
    elif existing.classification and existing.creator_id != principal.id:
        raise PreconditionFailed("Another object has this name; choose another name.")


def uid_problem(tx: Transaction, request: Request, view: View, conflict: UidConflict) -> Problem:
    """Return the answer that names the object which has the UID, under the name she sees."""
    holder = reading.by_href(tx, view.entry.calendar_id, conflict.href)
    shown = view.href_of(holder) if holder is not None else conflict.href
    href = request.href(request.principal.login, view.entry.slug, shown, is_collection=False)
    return Problem(
        409,
        "Another object of this calendar has this UID, or this name has another UID; change that one.",
        f"<C:no-uid-conflict><D:href>{href}</D:href></C:no-uid-conflict>",
    )
