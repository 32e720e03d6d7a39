"""DELETE of a calendar object; a calendar is never deleted over CalDAV."""

from __future__ import annotations

from gateway.services import Transaction, objects
from plugins.radicale.problems import Answer, forbidden, not_found
from plugins.radicale.requests import Request
from plugins.radicale.view import View


def handle(request: Request) -> Answer:
    """Answer a DELETE."""
    target = request.target
    if target.slug is None:
        request.check_home()
        raise forbidden("A calendar home is not deleted.", "unbind", request.home_href)
    if target.name is None:
        with request.session.reading():
            entry = request.entry()
        raise forbidden(
            "A whole calendar is not deleted over CalDAV, as one wrong tap would lose everything;"
            " use `calgate resource remove`.",
            "unbind",
            request.calendar_href(entry.slug),
        )
    request.check_home()
    request.handle.db.write(_delete, request, target.name)
    return Answer(204)


def _delete(tx: Transaction, request: Request, name: str) -> None:
    entry = request.require_write_inside(tx)
    request.check_if(tx)
    objects.lock(tx, entry.calendar_id, seen=entry.calendar)
    view = View.of(tx, request.principal, entry)
    found = view.find(tx, name)
    if found is None:
        raise not_found("There is no such calendar object.")
    if view.hides(found):
        raise forbidden("You see this object as busy time only; you cannot delete it.", "unbind")
    objects.delete_stored(
        tx, found, origin=request.origin, now=request.handle.clock(), condition=request.condition()
    )
