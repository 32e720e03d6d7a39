"""Settings that links inherit: rows for all resources and for one, and what each link has of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from gateway.domain.link_model import LinkId
from gateway.domain.model import CalendarId
from gateway.store.database import Transaction
from gateway.store.schema_sync import link, link_default

_ALL = "all"


def get(tx: Transaction, calendar_id: CalendarId | None) -> dict[str, Any]:
    """Return the defaults of one calendar's links, or those of all (None); empty where nothing is set."""
    query = select(link_default.c.settings).where(link_default.c.scope == _scope(calendar_id))
    return dict(tx.execute(query).scalar_one_or_none() or {})


def save(
    tx: Transaction, calendar_id: CalendarId | None, settings: Mapping[str, Any], *, now: datetime
) -> None:
    """Replace the defaults of one calendar's links, or those of all (None)."""
    scope = _scope(calendar_id)
    tx.execute(delete(link_default).where(link_default.c.scope == scope))
    if settings:
        tx.execute(
            insert(link_default).values(
                scope=scope, calendar_id=calendar_id, settings=dict(settings), changed_at_utc=now
            )
        )


def own(tx: Transaction, link_id: LinkId) -> dict[str, Any]:
    """Return what was set for one link itself."""
    row = tx.execute(select(link.c.own, link.c.policy).where(link.c.id == link_id)).one_or_none()
    if row is None:
        return {}
    return dict(row.policy if row.own is None else row.own)


def _scope(calendar_id: CalendarId | None) -> str:
    return _ALL if calendar_id is None else str(calendar_id)
