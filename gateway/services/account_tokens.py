"""The sign-in state of accounts: sealed at rest, one refresher at a time, stored before it is used."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.domain.errors import NotFound
from gateway.domain.link_model import AccountId
from gateway.store import accounts as account_store
from gateway.store import leases
from gateway.store.database import Transaction
from gateway.store.leases import Lease
from gateway.store.sealed import Sealer

REFRESH_LEASE = timedelta(seconds=60)


def load(tx: Transaction, account_id: AccountId, *, sealer: Sealer) -> bytes:
    """Return the sign-in state as it is stored now.

    Raises:
        NotFound: the account was removed.
        CannotOpen: it was sealed with a key we do not have.
    """
    found = account_store.get(tx, account_id)
    if found is None:
        raise NotFound("The account is gone.")
    return account_store.open_state(sealer, found)


def store(tx: Transaction, account_id: AccountId, state: bytes, *, sealer: Sealer) -> None:
    """Store a new sign-in state; from then on it may be used.

    Raises:
        NotFound: the account was removed.
    """
    found = account_store.get(tx, account_id)
    if found is None:
        raise NotFound("The account is gone.")
    sealed = account_store.seal_state(sealer, found.uuid, state)
    account_store.store_state(tx, account_id, sealed, version=found.token_version)


def begin_refresh(tx: Transaction, account_id: AccountId, *, owner: str, now: datetime) -> Lease | None:
    """Take the right to refresh; None while another process has it."""
    return leases.claim(tx, f"token:{account_id}", owner=owner, now=now, lease_for=REFRESH_LEASE)


def end_refresh(tx: Transaction, held: Lease, *, now: datetime) -> None:
    """Give it back."""
    leases.finish(tx, held, now=now)
