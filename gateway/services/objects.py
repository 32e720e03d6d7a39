"""Calendar objects: put and delete, each with its number in the same transaction.

``prepare`` does what costs time (parsing, expanding) outside any transaction; ``put`` and its
neighbours do the rest under the calendar's lock, so that preconditions, the conflict check and the
change are one step. What each change leaves in the log is in ``object_log``; moves and copies are in
``relocation``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.conditional import ANY, Condition
from gateway.domain.errors import (
    InvalidName,
    NotFound,
    UidConflict,
    UnsupportedComponent,
)
from gateway.domain.model import (
    Calendar,
    CalendarId,
    CalendarObject,
    ClashReport,
    ConflictPolicy,
    ObjectId,
)
from gateway.services import conflicts
from gateway.services.limits import Limits
from gateway.services.masks import CLASS_SEQ
from gateway.services.object_log import Origin, log, note_visibility, remove
from gateway.services.prepare import Prepared, columns, etag_of, longest_s, refresh
from gateway.store import calendar_properties
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store.database import Transaction

__all__ = [
    "MAX_HREF_BYTES",
    "Origin",
    "PutResult",
    "check_href",
    "delete",
    "delete_stored",
    "expire_holds",
    "expire_holds_of",
    "guard_slots",
    "lock",
    "lock_all",
    "put",
    "store",
]

MAX_HREF_BYTES = 500


_EXPIRY = Origin(label="expiry")


@dataclass(frozen=True, slots=True, kw_only=True)
class PutResult:
    """What a write came to; ``is_changed`` is False where the same bytes were there already."""

    etag: str
    seq: int
    is_created: bool
    is_changed: bool
    clashes: tuple[ClashReport, ...] = ()


def put(
    tx: Transaction,
    calendar_id: CalendarId,
    href: str,
    prepared: Prepared,
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
    condition: Condition = ANY,
    on_clash: ConflictPolicy | None = None,
    seen: Calendar | None = None,
) -> PutResult:
    """Store an object under ``href``, replacing the one that is there.

    Args:
        tx: a write transaction.
        calendar_id: the calendar.
        href: the object's name inside it.
        prepared: from ``prepare``; expanded again here where zone or horizon have moved since.
        origin: who writes.
        now: becomes the object's time of change.
        limits: booking window and density.
        condition: what must be there now.
        on_clash: instead of the resource's own policy.
        seen: see ``lock``.

    Raises:
        PreconditionFailed: something else is there; nothing was changed.
        UnsupportedComponent: the calendar does not take such objects any more.
        UidConflict: the UID is in the calendar under another href, or the href holds another UID.
        Clash: the time is taken and the policy refuses.
        NotFound: the calendar is gone.
    """
    check_href(href)
    calendar = lock(tx, calendar_id, seen=seen)
    if prepared.parsed.component not in calendar.components:
        raise UnsupportedComponent(prepared.parsed.component, calendar.components)
    prepared = refresh(prepared, calendar, limits)
    uid = prepared.parsed.uid
    met = object_store.met_by_write(tx, calendar_id, href=href, uid=uid, now=now)
    for one in met:
        if one.is_over(now):
            remove(tx, one, origin=_EXPIRY, now=now)
    there = [one for one in met if not one.is_over(now)]
    existing = next((one for one in there if one.href == href), None)
    condition.check(existing.etag if existing else None)
    holder = next((one for one in there if one.uid == uid), None)
    if holder is not None and holder.href != href:
        raise UidConflict(holder.href)
    if existing is not None and existing.uid != uid:
        raise UidConflict(existing.href)
    return store(
        tx, calendar, href, prepared, existing, origin=origin, now=now, limits=limits, on_clash=on_clash
    )


def store(
    tx: Transaction,
    calendar: Calendar,
    href: str,
    prepared: Prepared,
    existing: CalendarObject | None,
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
    on_clash: ConflictPolicy | None = None,
) -> PutResult:
    """Write one object whose preconditions hold; the calendar is locked and ``prepared`` is fresh."""
    etag = etag_of(prepared.parsed.ical)
    if existing is not None and existing.etag == etag and existing.kind is prepared.kind:
        return PutResult(etag=etag, seq=existing.seq, is_created=False, is_changed=False)
    spans = prepared.expansion.occurrences
    policy = on_clash or calendar.resource.policy
    clashes = conflicts.check(
        tx,
        calendar,
        spans,
        policy=policy,
        object_id=existing.id if existing else None,
        now=now,
        limits=limits,
    )
    seq = calendar_store.bump(tx, calendar.id, longest_s=longest_s(prepared))
    values = columns(prepared, etag=etag, seq=seq, now=now)
    if existing is None:
        note_visibility(tx, calendar.id, href, seq, prepared.parsed.classification)
        object_id = object_store.insert_one(
            tx,
            values
            | {
                "calendar_id": calendar.id,
                "href": href,
                "revision": 0,
                "created_at_utc": now,
                "creator_id": origin.principal_id,
            },
        )
        occurrence_store.add(tx, calendar.id, object_id, spans)
    else:
        object_id = existing.id
        if bool(existing.classification) != bool(prepared.parsed.classification):
            calendar_properties.put(tx, calendar.id, None, CLASS_SEQ, str(seq))
        object_store.rewrite(tx, existing, values | {"revision": existing.revision + 1})
        occurrence_store.replace(tx, calendar.id, object_id, spans)
    guard_slots(
        tx,
        calendar,
        object_id,
        prepared,
        # Only a write that may be refused meets the belt: what is allowed must not fail on it.
        is_strict=policy is ConflictPolicy.REFUSE,
        is_new=existing is None,
        until=now + limits.booking_window,
    )
    log(tx, calendar.id, seq, href, prepared.parsed.uid, op="put", etag=etag, origin=origin, now=now)
    return PutResult(etag=etag, seq=seq, is_created=existing is None, is_changed=True, clashes=clashes)


def delete(
    tx: Transaction,
    calendar_id: CalendarId,
    href: str,
    *,
    origin: Origin,
    now: datetime,
    condition: Condition = ANY,
) -> int:
    """Delete an object, leave its tombstone in the log and return the tombstone's number.

    Raises:
        NotFound: there is no such object or calendar.
        PreconditionFailed: it has changed.
    """
    lock(tx, calendar_id)
    existing = object_store.by_href(tx, calendar_id, href)
    condition.check(existing.etag if existing else None)
    if existing is None:
        raise NotFound("There is no such calendar object.")
    return remove(tx, existing, origin=origin, now=now)


def delete_stored(
    tx: Transaction, existing: CalendarObject, *, origin: Origin, now: datetime, condition: Condition = ANY
) -> int:
    """Delete an object that was read under the lock of its calendar; otherwise as ``delete``.

    Raises:
        PreconditionFailed: it is not what the condition asks for.
    """
    condition.check(existing.etag)
    return remove(tx, existing, origin=origin, now=now)


def expire_holds(tx: Transaction, calendar: Calendar, *, now: datetime) -> int:
    """Delete the holds of a locked calendar whose time is over; return how many."""
    over = object_store.expired(tx, calendar.id, now)
    for hold in over:
        remove(tx, hold, origin=_EXPIRY, now=now)
    return len(over)


def expire_holds_of(tx: Transaction, calendar_id: CalendarId, *, now: datetime) -> int:
    """Lock a calendar and delete its holds whose time is over; return how many."""
    return expire_holds(tx, lock(tx, calendar_id), now=now)


def check_href(href: str) -> None:
    """Refuse names that cannot be one path segment everywhere.

    Raises:
        InvalidName: with the reason.
    """
    if not href or href in {".", ".."}:
        raise InvalidName("An object's name is missing.")
    if len(href.encode("utf-8", "surrogatepass")) > MAX_HREF_BYTES:
        raise InvalidName(f"An object's name has at most {MAX_HREF_BYTES} octets.")
    if "/" in href or any(
        ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in href
    ):
        raise InvalidName("An object's name holds no slash and no control characters.")


def lock(tx: Transaction, calendar_id: CalendarId, *, seen: Calendar | None = None) -> Calendar:
    """Lock one calendar and return it as it is under the lock.

    ``seen`` is the calendar as this same transaction has read it: where the transaction is the only
    writer, as on SQLite, it is under the lock already and is returned.

    Raises:
        NotFound: it is gone.
    """
    if seen is not None and tx.is_only_writer:
        return seen
    found = calendar_store.lock(tx, calendar_id).get(calendar_id)
    if found is None:
        raise NotFound("The calendar is gone.")
    return found


def lock_all(tx: Transaction, calendar_ids: Iterable[CalendarId]) -> None:
    """Lock calendars, in an order in which no two writers wait for each other; missing ones are left out."""
    calendar_store.lock(tx, *calendar_ids)


def guard_slots(
    tx: Transaction,
    calendar: Calendar,
    object_id: ObjectId,
    prepared: Prepared,
    *,
    is_strict: bool,
    is_new: bool = False,
    until: datetime | None = None,
) -> None:
    """Lay the belt of PostgreSQL where one booking at a time is the rule, and take it off elsewhere.

    ``is_new``: the object has no slots yet. ``until``: a series is guarded only as far as it is checked.
    """
    resource = calendar.resource
    is_guarded = (
        resource.policy is ConflictPolicy.REFUSE
        and resource.capacity == 1
        and not resource.buffer_before_s
        and not resource.buffer_after_s
    )
    if is_guarded:
        spans = prepared.expansion.occurrences
        if until is not None and len(spans) > 1:
            spans = tuple(span for span in spans if span.start < until)
        occurrence_store.guard(tx, calendar.id, object_id, spans, is_strict=is_strict, is_new=is_new)
    elif not is_new:
        occurrence_store.release(tx, object_id)
