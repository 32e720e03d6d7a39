"""Content negotiation of calendar objects: iCalendar, or jCal where the client likes it better (RFC 7265 §7).

How objects come in is in ``object_body``.
"""

from __future__ import annotations

import re

from gateway.domain.jcal import MEDIA_TYPE, to_jcal
from plugins.radicale import zone_references
from plugins.radicale.problems import Answer
from plugins.radicale.requests import JCAL_MARK, Request

CALENDAR = "text/calendar"
_QUALITY = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def wants_jcal(request: Request) -> bool:
    """Return whether the client likes jCal better than iCalendar (RFC 9110 §12.5.1)."""
    accept = request.header("Accept")
    if accept is None or "json" not in accept:
        return False
    ranges: dict[str, float] = {}
    for one in accept.split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        quality = next(filter(None, map(_QUALITY.fullmatch, parameters)), None)
        ranges[name.lower()] = float(quality[1]) if quality else 1.0
    return _quality(ranges, MEDIA_TYPE) > _quality(ranges, CALENDAR)


def _quality(ranges: dict[str, float], media: str) -> float:
    general = media.partition("/")[0] + "/*"
    return next((ranges[name] for name in (media, general, "*/*") if name in ranges), 0.0)


def etag_as(etag: str, *, is_jcal: bool) -> str:
    """Return the entity tag of a representation: two of one resource have two (RFC 9110 §8.8.3.3)."""
    return f'{etag[:-1]}{JCAL_MARK}"' if is_jcal else etag


def answer(request: Request, status: int, ical: bytes, component: str, headers: dict[str, str]) -> Answer:
    """Return an answer with a calendar object in the form the client likes; ``headers`` holds its ETag."""
    is_jcal = wants_jcal(request)
    ical = zone_references.applied(zone_references.wish(request), ical)
    if "ETag" in headers:
        headers = headers | {"ETag": etag_as(headers["ETag"], is_jcal=is_jcal)}
    if is_jcal:
        kind = f"{MEDIA_TYPE}; component={component}"
        return Answer(status, headers | vary() | {"Content-Type": kind}, to_jcal(ical))
    kind = f"{CALENDAR}; charset=utf-8; component={component}"
    return Answer(status, headers | vary() | {"Content-Type": kind}, ical)


def vary() -> dict[str, str]:
    """Return the header that says what the choice depends on."""
    return {"Vary": f"Accept, Accept-Encoding, {zone_references.HEADER}"}
