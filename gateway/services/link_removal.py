"""Leaving: which copies a link has, so that exactly those can be removed (behaviours 68)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.link_model import Link, LinkId
from gateway.domain.model import Window
from gateway.providers.contract import resource_hash
from gateway.store import accounts as account_store
from gateway.store import audit, busy, remote_calendars, sync_log
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What shares the remote calendar of a link.

    Attributes:
        resource: mark of our copies of this resource there.
        is_alone: no other link writes there, so whatever carries our marker is this link's.
        held: remote ids that other links have written.
        is_ours: we have made the calendar.
        links: how many other links are bound to it.
    """

    resource: str
    is_alone: bool
    held: frozenset[str]
    is_ours: bool
    links: int


def beside(tx: Transaction, link: Link) -> Beside:
    """Return what else is in the remote calendar of a link as far as is known here."""
    others = [
        one
        for one in link_store.listing(tx, account_id=link.account_id)
        if one.remote_calendar_id == link.remote_calendar_id and one.id != link.id
    ]
    row = next(
        (one for one in account_store.calendars(tx, link.account_id) if one["id"] == link.remote_calendar_id),
        None,
    )
    held = {each for one in others for each in mapping_store.remote_ids(tx, one.id)}
    resource = calendar_store.get(tx, link.calendar_id).resource
    return Beside(
        resource=resource_hash(resource.uuid),
        is_alone=not any(one.pushes for one in others),
        held=frozenset(held),
        is_ours=bool(row and row["is_ours"]),
        links=len(others),
    )


def window(tx: Transaction, link: Link) -> Window:
    """Return what is asked for when the calendar is listed: as wide as the occurrence index."""
    return calendar_store.get(tx, link.calendar_id).index


def calendar_deleted(tx: Transaction, link: Link, *, actor: str, now: datetime) -> None:
    """Forget a remote calendar that was deleted, with the link to it."""
    busy.clear(tx, link.id)
    link_store.remove(tx, link.id)
    remote_calendars.remove_unlinked(tx, link.remote_calendar_id)
    for action in ("link.removed", "link.calendar-deleted"):
        audit.record(tx, now=now, actor=actor, action=action, target_kind="link", target=link.uuid, detail={})


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
