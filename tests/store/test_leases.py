"""Leases: one holder at a time, fenced by a rising token, on both databases."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from gateway.services import Database
from gateway.store import leases
from gateway.store.leases import Lease

MINUTE = timedelta(minutes=1)


def claim(db: Database, owner: str, now: datetime) -> Lease | None:
    return db.write(leases.claim, "chore", owner=owner, now=now, lease_for=MINUTE)


def test_another_owner_waits_until_it_expires(db: Database, now: datetime) -> None:
    first = claim(db, "a", now)
    assert first is not None
    assert first.token == 1
    assert claim(db, "b", now + MINUTE / 2) is None
    taken = claim(db, "b", now + MINUTE)
    assert taken is not None
    assert taken.token == 2


def test_who_slept_through_her_lease_can_neither_renew_nor_finish(db: Database, now: datetime) -> None:
    slept = claim(db, "a", now)
    taken = claim(db, "b", now + 2 * MINUTE)
    assert slept is not None
    assert taken is not None
    assert db.write(leases.renew, slept, now=now + 2 * MINUTE, lease_for=MINUTE) is None
    assert not db.write(leases.finish, slept, now=now + 2 * MINUTE)
    assert not db.write(leases.is_held, slept)
    assert db.write(leases.is_held, taken)


def test_finished_work_is_free_again_unless_it_was_done_lately(db: Database, now: datetime) -> None:
    held = claim(db, "a", now)
    assert held is not None
    assert db.write(leases.finish, held, now=now)
    assert (
        db.write(leases.claim, "chore", owner="b", now=now, lease_for=MINUTE, unless_done_since=now) is None
    )
    assert claim(db, "b", now) is not None


def test_renewing_prolongs(db: Database, now: datetime) -> None:
    held = claim(db, "a", now)
    assert held is not None
    renewed = db.write(leases.renew, held, now=now + MINUTE / 2, lease_for=MINUTE)
    assert renewed is not None
    assert renewed.expires_at_utc == now + MINUTE * 1.5
    assert claim(db, "b", now + MINUTE) is None


def test_of_many_at_once_one_gets_it(db: Database, now: datetime) -> None:
    won: list[Lease | None] = []
    threads = [
        threading.Thread(target=lambda owner=str(number): won.append(claim(db, owner, now)))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 6
    assert len([lease for lease in won if lease is not None]) == 1
