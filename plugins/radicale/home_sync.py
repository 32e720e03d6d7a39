"""sync-collection on a calendar home (RFC 6578): which of its calendars are new, changed or gone.

A calendar has changed where its objects, its properties or the person's rights on it have.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from plugins.radicale import home_token, multistatus, preferences, propfind
from plugins.radicale.names import dav, element, text
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.report_sync import MORE, read_limit
from plugins.radicale.requests import Request, Target


def answer(request: Request, root: ET.Element) -> Answer:
    """Answer a sync-collection on the home of the person who asks."""
    level = (root.findtext(dav("sync-level")) or "").strip()
    if level == "infinite":
        raise Problem(
            403,
            "A home is followed with sync-level 1; follow each calendar for its objects.",
            "<D:sync-traversal-supported/>",
        )
    if level != "1":
        raise Problem(400, "DAV:sync-level is 1 or infinite.")
    limit = read_limit(root)
    token = (root.findtext(dav("sync-token")) or "").strip()
    known = home_token.read(request, token) if token else {}
    now = home_token.states(request)
    changed = sorted(slug for slug in now.keys() | known.keys() if now.get(slug) != known.get(slug))
    told = changed if limit is None else changed[:limit]
    for slug in told:
        if slug in now:
            known[slug] = now[slug]
        else:
            del known[slug]
    wanted, liked = _wanted(root), preferences.of(request)
    responses: list[str] = []
    for slug in told:
        if slug in now:
            target = Target(request.principal.login, slug)
            responses += propfind.responses(request, target, wanted, is_minimal=liked.is_minimal)
        else:
            responses.append(multistatus.gone(request.calendar_href(slug)))
    if len(told) < len(changed):
        responses.append(multistatus.gone(request.home_href, 507, MORE))
    tail = element(dav("sync-token"), text(home_token.write(request, known)))
    found = multistatus.answer(responses, tail)
    found.headers |= liked.headers
    return found


def _wanted(root: ET.Element) -> propfind.Wanted:
    prop = root.find(dav("prop"))
    return propfind.Wanted.of([child.tag for child in prop] if prop is not None else [])
