"""Push subscriptions: one per link; what comes through them is a hint and nothing more."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy import insert as insert_into

from gateway.domain.link_model import LinkId
from gateway.store.database import Transaction
from gateway.store.links import clock_ms
from gateway.store.schema_sync import link, watch


def save(
    tx: Transaction,
    link_id: LinkId,
    *,
    channel_id: str,
    secret: str,
    memo: Mapping[str, Any],
    expires_at_utc: datetime,
    renew_at_utc: datetime,
) -> None:
    """Store the subscription of a link in the place of the one it had."""
    tx.execute(delete(watch).where(watch.c.link_id == link_id))
    tx.execute(
        insert_into(watch).values(
            link_id=link_id,
            channel_id=channel_id,
            secret_hash=hashlib.sha256(secret.encode()).digest(),
            memo=json.dumps(dict(memo)),
            expires_at_utc=expires_at_utc,
            renew_at_utc=renew_at_utc,
        )
    )


def of_link(tx: Transaction, link_id: LinkId) -> dict[str, Any] | None:
    """Return the subscription of a link, or None."""
    row = tx.execute(select(watch).where(watch.c.link_id == link_id)).one_or_none()
    if row is None:
        return None
    found = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    found["memo"] = json.loads(row.memo)
    return found


def refuse(tx: Transaction, link_id: LinkId, *, again_at_utc: datetime) -> None:
    """Note that there is no subscription, and when to ask for one again."""
    tx.execute(update(watch).where(watch.c.link_id == link_id).values(memo="{}", renew_at_utc=again_at_utc))


def put_back(tx: Transaction, row: Mapping[str, Any], *, again_at_utc: datetime) -> None:
    """Store a subscription again as ``of_link`` has returned it, and when to ask for another."""
    tx.execute(delete(watch).where(watch.c.link_id == row["link_id"]))
    values = {**row, "memo": json.dumps(dict(row["memo"])), "renew_at_utc": again_at_utc}
    tx.execute(insert_into(watch).values(**values))


def renew(tx: Transaction, link_id: LinkId, *, expires_at_utc: datetime, renew_at_utc: datetime) -> None:
    """Store the new life of a subscription that stays what it is."""
    tx.execute(
        update(watch)
        .where(watch.c.link_id == link_id)
        .values(expires_at_utc=expires_at_utc, renew_at_utc=renew_at_utc)
    )


def drop(tx: Transaction, link_id: LinkId) -> None:
    """Forget the subscription of a link."""
    tx.execute(delete(watch).where(watch.c.link_id == link_id))


def heard(
    tx: Transaction,
    *,
    channel_id: str,
    secret: str,
    is_gone: bool,
    now: datetime,
    must_renew: bool = False,
) -> bool:
    """Make the link of a channel due for a pull where the secret is right; False for anything forged."""
    row = tx.execute(select(watch).where(watch.c.channel_id == channel_id)).one_or_none()
    if row is None:
        return False
    if not hmac.compare_digest(bytes(row.secret_hash), hashlib.sha256(secret.encode()).digest()):
        return False
    if is_gone:
        drop(tx, LinkId(row.link_id))
    else:
        values = {"heard_at_utc": now} | ({"renew_at_utc": now} if must_renew else {})
        tx.execute(update(watch).where(watch.c.link_id == row.link_id).values(**values))
    now_ms = clock_ms(tx)  # a new value each time, which the run that is under way does not know
    tx.execute(
        update(link)
        .where(link.c.id == row.link_id)
        .values(pull_at=now_ms, due_at=now_ms, wake=link.c.wake + 1)
    )
    tx.hint_work()
    return True
