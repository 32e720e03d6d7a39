"""The body of a PUT or POST as iCalendar: sent so, or as jCal (RFC 7265), which is translated.

What is stored is iCalendar. An object that came as jCal is told without an ETag, as its bytes are not those
that were sent (RFC 4791 §5.3.4).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.errors import InvalidCalendarData
from gateway.domain.jcal import MEDIA_TYPE, FromJcal, from_jcal
from plugins.radicale.problems import Problem
from plugins.radicale.requests import Request

_TYPES = frozenset({"text/calendar", "application/octet-stream", ""})
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", ""})


@dataclass(frozen=True, slots=True)
class ObjectBody:
    """What was sent, as iCalendar."""

    ical: bytes = field(repr=False)
    jcal: FromJcal | None = field(default=None, repr=False)

    def told(self, error: InvalidCalendarData) -> InvalidCalendarData:
        """Return the error with the place in what was sent."""
        if self.jcal is None or error.line is None:
            return error
        reason = f"{error.reason} (at {self.jcal.place(error.line)} of the JSON)"
        return type(error)(reason, property_name=error.property_name)


def read(request: Request) -> ObjectBody:
    """Return the body of a request.

    Raises:
        Problem: 403, it is neither iCalendar nor jCal, not UTF-8, or too large; 400, a part of an object.
        InvalidCalendarData: it should be jCal and is none.
    """
    is_jcal = _is_jcal(request)
    data = _data(request)
    if not is_jcal:
        return ObjectBody(data)
    found = from_jcal(data)
    return ObjectBody(found.ical, found)


def _is_jcal(request: Request) -> bool:
    if request.header("Content-Range") is not None:
        raise Problem(400, "Send the whole object; parts of it cannot be put.")
    media, _, rest = str(request.environ.get("CONTENT_TYPE") or "").partition(";")
    kind = media.strip().lower()
    if kind not in _TYPES and kind != MEDIA_TYPE:
        raise Problem(403, f"Send text/calendar or {MEDIA_TYPE}.", "<C:supported-calendar-data/>")
    for part in rest.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == "charset" and value.strip().strip('"').lower() not in _CHARSETS:
            raise Problem(403, "Send the object as UTF-8.", "<C:supported-calendar-data/>")
    return kind == MEDIA_TYPE


def _data(request: Request) -> bytes:
    size = int(request.environ.get("CONTENT_LENGTH") or 0)
    limit = request.handle.limits.max_object_bytes
    if size > limit:
        raise Problem(
            403, f"The object has {size} bytes; the limit is {limit} bytes.", "<C:max-resource-size/>"
        )
    return request.body()
