"""Statements of the hot paths: compiled once for each engine, run on the driver itself.

SQLAlchemy spends more on a small statement than SQLite does. The few that every CalDAV request runs go
this way; everything else takes ``Transaction.execute``. Values come out as SQLAlchemy would give them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, TextClause
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase

from gateway.store.database import Transaction

Process = Callable[[Any], Any]  # Any: what the driver takes and gives


@dataclass(frozen=True, slots=True)
class _Ready:
    sql: str
    order: tuple[str, ...] | None  # of positional parameters; None where they are named
    fixed: dict[str, Any]  # constants of the statement
    binds: tuple[tuple[str, Process], ...]
    results: tuple[tuple[int, Process], ...]


class Hot:
    """A statement that runs on the driver.

    Args:
        statement: all its parameters are ``bindparam`` without ``expanding``.
        columns: of an INSERT, all that are given a value.
    """

    def __init__(
        self,
        statement: Select[*tuple[Any, ...]] | TextClause | UpdateBase,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._ready: dict[bool, _Ready] = {}
        self._names: tuple[str, ...] | None = None

    def rows(self, tx: Transaction, **wanted: object) -> list[tuple[Any, ...]]:
        """Return every row as a plain tuple, in the order of the columns.

        Raises:
            DBAPIError: as SQLAlchemy does; the transaction translates it.
        """
        ready = self._ready.get(tx.is_postgresql) or self._compiled(tx)
        rows: list[tuple[Any, ...]] = self._executed(tx, ready, wanted).fetchall()
        if not ready.results:
            return rows
        found = []
        for row in rows:
            cells = list(row)
            for index, process in ready.results:
                cells[index] = process(cells[index])
            found.append(tuple(cells))
        return found

    def run(self, tx: Transaction, **wanted: object) -> None:
        """Run a statement that gives no rows; errors as in ``rows``."""
        ready = self._ready.get(tx.is_postgresql) or self._compiled(tx)
        self._executed(tx, ready, wanted).close()

    def count(self, tx: Transaction, **wanted: object) -> int:
        """Run a statement that gives no rows and return how many it changed; errors as in ``rows``."""
        ready = self._ready.get(tx.is_postgresql) or self._compiled(tx)
        cursor = self._executed(tx, ready, wanted)
        changed: int = cursor.rowcount
        cursor.close()
        return changed

    def _executed(self, tx: Transaction, ready: _Ready, wanted: dict[str, Any]) -> Any:  # Any: a cursor
        values = {**ready.fixed, **wanted} if ready.fixed else wanted
        for name, process in ready.binds:
            values[name] = process(values[name])
        parameters = values if ready.order is None else [values[name] for name in ready.order]
        try:
            return tx.driver.execute(ready.sql, parameters)
        except Exception as error:
            dialect = tx.connection.dialect
            base = dialect.loaded_dbapi.Error
            if not isinstance(error, base):
                raise
            raise DBAPIError.instance(
                ready.sql, None, error, base, hide_parameters=True, dialect=dialect
            ) from error

    def cells(self, tx: Transaction, **wanted: object) -> list[dict[str, Any]]:
        """Return every row as its values by name."""
        if self._names is None:
            assert isinstance(self._statement, Select)  # noqa: S101 - texts have no names of columns
            self._names = tuple(column.name for column in self._statement.selected_columns)
        names = self._names
        return [dict(zip(names, row, strict=True)) for row in self.rows(tx, **wanted)]

    def one(self, tx: Transaction, **wanted: object) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        rows = self.rows(tx, **wanted)
        return rows[0] if rows else None

    def _compiled(self, tx: Transaction) -> _Ready:
        dialect: Dialect = tx.connection.dialect
        compiled: Any = self._statement.compile(
            dialect=dialect, column_keys=self._columns
        )  # Any: the compiler of the dialect
        results = []
        columns = self._statement.selected_columns if isinstance(self._statement, Select) else ()
        for index, column in enumerate(columns):
            process = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if process is not None:
                results.append((index, process))
        binds = []
        for name, bind in compiled.binds.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if process is not None:
                binds.append((name, process))
        ready = _Ready(
            sql=str(compiled),
            order=tuple(compiled.positiontup) if compiled.positional else None,
            fixed={name: value for name, value in compiled.params.items() if value is not None},
            binds=tuple(binds),
            results=tuple(results),
        )
        self._ready[tx.is_postgresql] = ready
        return ready
