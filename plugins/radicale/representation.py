"""``Prefer: return=representation`` (RFC 8144 §3): a write answers with what is there now."""

from __future__ import annotations

from gateway.domain.errors import PreconditionFailed
from gateway.services.access import HomeEntry
from plugins.radicale import content
from plugins.radicale.preferences import Preferences
from plugins.radicale.problems import Answer
from plugins.radicale.requests import Request
from plugins.radicale.view import View


def after_write(request: Request, wanted: Preferences, done: Answer, entry: HomeEntry, name: str) -> Answer:
    """Return the answer to a write that was done, with the object where the client would like it."""
    if not wanted.wants_representation:
        return done
    status = 201 if done.status == 201 else 200
    return current(request, wanted, entry, name, status, done.headers) or done


def after_refusal(
    request: Request, wanted: Preferences, error: PreconditionFailed, entry: HomeEntry, name: str
) -> Answer:
    """Return the answer to a write whose condition did not hold: the object as it is, so nobody has to ask.

    Raises:
        PreconditionFailed: ``error``, where the client would not like that or there is no object.
    """
    if wanted.wants_representation:
        found = current(request, wanted, entry, name, 412, {})
        if found is not None:
            return found
    raise error


def current(
    request: Request, wanted: Preferences, entry: HomeEntry, name: str, status: int, headers: dict[str, str]
) -> Answer | None:
    """Return an answer with an object as this person may read it, None where there is none."""
    with request.session.reading():
        tx = request.session.tx
        view = View.of(tx, request.principal, entry)
        found = view.find(tx, name)
        if found is None:
            return None
        ical, component, etag = view.ical_of(found), found.component, view.etag_of(found)
    where = request.href(request.principal.login, entry.slug, name, is_collection=False)
    told = headers | wanted.headers | {"ETag": etag, "Content-Location": where}
    return content.answer(request, status, ical, component, told)
