"""What became of the writes of a push: recorded under the lease, a chunk per transaction."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.domain.errors import InvalidInput
from gateway.domain.fingerprint import is_same_but_stamp
from gateway.providers.contract import Delete, Upsert
from gateway.services import sync_run
from gateway.services.sync_begin import Start
from gateway.services.sync_context import LeaseLost, RunContext, begin_run, content_hash, held, log_line
from gateway.services.sync_push import Done, Job, ticket
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store import sync_log, tickets
from gateway.store.database import Transaction


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
    ctx.remember(tx)
    # The change of the link's own row is the fence: it holds the row until the transaction ends.
    if not values or not link_store.change_held(tx, ctx.claim, values):
        held(tx, ctx)
    lines = _apply(tx, ctx, done, now)
    if ctx.planned_at is not None:
        begin_run(tx, ctx, now=ctx.planned_at)
    _append(tx, ctx, lines)
    return mapping_store.has_dirty(tx, ctx.link.id)


def record_and_finish(
    tx: Transaction,
    ctx: RunContext,
    done: Sequence[Done],
    *,
    values: Dict[str, Any],
    begun: Start,
    next_pull_ms: int,
    now: datetime,
    more: Dict[str, Any],
) -> None:
    """Record the last results of a run and end it; where something must be sent again, the next is due now.

    Raises:
        LeaseLost: as ``record``.
    """
    ctx.remember(tx)
    # As in ``record``: giving the link back is the fence, nobody else has it before the commit.
    if not sync_run.give_back_done(
        tx, ctx, begun=begun, next_pull_ms=next_pull_ms, now=now, more={**values, **more}
    ):
        raise LeaseLost
    lines = _apply(tx, ctx, done, now)
    if ctx.planned_at is not None and not ctx.run_id:
        ctx.run_id = sync_log.note_run(
            tx,
            ctx.link.id,
            cause=ctx.cause,
            started_at=ctx.planned_at,
            outcome="ok",
            counts=ctx.counts,
            now=now,
        )
    elif ctx.run_id:
        sync_log.end_run(tx, ctx.run_id, outcome="ok", counts=ctx.counts, now=now)
    _append(tx, ctx, lines)
    if mapping_store.has_dirty(tx, ctx.link.id):
        link_store.change(tx, ctx.link.id, {})


def _apply(tx: Transaction, ctx: RunContext, done: Sequence[Done], now: datetime) -> list[dict[str, Any]]:
    """Store what became of the jobs; return the lines for the log."""
    lines: list[dict[str, Any]] = []
    copies: dict[str, dict[str, Any]] = {}
    for one in done:
        uid = one.job.uid
        if one.guests:
            mapping_store.save(tx, ctx.link.id, uid, {"has_guests": True, "is_dirty": False})
            known = mapping_store.by_uids(tx, ctx.link.id, [uid])
            if uid in known:
                ticket(tx, ctx, uid, known[uid], "guests", now)
        elif one.problem is not None:
            _park(tx, ctx, one, now)
        elif one.conflict:
            mapping_store.save(tx, ctx.link.id, uid, {"is_dirty": True})
        elif one.answer is not None:
            if isinstance(one.answer, Upsert):
                copies[uid] = _copy(one.job, one.answer, now)
            lines.append(_written(tx, ctx, one, copies.get(uid), now))
    _map(tx, ctx, done, copies)
    return lines


def _append(tx: Transaction, ctx: RunContext, lines: Sequence[dict[str, Any]]) -> None:
    sync_log.append(tx, [line | {"run_id": ctx.run_id or None} for line in lines])


def _copy(job: Job, answer: Upsert, now: datetime) -> dict[str, Any]:
    """Return the columns of a mapping after a write."""
    return {
        "remote_id": answer.remote_id,
        "version": answer.version,
        "memo": answer.memo,
        "sent": job.ours,
        "sent_hash": job.ours_hash,
        "base": answer.ical,
        "base_hash": _hash_of_answer(answer.ical, job),
        "drift_hash": None,
        "has_guests": answer.guests,
        "is_dirty": False,
        "state": "ok",
        "updated_at_utc": now,
    }


def _map(tx: Transaction, ctx: RunContext, done: Sequence[Done], copies: Dict[str, Dict[str, Any]]) -> None:
    """Store all copies of a chunk in as few statements as there are kinds of them."""
    known = {one.job.uid: getattr(one.job.write, "remote_id", None) for one in done}
    new = {copy["remote_id"]: uid for uid, copy in copies.items() if known[uid] != copy["remote_id"]}
    mapping_store.free_remote_ids(tx, ctx.link.id, new)
    mapping_store.save_many(tx, ctx.link.id, copies)


def _written(
    tx: Transaction, ctx: RunContext, one: Done, copy: Dict[str, Any] | None, now: datetime
) -> dict[str, Any]:
    uid, answer = one.job.uid, one.answer
    if copy is None:
        action = "delete"
        mapping_store.drop(tx, ctx.link.id, uid)
    else:
        action = "create" if getattr(one.job.write, "remote_id", None) is None else "update"
        if one.job.was_aside:
            sync_log.unpark(tx, ctx.link.id, sync_log.HERE, [uid])
        if one.job.had_drift:
            _close_drift(tx, ctx.link.uuid, uid, now)
    ctx.count(action)
    return log_line(
        ctx,
        now=now,
        side=sync_log.THERE,
        action=action,
        uid=uid,
        remote_id=answer.remote_id if answer is not None else None,
        before=one.job.before,
        after=copy["base_hash"] if copy is not None else None,
        fields=one.job.fields,
        was=one.job.was or None,
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


def _hash_of_answer(ical: bytes, job: Job) -> str:
    if is_same_but_stamp(ical, job.ours):
        return job.ours_hash
    try:
        return content_hash(ical)
    except InvalidInput:
        return job.ours_hash


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
