"""Invitations: a person connects her account by a one-time link, without a password of hers here.

The link works once and for some days. Whoever opens it gets a session of an hour that can do nothing but
connect one account at one provider and link it to what that person manages.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.model import Principal, PrincipalId
from gateway.services import principals
from gateway.store import audit
from gateway.store import invitations as store
from gateway.store import principals as principal_store
from gateway.store.database import Transaction

LIFE = timedelta(days=7)
LONGEST = timedelta(days=60)
SESSION_LIFE = timedelta(hours=1)
OVER = "This invitation is unknown, was used already, or has expired; ask for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What somebody was invited to.

    Attributes:
        uses: words of ``Use``.
        state: ``invited``, ``waiting`` (opened), ``connected``, ``failed``, ``withdrawn``.
    """

    id: int
    uuid: str
    person: Principal
    provider: str
    uses: tuple[str, ...]
    state: str
    reason: str | None
    account_uuid: str | None
    created_by: str
    created_at_utc: datetime
    expires_at_utc: datetime

    def state_at(self, now: datetime) -> str:
        """Return its state, ``expired`` where nobody has opened it in time."""
        return "expired" if self.state == "invited" and self.expires_at_utc <= now else self.state


def invite(
    tx: Transaction,
    login: str,
    *,
    provider: str,
    uses: tuple[str, ...],
    life: timedelta = LIFE,
    actor: str,
    now: datetime,
) -> tuple[Invitation, str]:
    """Invite a person; return the invitation and its token, which is shown once and kept as a hash.

    Raises:
        NotFound: there is no such person.
        InvalidInput: it would hold for no time, or too long.
    """
    if not timedelta() < life <= LONGEST:
        raise InvalidInput(f"An invitation holds for 1 to {LONGEST.days} days.")
    person = principals.get(tx, login)
    token = secrets.token_urlsafe(32)
    store.add(
        tx,
        {
            "uuid": str(uuid.uuid4()),
            "principal_id": person.id,
            "provider": provider,
            "uses": list(uses),
            "token_hash": _hash(token),
            "state": "invited",
            "created_by": actor[:255],
            "created_at_utc": now,
            "expires_at_utc": now + life,
        },
    )
    made = look(tx, token, now=now)
    _audit(tx, made, "account.invited", actor, now)
    return made, token


def look(tx: Transaction, token: str, *, now: datetime) -> Invitation:
    """Return an invitation that can still be used; looking does not use it up (mail scanners look).

    Raises:
        NotFound: with the same words whatever the reason.
    """
    row = store.by_token(tx, _hash(token), now=now)
    if row is None:
        raise NotFound(OVER)
    return _from_row(tx, row)


def accept(tx: Transaction, token: str, *, now: datetime) -> tuple[Invitation, str]:
    """Use an invitation up; return it and the secret of the session that may go on with it.

    Raises:
        NotFound: it cannot be used (any more).
    """
    secret = secrets.token_urlsafe(32)
    row = store.use(tx, _hash(token), session_hash=_hash(secret), ends_at_utc=now + SESSION_LIFE, now=now)
    if row is None:
        raise NotFound(OVER)
    found = _from_row(tx, row)
    _audit(tx, found, "account.invitation-opened", found.person.login, now)
    return found, secret


def of_session(tx: Transaction, secret: str, *, now: datetime) -> Invitation | None:
    """Return the invitation of a session that lasts, or None."""
    row = store.by_session(tx, _hash(secret), now=now)
    return _from_row(tx, row) if row is not None else None


def connected(tx: Transaction, found: Invitation, *, account_uuid: str) -> None:
    """Note that an account was connected; the session can go on to link it."""
    store.change(tx, found.id, {"state": "connected", "account_uuid": account_uuid, "reason": None})


def failed(tx: Transaction, found: Invitation, *, reason: str) -> None:
    """Note why it did not work, for whoever has invited; the session may try again."""
    store.change(tx, found.id, {"state": "failed", "reason": reason})


def withdraw(tx: Transaction, prefix: str, *, actor: str, now: datetime) -> Invitation:
    """Take an invitation back, and the session of whoever has opened it; a connected account stays.

    Raises:
        NotFound: none, or several of that name.
    """
    rows = store.by_uuid(tx, prefix) if prefix else []
    if len(rows) != 1:
        raise NotFound("There is no such invitation; `calgate account invitations` lists them.")
    found = _from_row(tx, rows[0])
    store.change(tx, found.id, {"state": "withdrawn", "session_ends_at_utc": None})
    _audit(tx, found, "account.invitation-withdrawn", actor, now)
    return found


def listing(tx: Transaction) -> list[Invitation]:
    """Return every invitation, the newest first."""
    return [_from_row(tx, row) for row in store.listing(tx)]


def _from_row(tx: Transaction, row: dict[str, Any]) -> Invitation:
    person = principal_store.by_id(tx, PrincipalId(row["principal_id"]))
    if person is None:
        raise NotFound(OVER)
    return Invitation(
        id=row["id"],
        uuid=row["uuid"],
        person=person,
        provider=row["provider"],
        uses=tuple(row["uses"]),
        state=row["state"],
        reason=row["reason"],
        account_uuid=row["account_uuid"],
        created_by=row["created_by"],
        created_at_utc=row["created_at_utc"],
        expires_at_utc=row["expires_at_utc"],
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _audit(tx: Transaction, found: Invitation, action: str, actor: str, now: datetime) -> None:
    audit.record(
        tx,
        now=now,
        actor=actor,
        action=action,
        target_kind="invitation",
        target=found.uuid,
        detail={"person": found.person.login, "provider": found.provider},
    )
