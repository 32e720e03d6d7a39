"""Google's door: names the method of a request, checks sign-in, scopes, quota and schema, calls the room."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer, Call
from gateway.lab.core.errors import Refusal
from gateway.lab.core.schemas import Operation
from gateway.lab.google.event_rules import checkable
from gateway.lab.google.masks import mask

if TYPE_CHECKING:
    from gateway.lab.google.world import Google

ROOT = "/calendar/v3/"
Room = Callable[["Google", Call], Any]
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_DOMAINS = {
    "rateLimitExceeded": "usageLimits",
    "userRateLimitExceeded": "usageLimits",
    "quotaExceeded": "usageLimits",
    "dailyLimitExceeded": "usageLimits",
    "accessNotConfigured": "usageLimits",
}
_CHALLENGE = 'Bearer realm="https://accounts.google.com/"'
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class CalendarDoor:
    """Calendar API v3."""

    name = "google"

    def __init__(self, google: Google, rooms: dict[str, Room]) -> None:
        self.google = google
        self.rooms = rooms

    def identify(self, call: Call) -> None:
        """Fill in what the path and the token say."""
        found = self.google.api.find(call.verb, call.path.removeprefix(ROOT))
        if found is not None:
            call.operation, call.path_args = found[0].name, found[1]
        scheme, _, value = call.headers.get("authorization", "").partition(" ")
        value = value.strip() if scheme.lower() == "bearer" else call.one("oauth_token")
        call.token = self.google.lab.tokens.access.get(value)
        call.account = call.token.account if call.token else None

    def execute(self, call: Call) -> Answer:
        """Check and carry out; raises Refusal."""
        if call.operation is None:
            raise Refusal(404, "notFound", f"No such method: {call.verb} {call.path}", violation=True)
        operation = self.google.api.by_name[call.operation]
        room = self.rooms.get(operation.name)
        if room is None:
            raise Refusal(
                501, "notImplemented", f"The laboratory has no room for {operation.name}.", violation=True
            )
        self._signed_in(call)
        self._quota(call)
        self._scopes(call, operation)
        self._request(call, operation)
        self.google.api.coverage.methods[operation.name] += 1
        if operation.request:
            self.google.api.coverage.note(operation.request, call.body)
        result = room(self.google, call)
        if isinstance(result, Answer):
            return result
        if result is None:
            return Answer(status=204)
        headers = {"ETag": result["etag"]} if isinstance(result.get("etag"), str) else {}
        if headers and call.verb == "GET" and call.headers.get("if-none-match") == result["etag"]:
            return Answer(status=304, headers=headers)
        if call.one("fields"):
            result = mask(result, call.one("fields"))
        return Answer(status=200, body=result, headers=headers)

    def _signed_in(self, call: Call) -> None:
        lab = self.google.lab
        token = call.token
        live = token is not None and (
            lab.settings.never_expire_tokens or token.expires_at_s > lab.clock.true_s()
        )
        account = lab.identity.accounts.get(call.account or "")
        if not live or account is None or account.suspended:
            raise Refusal(
                401,
                "authError",
                "Invalid Credentials",
                location="Authorization",
                headers={
                    "WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
                },
            )

    def _quota(self, call: Call) -> None:
        lab = self.google.lab
        settings = lab.settings
        now_s = lab.clock.true_s()
        project = call.token.project if call.token else ""
        user = call.one("quotaUser") or call.account or ""
        for name, reason, limit in (
            (f"project {project}", "rateLimitExceeded", settings.project_per_minute),
            (f"user {project} {user}", "userRateLimitExceeded", settings.user_per_minute),
        ):
            per_s = limit / 60 * settings.quota_speed
            if not lab.buckets.take(name, capacity=limit, per_s=per_s, now_s=now_s):
                raise Refusal(settings.quota_status, reason, "Rate Limit Exceeded", domain="usageLimits")
        if call.verb in _WRITES and (calendar_id := call.path_args.get("calendarId")):
            name = f"calendar {self.google.resolve(call, calendar_id)}"
            if not lab.buckets.take(
                name,
                capacity=settings.calendar_writes_burst,
                per_s=settings.calendar_writes_per_s,
                now_s=now_s,
            ):
                raise Refusal(403, "rateLimitExceeded", "Rate Limit Exceeded", domain="usageLimits")

    def _scopes(self, call: Call, operation: Operation) -> None:
        if operation.scopes and not self.google.granted(call):
            raise Refusal(
                403,
                "insufficientPermissions",
                "Request had insufficient authentication scopes.",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'},
            )

    def _request(self, call: Call, operation: Operation) -> None:
        for name, text in self.google.api.query_errors(operation, call.query):
            reason = "required" if "missing" in text else "invalidParameter"
            raise Refusal(400, reason, f"{name}: {text}", location=name, violation=True)
        if call.one("alt", "json") != "json":
            raise Refusal(400, "invalidParameter", "alt: only json", location="alt", violation=True)
        call.body = self._body(call)
        errors = self.google.api.body_errors(operation, checkable(call.body, patch=call.verb == "PATCH"))
        if errors:
            raise Refusal(
                400, "invalid" if "required" not in errors[0] else "required", errors[0], violation=True
            )

    @staticmethod
    def _body(call: Call) -> Any:
        if not call.raw.strip():
            return None
        try:
            return json.loads(call.raw)
        except ValueError:
            raise Refusal(400, "parseError", "Parse Error", violation=True) from None

    def refuse(
        self,
        call: Call,  # noqa: ARG002 - the protocol of a door
        *,
        status: int,
        reason: str,
        message: str,
        domain: str = "",
    ) -> Answer:
        """Render Google's error envelope; the call itself plays no part in it."""
        domain = _DOMAINS.get(reason) or domain or "global"
        error = {"domain": domain, "reason": reason, "message": message}
        body: dict[str, Any] = {"code": status, "message": message, "errors": [error]}
        if status in _STATUS:
            body["status"] = _STATUS[status]
        return Answer(status=status, body={"error": body}, reason=reason)

    def check(self, call: Call, answer: Answer) -> list[str]:
        """Return what in an answer contradicts the schema."""
        if answer.status in {204, 304}:
            return ["a body where none belongs"] if answer.body is not None else []
        if answer.status >= 400:
            return self.google.api.errors("x.Error", answer.body)
        operation = self.google.api.by_name.get(call.operation or "")
        if operation is None or operation.response is None:
            return ["an answer of a method that has none"]
        self.google.api.coverage.note(operation.response, answer.body)
        return self.google.api.errors(operation.response, answer.body)
