"""Connections of administrators: one key that acts for many mailboxes, each with an account of its own.

They stand beside the accounts that people connect themselves. The same mailbox may have both, as plug-ins
give a person's consent and an application's key different account ids; neither knows of the other. An account
of a mailbox belongs to a person, or to nobody where it is a room's.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.errors import AlreadyExists, InvalidInput, NotFound
from gateway.domain.link_model import Account, AccountId
from gateway.services.accounts import TERMS_VERSION
from gateway.store import accounts as account_store
from gateway.store import audit
from gateway.store import connections as store
from gateway.store.database import Transaction
from gateway.store.sealed import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An administrator's connection; ``uses`` are words of ``Use``."""

    id: int
    uuid: str
    provider: str
    label: str
    uses: tuple[str, ...]
    created_by: str
    created_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One mailbox of a connection and how it stands with it."""

    address: str
    account: Account
    links: int
    checked_at_utc: datetime | None
    problem: str | None

    @property
    def is_healthy(self) -> bool:
        """Return whether it answered when it was asked last."""
        return self.problem is None and self.account.state.value == "connected"


def add(
    tx: Transaction,
    sealer: Sealer,
    *,
    provider: str,
    label: str,
    fields: Mapping[str, str],
    uses: tuple[str, ...],
    accepts_terms: bool,
    actor: str,
    now: datetime,
) -> Connection:
    """Keep an administrator's key, sealed.

    Raises:
        InvalidInput: the privacy terms were not accepted.
    """
    if not accepts_terms:
        raise InvalidInput("An account is connected only after the privacy terms were accepted.")
    name = str(uuid.uuid4())
    store.add(
        tx,
        {
            "uuid": name,
            "provider": provider,
            "label": label[:255],
            "sealed": store.seal(sealer, name, fields),
            "uses": list(uses),
            "terms_version": TERMS_VERSION,
            "created_by": actor[:255],
            "created_at_utc": now,
        },
    )
    made = find(tx, name)
    _audit(tx, made, "connection.added", actor, now)
    return made


def find(tx: Transaction, name: str) -> Connection:
    """Return a connection by the beginning of its uuid or by its name.

    Raises:
        NotFound: none or several.
    """
    rows = store.listing(tx)
    found = [one for one in rows if name and one["uuid"].startswith(name)]
    found = found or [one for one in rows if one["label"] == name]
    if len(found) != 1:
        what = "no connection" if not found else "more than one connection"
        raise NotFound(f"There is {what} called {name!r}; `calgate connection list` shows them.")
    return _from_row(found[0])


def listing(tx: Transaction) -> list[Connection]:
    """Return every connection in the order they were made."""
    return [_from_row(row) for row in store.listing(tx)]


def fields_of(tx: Transaction, sealer: Sealer, found: Connection) -> dict[str, str]:
    """Return what signs the connection in; never shown."""
    (row,) = [one for one in store.listing(tx) if one["id"] == found.id]
    return store.open_fields(sealer, row)


def replace_fields(
    tx: Transaction,
    sealer: Sealer,
    found: Connection,
    fields: Mapping[str, str],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Keep another key in the place of the one that was."""
    store.change(tx, found.id, {"sealed": store.seal(sealer, found.uuid, fields)})
    _audit(tx, found, "connection.key-changed", actor, now)


def bind(tx: Transaction, found: Connection, account: Account, *, address: str, now: datetime) -> None:
    """Note that an account is one of a connection's mailboxes, and well.

    Raises:
        AlreadyExists: it is one of another connection's.
    """
    known = store.connection_of(tx, account.id)
    if known is not None and known != found.id:
        raise AlreadyExists("Another connection acts for this mailbox; remove it there first.")
    store.bind(tx, found.id, account.id, address=address, now=now)


def checked(tx: Transaction, account_id: AccountId, *, problem: str | None, now: datetime) -> None:
    """Note how a mailbox answered; None for well."""
    store.checked(tx, account_id, problem=problem, now=now)


def mailboxes(tx: Transaction, found: Connection) -> list[Mailbox]:
    """Return the mailboxes of a connection by address."""
    boxes: list[Mailbox] = []
    for row in store.mailboxes(tx, found.id):
        account = account_store.get(tx, AccountId(row["account_id"]))
        if account is not None:
            boxes.append(
                Mailbox(
                    address=row["address"],
                    account=account,
                    links=row["links"],
                    checked_at_utc=row["checked_at_utc"],
                    problem=row["problem"],
                )
            )
    return boxes


def remove(tx: Transaction, found: Connection, *, actor: str, now: datetime) -> None:
    """Delete a connection with the accounts of its mailboxes and their links; copies stay where they are."""
    store.remove(tx, found.id)
    _audit(tx, found, "connection.removed", actor, now)


def _from_row(row: Mapping[str, Any]) -> Connection:
    return Connection(
        id=row["id"],
        uuid=row["uuid"],
        provider=row["provider"],
        label=row["label"],
        uses=tuple(row["uses"]),
        created_by=row["created_by"],
        created_at_utc=row["created_at_utc"],
    )


def _audit(tx: Transaction, found: Connection, action: str, actor: str, now: datetime) -> None:
    audit.record(
        tx,
        now=now,
        actor=actor,
        action=action,
        target_kind="connection",
        target=found.uuid,
        detail={"provider": found.provider},
    )
