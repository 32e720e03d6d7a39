"""Sealing everything anew with the first key: in batches, repeatable, without a pause for anybody."""

from __future__ import annotations

from gateway.store import accounts, connections, key_rotation
from gateway.store.database import Database
from gateway.store.sealed import Sealer

_BATCH = 100


def rotate_all(db: Database, sealer: Sealer) -> int:
    """Seal every secret with the first key; return how many there are.

    Sign-ins that are under way (ten minutes) are left: the old key must stay for so long.

    Raises:
        CannotOpen: one was sealed with a key that is not given.
    """
    total = 0
    for rotate in (accounts.rotate, connections.rotate, key_rotation.rotate_feeds):
        after = 0
        while True:
            last, count = db.write(rotate, sealer, after_id=after, limit=_BATCH)
            if not count:
                break
            after, total = last, total + count
    return total + db.write(key_rotation.rotate_facts, sealer)
