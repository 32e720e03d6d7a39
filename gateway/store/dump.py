"""Whole tables as lines of text and back, the same for both databases.

A line is one row as a JSON list in the order of the columns of the file; bytes are base64, instants ISO.
Leases and the like are not carried over: they belong to the nodes that run now.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, delete, func, insert, select, text, update

from gateway.domain.errors import InvalidInput
from gateway.store import migrate
from gateway.store.database import Transaction
from gateway.store.schema import feed, lease, metadata, principal, resource
from gateway.store.schema_sync import account, link, oauth_state, token_bucket, watch
from gateway.store.types import UtcDateTime

_BATCH = 500
# What tells a link of the provider engine that it must compare everything before it writes again.
_LINK_AFTER_RESTORE = {
    "state": "restored",
    "reason": "restored from a backup; see `calgate link plan`",
    "is_runnable": False,
    "is_full": True,
    "cursor": None,
    "pull_at": 0,
    "not_before": 0,
    "lease_until": None,
}
# What belongs to the nodes that run now, or is over before anybody could restore it.
_PASSING = (lease, oauth_state, token_bucket, watch)


def tables() -> list[str]:
    """Return the names of the tables that a backup holds, parents before children."""
    return [table.name for table in metadata.sorted_tables if table not in _PASSING]


def columns(name: str) -> list[str]:
    """Return the columns of one table in order."""
    return [column.name for column in metadata.tables[name].columns]


def schema_revision(tx: Transaction) -> str:
    """Return the number of the newest migration in the database."""
    return migrate.current_revision(tx.connection) or ""


def known_revisions() -> list[str]:
    """Return the numbers of all migrations of this release."""
    return migrate.revisions()


def lines(tx: Transaction, name: str) -> Iterator[bytes]:
    """Read one table row by row, in the order of its key."""
    table = metadata.tables[name]
    encoders = [_encoder(column) for column in table.columns]
    query = select(table).order_by(*table.primary_key.columns)
    result = tx.connection.execution_options(stream_results=True).execute(query)
    for part in result.partitions(_BATCH):
        for row in part:
            cells = [encode(cell) for encode, cell in zip(encoders, row, strict=True)]
            yield json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def load(tx: Transaction, name: str, names: Sequence[str], source: Iterable[bytes]) -> int:
    """Insert lines into an empty table; return how many.

    ``names`` are the columns of the file: a file of an older release has fewer than the table, and a
    release keeps taking rows of the one before it.

    Raises:
        InvalidInput: the file has a column that the table does not have.
    """
    table = metadata.tables[name]
    if unknown := set(names) - set(table.columns.keys()):
        raise InvalidInput(f"The backup has columns that this release does not know: {sorted(unknown)}.")
    decoders = [_decoder(table.columns[each]) for each in names]
    rows = iter(source)
    total = 0
    while batch := [
        {key: decode(cell) for key, decode, cell in zip(names, decoders, json.loads(line), strict=True)}
        for line in islice(rows, _BATCH)
    ]:
        tx.execute(insert(table), batch)
        total += len(batch)
    return total


def is_empty(tx: Transaction) -> bool:
    """Return whether nobody has used this database yet."""
    return all(tx.execute(select(table.c.id).limit(1)).first() is None for table in (principal, resource))


def wipe(tx: Transaction) -> None:
    """Delete every row, children before parents; leases too, so that nobody goes on with old work.

    Nobody else writes until the transaction ends: a row that came in between would mix two histories.
    """
    if tx.is_postgresql:
        tx.execute(text("SET LOCAL lock_timeout = '60s'"))
        names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
        tx.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
    for table in reversed(metadata.sorted_tables):
        tx.execute(delete(table))


def finish(tx: Transaction, *, drops_sealed: bool) -> None:
    """Make the loaded rows safe to work with: numbering goes on behind them, links stay paused.

    ``drops_sealed`` also forgets what only the lost keys could open.
    """
    if tx.is_postgresql:
        for table in metadata.sorted_tables:
            _continue_numbers(tx, table)
    pause_links(tx)
    if drops_sealed:
        tx.execute(update(feed).values(secret_sealed=None))
        # Nobody can open these sign-ins any more; the links wait for a new one.
        tx.execute(update(account).values(sealed=b"", state="reconnect", reason="restored without keys"))


def pause_links(tx: Transaction) -> None:
    """Pause every link to a provider as restored: full compare and an approved plan come first."""
    tx.execute(update(link).values(**_LINK_AFTER_RESTORE))


def _continue_numbers(tx: Transaction, table: Table) -> None:
    key = table.columns.get("id")
    if key is None:
        return
    sequence = tx.execute(text("SELECT pg_get_serial_sequence(:t, 'id')"), {"t": table.name}).scalar_one()
    if sequence is None:
        return
    last = tx.execute(select(func.coalesce(func.max(key), 0))).scalar_one()
    tx.execute(text("SELECT setval(CAST(:s AS regclass), :n, false)"), {"s": sequence, "n": last + 1})


def _encoder(column: Column[Any]) -> Callable[[Any], Any]:  # Any: values of any column
    if isinstance(column.type, LargeBinary):
        return lambda value: None if value is None else base64.b64encode(value).decode("ascii")
    if isinstance(column.type, UtcDateTime):
        return lambda value: None if value is None else value.isoformat()
    return lambda value: value


def _decoder(column: Column[Any]) -> Callable[[Any], Any]:  # Any: values of any column
    if isinstance(column.type, LargeBinary):
        return lambda value: None if value is None else base64.b64decode(value, validate=True)
    if isinstance(column.type, UtcDateTime):
        return lambda value: None if value is None else datetime.fromisoformat(value)
    return lambda value: value
