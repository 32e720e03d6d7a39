"""Writes that share a transaction: all of them stand or each is done on its own; nobody meets another's error."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import text

from gateway.domain.errors import InvalidInput
from gateway.store.database import Database, Transaction
from gateway.store.together import MOST, Together

ROWS = 20


@pytest.fixture
def table(db: Database) -> Database:
    with db.transaction(write=True) as tx:
        tx.execute(text("CREATE TABLE noted (number integer PRIMARY KEY)"))
    return db


def note(tx: Transaction, number: int) -> int:
    tx.execute(text("INSERT INTO noted VALUES (:number)"), {"number": number})
    return number


def fail_at_seven(tx: Transaction, number: int) -> int:
    note(tx, number)
    if number == 7:
        raise InvalidInput("seven is not wanted")
    return number


def noted(db: Database) -> list[int]:
    with db.transaction(write=False) as tx:
        return list(tx.execute(text("SELECT number FROM noted ORDER BY number")).scalars())


class Commits:
    """Counts the commits of a database."""

    def __init__(self, db: Database) -> None:
        self.count = 0
        self._inner, self._db = db.transaction, db
        db.transaction = self.opened  # type: ignore[method-assign] # the test's own hand in it

    def opened(self, *, write: bool):  # type: ignore[no-untyped-def] # as the original returns it
        self.count += write
        return self._inner(write=write)


async def test_writes_that_wait_for_each_other_share_a_transaction(table: Database) -> None:
    commits = Commits(table)
    together = Together(table)
    held = threading.Event()

    def wait(tx: Transaction) -> None:
        del tx
        held.wait(10)

    first = asyncio.create_task(together.write(0, wait))
    await asyncio.sleep(0)
    others = [asyncio.create_task(together.write(number, note, number)) for number in range(ROWS)]
    await asyncio.sleep(0)
    held.set()
    await first
    assert await asyncio.gather(*others) == list(range(ROWS))
    assert noted(table) == list(range(ROWS))
    assert commits.count <= 1 + -(-ROWS // MOST)


async def test_an_error_is_met_by_its_own_write_only(table: Database) -> None:
    together = Together(table)
    results = await asyncio.gather(
        *(together.write(number, fail_at_seven, number) for number in range(ROWS)), return_exceptions=True
    )
    assert isinstance(results[7], InvalidInput)
    expected = [number for number in range(ROWS) if number != 7]
    assert [each for each in results if isinstance(each, int)] == expected
    assert noted(table) == expected


async def test_what_was_noted_in_an_undone_transaction_is_undone_too(table: Database) -> None:
    seen: list[int] = []

    def remember(tx: Transaction, number: int) -> None:
        seen.append(number)
        tx.on_undo(lambda: seen.remove(number))
        fail_at_seven(tx, number)

    together = Together(table)
    await asyncio.gather(
        *(together.write(number, remember, number) for number in range(ROWS)), return_exceptions=True
    )
    assert sorted(seen) == noted(table)


async def test_a_write_goes_on_where_nobody_waits_for_it_any_more(table: Database) -> None:
    together = Together(table)
    task = asyncio.create_task(together.write(1, note, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await together.write(2, note, 2)
    assert noted(table) == [1, 2]
