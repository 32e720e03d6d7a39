"""Whether this process can do its work."""

from __future__ import annotations

from gateway.store import migrate
from gateway.store.database import Transaction


def problem(tx: Transaction) -> str | None:
    """Return why the database cannot be worked with, or None.

    Raises:
        StoreError: it does not answer at all.
    """
    state = migrate.state_in(tx)
    if state is migrate.SchemaState.OK:
        return None
    if state is migrate.SchemaState.NEWER:
        return "The database was migrated by a newer release; start that release."
    return "The database is not migrated; run `calgate migrate`."
