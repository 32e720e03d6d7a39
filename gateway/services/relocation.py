"""Moves and copies of calendar objects, within a calendar and between two, in one transaction each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.conditional import ANY, Condition
from gateway.domain.errors import NotFound, PreconditionFailed, UidConflict, UnsupportedComponent
from gateway.domain.model import Calendar, CalendarId, CalendarObject, ClashReport, ConflictPolicy
from gateway.services import conflicts, objects
from gateway.services.limits import Limits
from gateway.services.object_log import Origin, log, log_gone, note_visibility, remove
from gateway.services.prepare import longest_s, reread, span_columns
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An object's name in a calendar."""

    calendar_id: CalendarId
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocated:
    """What a move or copy came to; ``clashes`` under the policy to warn."""

    etag: str
    is_overwritten: bool
    clashes: tuple[ClashReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What is there, under the locks of both calendars."""

    subject: CalendarObject
    target: Calendar
    replaced: CalendarObject | None


def move(
    tx: Transaction,
    source: Place,
    target: Place,
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
    is_overwrite: bool = False,
    condition: Condition = ANY,
) -> Relocated:
    """Rename an object, in its calendar or into another one; a move onto itself changes nothing.

    Args:
        tx: a write transaction.
        source: where it is.
        target: where it goes.
        origin: who writes.
        now: becomes the object's time of change.
        limits: booking window.
        is_overwrite: what is at the target is deleted.
        condition: what must be at the source.

    Raises:
        NotFound: there is no such object or calendar.
        PreconditionFailed: it has changed, or the target exists and may not be overwritten.
        UidConflict: the target calendar has the UID under another href.
        UnsupportedComponent: the target calendar does not take it.
        Clash: the time is taken in the target calendar.
    """
    scene = _scene(tx, source, target, now=now, is_overwrite=is_overwrite, condition=condition)
    moved, replaced = scene.subject, scene.replaced
    if source == target:
        return Relocated(etag=moved.etag, is_overwritten=False)
    if source.calendar_id != target.calendar_id:
        _check_uid(tx, moved, target)
    if replaced is not None:
        remove(tx, replaced, origin=origin, now=now)
    clashes: tuple[ClashReport, ...] = ()
    if source.calendar_id == target.calendar_id:
        _rename(tx, moved, target.href, origin=origin, now=now)
    else:
        clashes = _transfer(tx, moved, scene.target, target.href, origin=origin, now=now, limits=limits)
    return Relocated(etag=moved.etag, is_overwritten=replaced is not None, clashes=clashes)


def copy(
    tx: Transaction,
    source: Place,
    target: Place,
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
    is_overwrite: bool = False,
    condition: Condition = ANY,
) -> Relocated:
    """Store the bytes of an object once more, in another calendar; otherwise as ``move``.

    The copy is a new object of who makes it. Within one calendar it would be a second object with the same
    UID, which RFC 4791 §4.1 rules out.
    """
    scene = _scene(tx, source, target, now=now, is_overwrite=is_overwrite, condition=condition)
    original, replaced = scene.subject, scene.replaced
    if source == target:
        return Relocated(etag=original.etag, is_overwritten=False)
    _check_uid(tx, original, target)
    is_update = replaced is not None and replaced.uid == original.uid
    if replaced is not None and not is_update:
        remove(tx, replaced, origin=origin, now=now)
    done = objects.store(
        tx,
        scene.target,
        target.href,
        reread(original, scene.target),
        replaced if is_update else None,
        origin=origin,
        now=now,
        limits=limits,
    )
    return Relocated(etag=done.etag, is_overwritten=replaced is not None, clashes=done.clashes)


def _scene(
    tx: Transaction,
    source: Place,
    target: Place,
    *,
    now: datetime,
    is_overwrite: bool,
    condition: Condition,
) -> _Scene:
    """Lock both calendars and check everything that does not depend on the kind of change."""
    objects.check_href(target.href)
    locked = calendar_store.lock(tx, source.calendar_id, target.calendar_id)
    if source.calendar_id not in locked or target.calendar_id not in locked:
        raise NotFound("The calendar is gone.")
    calendar = locked[target.calendar_id]
    subject = object_store.by_href(tx, source.calendar_id, source.href)
    condition.check(subject.etag if subject else None)
    if subject is None:
        raise NotFound("There is no such calendar object.")
    replaced = None
    if source != target:
        objects.expire_holds(tx, calendar, now=now)
        replaced = object_store.by_href(tx, target.calendar_id, target.href)
    if replaced is not None and not is_overwrite:
        raise PreconditionFailed("There is an object at the destination already.")
    if subject.component not in calendar.components:
        raise UnsupportedComponent(subject.component, calendar.components)
    return _Scene(subject=subject, target=calendar, replaced=replaced)


def _check_uid(tx: Transaction, subject: CalendarObject, target: Place) -> None:
    holder = object_store.by_uid(tx, target.calendar_id, subject.uid)
    if holder is not None and holder.href != target.href:
        raise UidConflict(holder.href)


def _rename(tx: Transaction, moved: CalendarObject, href: str, *, origin: Origin, now: datetime) -> None:
    last = calendar_store.bump(tx, moved.calendar_id, by=2)
    object_store.update_one(tx, moved.id, {"href": href, "seq": last, "modified_at_utc": now})
    note_visibility(tx, moved.calendar_id, href, last, moved.classification)
    log_gone(tx, moved, last - 1, origin=origin, now=now)
    log(tx, moved.calendar_id, last, href, moved.uid, op="put", etag=moved.etag, origin=origin, now=now)


def _transfer(
    tx: Transaction,
    moved: CalendarObject,
    target: Calendar,
    href: str,
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
) -> tuple[ClashReport, ...]:
    # The row moves in place: its history (creator, revision) stays with the object.
    prepared = reread(moved, target)
    spans = prepared.expansion.occurrences
    policy = target.resource.policy
    clashes = conflicts.check(tx, target, spans, policy=policy, object_id=moved.id, now=now, limits=limits)
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
    until = now + limits.booking_window
    objects.guard_slots(tx, target, moved.id, prepared, is_strict=is_strict, until=until)
    note_visibility(tx, target.id, href, seq, moved.classification)
    log_gone(tx, moved, gone, origin=origin, now=now)
    log(tx, target.id, seq, href, moved.uid, op="put", etag=moved.etag, origin=origin, now=now)
    return clashes
