"""Which properties kept a collection from being made: the answer of extended MKCOL (RFC 5689 §5.1).

MKCALENDAR answers alike, under its own name (RFC 4791 §9.3).
"""

from __future__ import annotations

from collections.abc import Iterable

from plugins.radicale.multistatus import status_line
from plugins.radicale.names import DECLARATIONS, dav, element, text
from plugins.radicale.problems import XML_TYPE, Answer, Problem


class RefusedProperties(Problem):
    """Nothing was made: these properties cannot be set, and the others of the request fail with them.

    Args:
        method: of the request.
        refused: names in Clark form.
        others: names in Clark form.
        condition: XML of the precondition that failed.
        message: one sentence that says what to do.
    """

    def __init__(
        self, method: str, refused: Iterable[str], others: Iterable[str], condition: str, message: str
    ) -> None:
        self.root = "C:mkcalendar-response" if method == "MKCALENDAR" else "D:mkcol-response"
        self.refused, self.others = tuple(refused), tuple(others)
        super().__init__(403, message, condition)

    def answer(self) -> Answer:
        """Return the answer with a status per property."""
        why = f"<D:error>{self.condition}</D:error>{element(dav('responsedescription'), text(str(self)))}"
        parts = _propstat(self.refused, 403, why) + _propstat(self.others, 424, "")
        body = f'<?xml version="1.0" encoding="utf-8"?>\n<{self.root} {DECLARATIONS}>{parts}</{self.root}>\n'
        headers = {"Content-Type": XML_TYPE, "Cache-Control": "no-cache"}
        return Answer(self.status, headers | self.headers, body.encode())


def _propstat(names: tuple[str, ...], status: int, more: str) -> str:
    if not names:
        return ""
    inner = "".join(element(name) for name in names)
    return f"<D:propstat><D:prop>{inner}</D:prop>{status_line(status)}{more}</D:propstat>"
