"""Time that is taken over there: kept per link as busy periods, never as objects (rules.md, Providers)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import text_of
from gateway.domain.link_model import Privacy
from gateway.domain.model import Busy, ConflictPolicy, Occurrence, to_epoch_s
from gateway.domain.recurrence import expand
from gateway.domain.sync_model import RemoteView
from gateway.services.sync_context import Judged, RunContext
from gateway.store import busy as busy_store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store import sync_log, tickets
from gateway.store.database import Transaction

MAX_BUSY_SPANS = 5000
_CHECKED_SPANS = 60


def take_busy(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    """Keep the time that an event takes, and tell of bookings here that it meets."""
    policy = ctx.link.policy
    ical = one.remote.ical or b""
    parsed = parse_object(ical, max_bytes=max(len(ical), 1))
    horizon = ctx.calendar.index
    found = expand(parsed, zone=ZoneInfo(ctx.calendar.resource.zone), window=horizon, limit=MAX_BUSY_SPANS)
    spans = [
        (to_epoch_s(span.start), to_epoch_s(span.end), _busy_of(span, one.remote, ctx))
        for span in found.occurrences
        if span.end > span.start
    ]
    title = None
    if policy.privacy_in is not Privacy.BUSY and parsed.master is not None:
        title = text_of(parsed.master, "SUMMARY")
    is_new = busy_store.replace(
        tx, ctx.link.id, ctx.link.calendar_id, one.remote.remote_id, spans, title=title
    )
    if is_new:
        report_clashes(tx, ctx, one.remote.remote_id, spans, now)
    sync_log.unpark(tx, ctx.link.id, sync_log.THERE, [one.remote.remote_id])


def report_clashes(
    tx: Transaction,
    ctx: RunContext,
    remote_id: str,
    spans: Sequence[tuple[int, int, Busy]],
    now: datetime,
) -> None:
    """Tell of bookings here that meet time taken there later: detection, not prevention."""
    calendar = ctx.calendar
    if calendar.resource.policy is ConflictPolicy.ALLOW:
        return
    ahead = to_epoch_s(now)
    taken = [(start, end) for start, end, busy in spans[:_CHECKED_SPANS] if busy.blocks and end > ahead]
    rows = occurrence_store.blocking(tx, calendar, taken, except_object=None, now=now) if taken else []
    found = {int(object_id) for _start, _end, object_id in rows}
    for stored in object_store.by_ids(tx, calendar.id, sorted(found)):
        tickets.open_for_link(
            tx,
            calendar.id,
            link_uuid=ctx.link.uuid,
            uid=stored.uid,
            remote_id=remote_id,
            reason="busy-there",
            theirs=None,
            fields=["time"],
            now=now,
        )


def _busy_of(span: Occurrence, remote: RemoteView, ctx: RunContext) -> Busy:
    policy = ctx.link.policy
    if not span.busy.blocks:
        return Busy.FREE
    if remote.is_away or span.busy is Busy.UNAVAILABLE:
        return Busy.UNAVAILABLE if policy.out_of_office_blocks else Busy.FREE
    if span.busy is Busy.TENTATIVE:
        return Busy.TENTATIVE if policy.tentative_blocks else Busy.FREE
    return span.busy


def drop_busy(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:  # noqa: ARG001 - one signature for all acts
    """Forget the time that an event took."""
    busy_store.drop(tx, ctx.link.id, one.remote.remote_id)
    sync_log.unpark(tx, ctx.link.id, sync_log.THERE, [one.remote.remote_id])
