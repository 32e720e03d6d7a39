"""GET and HEAD: one object with its bytes as stored, or a whole calendar as one file (RFC 4791 §5.3.4)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from email.utils import format_datetime
from typing import IO

from gateway.domain.content_lines import PRODID, escape_text, write
from gateway.domain.model import Calendar
from gateway.services import reading
from plugins.radicale import content, zone_references
from plugins.radicale.merging import Merger
from plugins.radicale.problems import Answer, Problem, not_found
from plugins.radicale.requests import Request
from plugins.radicale.view import View

FILE = "calgate.file"  # the bridge streams what is left here
_TYPE = "text/calendar; charset=utf-8"
_IN_MEMORY = 4 * 1024 * 1024
_PAGE = 500


def handle(request: Request) -> Answer:
    """Answer a GET or HEAD."""
    target = request.target
    if target.slug is None:
        request.check_home()
        message = "This is a CalDAV server; enter its address in a calendar program.\n"
        return Answer(200, {"Content-Type": "text/plain; charset=utf-8"}, message.encode())
    with request.session.reading():
        entry = request.entry()
        tx = request.session.tx
        view = View.of(tx, request.principal, entry)
        if target.name is None:
            return _calendar(request, view)
        request.check_if(tx, is_write=False)
        found = view.find(tx, target.name)
        if found is None:
            raise not_found("There is no such calendar object.")
        etag = view.etag_of(found)
        headers = {
            "ETag": etag,
            "Last-Modified": format_datetime(found.modified_at_utc, usegmt=True),
            "Cache-Control": "private, no-cache",
        }
        if _is_known(request, etag):
            shown = content.etag_as(etag, is_jcal=content.wants_jcal(request))
            return Answer(304, headers | content.vary() | {"ETag": shown})
        ical = view.ical_of(found)
    return content.answer(request, 200, ical, found.component, headers)


def _is_known(request: Request, etag: str) -> bool:
    """Return whether the client has this state already; If-Match is checked as well.

    Raises:
        Problem: 412.
    """
    condition = request.condition()
    if condition.if_match is not None and not {"*", etag} & set(condition.if_match):
        raise Problem(412, "The object has changed; fetch it again.")
    known = {tag.removeprefix("W/") for tag in condition.if_none_match or ()}
    return etag in known or "*" in known


def _calendar(request: Request, view: View) -> Answer:
    tx = request.session.tx
    calendar = reading.calendar(tx, view.entry.calendar_id)
    etag = view.calendar_etag(calendar)
    headers = {"ETag": etag, "Content-Type": _TYPE, "Cache-Control": "private, no-cache"}
    if _is_known(request, etag):
        return Answer(304, headers)
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the bridge closes it
    try:
        _merge(request, view, calendar, file)
    except BaseException:
        file.close()
        raise
    request.environ[FILE] = file
    return Answer(200, headers)


def _merge(request: Request, view: View, calendar: Calendar, file: IO[bytes]) -> None:
    """Write all objects as one VCALENDAR; a page of objects is in memory at a time."""
    name = escape_text(view.entry.resource.name)
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODID}", "CALSCALE:GREGORIAN"]
    file.write(write([*head, f"X-WR-CALNAME:{name}", f"X-WR-TIMEZONE:{view.entry.resource.zone}"]))
    wanted = zone_references.wish(request)
    leaves_out = zone_references.is_standard if wanted is zone_references.Wish.NONE else None
    merger = Merger(file, leaves_out=leaves_out)
    for ical in _every(request, view, calendar):
        merger.add(zone_references.with_standard(ical) if wanted is zone_references.Wish.ALL else ical)
    file.write(b"END:VCALENDAR\r\n")


def _every(request: Request, view: View, calendar: Calendar) -> Iterator[bytes]:
    """Yield the objects that are there for her; a page is in memory at a time."""
    tx = request.session.tx
    if not view.is_masked:
        after = ""
        while rows := reading.texts_page(tx, calendar.id, after_href=after, limit=_PAGE):
            after = rows[-1].href
            for row in rows:
                yield row.ical
        return
    # Not by href: the place of a masked object would tell of its name.
    last = 0
    while page := reading.every(tx, calendar.id, after_id=last):
        last = page[-1].id
        for stored in filter(view.shows, page):
            yield view.ical_of(stored)
