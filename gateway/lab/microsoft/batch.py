"""$batch: at most twenty calls, answered in any order, each with a status of its own."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from gateway.lab.core.calls import Answer, Call
from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from gateway.lab.core.calls import Door
    from gateway.lab.core.lab import Lab

CAP = 20
AT_ONCE = 4


def run(door: Door, lab: Lab, call: Call) -> Answer:
    """POST $batch."""
    entries: list[dict[str, Any]] = call.body["requests"]
    numbers = [entry["id"] for entry in entries]
    if not 0 < len(entries) <= CAP:
        raise Refusal(400, "MaximumValueExceeded", f"A batch holds 1 to {CAP} requests.")
    if len(set(numbers)) != len(numbers):
        raise Refusal(400, "BadRequest", "The ids of a batch must differ.")
    done: dict[str, int] = {}
    crowd: Counter[str] = Counter()
    responses = []
    for entry in entries:
        before = entry.get("dependsOn") or []
        unknown = [name for name in before if name not in numbers[: numbers.index(entry["id"])]]
        if unknown:
            raise Refusal(400, "BadRequest", f"dependsOn names {unknown[0]!r}, which does not come before.")
        inner = _inner(door, call, entry)
        if any(done[name] >= 400 for name in before):
            answer = door.refuse(
                inner, status=424, reason="FailedDependency", message="A request before this one failed."
            )
        else:
            mailbox = inner.path_args.get("user_id") or call.account or ""
            crowd[mailbox] += not before
            answer = _one(door, lab, inner, throttled=crowd[mailbox] > AT_ONCE and not before)
        done[entry["id"]] = answer.status
        item: dict[str, Any] = {"id": entry["id"], "status": answer.status, "headers": dict(answer.headers)}
        if answer.body is not None:
            item["headers"]["Content-Type"] = "application/json"
            item["body"] = answer.body
        responses.append(item)
    lab.random.shuffle(responses)
    return Answer(status=200, body={"responses": responses})


def _inner(door: Door, call: Call, entry: dict[str, Any]) -> Call:
    """Return an entry as a call of its own."""
    parts = urlsplit(entry["url"])
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    headers = {name.lower(): str(value) for name, value in (entry.get("headers") or {}).items()}
    body = entry.get("body")
    inner = Call(
        door=door.name,
        verb=entry["method"],
        path=f"/v1.0{parts.path}",
        query=query,
        headers={"authorization": call.headers.get("authorization", ""), **headers},
        raw=json.dumps(body).encode() if body is not None else b"",
    )
    door.identify(inner)
    inner.body = body
    inner.notes |= {"inner": True, "handshakes": call.notes.get("handshakes", {})}
    return inner


def _one(door: Door, lab: Lab, inner: Call, *, throttled: bool) -> Answer:
    """Carry out one entry; it is checked and written down as a call of its own."""
    try:
        answer = _carried_out(door, lab, inner, throttled=throttled)
    except Refusal as refusal:
        if refusal.violation:
            lab.journal.violation(inner, "request", refusal.message)
        answer = door.refuse(inner, status=refusal.status, reason=refusal.reason, message=refusal.message)
        answer.headers |= refusal.headers
    for text in door.check(inner, answer):
        lab.journal.violation(inner, "answer", text)
    lab.journal.record(inner, answer, at_s=lab.clock.true_s(), fault=None)
    return answer


def _carried_out(door: Door, lab: Lab, inner: Call, *, throttled: bool) -> Answer:
    if inner.operation == "graph.$batch":
        raise Refusal(400, "BadRequest", "A batch cannot hold a batch.")
    settings = lab.settings
    if throttled and settings.batch_fifth_throttled:
        raise Refusal(
            429,
            "ApplicationThrottled",
            "Application is over its MailboxConcurrency limit.",
            headers={"Retry-After": str(max(1, round(settings.throttle_wait_s)))},
        )
    return door.execute(inner)
