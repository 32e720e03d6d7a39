"""The two halves of a push that touch the database: what is to be sent, and what became of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.domain.errors import InvalidInput
from gateway.domain.fingerprint import canonical, differing, field_names
from gateway.domain.link_model import LinkId, Mapping
from gateway.domain.sync_model import LocalView
from gateway.providers.contract import Delete, Put, Removed, Upsert
from gateway.services.sync_context import (
    RunContext,
    begin_run,
    content_hash,
    held,
    log_line,
    park_here,
    views,
)
from gateway.store import changes as change_store
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import sync_log, tickets
from gateway.store.database import Transaction

CHUNK = 40


class Step(enum.StrEnum):
    """Where the objects of a chunk came from."""

    CHANGES = "changes"
    DIRTY = "dirty"
    COMPARE = "compare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One write at the provider.

    ``first`` is sent before ``write``: a create whose end we never learnt is repeated with its key, so that
    what it made can be removed. ``was_aside``: it was parked. ``had_drift``: a change there was reported.
    """

    uid: str
    write: Put | Delete
    ours: bytes = field(default=b"", repr=False)
    ours_hash: str = ""
    before: str | None = None
    fields: tuple[str, ...] = ()
    first: Put | None = None
    was_aside: bool = False
    had_drift: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of the work.

    Attributes:
        jobs: what to write.
        after: where the next chunk of the same step begins: a number of the log, or a UID.
        is_last: there is nothing behind it.
        examined: how many objects were looked at.
        has_dirty: some object must be sent again whatever the log says.
    """

    jobs: tuple[Job, ...]
    after: int | str
    is_last: bool
    examined: int
    has_dirty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How one job ended: ``answer``, or ``problem`` where the object is parked."""

    job: Job
    answer: Upsert | Removed | None = None
    problem: str | None = None
    guests: bool = False
    conflict: bool = False


def plan_changes(tx: Transaction, ctx: RunContext, *, after_seq: int, now: datetime) -> Chunk:
    """Return what changed after a number in the log; records intents and parks what cannot be sent.

    Raises:
        LeaseLost: nothing was changed.
    """
    held(tx, ctx)
    lines = change_store.since(tx, ctx.link.calendar_id, after_seq, limit=CHUNK)
    jobs = _jobs(tx, ctx, [line.uid for line in lines], now=now)
    seq = max(lines[-1].seq if lines else 0, after_seq)
    return Chunk(
        jobs=jobs,
        after=seq,
        is_last=len(lines) < CHUNK,
        examined=len(lines),
        has_dirty=not jobs and mapping_store.has_dirty(tx, ctx.link.id),
    )


def plan_dirty(tx: Transaction, ctx: RunContext, *, after_uid: str, now: datetime) -> Chunk:
    """Return what must be sent again whatever the log says."""
    held(tx, ctx)
    uids = mapping_store.dirty(tx, ctx.link.id, limit=CHUNK, after_uid=after_uid)
    jobs = _jobs(tx, ctx, uids, now=now, settle=True)
    after = uids[-1] if uids else after_uid
    return Chunk(
        jobs=jobs,
        after=after,
        is_last=len(uids) < CHUNK,
        examined=len(uids),
        has_dirty=not jobs and mapping_store.has_dirty(tx, ctx.link.id),
    )


def plan_compare(tx: Transaction, ctx: RunContext, *, after_uid: str, now: datetime) -> Chunk:
    """Return what differs among the objects and mappings behind a UID: the full compare."""
    held(tx, ctx)
    here = object_store.uids_page(tx, ctx.link.calendar_id, after_uid=after_uid, limit=CHUNK)
    there = mapping_store.uids_page(tx, ctx.link.id, after_uid=after_uid, limit=CHUNK)
    uids = sorted(set(here) | set(there))[:CHUNK]
    jobs = _jobs(tx, ctx, uids, now=now)
    after = uids[-1] if uids else after_uid
    return Chunk(
        jobs=jobs,
        after=after,
        is_last=len(uids) < CHUNK,
        examined=len(uids),
        has_dirty=not jobs and mapping_store.has_dirty(tx, ctx.link.id),
    )


def pending_deletions(tx: Transaction, ctx: RunContext, *, is_full: bool) -> tuple[list[dict[str, Any]], int]:
    """Return what would be deleted there because it is gone here, and how many copies there are."""
    if is_full:
        here = set(object_store.uids(tx, ctx.link.calendar_id))
        gone, after = [], ""
        while page := mapping_store.uids_page(tx, ctx.link.id, after_uid=after):
            gone += [uid for uid in page if uid not in here]
            after = page[-1]
    else:
        lines = change_store.since(tx, ctx.link.calendar_id, ctx.link.pushed_seq)
        gone = [line.uid for line in lines if line.op == "delete"]
    known = mapping_store.by_uids(tx, ctx.link.id, gone)
    still_here = {one.uid for one in object_store.by_uids(tx, ctx.link.calendar_id, known)}
    planned = [
        {"side": "there", "action": "delete", "uid": uid, "remote_id": one.remote_id}
        for uid, one in known.items()
        if uid not in still_here
    ]
    return planned, mapping_store.count(tx, ctx.link.id)


