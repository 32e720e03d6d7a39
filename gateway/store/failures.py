"""What is wrong with the database, said by errors of ours; a bug stays what it is."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.domain.errors import StoreBusy, StoreError, StoreFull, StoreUnusable

# 23505: two transactions inserted the same name at once; tried again, the later one sees the row.
_SERIALIZATION_STATES = frozenset({"40001", "40P01", "23505"})
_FULL_STATES = frozenset({"53100", "53400"})


class RetryableConflict(StoreBusy):
    """Two writes met in the database; nothing was changed. Repeat in a moment."""


def translate(error: DBAPIError) -> StoreError | DBAPIError:
    """Return the error of ours that says what to do, or ``error`` itself where it is a bug."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        if state in _SERIALIZATION_STATES:
            return RetryableConflict()
        if state in _FULL_STATES:
            return StoreFull()
    words = str(error.orig).lower()
    if "disk is full" in words or "disk full" in words or "no space left" in words:
        return StoreFull()
    if "disk i/o error" in words and isinstance(error, OperationalError):
        return StoreFull("The disk refused the write (full or broken); nothing was changed.")
    if "is locked" in words or "database table is locked" in words:
        return StoreBusy()
    if "no such table" in words or "no such column" in words or state in {"42P01", "42703"}:
        return StoreUnusable("The database has no or old tables; run `calgate migrate`.")
    if "is not a database" in words or "malformed" in words:
        return StoreUnusable("The database file is damaged; move it away and restore a backup.")
    if "readonly database" in words or "unable to open" in words:
        return StoreUnusable("The database file cannot be opened for writing; check its owner and path.")
    if error.connection_invalidated or (isinstance(error, OperationalError) and state is None):
        return StoreUnusable("The database does not answer; check CALGATE_DATABASE_URL and the server.")
    return error
