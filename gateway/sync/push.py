"""Sending what differs: the newest state of each object, never the history of its changes.

Before a create its intent is stored, every write carries the key that makes repeating it harmless, and its
result is stored before the link moves on: a crash between any two calls leads to the same calls again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from gateway.domain.sync_model import guard_trips
from gateway.providers.contract import Capability, Delete, Put, Removed, Upsert
from gateway.providers.errors import (
    CalendarMissing,
    HasGuests,
    NotFound,
    ProviderError,
    Rejected,
    Unavailable,
    VersionConflict,
)
from gateway.services import sync_push, sync_record, sync_run
from gateway.services.sync_push import Chunk, Done, Job, Step
from gateway.sync.pull import refetch
from gateway.sync.run import GuardStopped, Run, Unrecorded

_log = structlog.get_logger("gateway.sync.push")
_ROUNDS = 4


async def push(run: Run, *, is_full: bool) -> None:
    """Make the copies equal to the objects here.

    Raises:
        ProviderError: what was sent is recorded, the rest is tried again.
        GuardStopped: too much would be deleted there.
        LeaseLost: another worker has the link.
    """
    if not run.link.pushes or Capability.WRITE not in run.provider.capabilities:
        await _nothing_to_send(run)
        return
    seq = run.ctx.calendar.seq
    is_quiet = run.link.pushed_seq >= seq and not run.begun.signs.has_dirty and not run.has_taken
    if is_quiet and not is_full:
        return
    await _guard(run, is_full=is_full)
    if is_full:
        run.expected = run.examined + await run.db.aread(sync_push.work_left, run.ctx, is_full=True)
        has_dirty = await _compare(run)
        values = {"pushed_seq": max(seq, run.link.pushed_seq)} | sync_run.window_values(run.ctx)
        await run.db.awrite(sync_run.compared, run.ctx, values, now=run.clock())
    else:
        # Where something waits to be sent again, this run sends it: the end of the run must not come before.
        may_wait = not run.begun.must_pull and not run.begun.signs.has_dirty
        has_dirty = await _all(run, Step.CHANGES, run.link.pushed_seq, may_wait=may_wait)
    await again(run, has_dirty=has_dirty)


async def again(run: Run, *, has_dirty: bool) -> None:
    """Send what must be sent again, as long as there is something.

    Raises:
        ProviderError: as ``push``.
    """
    for _ in range(_ROUNDS):
        if not has_dirty and not run.unresolved:
            return
        run.unresolved.clear()
        has_dirty = await _all(run, Step.DIRTY, "")
    raise Unavailable("Some objects change faster there than they can be written; they are tried again.")


async def _nothing_to_send(run: Run) -> None:
    if run.begun.must_compare or run.link.pushed_seq != run.ctx.calendar.seq:
        values = {"pushed_seq": run.ctx.calendar.seq}
        await run.db.awrite(sync_run.compared, run.ctx, values, now=run.clock())


async def _guard(run: Run, *, is_full: bool) -> None:
    if not is_full and not run.begun.may_trip:
        return
    planned, copies = await run.db.aread(sync_push.pending_deletions, run.ctx, is_full=is_full)
    if guard_trips(len(run.not_approved(planned)), copies):
        await run.db.awrite(sync_run.guard_stops, run.ctx, planned, now=run.clock())
        raise GuardStopped


async def _all(run: Run, step: Step, after: int | str, *, may_wait: bool = False) -> bool:
    """Work a step to its end; return whether something must be sent again.

    ``may_wait``: the results of the last chunk may be recorded with the end of the run.
    """
    has_dirty = False
    while True:
        chunk = await _plan(run, step, after)
        run.examined += chunk.examined
        done, error = await _send(run, chunk)
        values = {"done": run.examined, "total": max(run.expected, run.examined)}
        if step is Step.CHANGES and error is None:
            values["pushed_seq"] = int(chunk.after)
        has_dirty = chunk.has_dirty
        if may_wait and chunk.is_last and chunk.examined and error is None and _went_well(done):
            run.unrecorded = Unrecorded(done=done, values=values)
            return False
        if done or chunk.examined:
            has_dirty = await run.together.write(
                run.link.id, sync_record.record, run.ctx, done, now=run.clock(), values=values
            )
        if error is not None:
            raise error
        for one in done:
            if one.conflict:
                await _resolve(run, one)
        if chunk.is_last:
            return has_dirty
        after = chunk.after


async def _compare(run: Run) -> bool:
    """Compare everything: while a chunk is sent, the next is planned and the one before is recorded.

    Chunks are parts of the order of UIDs, so that none of them has an object of another one.
    """
    planning: asyncio.Task[Chunk] | None = asyncio.create_task(_plan(run, Step.COMPARE, ""))
    recording: asyncio.Task[bool] | None = None
    try:
        while planning is not None:
            chunk = await planning
            planning = None
            if not chunk.is_last:
                planning = asyncio.create_task(_plan(run, Step.COMPARE, chunk.after))
            run.examined += chunk.examined
            done, error = await _send(run, chunk)
            if recording is not None:
                await recording
            recording = asyncio.create_task(_record(run, done))
            if error is not None or not _went_well(done):
                await recording
            if error is not None:
                raise error
            for one in done:
                if one.conflict:
                    await _resolve(run, one)
        return await recording if recording is not None else False
    finally:
        # Whatever ends this: what was sent is recorded first.
        left = [task for task in (planning, recording) if task is not None]
        await asyncio.gather(*left, return_exceptions=True)


async def _record(run: Run, done: Sequence[Done]) -> bool:
    values = {"done": run.examined, "total": max(run.expected, run.examined)}
    return await run.together.write(
        run.link.id, sync_record.record, run.ctx, done, now=run.clock(), values=values
    )


def _went_well(done: Sequence[Done]) -> bool:
    return all(one.answer is not None for one in done)


async def _plan(run: Run, step: Step, after: int | str) -> Chunk:
    now = run.clock()
    if step is Step.CHANGES:
        return await run.together.write(
            run.link.id, sync_push.plan_changes, run.ctx, after_seq=int(after), now=now
        )
    plan = sync_push.plan_dirty if step is Step.DIRTY else sync_push.plan_compare
    return await run.together.write(run.link.id, plan, run.ctx, after_uid=str(after), now=now)


async def _send(run: Run, chunk: Chunk) -> tuple[list[Done], ProviderError | None]:
    """Send a chunk, some at once; after the first error that is not of one object nothing more is begun."""
    done: list[Done] = []
    stopped: list[ProviderError] = []
    queue = list(reversed(chunk.jobs))

    async def sender() -> None:
        while queue and not stopped:
            job = queue.pop()
            try:
                done.append(await _one(run, job))
            except ProviderError as error:
                stopped.append(error)

    await asyncio.gather(*(sender() for _ in range(min(run.width, len(queue)))))
    return done, stopped[0] if stopped else None


async def _one(run: Run, job: Job) -> Done:
    try:
        answer = await _write(run, job)
    except VersionConflict:
        return Done(job=job, conflict=True)
    except HasGuests:
        return Done(job=job, guests=True)
    except Rejected as error:
        return Done(job=job, problem=str(error))
    except CalendarMissing:
        raise
    except NotFound:
        if isinstance(job.write, Delete):
            return Done(job=job, answer=Removed(remote_id=job.write.remote_id))
        return Done(job=job, conflict=True)
    if job.is_listed and isinstance(job.write, Put):
        # Said, not hidden (behaviours.md 20); of the object only the hash of its UID.
        _log.info("series.expanded", link=run.link.uuid, object=job.write.key.marker)
    return Done(job=job, answer=answer)


async def _write(run: Run, job: Job) -> Upsert | Removed:
    write = job.write
    if job.first is not None and isinstance(write, Delete):
        made = await run.account.push(run.calendar_id, job.first)
        if isinstance(made, Removed):
            return made
        write = Delete(remote_id=made.remote_id, key=write.key, if_version=made.version, memo=made.memo)
    return await run.account.push(run.calendar_id, write)


async def _resolve(run: Run, one: Done) -> None:
    """Read what is there now and plan again; the object stays marked to be sent."""
    write = one.job.write
    if isinstance(write, Put) and write.remote_id is None:
        raise Unavailable("A new event met something unexpected at the provider; it is tried again.")
    run.unresolved.add(one.job.uid)
    if write.remote_id:
        await refetch(run, write.remote_id)
