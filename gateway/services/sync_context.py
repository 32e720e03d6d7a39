"""What one run of a link works with, and both sides of an object as that link sees them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.errors import GatewayError, InvalidInput
from gateway.domain.fingerprint import canonical, hash_of
from gateway.domain.ical import shared_object
from gateway.domain.link_model import Link, Mapping
from gateway.domain.model import Calendar, CalendarObject, Classification, Window, from_epoch_s, to_epoch_s
from gateway.domain.outbound import Sight, outbound, untakeable, wanted
from gateway.domain.recurrence import expand
from gateway.domain.sync_model import Decision, LocalView, RemoteView
from gateway.providers.contract import ObjectKey, Presentation, Reminders, marker_of, resource_hash
from gateway.providers.errors import Rejected
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.store import changes as change_store
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import remote_calendars, sync_log
from gateway.store.database import Transaction
from gateway.store.links import Claim

_NO_LIMIT = sys.maxsize  # density was judged when the object was accepted
Project = Callable[[bytes, Presentation], bytes]


class LeaseLost(GatewayError):
    """Another worker has taken this link over; this run stops without recording anything."""


@dataclass(slots=True, kw_only=True)
class RunContext:
    """One run of one link under its lease.

    Attributes:
        link: as it was when the run began; what changes meanwhile is in the database.
        claim: the right to record.
        calendar: the calendar here.
        project: the plug-in's.
        sight: what leaves.
        presentation: how it is written there.
        window: what the copies cover in this run.
        instance_id: seed of every key.
        run_id: for the log; 0 until the run is worth a row.
        planned_at: when it first had something to send.
        may_be_parked: objects of this link lay aside when the run began.
        cause: why it runs.
        counts: what it did.
    """

    link: Link
    claim: Claim
    calendar: Calendar
    project: Project
    sight: Sight
    presentation: Presentation
    window: Window
    instance_id: str
    limits: Limits
    public_url: str | None = None
    run_id: int = 0
    planned_at: datetime | None = None
    may_be_parked: bool = True
    cause: str = "change"
    counts: dict[str, int] = field(default_factory=dict)
    _markers: dict[str, str] | None = None
    _neighbours: frozenset[str] | None = None

    @property
    def origin(self) -> Origin:
        """Return who writes here in this run."""
        return Origin(label=f"link:{self.link.uuid}")

    def key(self, uid: str) -> ObjectKey:
        """Return who an object is at the provider, for ever."""
        return ObjectKey(instance_id=self.instance_id, resource_uuid=self.calendar.resource.uuid, uid=uid)

    def count(self, what: str, by: int = 1) -> None:
        """Add to what the run did."""
        self.counts[what] = self.counts.get(what, 0) + by

    def remember(self, tx: Transaction) -> None:
        """Have what is noted here from now on forgotten where the transaction is undone: it is repeated."""
        run_id, counts = self.run_id, dict(self.counts)

        def restore() -> None:
            self.run_id, self.counts = run_id, counts

        tx.on_undo(restore)

    def uid_of_marker(self, tx: Transaction, marker: str) -> str | None:
        """Return the UID that a marker stands for: of an object here, of a mapping, or of a tombstone."""
        if self._markers is None:
            uids = set(object_store.uids(tx, self.link.calendar_id))
            uids.update(change_store.deleted_uids(tx, self.link.calendar_id))
            after = ""
            while page := mapping_store.uids_page(tx, self.link.id, after_uid=after):
                uids.update(page)
                after = page[-1]
            self._markers = {marker_of(uid): uid for uid in uids}
        return self._markers.get(marker)

    def is_neighbours(self, tx: Transaction, resource: str) -> bool:
        """Return whether a copy belongs to another resource here that shares the remote calendar.

        A resource that nobody here links to that calendar is none: its copies may be ours of an earlier
        database.
        """
        if not resource:
            return False
        if self._neighbours is None:
            uuids = remote_calendars.resources_beside(tx, self.link)
            self._neighbours = frozenset(resource_hash(each) for each in uuids)
        return resource in self._neighbours

    def presentation_of(self, uid: str) -> Presentation:
        """Return how one object is written: with its own back link."""
        link = back_link(self.public_url, self.calendar, uid) if self.link.policy.back_link else None
        return replace(self.presentation, back_link=link, horizon=whole_months(self.window))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One item with everything that its decision was made from."""

    remote: RemoteView
    mapping: Mapping | None
    local: LocalView | None
    decision: Decision


