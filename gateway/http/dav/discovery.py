"""Finding the calendars from a bare host name: what clients ask for outside ``/dav/`` (RFC 6764).

iOS and macOS probe ``/``, ``/principals/`` and paths of Apple's own server, whatever the redirect of the
well-known address says (behaviours 52-55). All of them lead to the principal by ``current-user-principal``.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from gateway.domain.model import Principal

MOUNT = "/dav"
DAV_HEADER = (
    "1, 3, access-control, calendar-access, calendar-availability, extended-mkcol,"
    " calendarserver-principal-search"
)
ALLOW = "OPTIONS, GET, HEAD, PUT, POST, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, MKCALENDAR, MKCOL"
WELL_KNOWN = ("/.well-known/caldav", "/.well-known/caldav/")
# Where clients look for a principal before or instead of following the redirect.
PROBED = (
    "/",
    r"/principals{tail:(/.*)?}",
    r"/calendar/dav/{tail:.*}",
    r"/caldav{tail:(/.*)?}",
    r"/SOGo/dav/{tail:.*}",
)
_NAME = re.compile(r"\{([^}]*)\}(.+)")


def options() -> web.Response:
    """Answer OPTIONS; clients ask it before they sign in."""
    return web.Response(status=200, headers={"DAV": DAV_HEADER, "Allow": ALLOW})


def principal_path(principal: Principal) -> str:
    """Return the path of a person's principal, which is her calendar home too."""
    return f"{MOUNT}/{quote(principal.login, safe='@')}/"


def propfind(request_path: str, principal: Principal, body: bytes) -> web.Response:
    """Answer PROPFIND on a probed path: who is signed in, and nothing else.

    Raises:
        web.HTTPBadRequest: the body is not XML.
    """
    home = principal_path(principal)
    found = {
        "{DAV:}current-user-principal": (
            f"<D:current-user-principal><D:href>{home}</D:href></D:current-user-principal>"
        ),
        "{DAV:}principal-URL": f"<D:principal-URL><D:href>{home}</D:href></D:principal-URL>",
        "{DAV:}principal-collection-set": (
            f"<D:principal-collection-set><D:href>{MOUNT}/</D:href></D:principal-collection-set>"
        ),
        "{DAV:}resourcetype": "<D:resourcetype><D:collection/></D:resourcetype>",
        "{urn:ietf:params:xml:ns:caldav}calendar-home-set": (
            f"<C:calendar-home-set><D:href>{home}</D:href></C:calendar-home-set>"
        ),
    }
    wanted = _wanted(body) or list(found)
    good = "".join(found[name] for name in wanted if name in found)
    missing = "".join(_empty(name) for name in wanted if name not in found)
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:"'
        ' xmlns:C="urn:ietf:params:xml:ns:caldav">'
        f"<D:response><D:href>{quote(request_path, safe='/@')}</D:href>"
        + (
            f"<D:propstat><D:prop>{good}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
            if good
            else ""
        )
        + (
            f"<D:propstat><D:prop>{missing}</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"
            if missing
            else ""
        )
        + "</D:response></D:multistatus>\n"
    )
    return web.Response(
        status=207,
        body=text.encode(),
        headers={"Content-Type": "application/xml; charset=utf-8", "DAV": DAV_HEADER},
    )


def _wanted(body: bytes) -> list[str]:
    if not body.strip():
        return []
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise web.HTTPBadRequest(text="The body is not XML that is taken here.\n") from None
    props = root.find("{DAV:}prop")
    return [] if props is None else [child.tag for child in props][:100]


def _empty(name: str) -> str:
    match = _NAME.fullmatch(name)
    space, local = (match[1], match[2]) if match else ("", name)
    escaped = space.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<x:{local} xmlns:x="{escaped}"/>' if space else f"<{local}/>"
