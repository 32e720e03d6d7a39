"""Asking the provider what is new, and recording it page by page.

A cursor is stored only when everything before it was recorded, so a crash repeats pages, and repeating is
harmless. Deletions are believed last: after the whole pull, each one asked for by its id, and never more of
them at once than the guard lets pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from gateway.domain.sync_model import guard_trips
from gateway.providers.contract import (
    Capability,
    Item,
    Page,
    Removed,
    Scope,
    Unreadable,
    Upsert,
)
from gateway.providers.errors import CalendarMissing, CursorExpired, Forbidden, NotFound
from gateway.services import availability, sync_pull, sync_push, sync_run
from gateway.sync.availability import can_take
from gateway.sync.availability import take as take_availability
from gateway.sync.plan import decide
from gateway.sync.run import GuardStopped, Run

_log = structlog.get_logger("gateway.sync.pull")
_SLICE = 25


async def pull(run: Run, *, is_full: bool) -> None:
    """Take over what has changed there since the link's cursor, or compare everything.

    Raises:
        ProviderError: nothing of it is lost: the cursor stands where it was.
        GuardStopped: too much would be deleted here; the cursor stands where it was.
        LeaseLost: another worker has the link.
    """
    has_delta = Capability.DELTA in run.provider.capabilities
    cursor = run.link.cursor if has_delta and not is_full else None
    if availability.is_cursor(cursor):
        await take_availability(run)
        return
    try:
        await _pull(run, cursor)
    except Forbidden:
        if not await can_take(run):
            raise
        await take_availability(run)
    except CursorExpired:
        _log.info("cursor.expired", link=run.link.uuid)
        await run.db.awrite(sync_run.save, run.ctx, {"cursor": None})
        await _pull(run, None)


async def _pull(run: Run, cursor: str | None) -> None:
    scope = Scope.OBJECTS if run.link.pushes else Scope.BUSY
    seen: set[str] = set()
    removed: list[str] = []
    last: Page | None = None
    run.examined = run.expected = 0
    if run.begun.must_compare and run.link.pushes:
        run.to_send = await run.db.aread(sync_push.work_left, run.ctx, is_full=True)
    pages = run.account.pull(run.calendar_id, cursor=cursor, window=run.ctx.calendar.index, scope=scope)
    async for page in pages:
        seen.update(item.remote_id for item in page.items)
        run.has_taken = run.has_taken or bool(page.items)
        removed += [item.remote_id for item in page.items if isinstance(item, Removed)]
        await take(run, [item for item in page.items if not isinstance(item, Removed)])
        await _progress(run, len(page.items), page.total)
        if page.is_last:
            last = page
    if last is None:
        return  # a listing without an end proves nothing and moves nothing
    if last.looked is not None:
        removed += await run.db.aread(sync_pull.absent, run.ctx, seen)
    if removed:
        await _believe(run, list(dict.fromkeys(removed)))
    if run.begun.signs.has_parked:
        for remote_id in await run.db.aread(sync_pull.to_try_again, run.ctx, now=run.clock()):
            if remote_id not in seen:
                await refetch(run, remote_id)
    if run.has_taken:
        await run.db.awrite(sync_run.save, run.ctx, {"cursor": last.cursor})
    elif last.cursor != cursor:
        run.cursor = last.cursor  # nothing lies before it: the end of the run is soon enough


async def take(run: Run, items: Sequence[Item]) -> None:
    """Judge and apply items, a slice per transaction."""
    run.has_taken = run.has_taken or bool(items)
    for start in range(0, len(items), _SLICE):
        await run.db.awrite(
            sync_pull.take,
            run.ctx,
            items[start : start + _SLICE],
            decide=decide,
            now=run.clock(),
        )


async def _believe(run: Run, removed: Sequence[str]) -> None:
    """Confirm each deletion of a copy by its id, then let the guard look at them together."""
    mapped = await run.db.aread(sync_pull.is_mapped, run.ctx, removed)
    confirmed: list[Item] = [Removed(remote_id=each) for each in removed if each not in mapped]
    for start in range(0, len(mapped), run.width):
        part = sorted(mapped)[start : start + run.width]
        confirmed += await asyncio.gather(*(_confirm(run, each) for each in part))
    gone = [item.remote_id for item in confirmed if isinstance(item, Removed)]
    if run.link.takes:
        planned, mappings = await run.db.aread(sync_pull.deletions, run.ctx, gone, decide=decide)
        if guard_trips(len(run.not_approved(planned)), mappings):
            await run.db.awrite(sync_run.guard_stops, run.ctx, planned, now=run.clock())
            raise GuardStopped
    await take(run, confirmed)


async def _confirm(run: Run, remote_id: str) -> Upsert | Removed | Unreadable:
    try:
        return await run.account.fetch(run.calendar_id, remote_id)
    except CalendarMissing:
        raise
    except NotFound:
        return Removed(remote_id=remote_id)


async def refetch(run: Run, remote_id: str) -> None:
    """Take over one object as it is now: after a conflict, or where a copy turned out to be gone."""
    await take(run, [await _confirm(run, remote_id)])


async def _progress(run: Run, examined: int, total: int | None) -> None:
    run.examined += examined
    run.expected = max(run.expected, total or 0)
    if run.begun.must_compare:
        # What waits here is still to come; of a listing without a count nothing else is known.
        known = max(run.expected, run.examined) + run.to_send if run.expected or run.to_send else 0
        await run.db.awrite(sync_run.note_progress, run.ctx, done=run.examined, total=known)
