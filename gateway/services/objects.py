"""Calendar objects: put, delete, move and read, each with its number in the same transaction.

``prepare`` does what costs time (parsing, expanding) outside any transaction; ``put`` and its
neighbours do the rest under the calendar's lock, so that preconditions, the conflict check and the
change are one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.conditional import ANY, Condition
from gateway.domain.errors import (
    InvalidName,
    NotFound,
    PreconditionFailed,
    UidConflict,
    UnsupportedComponent,
)
from gateway.domain.model import (
    Calendar,
    CalendarId,
    CalendarObject,
    Change,
    ClashReport,
    Classification,
    ConflictPolicy,
    ObjectId,
    PrincipalId,
)
from gateway.services import conflicts
from gateway.services.limits import Limits
from gateway.services.masks import CLASS_SEQ
from gateway.services.prepare import Prepared, columns, etag_of, longest_s, refresh, reread, span_columns
from gateway.store import calendar_properties
from gateway.store import calendars as calendar_store
from gateway.store import changes as change_store
from gateway.store import links as link_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store.changes import MASKED
from gateway.store.database import Transaction

MAX_HREF_BYTES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who writes: for people, the log and the rights to an object's text; it decides nothing else."""

    label: str
    principal_id: PrincipalId | None = None


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

    Raises:
        PreconditionFailed: something else is there; nothing was changed.
        UidConflict: the UID is in the calendar under another href, or the href holds another UID.
        Clash: the time is taken and the policy refuses.
        NotFound: the calendar is gone.
    """
    check_href(href)
    calendar = lock(tx, calendar_id)
    prepared = refresh(prepared, calendar, limits)
    uid = prepared.parsed.uid
    met = object_store.met_by_write(tx, calendar_id, href=href, uid=uid, now=now)
    for one in met:
        if one.is_over(now):
            _remove(tx, one, origin=_EXPIRY, now=now)
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
        _note_visibility(tx, calendar.id, href, seq, prepared.parsed.classification)
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
        object_store.update_one(tx, object_id, values | {"revision": existing.revision + 1})
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
    _log(tx, calendar.id, seq, href, prepared.parsed.uid, op="put", etag=etag, origin=origin, now=now)
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
    return _remove(tx, existing, origin=origin, now=now)


def move(
    tx: Transaction,
    source_id: CalendarId,
    href: str,
    target_id: CalendarId,
    target_href: str,
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
    is_overwrite: bool = False,
    condition: Condition = ANY,
) -> bool:
    """Rename an object, in its calendar or into another one; return whether one was overwritten.

    Raises:
        NotFound: there is no such object or calendar.
        PreconditionFailed: it has changed, or the target exists and may not be overwritten.
        UidConflict: the target calendar has the UID under another href.
        Clash: the time is taken in the target calendar.
    """
    check_href(target_href)
    locked = calendar_store.lock(tx, source_id, target_id)
    if source_id not in locked or target_id not in locked:
        raise NotFound("The calendar is gone.")
    target = locked[target_id]
    moved = object_store.by_href(tx, source_id, href)
    condition.check(moved.etag if moved else None)
    if moved is None:
        raise NotFound("There is no such calendar object.")
    if (source_id, href) == (target_id, target_href):
        return False
    expire_holds(tx, target, now=now)
    replaced = object_store.by_href(tx, target_id, target_href)
    if replaced is not None and not is_overwrite:
        raise PreconditionFailed("There is an object at the destination already.")
    holder = object_store.by_uid(tx, target_id, moved.uid) if source_id != target_id else None
    if holder is not None and holder.href != target_href:
        raise UidConflict(holder.href)
    if moved.component not in target.components:
        raise UnsupportedComponent(moved.component, target.components)
    if replaced is not None:
        _remove(tx, replaced, origin=origin, now=now)
    if source_id == target_id:
        _rename(tx, moved, target_href, origin=origin, now=now)
    else:
        _transfer(tx, moved, target, target_href, origin=origin, now=now, limits=limits)
    return replaced is not None


def expire_holds(tx: Transaction, calendar: Calendar, *, now: datetime) -> int:
    """Delete the holds of a locked calendar whose time is over; return how many."""
    over = object_store.expired(tx, calendar.id, now)
    for hold in over:
        _remove(tx, hold, origin=_EXPIRY, now=now)
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


def lock(tx: Transaction, calendar_id: CalendarId) -> Calendar:
    """Lock one calendar and return it as it is under the lock.

    Raises:
        NotFound: it is gone.
    """
    found = calendar_store.lock(tx, calendar_id).get(calendar_id)
    if found is None:
        raise NotFound("The calendar is gone.")
    return found


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


def _remove(tx: Transaction, stored: CalendarObject, *, origin: Origin, now: datetime) -> int:
    seq = calendar_store.bump(tx, stored.calendar_id)
    object_store.delete_one(tx, stored.id)
    _log_gone(tx, stored, seq, origin=origin, now=now)
    return seq


def _rename(tx: Transaction, moved: CalendarObject, href: str, *, origin: Origin, now: datetime) -> None:
    last = calendar_store.bump(tx, moved.calendar_id, by=2)
    object_store.update_one(tx, moved.id, {"href": href, "seq": last, "modified_at_utc": now})
    _note_visibility(tx, moved.calendar_id, href, last, moved.classification)
    _log_gone(tx, moved, last - 1, origin=origin, now=now)
    _log(tx, moved.calendar_id, last, href, moved.uid, op="put", etag=moved.etag, origin=origin, now=now)


def _transfer(
    tx: Transaction,
    moved: CalendarObject,
    target: Calendar,
    href: str,
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
) -> None:
    # The row moves in place: its history (creator, revision) stays with the object.
    prepared = reread(moved, target)
    spans = prepared.expansion.occurrences
    policy = target.resource.policy
    conflicts.check(tx, target, spans, policy=policy, object_id=moved.id, now=now, limits=limits)
    gone = calendar_store.bump(tx, moved.calendar_id)
    seq = calendar_store.bump(tx, target.id, longest_s=longest_s(prepared))
    values = span_columns(prepared) | {
        "calendar_id": target.id,
        "href": href,
        "seq": seq,
        "modified_at_utc": now,
    }
    object_store.update_one(tx, moved.id, values)
    occurrence_store.replace(tx, target.id, moved.id, spans)
    is_strict = policy is ConflictPolicy.REFUSE
    guard_slots(tx, target, moved.id, prepared, is_strict=is_strict, until=now + limits.booking_window)
    _note_visibility(tx, target.id, href, seq, moved.classification)
    _log_gone(tx, moved, gone, origin=origin, now=now)
    _log(tx, target.id, seq, href, moved.uid, op="put", etag=moved.etag, origin=origin, now=now)


def _note_visibility(
    tx: Transaction, calendar_id: CalendarId, href: str, seq: int, classification: Classification
) -> None:
    """Note where a name that readers knew as public now stands for a masked object, or the other way.

    A reader of a masked view could not be told so by the newest line of the name alone.
    """
    was_masked = change_store.was_masked(tx, calendar_id, href)
    if was_masked is not None and was_masked != bool(classification):
        calendar_properties.put(tx, calendar_id, None, CLASS_SEQ, str(seq))


def _log_gone(tx: Transaction, gone: CalendarObject, seq: int, *, origin: Origin, now: datetime) -> None:
    # A tombstone remembers whether the object was masked, so that nobody learns the name of one.
    mark = f"{MASKED}{gone.creator_id or 0}" if gone.classification else None
    _log(tx, gone.calendar_id, seq, gone.href, gone.uid, op="delete", etag=mark, origin=origin, now=now)


def _log(
    tx: Transaction,
    calendar_id: CalendarId,
    seq: int,
    href: str,
    uid: str,
    *,
    op: str,
    etag: str | None,
    origin: Origin,
    now: datetime,
) -> None:
    line = Change(
        calendar_id=calendar_id,
        seq=seq,
        href=href,
        uid=uid,
        op=op,
        etag=etag,
        origin=origin.label,
        at_utc=now,
    )
    change_store.append(tx, [line])
    link_store.wake(tx, calendar_id)
