"""Graph's error envelope and headers, and its own words for what the laboratory's core says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer
from gateway.lab.microsoft.model import guid

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.world import Microsoft

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
_CODES = {
    "rateLimitExceeded": ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    "backendError": (
        "ErrorInternalServerTransientError",
        "An internal server error occurred. Try again later.",
    ),
    "internalError": ("UnknownError", "An internal server error occurred."),
    "authError": ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
}


def request_ids(call: Call) -> dict[str, str]:
    """Return the ids that answers carry; the client's own comes back only on request."""
    if "request-id" not in call.notes:
        call.notes["request-id"] = guid()
    ids = {"request-id": call.notes["request-id"]}
    own = call.headers.get("client-request-id", "")
    ids["client-request-id"] = own or call.notes["request-id"]
    return ids


def headers(call: Call) -> dict[str, str]:
    """Return the headers of every answer."""
    ids = request_ids(call)
    if call.headers.get("return-client-request-id", "").lower() != "true":
        ids.pop("client-request-id")
    return {**ids, "OData-Version": "4.0", "Cache-Control": "private"}


def error(microsoft: Microsoft, call: Call, *, status: int, reason: str, message: str) -> Answer:
    """Return the answer of a refused call."""
    code, text = _CODES.get(reason, (reason, message))
    inner: dict[str, Any] = {"date": microsoft.lab.clock.now().strftime("%Y-%m-%dT%H:%M:%S")}
    body = {"error": {"code": code, "message": text, "innerError": inner | request_ids(call)}}
    answer = Answer(status=status, body=body, headers=headers(call), reason=code)
    if status == 401:
        address = f"{microsoft.lab.base_url}/common/oauth2/authorize"
        answer.headers["WWW-Authenticate"] = (
            f'Bearer realm="", authorization_uri="{address}", client_id="{GRAPH_APP}"'
        )
    return answer
