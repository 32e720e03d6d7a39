"""POST to a calendar adds an object to it, under a name of the server's choice (RFC 5995)."""

from __future__ import annotations

from uuid import uuid4

from plugins.radicale import put
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.requests import Request


def handle(request: Request) -> Answer:
    """Answer a POST."""
    target = request.target
    request.check_home()
    if target.slug is None or target.name is not None:
        raise Problem(
            405,
            "Post to a calendar to add an object to it; there is nothing to post to here.",
        )
    entry = request.require_write()
    name = f"{uuid4()}.ics"
    answer = put.store(request, name)
    href = request.href(request.principal.login, entry.slug, name, is_collection=False)
    answer.headers["Location"] = href
    return answer
