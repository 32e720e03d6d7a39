"""Accounts as people use them: connect, list, choose calendars, remove."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.errors import AlreadyExists, InvalidInput, NotFound
from gateway.domain.link_model import Account, AccountId, AccountState
from gateway.domain.model import PrincipalId
from gateway.providers.contract import Access, Challenge, RemoteCalendar, SignedIn
from gateway.store import accounts as account_store
from gateway.store import audit
from gateway.store import links as link_store
from gateway.store.database import Transaction
from gateway.store.sealed import Sealer

TERMS_VERSION = "2026-1"
TERMS = (
    "Calgate keeps the sign-in to this account (encrypted), the list of its calendars, and of each event"
    " that it copies or compares the time and the fields that you choose per link. It needs them to keep"
    " both sides equal. Removing the account deletes all of it here and gives the permission back at the"
    " provider."
)
SIGN_IN_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunSignIn:
    """What was kept of a sign-in that comes back; used once."""

    provider: str
    principal_id: PrincipalId
    pending: bytes
    terms_version: str


def begin(
    tx: Transaction,
    sealer: Sealer,
    challenge: Challenge,
    *,
    provider: str,
    principal_id: PrincipalId,
    accepts_terms: bool,
    now: datetime,
) -> None:
    """Keep what the answer to a sign-in needs, for ten minutes.

    Raises:
        InvalidInput: the privacy terms were not accepted.
    """
    if not accepts_terms:
        raise InvalidInput("An account is connected only after the privacy terms were accepted.")
    account_store.begin_sign_in(
        tx,
        sealer,
        state=challenge.state,
        provider=provider,
        principal_id=principal_id,
        pending=base64.b64encode(challenge.pending).decode(),
        terms_version=TERMS_VERSION,
        now=now,
        expires_at_utc=now + SIGN_IN_LIFE,
    )


def take(tx: Transaction, sealer: Sealer, *, state: str, now: datetime) -> BegunSignIn:
    """Return what was kept under a state, once.

    Raises:
        NotFound: unknown, used already, or begun more than ten minutes ago.
    """
    found = account_store.take_sign_in(tx, sealer, state=state, now=now)
    if found is None:
        raise NotFound("This sign-in is unknown, was used already, or took too long; start again.")
    return BegunSignIn(
        provider=found["provider"],
        principal_id=PrincipalId(found["principal_id"]),
        pending=base64.b64decode(found["pending"]),
        terms_version=found["terms_version"],
    )


def connected(tx: Transaction, *, state: str) -> str | None:
    """Return the uuid of the account that a sign-in led to; None while nobody has consented."""
    return account_store.signed_in(tx, state=state)


def complete(
    tx: Transaction,
    sealer: Sealer,
    signed_in: SignedIn,
    *,
    provider: str,
    kind: str,
    principal_id: PrincipalId | None,
    terms_version: str,
    state: str | None,
    actor: str,
    now: datetime,
) -> Account:
    """Store an account that has just signed in, or bring a known one back; its queue is drained at once.

    ``principal_id``: whose it is; None for a mailbox of nobody in particular, a room's.

    Raises:
        AlreadyExists: somebody else has connected this account.
    """
    known = account_store.by_subject(tx, provider, signed_in.account_id)
    if known is not None and known.owner_id is not None and known.owner_id != principal_id:
        raise AlreadyExists("Somebody else has connected this account; an account has one owner.")
    if known is None:
        account_id = _insert(
            tx, sealer, signed_in, provider=provider, kind=kind, principal_id=principal_id,
            terms_version=terms_version, now=now,
        )  # fmt: skip
    else:
        account_id = known.id
        _bring_back(
            tx, sealer, known, signed_in, principal_id=principal_id, terms_version=terms_version, now=now
        )
    found = account_store.get(tx, account_id)
    if found is None:
        raise NotFound("The account is gone.")
    if state is not None:
        account_store.note_sign_in(tx, state=state, account_uuid=found.uuid)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="account.connected" if known is None else "account.reconnected",
        target_kind="account",
        target=found.uuid,
        detail={"provider": provider, "terms": terms_version},
    )
    return found


def _insert(
    tx: Transaction,
    sealer: Sealer,
    signed_in: SignedIn,
    *,
    provider: str,
    kind: str,
    principal_id: PrincipalId | None,
    terms_version: str,
    now: datetime,
) -> AccountId:
    account_uuid = str(uuid.uuid4())
    return account_store.insert_one(
        tx,
        {
            "uuid": account_uuid,
            "owner_id": principal_id,
            "provider": provider,
            "subject": signed_in.account_id,
            "label": signed_in.name[:255],
            "kind": kind,
            "state": AccountState.CONNECTED.value,
            "sealed": account_store.seal_state(sealer, account_uuid, signed_in.state),
            "scopes": sorted(signed_in.granted),
            "terms_version": terms_version,
            "terms_accepted_at_utc": now,
            "created_at_utc": now,
        },
    )


def _bring_back(
    tx: Transaction,
    sealer: Sealer,
    known: Account,
    signed_in: SignedIn,
    *,
    principal_id: PrincipalId | None,
    terms_version: str,
    now: datetime,
) -> None:
    account_store.change(
        tx,
        known.id,
        {
            "owner_id": principal_id,
            "label": signed_in.name[:255],
            "state": AccountState.CONNECTED.value,
            "reason": None,
            "sealed": account_store.seal_state(sealer, known.uuid, signed_in.state),
            "token_version": known.token_version + 1,
            "scopes": sorted(signed_in.granted),
            "terms_version": terms_version,
            "terms_accepted_at_utc": now,
        },
    )
    link_store.refresh_runnable(tx, known.id)
    link_store.wake_account(tx, known.id)


def save_calendars(
    tx: Transaction,
    account_id: AccountId,
    found: Sequence[RemoteCalendar],
    *,
    now: datetime,
    is_ours: bool = False,
) -> list[int]:
    """Remember the calendars of an account; return their row ids."""
    rows = []
    for one in found:
        values: dict[str, Any] = {
            "name": one.name[:255],
            "color": one.color,
            "zone": one.zone,
            "is_writable": one.access >= Access.WRITE,
            "place": one.place,
            "seen_at_utc": now,
        }
        if is_ours:
            values["is_ours"] = True
        rows.append(account_store.save_calendar(tx, account_id, one.id, values))
    return rows


def calendars(tx: Transaction, account_id: AccountId) -> list[dict[str, Any]]:
    """Return the known calendars of an account."""
    return account_store.calendars(tx, account_id)


def listing(tx: Transaction, *, owner_id: PrincipalId | None = None) -> list[Account]:
    """Return accounts in the order they were connected."""
    return account_store.listing(tx, owner_id=owner_id)


def find(tx: Transaction, name: str) -> Account:
    """Return an account by the beginning of its uuid or by its name.

    Raises:
        NotFound: none or several.
    """
    found = account_store.by_uuid(tx, name) if name else []
    if not found:
        found = [one for one in account_store.listing(tx) if one.label == name]
    if len(found) != 1:
        what = "no account" if not found else "more than one account"
        raise NotFound(f"There is {what} called {name!r}; `calgate account list` shows them.")
    return found[0]


def remove(tx: Transaction, account_id: AccountId, *, actor: str, now: datetime) -> None:
    """Delete an account with its links; the grant is given back before by whoever calls this."""
    found = account_store.get(tx, account_id)
    if found is None:
        raise NotFound("The account is gone.")
    account_store.remove(tx, account_id)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="account.removed",
        target_kind="account",
        target=found.uuid,
        detail={"provider": found.provider},
    )
