"""The hot read of feed serving: from the hash of a secret to everything that decides the answer.

One statement gives the feed, its revision, the sequence of each calendar it shows, what is shown of each
resource, and the level that the feed's owner has there now. So a revoked link or a lost right holds at once
on every node. On SQLite it runs on the caller's thread through a connection of its own, and is repeated
only when ``PRAGMA data_version`` says that anybody has committed since; on PostgreSQL it runs every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from gateway.store.database import Database, Transaction

_KEPT = 1024  # answers remembered between two commits of anybody

# Ownership and grants as in services.access, for the face "feed"; a test compares the two.
_SQL = """
SELECT f.id, f.uuid, f.name, f.revision, f.allows_gzip, f.expires_at_utc,
       c.id, c.seq, r.id, r.name, r.color, r.location, r.description, r.zone,
       CASE WHEN f.owner_id IS NULL OR r.owner_id = f.owner_id THEN 4
            ELSE (SELECT MAX(g.level) FROM resource_grant g
                  WHERE (g.resource_id = r.id OR g.department_id = r.department_id)
                    AND (g.principal_id = f.owner_id
                         OR g.group_id IN (SELECT m.group_id FROM group_member m
                                           WHERE m.principal_id = f.owner_id))
                    AND (CAST(g.faces AS TEXT) = '[]' OR CAST(g.faces AS TEXT) LIKE '%"feed"%'))
       END,
       (SELECT value FROM instance WHERE key = 'epoch'),
       (SELECT value FROM instance WHERE key = 'zone'),
       f.owner_id
FROM feed f
JOIN feed_resource fr ON fr.feed_id = f.id
JOIN resource r ON r.id = fr.resource_id
JOIN calendar c ON c.resource_id = r.id
WHERE f.secret_hash = :hash AND f.revoked_at_utc IS NULL
ORDER BY fr.position
"""
_TEXT = text(_SQL)


@dataclass(frozen=True, slots=True)
class FeedHit:
    """A live feed as it is at this moment.

    Attributes:
        uuid: of the feed.
        has_owner: what it shows follows her rights, which leave no date.
        levels: the owner's level by resource id, only resources that she may still see.
        calendars: (calendar id, sequence) in the feed's order.
        validator: equal as long as nothing that the feed shows has changed, the day aside.
        memo: room for what a door derives from this very state.
    """

    feed_id: int
    uuid: str
    name: str
    allows_gzip: bool
    expires_at_utc: datetime | None
    has_owner: bool
    levels: dict[int, int]
    calendars: tuple[tuple[int, int], ...]
    validator: tuple[object, ...]
    memo: dict[object, Any] = field(default_factory=dict, compare=False)  # Any: the door's own values


class FeedLookup:
    """Finds feeds by the SHA-256 of their secret; one per event loop.

    ``settings`` are those of the instance that stand in every feed: a restart with others must not
    leave clients with an entity tag of before.
    """

    def __init__(self, db: Database, *, settings: tuple[object, ...] = ()) -> None:
        self.is_local = db.is_sqlite
        self._settings = settings
        self._db = db
        self._connection: Any = None  # Any: the driver's own
        self._cursor: Any = None  # Any: the driver's own
        self._version: object = None
        self._known: dict[bytes, FeedHit] = {}

    def refresh_local(self) -> None:
        """Forget what was found before where anybody has committed since; on SQLite only."""
        cursor = self._cursor or self._connect()
        version = cursor.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._known.clear()
            self._version = version

    def find_local(self, secret_hash: bytes) -> FeedHit | None:
        """Return the live feed of a secret as of the last refresh or later, on SQLite.

        Always call it from one thread, after ``refresh_local``.
        """
        cursor = self._cursor
        hit = self._known.get(secret_hash)
        if hit is None:
            hit = _hit(cursor.execute(_SQL, {"hash": secret_hash}).fetchall(), self._settings)
            if hit is not None:
                if len(self._known) >= _KEPT:
                    self._known.clear()
                self._known[secret_hash] = hit
        return hit

    def find(self, tx: Transaction, secret_hash: bytes) -> FeedHit | None:
        """Return the live feed of a secret, in a transaction."""
        return _hit(tx.execute(_TEXT, {"hash": secret_hash}).all(), self._settings)

    def close(self) -> None:
        """Close the connection of its own."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._cursor = None

    def _connect(self) -> Any:
        # Taken out of the pool, so that no worker waits for it and no transaction is ever open on it.
        fairy = self._db.engine.raw_connection()
        connection: Any = fairy.driver_connection  # Any: the driver's own
        fairy.detach()
        self._connection = connection
        self._cursor = connection.cursor()
        return self._cursor


def _hit(rows: Sequence[Any], settings: tuple[object, ...]) -> FeedHit | None:
    if not rows:
        return None
    first = rows[0]
    visible = [row for row in rows if row[14]]
    if not visible:
        return None
    return FeedHit(
        feed_id=first[0],
        uuid=first[1],
        name=first[2],
        allows_gzip=bool(first[4]),
        expires_at_utc=_instant(first[5]),
        has_owner=first[17] is not None,
        levels={row[8]: row[14] for row in visible},
        calendars=tuple((row[6], row[7]) for row in visible),
        validator=(*settings, first[3], first[15], first[16], *(tuple(row[6:15]) for row in visible)),
    )


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
