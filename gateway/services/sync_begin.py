"""The beginning of runs: what several claimed links begin with, read together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.link_model import Account, AccountState, Link, LinkId, LinkState
from gateway.domain.model import Calendar
from gateway.domain.sync_model import GUARD_OBJECTS
from gateway.services.limits import Limits
from gateway.services.sync_context import Project, RunContext, context_of
from gateway.store import beginnings, sync_log
from gateway.store import changes as change_store
from gateway.store.beginnings import Beginning, Signs
from gateway.store.database import Transaction
from gateway.store.links import Claim

FULL_COMPARE = timedelta(days=7)  # cursors and webhooks can lose something; a full compare cannot


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a worker needs to begin.

    Attributes:
        must_pull: the rhythm, a hint or a full compare says that the provider is asked.
        must_compare: all objects are compared, not only changed ones.
        has_watch: a push subscription tells of changes.
        signs: what else there is to look at.
        may_trip: so much was deleted here that the guard has to look.
        approved: a plan that the guard had stopped and a person has approved.
    """

    link: Link
    account: Account
    now_ms: int
    must_pull: bool
    must_compare: bool
    approved: dict[str, Any] | None
    has_watch: bool
    calendar: Calendar
    signs: Signs
    may_trip: bool


Begun = tuple[Start, RunContext]


def begin(
    tx: Transaction,
    claims: Sequence[Claim],
    *,
    project_of: Callable[[str], Project],
    instance_id: str,
    limits: Limits,
    public_url: str | None,
    now: datetime,
) -> dict[LinkId, Begun]:
    """Return what runs begin and work with, by link.

    A link that has gone or was stopped after it had been claimed is missing. ``project_of`` returns the
    plug-in's projection.
    """
    known = beginnings.of_links(tx, [one.link_id for one in claims])
    found: dict[LinkId, Begun] = {}
    for claim in claims:
        one = known.get(claim.link_id)
        begun = _start(tx, one, claim, now=now) if one is not None else None
        if begun is not None:
            ctx = context_of(
                begun.link,
                begun.calendar,
                claim,
                project=project_of(begun.link.provider),
                instance_id=instance_id,
                limits=limits,
                public_url=public_url,
                now=now,
                cause=_cause(begun),
            )
            ctx.may_be_parked = begun.signs.has_parked
            found[claim.link_id] = (begun, ctx)
    return found


def _start(tx: Transaction, one: Beginning, claim: Claim, *, now: datetime) -> Start | None:
    link, calendar, signs = one.link, one.calendar, one.signs
    if link.token != claim.token or not link.state.runs or one.account.state is not AccountState.CONNECTED:
        return None
    is_old = link.compared_at_utc is not None and now - link.compared_at_utc > FULL_COMPARE
    must_compare = link.is_full or is_old or link.pushed_seq < calendar.min_seq
    return Start(
        calendar=calendar,
        link=link,
        account=one.account,
        now_ms=signs.now_ms,
        must_pull=must_compare or link.pull_at_ms <= signs.now_ms,
        must_compare=must_compare,
        approved=sync_log.newest_plan(tx, link.id, state="approved") if signs.has_plan else None,
        has_watch=signs.watched_until_utc is not None and signs.watched_until_utc > now,
        signs=signs,
        may_trip=_may_trip(tx, link, calendar),
    )


def _may_trip(tx: Transaction, link: Link, calendar: Calendar) -> bool:
    # Fewer changes than that hold fewer deletions: they need not be counted.
    if calendar.seq - link.pushed_seq <= GUARD_OBJECTS:
        return False
    return change_store.count_deleted(tx, calendar.id, after_seq=link.pushed_seq) > GUARD_OBJECTS


def _cause(begun: Start) -> str:
    if begun.link.state is LinkState.FIRST_SYNC:
        return "first sync"
    return "full compare" if begun.must_compare else "change"
