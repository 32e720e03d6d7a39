"""Leaving: which copies a link has, so that exactly those can be removed (behaviours 68)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.link_model import LinkId
from gateway.store import mappings as mapping_store
from gateway.store import sync_log
from gateway.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One object at the provider that a link knows as its own."""

    uid: str
    remote_id: str
    version: str | None
    memo: bytes = field(default=b"", repr=False)


def copies(tx: Transaction, link_id: LinkId) -> list[Copy]:
    """Return every copy that a link has made; events that people made and it took in are not among them."""
    found: list[Copy] = []
    after = 0
    while page := mapping_store.page(tx, link_id, after_id=after):
        after = page[-1].id
        found += [
            Copy(uid=one.uid, remote_id=one.remote_id, version=one.version, memo=one.memo)
            for one in page
            if one.remote_id is not None and one.is_ours
        ]
    return found


def removed(tx: Transaction, link_id: LinkId, uid: str, *, now: datetime) -> None:
    """Record that a copy was removed."""
    known = mapping_store.by_uids(tx, link_id, [uid]).get(uid)
    mapping_store.drop(tx, link_id, uid)
    if known is not None:
        sync_log.append(
            tx,
            [
                {
                    "link_id": link_id,
                    "run_id": None,
                    "at_utc": now,
                    "side": sync_log.THERE,
                    "action": "delete",
                    "cause": "leaving",
                    "uid": uid,
                    "remote_id": known.remote_id,
                    "before_hash": known.base_hash,
                    "after_hash": None,
                    "fields": [],
                }
            ],
        )
