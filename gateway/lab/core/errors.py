"""What a room raises when it refuses: status, reason, sentence. The door renders the envelope."""

from __future__ import annotations


class Refusal(Exception):
    """A request that the provider refuses."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        domain: str = "global",
        location: str | None = None,
        headers: dict[str, str] | None = None,
        violation: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.domain = domain
        self.location = location
        self.headers = headers or {}
        self.violation = violation
        """True when the request does not fit the official description: the test run must fail."""


class EngineMissing(Exception):
    """Node is not installed; the message names the command that installs it."""


class EngineFailed(Exception):
    """The recurrence engine died or did not answer in time."""


class RuleRefused(Exception):
    """The recurrence engine cannot read a rule."""
