"""Errors as HTTP answers: a DAV error body that names the precondition and says in words what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from gateway.domain import errors
from plugins.radicale.names import DECLARATIONS, element, text

XML_TYPE = "application/xml; charset=utf-8"
# Characters of a path segment that need no escape in a path (RFC 3986) nor in XML.
_SAFE = "!$()*+,=:@~"


@dataclass(slots=True)
class Answer:
    """One HTTP answer; the body is bytes, so that Radicale leaves it as it is."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Problem(Exception):
    """A request that is refused.

    Args:
        status: of the answer.
        message: one sentence that says what to do.
        condition: XML of the precondition that failed, e.g. ``<D:need-privileges/>``.
        headers: further headers.
    """

    def __init__(
        self, status: int, message: str, condition: str = "", headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.condition = condition
        self.headers = headers or {}
        super().__init__(message)

    def answer(self) -> Answer:
        """Return the answer with its DAV error body."""
        message = element("{urn:calgate:xml:ns}message", text(str(self)))
        inner = f"<D:error {DECLARATIONS}>{self.condition}{message}</D:error>"
        body = f'<?xml version="1.0" encoding="utf-8"?>\n{inner}\n'
        return Answer(self.status, {"Content-Type": XML_TYPE, **self.headers}, body.encode())


def quote_segment(name: str) -> str:
    """Return one path segment as it stands in an href."""
    return quote(name, safe=_SAFE)


def not_found(message: str = "There is nothing here.") -> Problem:
    """Return the answer for what is not there or may not be seen."""
    return Problem(404, message)


def forbidden(message: str, privilege: str = "", href: str = "") -> Problem:
    """Return the answer for what a person may not do; ``privilege`` is the DAV privilege she lacks."""
    condition = ""
    if privilege:
        named = element(f"{{DAV:}}{privilege}")
        resource = f"<D:resource><D:href>{href}</D:href><D:privilege>{named}</D:privilege></D:resource>"
        condition = f"<D:need-privileges>{resource}</D:need-privileges>"
    return Problem(403, message, condition)


_CONDITIONS: tuple[tuple[type[errors.GatewayError], int, str], ...] = (
    (errors.UnsupportedComponent, 403, "<C:supported-calendar-component/>"),
    (errors.TooLarge, 403, "<C:max-resource-size/>"),
    (errors.TooManyInstances, 403, "<C:max-instances/>"),
    (errors.TooEarly, 403, "<C:min-date-time/>"),
    (errors.TooLate, 403, "<C:max-date-time/>"),
    (errors.InvalidCalendarObject, 403, "<C:valid-calendar-object-resource/>"),
    (errors.InvalidCalendarData, 403, "<C:valid-calendar-data/>"),
    (errors.InvalidName, 403, ""),
    (errors.InvalidInput, 400, ""),
    (errors.NotFound, 404, ""),
    (errors.AlreadyExists, 405, "<D:resource-must-be-null/>"),
    (errors.PreconditionFailed, 412, ""),
    (errors.InvalidSyncToken, 403, "<D:valid-sync-token/>"),
    # 409: the state of the calendar is in the way, and the person can resolve it (RFC 9110 §15.5.10).
    (errors.Clash, 409, "<CG:no-time-conflict/>"),
    (errors.Forbidden, 403, "<D:need-privileges/>"),
    (errors.StoreFull, 507, "<D:sufficient-disk-space/>"),
    (errors.StoreBusy, 503, ""),
    (errors.StoreUnusable, 503, ""),
)


def problem_of(error: errors.GatewayError) -> Problem:
    """Return the answer for an error of the product."""
    for kind, status, condition in _CONDITIONS:
        if isinstance(error, kind):
            headers = {"Retry-After": "5"} if status == 503 else None
            return Problem(status, str(error), condition, headers)
    return Problem(500, "Something went wrong in the gateway; see the log of the server.")
