"""Rows of feeds: their settings, what they show, and the ledger of fetches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from gateway.domain.feed_spec import Feed
from gateway.domain.model import FeedId, FeedLevel, ObjectKind, PrincipalId, ResourceId
from gateway.store.database import Transaction
from gateway.store.schema import feed, feed_fetch, feed_resource


def add(tx: Transaction, resource_ids: Sequence[ResourceId], values: dict[str, object]) -> FeedId:
    """Insert a feed that shows these resources in this order."""
    feed_id: int = tx.execute(insert(feed).values(**values).returning(feed.c.id)).scalar_one()
    tx.execute(
        insert(feed_resource),
        [
            {"feed_id": feed_id, "resource_id": resource_id, "position": position}
            for position, resource_id in enumerate(resource_ids)
        ],
    )
    return FeedId(feed_id)


def change(tx: Transaction, feed_id: FeedId, values: dict[str, object]) -> None:
    """Change columns of a feed."""
    tx.execute(update(feed).where(feed.c.id == feed_id).values(**values))


def by_id(tx: Transaction, feed_id: FeedId) -> Feed | None:
    """Return one feed."""
    found = _feeds(tx, feed.c.id == feed_id)
    return found[0] if found else None


def by_uuid_prefix(tx: Transaction, prefix: str) -> list[Feed]:
    """Return at most two feeds whose uuid begins with these hexadecimal digits and hyphens."""
    return _feeds(tx, feed.c.uuid.between(prefix, f"{prefix}g"), limit=2)


def all_(
    tx: Transaction, *, resource_id: ResourceId | None = None, owner_id: PrincipalId | None = None
) -> list[Feed]:
    """Return feeds, oldest first, only those of one resource or owner if given."""
    conditions: list[Any] = []  # Any: conditions of SQLAlchemy
    if resource_id is not None:
        shown = select(feed_resource.c.feed_id).where(feed_resource.c.resource_id == resource_id)
        conditions.append(feed.c.id.in_(shown))
    if owner_id is not None:
        conditions.append(feed.c.owner_id == owner_id)
    return _feeds(tx, *conditions)


def sealed_secret(tx: Transaction, feed_id: FeedId) -> bytes | None:
    """Return the sealed copy of a feed's secret, or None where none is kept."""
    value: bytes | None = tx.execute(select(feed.c.secret_sealed).where(feed.c.id == feed_id)).scalar()
    return bytes(value) if value is not None else None


def note_fetches(tx: Transaction, rows: Sequence[dict[str, object]]) -> None:
    """Write lines of the ledger; feeds that are gone are left out."""
    ids = {row["feed_id"] for row in rows}
    known = set(tx.execute(select(feed.c.id).where(feed.c.id.in_(ids))).scalars())
    kept = [row for row in rows if row["feed_id"] in known]
    if kept:
        tx.execute(insert(feed_fetch), kept)


def prune_fetches(tx: Transaction, *, before: datetime) -> int:
    """Forget lines of the ledger older than ``before``; return how many."""
    count: int = tx.execute(delete(feed_fetch).where(feed_fetch.c.at_utc < before)).rowcount
    return count


def last_fetches(tx: Transaction, feed_ids: Sequence[FeedId]) -> dict[FeedId, datetime]:
    """Return when each feed was last fetched, those never fetched left out."""
    newest = func.max(feed_fetch.c.at_utc, type_=feed_fetch.c.at_utc.type)
    query = (
        select(feed_fetch.c.feed_id, newest.label("at"))
        .where(feed_fetch.c.feed_id.in_(feed_ids))
        .group_by(feed_fetch.c.feed_id)
    )
    return {FeedId(row.feed_id): row.at for row in tx.execute(query)}


def _feeds(tx: Transaction, *conditions: Any, limit: int | None = None) -> list[Feed]:  # Any: SQLAlchemy's
    query = select(feed).where(*conditions).order_by(feed.c.id)
    if limit is not None:
        query = query.limit(limit)
    rows = tx.execute(query).all()
    shown: dict[int, list[ResourceId]] = {row.id: [] for row in rows}
    places = (
        select(feed_resource.c.feed_id, feed_resource.c.resource_id)
        .where(feed_resource.c.feed_id.in_(shown))
        .order_by(feed_resource.c.position)
    )
    for place in tx.execute(places):
        shown[place.feed_id].append(ResourceId(place.resource_id))
    return [_from_row(row, tuple(shown[row.id])) for row in rows]


def _from_row(row: Any, resource_ids: tuple[ResourceId, ...]) -> Feed:  # Any: a row of SQLAlchemy
    return Feed(
        id=FeedId(row.id),
        uuid=row.uuid,
        name=row.name,
        title=row.title,
        owner_id=PrincipalId(row.owner_id) if row.owner_id is not None else None,
        level=FeedLevel(row.level),
        fields=tuple(row.fields),
        kinds=tuple(ObjectKind(kind) for kind in row.kinds),
        past_days=row.past_days,
        future_days=row.future_days,
        has_alarms=row.has_alarms,
        shows_private=row.shows_private,
        uses_utc=row.uses_utc,
        allows_gzip=row.allows_gzip,
        revision=row.revision,
        created_at_utc=row.created_at_utc,
        modified_at_utc=row.modified_at_utc,
        expires_at_utc=row.expires_at_utc,
        revoked_at_utc=row.revoked_at_utc,
        mask_key=bytes(row.mask_key),
        resource_ids=resource_ids,
    )
