"""Conflict tickets: what disagrees, and the answers that a person can give with one click."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.domain.differences import Change, Eyes, changes_between
from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.fingerprint import fingerprint
from gateway.domain.link_model import Choice, Link, Mapping
from gateway.domain.merge import merge
from gateway.domain.model import (
    Calendar,
    CalendarId,
    CalendarObject,
    Classification,
    ConflictPolicy,
    Level,
    Principal,
)
from gateway.domain.outbound import untakeable
from gateway.services import access
from gateway.services import objects as object_service
from gateway.services.guests_in import inbound_of
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import prepare
from gateway.services.sync_context import sight
from gateway.store import audit
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import tickets as ticket_store
from gateway.store.database import Transaction

__all__ = ["Choice", "listing", "resolve", "show"]


_CHANGED = {"changed-there", "proposed", "both-changed", "unmergeable"}


def listing(
    tx: Transaction,
    *,
    calendar_id: CalendarId | None = None,
    with_resolved: bool = False,
    person: Principal | None = None,
) -> list[dict[str, Any]]:
    """Return tickets, the newest first, without any text of events; of what ``person`` manages, if given."""
    found = ticket_store.listing(tx, calendar_id=calendar_id, is_open=not with_resolved)
    return [_told(tx, row) for row in found if _may_answer(tx, row, person)]


def show(tx: Transaction, ticket_id: int, *, person: Principal | None = None) -> dict[str, Any]:
    """Return one ticket with what differs, here against there.

    The operator (no ``person``) reads no text of PRIVATE objects; who manages the resource reads all.

    Raises:
        NotFound: there is none, or the person does not manage its resource.
    """
    row = _ticket(tx, ticket_id, person)
    eyes = Eyes.PUBLIC if person is None else Eyes.ALL
    uid, base = row["object_uid"], None
    stored = object_store.by_uid(tx, CalendarId(row["calendar_id"]), uid)
    links = link_store.by_uuid(tx, row["link_uuid"]) if row["link_uuid"] else []
    if len(links) == 1:
        mapping = mapping_store.by_uids(tx, links[0].id, [uid]).get(uid)
        base = mapping.base if mapping is not None else None
    here = base or (stored.ical if stored is not None else None)
    theirs = bytes(row["theirs"]) if row["theirs"] else None
    changes: tuple[Change, ...] = ()
    if theirs is not None or row["reason"] == "deleted-there":
        floor = stored.classification if stored is not None else Classification.PUBLIC
        changes = changes_between(here, theirs, eyes=eyes, floor=floor)
    return _told(tx, row) | {"changes": [one.as_json() for one in changes]}


def _told(tx: Transaction, row: dict[str, Any]) -> dict[str, Any]:
    return {
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


def _may_answer(tx: Transaction, row: dict[str, Any], person: Principal | None) -> bool:
    if person is None:
        return True
    resource = calendar_store.get(tx, CalendarId(row["calendar_id"])).resource
    return access.level_on(tx, person, resource.id, face="web") is Level.MANAGE


def _ticket(tx: Transaction, ticket_id: int, person: Principal | None) -> dict[str, Any]:
    row = ticket_store.get(tx, ticket_id)
    # The same answer for what is not hers, so that nothing is told.
    if row is None or not _may_answer(tx, row, person):
        raise NotFound("There is no such conflict; `calgate conflicts list` shows them.")
    return row


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
    tx: Transaction,
    ticket_id: int,
    choice: Choice,
    *,
    limits: Limits,
    actor: str,
    now: datetime,
    person: Principal | None = None,
) -> None:
    """Answer a ticket, as the operator or as a person who manages the resource.

    Raises:
        NotFound: there is no such ticket, it is not hers, or what it is about has gone.
        InvalidInput: it was answered already, or this answer does not fit it.
    """
    row = _ticket(tx, ticket_id, person)
    allowed = _choices(row)
    if choice not in allowed:
        words = " or ".join(each.value for each in allowed) or "nothing any more"
        raise InvalidInput(f"This conflict can be answered with {words}.")
    if choice is not Choice.DISMISS:
        _answer(tx, row, choice, limits=limits, actor=actor, now=now)
    ticket_store.resolve(tx, ticket_id, resolution=choice.value, actor=actor, now=now)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action=f"conflict.{choice.value}",
        target_kind="conflict",
        target=str(ticket_id),
        detail={"reason": row["reason"], "link": row["link_uuid"]},
    )


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
            stored=stored.ical,
            ours=mapping.sent,
            sent=mapping.sent,
            base=mapping.base,
            theirs=theirs,
            untakeable=_untakeable(link, calendar, stored, mapping),
        )
        if merged.ical is None:
            raise InvalidInput("There is nothing in their version that could be taken; dismiss the conflict.")
        ical, href = merged.ical, stored.href
    prepared = prepare(
        ical,
        calendar,
        limits=limits,
        now=now,
        kind=stored.kind if stored is not None else None,
        expires_at_utc=stored.expires_at_utc if stored is not None else None,
    )
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


def _untakeable(link: Link, calendar: Calendar, stored: CalendarObject, mapping: Mapping) -> frozenset[str]:
    """Return what a copy shows differently: a mask or a template is nothing that could be accepted."""
    seen = sight(link, calendar, None)
    policy = seen.policy if mapping.is_ours else seen.of_theirs().policy
    is_masked = mapping.is_ours and stored.classification is not Classification.PUBLIC
    return untakeable(policy, is_masked=is_masked)
