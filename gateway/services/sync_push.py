"""What is to be sent: the objects that changed, compared with what each link has sent before."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.domain.errors import InvalidInput
from gateway.domain.fingerprint import canonical, differing, field_names
from gateway.domain.line_edit import events, tree_of
from gateway.domain.link_model import LEFT, Mapping
from gateway.domain.sending import Sending, sending
from gateway.domain.sync_model import LocalView
from gateway.providers.contract import Delete, Put, Removed, Upsert
from gateway.services.sync_context import (
    RunContext,
    held,
    park_here,
    views,
)
from gateway.store import changes as change_store
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
    what it made can be removed. ``was``: what is there before the write, as far as is known. ``was_aside``:
    it was parked. ``had_drift``: a change there was reported. ``is_listed``: dates stand for its rule.
    """

    uid: str
    write: Put | Delete
    ours: bytes = field(default=b"", repr=False)
    ours_hash: str = ""
    before: str | None = None
    was: bytes = field(default=b"", repr=False)
    fields: tuple[str, ...] = ()
    first: Put | None = None
    was_aside: bool = False
    had_drift: bool = False
    is_listed: bool = False


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
        if uid not in still_here and one.state != LEFT
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
    has_parked = found and (ctx.may_be_parked or ctx.counts.get("parked"))
    parked = sync_log.parked(tx, ctx.link.id, sync_log.HERE) if has_parked else {}
    jobs: list[Job] = []
    intents: dict[str, dict[str, Any]] = {}
    for uid in dict.fromkeys(uids):
        local, mapping = found.get(uid), known.get(uid)
        aside = parked.get((sync_log.HERE, uid))
        if aside is not None and local is not None and aside["content_hash"] == local.ours_hash:
            if settle and mapping is not None:
                mapping_store.save(tx, ctx.link.id, uid, {"is_dirty": False})
            continue
        job = _job(tx, ctx, uid, local, mapping, now=now)
        if job is not None and local is not None and isinstance(job.write, Put) and not job.write.remote_id:
            # Noted before the create: after a crash somebody must know what may be there.
            intents[uid] = _intent(local, now)
        if job is not None:
            jobs.append(replace(job, was_aside=True) if aside is not None else job)
        elif settle and mapping is not None and mapping.is_dirty:
            mapping_store.save(tx, ctx.link.id, uid, {"is_dirty": False})
        if aside is not None and local is None:
            sync_log.unpark(tx, ctx.link.id, sync_log.HERE, [uid])
    mapping_store.add_many(tx, ctx.link.id, {uid: row for uid, row in intents.items() if uid not in known})
    mapping_store.save_many(tx, ctx.link.id, {uid: row for uid, row in intents.items() if uid in known})
    if jobs and ctx.planned_at is None:
        ctx.planned_at = now
    return tuple(jobs)


def _intent(local: LocalView, now: datetime) -> dict[str, Any]:
    """Return the columns of a mapping whose copy is about to be made."""
    ours = local.ours or b""
    return {
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
    }


def _job(
    tx: Transaction,
    ctx: RunContext,
    uid: str,
    local: LocalView | None,
    mapping: Mapping | None,
    *,
    now: datetime,
) -> Job | None:
    match sending(local, mapping, takes=ctx.link.takes, window_start_s=ctx.window.start.timestamp()):
        case Sending.PARK if local is not None:
            park_here(tx, ctx, local, reason=local.rejected or "it cannot be sent", now=now)
        case Sending.CREATE if local is not None:
            return _creation(ctx, local, is_repeat=mapping is not None)
        case Sending.UPDATE if local is not None and mapping is not None:
            return _change(ctx, local, mapping)
        case Sending.DELETE if mapping is not None:
            return _removal(ctx, uid, mapping)
        case Sending.GUESTS if mapping is not None:
            ticket(tx, ctx, uid, mapping, "guests", now)
        case Sending.FORGET:
            mapping_store.drop(tx, ctx.link.id, uid)
        case _:
            pass
    return None


def _change(ctx: RunContext, local: LocalView, mapping: Mapping) -> Job:
    uid, ours = local.stored.uid, local.ours or b""
    return Job(
        uid=uid,
        write=Put(
            key=ctx.key(uid),
            ical=ours,
            presentation=ctx.presentation_of(uid),
            remote_id=mapping.remote_id,
            if_version=mapping.version,
            memo=mapping.memo,
        ),
        ours=ours,
        ours_hash=local.ours_hash,
        before=mapping.sent_hash or mapping.base_hash,
        was=mapping.base,
        fields=_fields(mapping.sent, ours),
        had_drift=mapping.drift_hash is not None,
        is_listed=_is_listed(local.stored.ical, ours),
    )


def _creation(ctx: RunContext, local: LocalView, *, is_repeat: bool = False) -> Job:
    uid, ours = local.stored.uid, local.ours or b""
    return Job(
        uid=uid,
        write=Put(key=ctx.key(uid), ical=ours, presentation=ctx.presentation_of(uid), is_repeat=is_repeat),
        ours=ours,
        ours_hash=local.ours_hash,
        is_listed=_is_listed(local.stored.ical, ours),
    )


def _is_listed(stored: bytes, ours: bytes) -> bool:
    """Return whether dates went out in the place of a rule that the provider does not know."""
    if b"RDATE" not in ours:
        return False
    has_rule = [any(one.first("RRULE") for one in events(tree_of(ical))) for ical in (stored, ours)]
    return has_rule == [True, False]


def _removal(ctx: RunContext, uid: str, mapping: Mapping) -> Job:
    first: Put | None = None
    if mapping.remote_id is None:
        first = Put(
            key=ctx.key(uid), ical=mapping.sent, presentation=ctx.presentation_of(uid), is_repeat=True
        )
    return Job(
        uid=uid,
        write=Delete(
            remote_id=mapping.remote_id or "",
            key=ctx.key(uid),
            if_version=mapping.version,
            memo=mapping.memo,
        ),
        before=mapping.sent_hash or mapping.base_hash,
        was=b"" if mapping.remote_id is None else mapping.base,
        first=first,
    )


def _fields(sent: bytes, ours: bytes) -> tuple[str, ...]:
    try:
        return tuple(field_names(differing(canonical(sent), canonical(ours))))
    except InvalidInput:
        return ()


def ticket(tx: Transaction, ctx: RunContext, uid: str, mapping: Mapping, reason: str, now: datetime) -> None:
    """Tell a person why a copy was left alone."""
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
