"""The invitation outbox: what the provider would have mailed. Tests assert that it is empty."""

from __future__ import annotations

from typing import Any


class Outbox:
    """Entries in the order in which mail would have left."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put(self, *, at: str, account: str, operation: str, event_id: str, to: list[str], why: str) -> None:
        """Write down one mailing to some addresses."""
        self.entries.append(
            {"at": at, "account": account, "operation": operation, "eventId": event_id, "to": to, "why": why}
        )
