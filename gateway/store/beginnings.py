"""What runs begin with: links with their accounts, calendars and signs, however many in three statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace

from sqlalchemy import BigInteger, literal_column, select

from gateway.domain.link_model import Account, Link, LinkId
from gateway.domain.model import Calendar
from gateway.store import accounts, calendars
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.link_statements import CLOCK
from gateway.store.links import QUERY, link_from_row
from gateway.store.schema_sync import link, mapping, parked_object, sync_plan, watch
from gateway.store.sets import among, parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What a run has to look at, and the database's clock when it was asked.

    Attributes:
        has_dirty: a copy must be sent again whatever the log says.
        has_parked: objects lie aside.
        has_plan: a person has approved a plan.
        watched_until_utc: end of the push subscription; None without one.
        renew_at_utc: when that is to be renewed.
    """

    now_ms: int
    has_dirty: bool
    has_parked: bool
    has_plan: bool
    watched_until_utc: datetime | None
    renew_at_utc: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """One link as the database knows it."""

    link: Link
    account: Account
    calendar: Calendar
    signs: Signs


_DIRTY = select(mapping.c.id).where(mapping.c.link_id == link.c.id, mapping.c.is_dirty)
_PARKED = select(parked_object.c.ref).where(parked_object.c.link_id == link.c.id)
_PLANNED = select(sync_plan.c.id).where(sync_plan.c.link_id == link.c.id, sync_plan.c.state == "approved")
_LINKS = {
    each: Hot(
        QUERY.add_columns(
            literal_column(CLOCK[each], BigInteger).label("now_ms"),
            _DIRTY.correlate(link).exists().label("has_dirty"),
            _PARKED.correlate(link).exists().label("has_parked"),
            _PLANNED.correlate(link).exists().label("has_plan"),
            watch.c.expires_at_utc.label("watched_until_utc"),
            watch.c.renew_at_utc,
        )
        .outerjoin(watch, watch.c.link_id == link.c.id)
        .where(among(link.c.id, "ids", is_postgresql=each))
    )
    for each in (False, True)
}


def of_links(tx: Transaction, link_ids: Sequence[LinkId]) -> dict[LinkId, Beginning]:
    """Return what runs of these links begin with; a link that has gone is missing."""
    if not link_ids:
        return {}
    rows = [
        SimpleNamespace(**cells) for cells in _LINKS[tx.is_postgresql].cells(tx, ids=parameter(tx, link_ids))
    ]
    account_of = accounts.many(tx, {row.account_id for row in rows})
    calendar_of = calendars.many(tx, {row.calendar_id for row in rows})
    return {
        LinkId(row.id): Beginning(
            link=link_from_row(row),
            account=account_of[row.account_id],
            calendar=calendar_of[row.calendar_id],
            signs=Signs(
                now_ms=int(row.now_ms),
                has_dirty=bool(row.has_dirty),
                has_parked=bool(row.has_parked),
                has_plan=bool(row.has_plan),
                watched_until_utc=row.watched_until_utc,
                renew_at_utc=row.renew_at_utc,
            ),
        )
        for row in rows
        if row.account_id in account_of and row.calendar_id in calendar_of
    }