def work_left(tx: Transaction, ctx: RunContext, *, is_full: bool) -> int:
    """Return how many objects have to be looked at, for progress."""
    if is_full:
        return len(object_store.uids(tx, ctx.link.calendar_id))
    return len(change_store.since(tx, ctx.link.calendar_id, ctx.link.pushed_seq))


# -- deciding -----------------------------------------------------------------------------------------


def _jobs(
    tx: Transaction, ctx: RunContext, uids: Sequence[str], *, now: datetime, settle: bool = False
) -> tuple[Job, ...]:
    found, known = views(tx, ctx, uids)
    parked = sync_log.parked(tx, ctx.link.id, sync_log.HERE) if found else {}
    jobs: list[Job] = []
    for uid in dict.fromkeys(uids):
        local, mapping = found.get(uid), known.get(uid)
        aside = parked.get((sync_log.HERE, uid))
        if aside is not None and local is not None and aside["content_hash"] == local.ours_hash:
            if settle and mapping is not None:
                mapping_store.save(tx, ctx.link.id, uid, {"is_dirty": False})
            continue
        job = _job(tx, ctx, uid, local, mapping, now=now)
        if job is not None:
            jobs.append(replace(job, was_aside=True) if aside is not None else job)
        elif settle and mapping is not None and mapping.is_dirty:
            mapping_store.save(tx, ctx.link.id, uid, {"is_dirty": False})
        if aside is not None and local is None:
            sync_log.unpark(tx, ctx.link.id, sync_log.HERE, [uid])
    if jobs:
        begin_run(tx, ctx, now=now)
    return tuple(jobs)


def _job(
    tx: Transaction,
    ctx: RunContext,
    uid: str,
    local: LocalView | None,
    mapping: Mapping | None,
    *,
    now: datetime,
) -> Job | None:
    if local is None or not local.is_wanted:
        return _removal(tx, ctx, uid, local, mapping, now=now)
    if local.ours is None:
        park_here(tx, ctx, local, reason=local.rejected or "it cannot be sent", now=now)
        return None
    if mapping is None:
        return _creation(tx, ctx, local, now=now)
    if mapping.remote_id is None:
        return _creation(tx, ctx, local, now=now)
    if local.ours_hash == mapping.sent_hash:
        return None
    if mapping.has_guests:
        _ticket(tx, ctx, uid, mapping, "guests", now)
        return None
    if mapping.drift_hash == "" and not mapping.is_dirty:
        return None  # deleted there by hand, and reported: only a person decides that it comes back
    return Job(
        uid=uid,
        write=Put(
            key=ctx.key(uid),
            ical=local.ours,
            presentation=ctx.presentation_of(uid),
            remote_id=mapping.remote_id,
            if_version=mapping.version,
            memo=mapping.memo,
        ),
        ours=local.ours,
        ours_hash=local.ours_hash,
        before=mapping.sent_hash or mapping.base_hash,
        fields=_fields(mapping.sent, local.ours),
        had_drift=mapping.drift_hash is not None,
    )


def _creation(tx: Transaction, ctx: RunContext, local: LocalView, *, now: datetime) -> Job:
    """Note the intent before the create: after a crash somebody must know what may be there."""
    uid, ours = local.stored.uid, local.ours or b""
    mapping_store.save(
        tx,
        ctx.link.id,
        uid,
        {
            "remote_id": None,
            "version": None,
            "sent": ours,
            "sent_hash": "",
            "base": ours,
            "base_hash": local.ours_hash,
            "drift_hash": None,
            "is_dirty": True,
            "state": "creating",
            "is_ours": True,
            "updated_at_utc": now,
        },
    )
    return Job(
        uid=uid,
        write=Put(key=ctx.key(uid), ical=ours, presentation=ctx.presentation_of(uid)),
        ours=ours,
        ours_hash=local.ours_hash,
    )


def _removal(
    tx: Transaction,
    ctx: RunContext,
    uid: str,
    local: LocalView | None,
    mapping: Mapping | None,
    *,
    now: datetime,
) -> Job | None:
    if mapping is None:
        return None
    if mapping.drift_hash == "":
        mapping_store.drop(tx, ctx.link.id, uid)  # gone on both sides
        return None
    if local is not None and not ctx.link.takes and _has_left_window(ctx, local):
        return None  # what has passed stays where it is
    if local is not None and ctx.link.takes:
        return None  # here to stay, there to stay: only the window or its kind has changed
    if mapping.has_guests:
        _ticket(tx, ctx, uid, mapping, "guests", now)
        return None
    first: Put | None = None
    if mapping.remote_id is None:
        first = Put(key=ctx.key(uid), ical=mapping.sent, presentation=ctx.presentation_of(uid))
    return Job(
        uid=uid,
        write=Delete(
            remote_id=mapping.remote_id or "",
            key=ctx.key(uid),
            if_version=mapping.version,
            memo=mapping.memo,
        ),
        before=mapping.sent_hash or mapping.base_hash,
        first=first,
    )


def _has_left_window(ctx: RunContext, local: LocalView) -> bool:
    end = local.stored.last_end
    return end is not None and end < ctx.window.start.timestamp()