def back_link(public_url: str | None, calendar: Calendar, uid: str) -> str | None:
    """Return the address of an object's page here; it tells nothing without signing in."""
    if public_url is None:
        return None
    return f"{public_url}/o/{calendar.resource.uuid}/{marker_of(uid)}"


def presentation(link: Link, calendar: Calendar) -> Presentation:
    """Return how a link wants its objects written, back links apart."""
    policy = link.policy
    return Presentation(
        zone=calendar.resource.zone,
        guests=policy.sends_guests,
        reminders=Reminders(policy.reminders.value),
        color=policy.color or calendar.resource.color,
    )


def sight(link: Link, calendar: Calendar, public_url: str | None) -> Sight:
    """Return what a link may show."""
    return Sight(policy=link.policy, resource_name=calendar.resource.name, back_link=public_url)


def window_of(link: Link, now: datetime) -> Window:
    """Return what the copies of a link cover on the UTC day of ``now``."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(
        start=midnight - timedelta(days=link.policy.past_days),
        end=midnight + timedelta(days=link.policy.future_days + 1),
    )


def whole_months(window: Window) -> Window:
    """Return the months that a window touches: what hangs on it changes once a month, not every day."""
    first = window.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = window.end.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=31)
    return Window(start=first, end=last.replace(day=1))


def context_of(
    link: Link,
    calendar: Calendar,
    claim: Claim,
    *,
    project: Project,
    instance_id: str,
    limits: Limits,
    public_url: str | None,
    now: datetime,
    cause: str,
) -> RunContext:
    """Return what a run of a link works with."""
    return RunContext(
        link=link,
        claim=claim,
        calendar=calendar,
        project=project,
        sight=sight(link, calendar, public_url),
        presentation=presentation(link, calendar),
        window=window_of(link, now),
        instance_id=instance_id,
        limits=limits,
        public_url=public_url,
        cause=cause,
    )


def held(tx: Transaction, ctx: RunContext) -> None:
    """Make sure that the lease is ours until the transaction ends.

    Raises:
        LeaseLost: it is not.
    """
    ctx.remember(tx)
    if not link_store.holds(tx, ctx.claim):
        raise LeaseLost


def begin_run(tx: Transaction, ctx: RunContext, *, now: datetime) -> None:
    """Give the run its row in the log once there is something to tell."""
    if not ctx.run_id:
        ctx.run_id = sync_log.begin_run(tx, ctx.link.id, cause=ctx.cause, now=now)


def content_hash(ical: bytes) -> str:
    """Return the hash of the canonical form.

    Raises:
        InvalidInput: not one calendar object.
    """
    return hash_of(canonical(ical))


def local_view(ctx: RunContext, stored: CalendarObject, *, is_theirs: bool = False) -> LocalView:
    """Return one object here as the link sees it; ``is_theirs``: it came from that very calendar."""
    is_masked = stored.classification is not Classification.PUBLIC and not is_theirs
    seen = ctx.sight.of_theirs() if is_theirs else ctx.sight
    is_wanted = wanted(stored, ctx.link.policy) and in_window(ctx, stored)
    untaken = untakeable(seen.policy, is_masked=is_masked)
    if stored.component != "VEVENT":
        return LocalView(stored=stored, ours=None, ours_hash="", is_wanted=False, untakeable=untaken)
    try:
        shown = ctx.project(outbound(stored, seen), ctx.presentation_of(stored.uid))
        return LocalView(
            stored=stored,
            ours=shown,
            ours_hash=content_hash(shown),
            is_wanted=is_wanted,
            untakeable=untaken,
        )
    except (Rejected, InvalidInput, ValueError) as error:
        reason = str(error) if isinstance(error, GatewayError) else "it cannot be read"
        return LocalView(
            stored=stored,
            ours=None,
            ours_hash=stored.etag.strip('"'),
            is_wanted=is_wanted,
            rejected=reason,
            untakeable=untaken,
        )


def in_window(ctx: RunContext, stored: CalendarObject) -> bool:
    """Return whether any occurrence lies in the link's window; a series is in it as a whole."""
    start, end = epoch_window(ctx.window)
    if stored.first_start is not None and stored.first_start >= end:
        return False
    if stored.last_end is not None and stored.last_end < start:
        return False
    if not stored.is_recurring:
        return stored.first_start is not None
    parsed = shared_object(stored.ical)
    zone = ZoneInfo(ctx.calendar.resource.zone)
    return bool(expand(parsed, zone=zone, window=ctx.window, limit=_NO_LIMIT).occurrences)


