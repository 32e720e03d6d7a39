"""What one run of one link carries with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.errors import GatewayError
from gateway.domain.link_model import Link
from gateway.providers.contract import Provider, RemoteAccount
from gateway.services import Database
from gateway.services.sync_context import RunContext
from gateway.services.sync_run import Start


class GuardStopped(GatewayError):
    """A large deletion waits for a person; look at it with `calgate link plan`."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run: the link under its lease, the signed-in account, and the database.

    Attributes:
        examined: how many objects were looked at, for progress.
        expected: how many there are, as far as is known.
        may_trip: the log holds enough deletions for the guard to look at them.
    """

    db: Database
    ctx: RunContext
    begun: Start
    provider: Provider
    account: RemoteAccount
    clock: Callable[[], datetime]
    width: int = 4
    examined: int = 0
    expected: int = 0
    may_trip: bool = True
    unresolved: set[str] = field(default_factory=set)

    @property
    def link(self) -> Link:
        """Return the link as it was when the run began."""
        return self.ctx.link

    @property
    def calendar_id(self) -> str:
        """Return the id of the remote calendar."""
        return self.ctx.link.remote_id

    @property
    def may_delete(self) -> bool:
        """Return whether a person has approved what the guard stopped."""
        return self.begun.approved is not None
