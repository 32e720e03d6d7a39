"""What one run of one link carries with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain.errors import GatewayError
from gateway.domain.link_model import Link
from gateway.providers.contract import Provider, RemoteAccount
from gateway.services import Database, Together
from gateway.services.sync_begin import Start
from gateway.services.sync_context import RunContext
from gateway.services.sync_push import Done


class GuardStopped(GatewayError):
    """A large deletion waits for a person; look at it with `calgate link plan`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecorded:
    """Results of writes, and the columns of the link that change with them."""

    done: Sequence[Done]
    values: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class Run:
    """One run: the link under its lease, the signed-in account, and the database.

    Attributes:
        examined: how many objects were looked at, for progress.
        expected: how many there are, as far as is known.
        to_send: how many objects here are compared after the listing.
        has_taken: something came from the provider in this run, so that there may be something to send.
        unresolved: objects that met a conflict and are planned again.
        cursor: the provider's, where only the end of the run has to store it.
        unrecorded: the last results of the run, recorded together with its end.
    """

    db: Database
    together: Together
    ctx: RunContext
    begun: Start
    provider: Provider
    account: RemoteAccount
    clock: Callable[[], datetime]
    width: int = 4
    examined: int = 0
    expected: int = 0
    to_send: int = 0
    has_taken: bool = False
    unresolved: set[str] = field(default_factory=set)
    cursor: str | None = None
    unrecorded: Unrecorded | None = None

    @property
    def link(self) -> Link:
        """Return the link as it was when the run began."""
        return self.ctx.link

    @property
    def calendar_id(self) -> str:
        """Return the id of the remote calendar."""
        return self.ctx.link.remote_id

    def not_approved(self, planned: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the deletions that no person has approved: an approved plan covers what it names."""
        if self.begun.approved is None:
            return list(planned)
        named = {
            (item["side"], item["uid"]) for item in self.begun.approved["items"] if item["action"] == "delete"
        }
        return [item for item in planned if (item["side"], item["uid"]) not in named]