def views(
    tx: Transaction, ctx: RunContext, uids: Iterable[str]
) -> tuple[dict[str, LocalView], dict[str, Mapping]]:
    """Return objects here and mappings by UID."""
    wanted_uids = list(dict.fromkeys(uids))
    known = mapping_store.by_uids(tx, ctx.link.id, wanted_uids)
    stored = object_store.by_uids(tx, ctx.link.calendar_id, wanted_uids)
    found = {one.uid: _view(ctx, one, known.get(one.uid)) for one in stored}
    return found, known


def _view(ctx: RunContext, stored: CalendarObject, mapping: Mapping | None) -> LocalView:
    view = local_view(ctx, stored, is_theirs=mapping is not None and not mapping.is_ours)
    is_kept = (
        stored.seq <= ctx.link.kept_seq
        and mapping is not None
        and mapping.remote_id is not None
        and not mapping.is_dirty
    )
    return replace(view, is_kept=True) if is_kept else view


def log_line(
    ctx: RunContext,
    *,
    now: datetime,
    side: str,
    action: str,
    uid: str,
    remote_id: str | None,
    before: str | None = None,
    after: str | None = None,
    fields: Iterable[str] = (),
    cause: str | None = None,
    was: bytes | None = None,
    after_etag: str | None = None,
) -> dict[str, Any]:
    """Return one line of the link's log; ``was`` is what the write replaced, kept for undo."""
    return {
        "link_id": ctx.link.id,
        "run_id": ctx.run_id or None,
        "at_utc": now,
        "side": side,
        "action": action,
        "cause": (cause or ctx.cause)[:64],
        "uid": uid,
        "remote_id": remote_id,
        "before_hash": before,
        "after_hash": after,
        "fields": list(fields),
        "before": was,
        "after_etag": after_etag,
    }


def epoch_window(window: Window) -> tuple[int, int]:
    """Return a window in epoch seconds."""
    return to_epoch_s(window.start), to_epoch_s(window.end)


def stored_window(link: Link) -> Window | None:
    """Return what the copies of a link covered after its last run."""
    if link.window_from is None or link.window_to is None:
        return None
    return Window(start=from_epoch_s(link.window_from), end=from_epoch_s(link.window_to))


def park_here(tx: Transaction, ctx: RunContext, view: LocalView, *, reason: str, now: datetime) -> None:
    """Put an object here aside: the provider does not take it."""
    sync_log.park(
        tx,
        ctx.link.id,
        sync_log.HERE,
        view.stored.uid,
        content_hash=view.ours_hash,
        reason=reason,
        now=now,
    )
    ctx.count("parked")
