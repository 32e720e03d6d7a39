"""Graph's door: names the method, checks sign-in, limits, scopes and schema, calls the room."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer, Call
from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import batch, envelope, prefer, scopes, subscriptions

if TYPE_CHECKING:
    from gateway.lab.microsoft.description import GraphOperation
    from gateway.lab.microsoft.world import Microsoft

ROOT = "/v1.0/"
PROJECT = "microsoft"
Room = Callable[["Microsoft", Call], Any]
_TEN_MINUTES_S = 600.0
_RULES = {
    "graph.subscriptions.create": "x.rule.subscriptionCreate",
    "graph.$batch": "x.batchRequest",
}


class GraphDoor:
    """Graph v1.0."""

    name = "graph"

    def __init__(self, microsoft: Microsoft, rooms: dict[str, Room]) -> None:
        self.microsoft = microsoft
        self.lab = microsoft.lab
        self.rooms = rooms

    # --- around the execution

    async def arrive(self, call: Call) -> None:
        """Count the call, let time pass, and shake hands with the receivers of a new subscription."""
        key = self._flight_key(call)
        self.microsoft.in_flight[key] = call.notes["in_flight"] = self.microsoft.in_flight.get(key, 0) + 1
        await asyncio.sleep(self.lab.settings.graph_latency_s)
        if call.token is not None and call.operation in {"graph.subscriptions.create", "graph.$batch"}:
            await subscriptions.shake_hands(self.microsoft, call)

    def leave(self, call: Call) -> None:
        """Count the call as done."""
        if "in_flight" in call.notes:
            key = self._flight_key(call)
            self.microsoft.in_flight[key] = max(0, self.microsoft.in_flight.get(key, 1) - 1)

    @staticmethod
    def _flight_key(call: Call) -> str:
        who = call.account or call.path_args.get("user_id", "")
        return f"{call.token.client_id if call.token else ''} {who}"

    # --- the execution

    def identify(self, call: Call) -> None:
        """Fill in what the path and the token say."""
        found = self.microsoft.api.find(call.verb, call.path.removeprefix(ROOT))
        if found is not None:
            call.operation, call.path_args = found[0].name, found[1]
            call.notes["operation"] = found[0]
        scheme, _, value = call.headers.get("authorization", "").partition(" ")
        token = self.lab.tokens.access.get(value.strip()) if scheme.lower() == "bearer" else None
        if token is not None and token.project == PROJECT:
            call.token = token
            call.account = token.account or None

    def execute(self, call: Call) -> Answer:
        """Check and carry out; raises Refusal."""
        if call.operation is None:
            raise Refusal(
                400, "BadRequest", f"Resource not found for the segment of {call.path!r}.", violation=True
            )
        operation: GraphOperation = call.notes["operation"]
        room = self.rooms.get(operation.name)
        if room is None:
            raise Refusal(
                501, "notImplemented", f"The laboratory has no room for {operation.name}.", violation=True
            )
        self._signed_in(call)
        self._limits(call)
        self._scopes(call, operation)
        self._request(call, operation)
        self.microsoft.api.coverage.methods[operation.name] += 1
        if operation.request:
            self.microsoft.api.coverage.note(operation.request, call.body)
        if operation.name == "graph.$batch":
            return batch.run(self, self.lab, call)
        applied = prefer.of(call).applied
        result = room(self.microsoft, call)
        answer = result if isinstance(result, Answer) else None
        if answer is None:
            answer = Answer(status=204) if result is None else Answer(status=200, body=result)
        answer.content_type = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
        answer.headers = {**envelope.headers(call), **answer.headers}
        if applied:
            answer.headers["Preference-Applied"] = applied
        return answer

    def _signed_in(self, call: Call) -> None:
        token = call.token
        live = token is not None and (
            self.lab.settings.never_expire_tokens or token.expires_at_s > self.lab.clock.true_s()
        )
        box = self.microsoft.state.mailboxes.get(call.account or "")
        if not live or (call.account is not None and (box is None or box.suspended)):
            text = (
                "Access token is empty."
                if token is None
                else "Lifetime validation failed, the token is expired."
            )
            raise Refusal(401, "InvalidAuthenticationToken", text)

    def _limits(self, call: Call) -> None:
        """At most four calls at once and 10,000 in ten minutes, per app and mailbox."""
        settings = self.lab.settings
        wait = str(max(1, round(settings.throttle_wait_s)))
        if 0 < settings.mailbox_concurrency < call.notes.get("in_flight", 1):
            raise Refusal(
                429,
                "ApplicationThrottled",
                "Application is over its MailboxConcurrency limit.",
                headers={"Retry-After": wait},
            )
        limit = settings.mailbox_per_10_minutes
        name = f"graph {self._flight_key(call)}"
        if not self.lab.buckets.take(
            name, capacity=limit, per_s=limit / _TEN_MINUTES_S, now_s=self.lab.clock.true_s()
        ):
            raise Refusal(
                429,
                "TooManyRequests",
                "Too many requests for this mailbox.",
                headers={"Retry-After": str(max(1, round(_TEN_MINUTES_S / limit)))},
            )

    def _scopes(self, call: Call, operation: GraphOperation) -> None:
        wanted = scopes.needed(operation.name)
        if wanted and not wanted & set(self.microsoft.scopes(call)):
            raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")

    def _request(self, call: Call, operation: GraphOperation) -> None:
        api = self.microsoft.api
        for name, text in api.query_errors(operation, call.query):
            raise Refusal(400, "ErrorInvalidUrlQuery", f"{name}: {text}", location=name, violation=True)
        call.body = self._body(call)
        kind = operation.request
        if kind is None:
            if call.body:
                raise Refusal(400, "BadRequest", "This method takes no body.", violation=True)
            return
        if not isinstance(call.body, dict):
            raise Refusal(400, "BadRequest", "A JSON object is required.", violation=True)
        errors = api.errors(kind, call.body)
        if operation.name in _RULES and not self.lab.settings.webhook_http:
            errors += api.errors(_RULES[operation.name], call.body)
        if errors:
            raise Refusal(400, "RequestBodyRead", errors[0], violation=True)

    @staticmethod
    def _body(call: Call) -> Any:
        if call.notes.get("inner"):
            return call.body
        if not call.raw.strip():
            return None
        try:
            return json.loads(call.raw)
        except ValueError:
            raise Refusal(400, "BadRequest", "Unable to read JSON request payload.", violation=True) from None

    def refuse(
        self,
        call: Call,
        *,
        status: int,
        reason: str,
        message: str,
        domain: str = "",  # noqa: ARG002 - the protocol of a door
    ) -> Answer:
        """Render Graph's error envelope."""
        return envelope.error(self.microsoft, call, status=status, reason=reason, message=message)

    def check(self, call: Call, answer: Answer) -> list[str]:
        """Return what in an answer contradicts the schema."""
        api = self.microsoft.api
        if answer.status >= 400:
            return api.errors("x.odataError", answer.body)
        operation: GraphOperation | None = call.notes.get("operation")
        if operation is None:
            return ["an answer of a method that has none"]
        if answer.body is None:
            return []
        if operation.response is None:
            return ["a body where none belongs"]
        api.coverage.note(operation.response, answer.body)
        for item in answer.body.get("value", []) if isinstance(answer.body, dict) else []:
            api.coverage.note(operation.response, item)
        return api.errors(operation.response, answer.body)
