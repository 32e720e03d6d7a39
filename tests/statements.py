"""Every statement that reaches the database, whether it goes through SQLAlchemy or straight to the driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sqlalchemy import event

from gateway.store.database import Database
from gateway.store.hot import Hot

Statement = tuple[str, Any]


@contextmanager
def statements(db: Database) -> Iterator[list[Statement]]:
    """Collect what is executed meanwhile, with its parameters."""
    found: list[Statement] = []
    executed = Hot._executed

    def through_sqlalchemy(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        found.append((statement, parameters))

    def on_the_driver(self: Hot, tx: Any, ready: Any, wanted: dict[str, Any]) -> Any:
        values = {**ready.fixed, **wanted}
        found.append(
            (ready.sql, values if ready.order is None else tuple(values[name] for name in ready.order))
        )
        return executed(self, tx, ready, wanted)

    event.listen(db.engine, "before_cursor_execute", through_sqlalchemy)
    try:
        with mock.patch.object(Hot, "_executed", on_the_driver):
            yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", through_sqlalchemy)
