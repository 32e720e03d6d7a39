"""One request as the laboratory sees it, one answer before it is sent, and what a door must be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from gateway.lab.core.tokens import AccessToken

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Call:
    """A request after it was read: the door has named its method, nothing has been executed."""

    door: str
    verb: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in small letters."""
    raw: bytes
    operation: str | None = None
    """The official method id, such as ``calendar.events.insert``; None for an unknown path."""
    path_args: dict[str, str] = field(default_factory=dict)
    body: Any = None
    token: AccessToken | None = None
    account: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    """What a door learned before the execution (``Attended``)."""

    def one(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean query parameter, already validated."""
        return self.one(name, "true" if default else "false") == "true"


@dataclass(slots=True, kw_only=True)
class Answer:
    """An answer before it is sent."""

    status: int
    body: Any = None
    """A JSON value, raw bytes, or None for an empty body."""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=UTF-8"
    spoiled: bool = False
    """True when a fault made it wrong on purpose: it is not validated."""
    reason: str | None = None

    def payload(self) -> bytes:
        """Return the bytes of the body."""
        if self.body is None:
            return b""
        return (
            self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()
        )


class Door(Protocol):
    """One provider's entrance: names the method of a call, executes it, renders refusals."""

    name: str

    def identify(self, call: Call) -> None:
        """Fill in operation, path_args, token and account; never refuses."""

    def execute(self, call: Call) -> Answer:
        """Check and carry out the call; raises Refusal."""

    def refuse(self, call: Call, *, status: int, reason: str, message: str, domain: str = "global") -> Answer:
        """Render the provider's error envelope."""

    def check(self, call: Call, answer: Answer) -> list[str]:
        """Return what in the answer contradicts the official schema."""


@runtime_checkable
class Attended(Protocol):
    """A door that does something around the execution, which itself never waits."""

    async def arrive(self, call: Call) -> None:
        """Before the execution: wait, count calls in flight, ask others; never refuses."""

    def leave(self, call: Call) -> None:
        """After the answer was sent or lost; also when ``arrive`` was cancelled half way."""
