"""The journal: every request and answer without secrets, violations of the official schema, warnings."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from typing import Any
from urllib.parse import parse_qsl

from gateway.lab.core.calls import Answer, Call

KEPT = 20_000
BODY_CAP, ANSWER_CAP = 20_000, 4_000
_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization", "x-goog-channel-token"}
_SECRET_FIELDS = {
    "access_token",
    "refresh_token",
    "client_secret",
    "code",
    "code_verifier",
    "assertion",
    "token",
    "id_token",
    "oauth_token",
    "key",
    "private_key",
    "client_assertion",
    "clientState",
    "client_info",
}


def redacted(value: str) -> str:
    """Return a stand-in that tells equal secrets from different ones and nothing else."""
    return f"<{hashlib.sha256(value.encode()).hexdigest()[:8]}>" if value else ""


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: redacted(item) if name in _SECRET_FIELDS and isinstance(item, str) else _clean(item)
            for name, item in value.items()
        }
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _body(raw: bytes, content_type: str, cap: int = BODY_CAP) -> Any:
    if not raw:
        return None
    if "x-www-form-urlencoded" in content_type:
        return _clean(dict(parse_qsl(raw.decode("utf-8", "replace"))))
    if len(raw) > cap:
        return f"<{len(raw)} bytes>"
    try:
        return _clean(json.loads(raw))
    except ValueError:
        return f"<{len(raw)} bytes, not JSON>"


class Journal:
    """What was asked and answered since the last reset."""

    def __init__(self) -> None:
        self.entries: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.violations: list[dict[str, Any]] = []
        self.warnings: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.number = 0

    def clear(self) -> None:
        """Forget everything except the running number."""
        self.entries.clear()
        self.violations.clear()
        self.warnings.clear()
        self.counts.clear()

    def record(self, call: Call, answer: Answer, *, at_s: float, fault: str | None) -> None:
        """Write one exchange down."""
        self.number += 1
        self.counts[call.operation or f"{call.verb} {call.path}"] += 1
        self.entries.append(
            {
                "number": self.number,
                "at_s": at_s,
                "door": call.door,
                "method": call.verb,
                "path": call.path,
                "operation": call.operation,
                "account": call.account,
                "query": {
                    name: [redacted(item) for item in values] if name in _SECRET_FIELDS else values
                    for name, values in call.query.items()
                },
                "headers": {
                    name: redacted(value) if name in _SECRET_HEADERS else value
                    for name, value in call.headers.items()
                },
                "body": _body(call.raw, call.headers.get("content-type", "")),
                "status": answer.status,
                "reason": answer.reason,
                "answer": _body(answer.payload(), answer.content_type, ANSWER_CAP),
                "fault": fault,
            }
        )

    def violation(self, call: Call, side: str, text: str) -> None:
        """Note that a request or an answer contradicts the official description."""
        self.violations.append(
            {"side": side, "method": call.verb, "path": call.path, "operation": call.operation, "text": text}
        )

    def warning(self, call: Call, text: str) -> None:
        """Note something the real service ignores in silence."""
        self.warnings.append({"method": call.verb, "path": call.path, "text": text})
