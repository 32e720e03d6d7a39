"""What the commands about accounts and links share: an engine for one command, and how links are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gateway.cli.command import Operator
    from gateway.domain.link_model import Account
    from gateway.services import Database
    from gateway.services.links import LinkStatus
    from gateway.sync.engine import Engine

R = TypeVar("R")


def utc_now() -> datetime:
    """Return the current instant as aware UTC."""
    return datetime.now(UTC)


def with_engine(op: Operator, db: Database, work: Callable[[Engine], Awaitable[R]]) -> R:
    """Run ``work`` with an engine on an open database; its worker does nothing unless it is told to."""
    from gateway.services import startup
    from gateway.sync.engine import open_engine

    settings = op.settings()
    sealer = startup.open_sealer(db, settings)

    async def whole() -> R:
        async with open_engine(db, settings, sealer, clock=utc_now) as engine:
            return await work(engine)

    return asyncio.run(whole())


def without_terms(provider: str) -> Exception:
    """Return the refusal that shows the privacy terms of a connection.

    Raises:
        Misconfigured: there is no such provider; terms would be read for nothing.
    """
    from gateway.cli.command import refuse
    from gateway.services import accounts
    from gateway.sync.engine import installed_providers

    installed_providers().provider(provider)
    return refuse(f"{accounts.TERMS} Repeat with --accept-terms.")


def account_row(found: Account, owner: str | None) -> dict[str, Any]:
    """Return an account as commands show it."""
    return {
        "id": found.uuid,
        "provider": found.provider,
        "name": found.label,
        "owner": owner,
        "state": found.state.value,
        "reason": found.reason,
        "next": _next_of(found, owner),
        "connected_at_utc": found.created_at_utc,
    }


def _next_of(found: Account, owner: str | None) -> str | None:
    """Return the command that brings an account back, None where it works."""
    from gateway.domain.link_model import AccountState
    from gateway.providers.contract import SignInKind

    if found.state is AccountState.CONNECTED:
        return None
    if owner is None or found.kind == SignInKind.APPLICATION.value:
        return "calgate connection check, or connect it anew with its key file"
    return f"calgate account connect {found.provider} --person {owner} --accept-terms"


def link_row(status: LinkStatus, slug: str) -> dict[str, Any]:
    """Return a link as commands show it."""
    from gateway.services.wanted_calendars import is_wanted

    one = status.link
    return {
        "id": one.uuid,
        "resource": slug,
        "provider": one.provider,
        "account": status.account.label if status.account else None,
        "calendar": one.remote_name,
        "calendar_id": None if is_wanted(one.remote_id) else one.remote_id,
        "direction": one.direction.value,
        "role": one.role.value,
        "state": one.state.value,
        "reason": status.problem,
        "copies": status.copies,
        "parked": status.parked,
        "behind": status.behind,
        "done": one.done,
        "total": one.total,
        "synced_at_utc": one.synced_at_utc,
    }