def _fields(sent: bytes, ours: bytes) -> tuple[str, ...]:
    try:
        return tuple(field_names(differing(canonical(sent), canonical(ours))))
    except InvalidInput:
        return ()


def _ticket(tx: Transaction, ctx: RunContext, uid: str, mapping: Mapping, reason: str, now: datetime) -> None:
    tickets.open_for_link(
        tx,
        ctx.link.calendar_id,
        link_uuid=ctx.link.uuid,
        uid=uid,
        remote_id=mapping.remote_id,
        reason=reason,
        theirs=None,
        fields=(),
        now=now,
    )


# -- recording ----------------------------------------------------------------------------------------


def record(
    tx: Transaction,
    ctx: RunContext,
    done: Sequence[Done],
    *,
    now: datetime,
    values: Dict[str, Any] | None = None,
) -> bool:
    """Record what became of the jobs, move the link on, and return whether something must be sent again.

    Raises:
        LeaseLost: another worker has the link; the next run repeats these writes with the same keys.
    """
    # The change of the link's own row is the fence: it holds the row until the transaction ends.
    if not values or not link_store.change_held(tx, ctx.claim, values):
        held(tx, ctx)
    lines: list[dict[str, Any]] = []
    for one in done:
        uid = one.job.uid
        if one.guests:
            mapping_store.save(tx, ctx.link.id, uid, {"has_guests": True, "is_dirty": False})
            known = mapping_store.by_uids(tx, ctx.link.id, [uid])
            if uid in known:
                _ticket(tx, ctx, uid, known[uid], "guests", now)
        elif one.problem is not None:
            _park(tx, ctx, one, now)
        elif one.conflict:
            mapping_store.save(tx, ctx.link.id, uid, {"is_dirty": True})
        elif one.answer is not None:
            lines.append(_written(tx, ctx, one, now))
    sync_log.append(tx, lines)
    return mapping_store.has_dirty(tx, ctx.link.id)


def _written(tx: Transaction, ctx: RunContext, one: Done, now: datetime) -> dict[str, Any]:
    uid, answer = one.job.uid, one.answer
    is_gone = isinstance(answer, Removed) or answer is None
    action = (
        "delete" if is_gone else ("create" if getattr(one.job.write, "remote_id", None) is None else "update")
    )
    after: str | None = None
    if isinstance(answer, Upsert):
        after = _hash_or(answer.ical, one.job.ours_hash)
        if getattr(one.job.write, "remote_id", None) != answer.remote_id:
            mapping_store.free_remote_id(tx, ctx.link.id, answer.remote_id, but_uid=uid)
        mapping_store.save(
            tx,
            ctx.link.id,
            uid,
            {
                "remote_id": answer.remote_id,
                "version": answer.version,
                "memo": answer.memo,
                "sent": one.job.ours,
                "sent_hash": one.job.ours_hash,
                "base": answer.ical,
                "base_hash": after,
                "drift_hash": None,
                "has_guests": answer.guests,
                "is_dirty": False,
                "state": "ok",
                "updated_at_utc": now,
            },
        )
        if one.job.was_aside:
            sync_log.unpark(tx, ctx.link.id, sync_log.HERE, [uid])
        if one.job.had_drift:
            _close_drift(tx, ctx.link.uuid, uid, now)
    else:
        mapping_store.drop(tx, ctx.link.id, uid)
    ctx.count(action)
    return log_line(
        ctx,
        now=now,
        side=sync_log.THERE,
        action=action,
        uid=uid,
        remote_id=answer.remote_id if answer is not None else None,
        before=one.job.before,
        after=after,
        fields=one.job.fields,
    )


def _close_drift(tx: Transaction, link_uuid: str, uid: str, now: datetime) -> None:
    tickets.close_for_link(
        tx,
        link_uuid=link_uuid,
        uid=uid,
        reasons=("changed-there", "deleted-there", "proposed"),
        resolution="overwritten",
        now=now,
    )


def _hash_or(ical: bytes, otherwise: str) -> str:
    try:
        return content_hash(ical)
    except InvalidInput:
        return otherwise


def _park(tx: Transaction, ctx: RunContext, one: Done, now: datetime) -> None:
    uid, write = one.job.uid, one.job.write
    if isinstance(write, Delete) and not write.remote_id:
        mapping_store.drop(tx, ctx.link.id, uid)  # what cannot be made there need not be removed
        return
    sync_log.park(
        tx,
        ctx.link.id,
        sync_log.HERE,
        uid,
        content_hash=one.job.ours_hash,
        reason=one.problem or "",
        now=now,
    )
    ctx.count("parked")
    if uid in mapping_store.by_uids(tx, ctx.link.id, [uid]):
        # Kept also where it was never seen to exist: an earlier attempt may have made it.
        mapping_store.save(tx, ctx.link.id, uid, {"is_dirty": False})


def forget_copies(tx: Transaction, link_id: LinkId, uids: Sequence[str]) -> None:
    """Forget mappings whose copies are to stay where they are."""
    for uid in uids:
        mapping_store.drop(tx, link_id, uid)
