"""Writes of the event loop that share a transaction: while one is under way, others gather for the next.

A busy worker records the results of many links; one commit for all of them costs hardly more than one for
each. Where one of them fails, nothing of their transaction stands and each is done again on its own, so that
the error is its own, too. So a use case that is written so must bear being repeated after a roll-back.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

from gateway.store.database import Database, Transaction

P = ParamSpec("P")
R = TypeVar("R")
MOST = 8  # uses of one transaction: SQLite's one writer must not be kept from others for long


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    order: int
    use_case: Callable[[Transaction], Any]
    context: contextvars.Context
    answer: asyncio.Future[Any]

    def run(self, tx: Transaction) -> Any:
        return self.context.run(self.use_case, tx)


class Together:
    """Writes of one database that may share transactions; for one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[_Part] = deque()
        self._is_working = False
        self._guard = Lock()

    async def write(
        self,
        order: int,
        use_case: Callable[Concatenate[Transaction, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a writing use case, in one transaction with others that wait; see ``Database.awrite``.

        ``order``: the id of the row that it locks. All processes lock rows in this order, so that no two
        transactions wait for each other.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        part = _Part(
            order=order,
            use_case=lambda tx: use_case(tx, *args, **kwargs),
            context=contextvars.copy_context(),
            answer=answer,
        )
        with self._guard:
            self._waiting.append(part)
            must_begin, self._is_working = not self._is_working, True
        if must_begin:
            self._db.hop(partial(self._work, loop))
        return await asyncio.shield(answer)

    # -- in a thread ----------------------------------------------------------------------------------

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._guard:
                parts = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                if not parts:
                    self._is_working = False
                    return
            parts.sort(key=lambda part: part.order)
            outcomes = self._outcomes(parts)
            if loop.is_closed():
                continue
            loop.call_soon_threadsafe(_settle, parts, outcomes)

    def _outcomes(self, parts: list[_Part]) -> list[tuple[Any, BaseException | None]]:
        if len(parts) == 1:
            return [self._alone(parts[0])]
        try:
            return self._in_one(parts)
        except Exception:  # noqa: BLE001 - whose error it is shows when each is done on its own
            return [self._alone(part) for part in parts]

    def _in_one(self, parts: list[_Part]) -> list[tuple[Any, BaseException | None]]:
        with self._db.transaction(write=True) as tx:
            found: list[tuple[Any, BaseException | None]] = [(part.run(tx), None) for part in parts]
        if tx.must_roll_back:
            raise RuntimeError("one of them wants to be undone")
        return found

    def _alone(self, part: _Part) -> tuple[Any, BaseException | None]:
        try:
            return self._db.write(part.run), None
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
            return None, error


def _settle(parts: list[_Part], outcomes: list[tuple[Any, BaseException | None]]) -> None:
    for part, (value, error) in zip(parts, outcomes, strict=True):
        if part.answer.cancelled():
            continue
        if error is not None:
            part.answer.set_exception(error)
        else:
            part.answer.set_result(value)
