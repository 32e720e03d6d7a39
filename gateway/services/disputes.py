"""Conflict tickets: what disagrees, and the answers that a person can give with one click."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.fingerprint import fingerprint
from gateway.domain.link_model import Choice, Link, Mapping
from gateway.domain.merge import merge
from gateway.domain.model import CalendarId, ConflictPolicy
from gateway.services import objects as object_service
from gateway.services.guests_in import inbound_of
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import prepare
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import tickets as ticket_store
from gateway.store.database import Transaction

__all__ = ["Choice", "listing", "resolve"]


_CHANGED = {"changed-there", "proposed", "both-changed", "unmergeable"}


def listing(
    tx: Transaction, *, calendar_id: CalendarId | None = None, with_resolved: bool = False
) -> list[dict[str, Any]]:
    """Return tickets, the newest first, without any text of events."""
    found = ticket_store.listing(tx, calendar_id=calendar_id, is_open=not with_resolved)
    return [
        {
            "id": row["id"],
            "resource": calendar_store.get(tx, CalendarId(row["calendar_id"])).resource.slug,
            "reason": row["reason"],
            "state": row["state"],
            "uid": row["object_uid"],
            "link": row["link_uuid"],
            "fields": row["fields"] or [],
            "created_at_utc": row["created_at_utc"],
            "choices": [each.value for each in _choices(row)],
        }
        for row in found
    ]


def _choices(row: dict[str, Any]) -> list[Choice]:
    if row["state"] != "open":
        return []
    if row["reason"] in _CHANGED:
        return (
            [Choice.OURS, Choice.THEIRS, Choice.DISMISS] if row["theirs"] else [Choice.OURS, Choice.DISMISS]
        )
    if row["reason"] == "deleted-there":
        return [Choice.OURS, Choice.THEIRS, Choice.DISMISS]
    if row["reason"] == "orphan" and row["theirs"]:
        return [Choice.THEIRS, Choice.DISMISS]
    return [Choice.DISMISS]


def resolve(
    tx: Transaction, ticket_id: int, choice: Choice, *, limits: Limits, actor: str, now: datetime
) -> None:
    """Answer a ticket.

    Raises:
        NotFound: there is no such ticket, or what it is about has gone.
        InvalidInput: it was answered already, or this answer does not fit it.
    """
    row = ticket_store.get(tx, ticket_id)
    if row is None:
        raise NotFound("There is no such conflict; `calgate conflicts list` shows them.")
    allowed = _choices(row)
    if choice not in allowed:
        words = " or ".join(each.value for each in allowed) or "nothing any more"
        raise InvalidInput(f"This conflict can be answered with {words}.")
    if choice is not Choice.DISMISS:
        _answer(tx, row, choice, limits=limits, actor=actor, now=now)
    ticket_store.resolve(tx, ticket_id, resolution=choice.value, actor=actor, now=now)


def _answer(
    tx: Transaction, row: dict[str, Any], choice: Choice, *, limits: Limits, actor: str, now: datetime
) -> None:
    found = link_store.by_uuid(tx, row["link_uuid"] or "")
    if len(found) != 1:
        raise NotFound("The link of this conflict is gone; dismiss it.")
    link, uid = found[0], row["object_uid"]
    mapping = mapping_store.by_uids(tx, link.id, [uid]).get(uid)
    if choice is Choice.OURS:
        _send_ours(tx, link, uid, mapping, is_gone=row["reason"] == "deleted-there")
    elif row["reason"] == "deleted-there":
        _delete_here(tx, link, uid, actor=actor, now=now)
    else:
        _take_theirs(tx, link, uid, mapping, bytes(row["theirs"]), limits=limits, actor=actor, now=now)
    link_store.change(tx, link.id, {})


def _send_ours(tx: Transaction, link: Link, uid: str, mapping: Mapping | None, *, is_gone: bool) -> None:
    if mapping is None:
        raise NotFound("The copy is not known any more; dismiss the conflict.")
    values: dict[str, Any] = {"is_dirty": True, "sent_hash": "", "drift_hash": None}
    if is_gone:
        values |= {"remote_id": None, "version": None}
    mapping_store.save(tx, link.id, uid, values)


def _delete_here(tx: Transaction, link: Link, uid: str, *, actor: str, now: datetime) -> None:
    stored = object_store.by_uid(tx, link.calendar_id, uid)
    if stored is not None:
        object_service.delete(tx, link.calendar_id, stored.href, origin=Origin(label=actor), now=now)


def _take_theirs(
    tx: Transaction,
    link: Link,
    uid: str,
    mapping: Mapping | None,
    theirs: bytes,
    *,
    limits: Limits,
    actor: str,
    now: datetime,
) -> None:
    calendar = calendar_store.get(tx, link.calendar_id)
    stored = object_store.by_uid(tx, link.calendar_id, uid)
    if stored is None or mapping is None:
        ical, href = inbound_of(tx, link, theirs), None
    else:
        merged = merge(
            stored=stored.ical, ours=mapping.sent, sent=mapping.sent, base=mapping.base, theirs=theirs
        )
        if merged.ical is None:
            raise InvalidInput("There is nothing in their version that could be taken; dismiss the conflict.")
        ical, href = merged.ical, stored.href
    prepared = prepare(ical, calendar, limits=limits, now=now)
    object_service.put(
        tx,
        link.calendar_id,
        href or f"{fingerprint(ical)}.ics",
        prepared,
        origin=Origin(label=actor),
        now=now,
        limits=limits,
        on_clash=ConflictPolicy.WARN,
    )
    if mapping is not None:
        mapping_store.save(tx, link.id, uid, {"is_dirty": True, "sent_hash": "", "drift_hash": None})
    else:
        link_store.change(tx, link.id, {"is_full": True, "pull_at": 0})
