"""The frame of a run: its lease, its end, and what an error makes of link and account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.domain.errors import NotFound
from gateway.domain.link_model import Account, AccountId, AccountState, Link, LinkId, LinkPolicy, LinkState
from gateway.services.limits import Limits
from gateway.services.sync_begin import Start
from gateway.services.sync_context import (
    Project,
    RunContext,
    context_of,
    epoch_window,
    held,
    stored_window,
)
from gateway.store import accounts as account_store
from gateway.store import audit, sync_log
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store.database import Transaction
from gateway.store.links import Claim

LEASE_MS = 30_000

__all__ = ["Claim"]

Claims = list[Claim]


def claim(tx: Transaction, *, limit: int, per_account: int) -> Claims:
    """Take due links; see ``store.links``."""
    return link_store.claim(tx, limit=limit, per_account=per_account, lease_ms=LEASE_MS)


def renew(tx: Transaction, claims: Sequence[Claim]) -> list[Claim]:
    """Prolong leases; return those that were lost."""
    in_order = sorted(claims, key=lambda one: one.link_id)
    return [one for one in in_order if not link_store.renew(tx, one, lease_ms=LEASE_MS)]


def claim_one(tx: Transaction, link_id: LinkId, *, is_forced: bool = False) -> Claim | None:
    """Take one link for something that is no ordinary run; see ``store.links``."""
    return link_store.claim_one(tx, link_id, lease_ms=LEASE_MS, is_forced=is_forced)


def give_back(tx: Transaction, held_claim: Claim) -> None:
    """Give a link back; its next run is due at once where its state allows one."""
    link_store.finish(tx, held_claim, next_ms=link_store.clock_ms(tx), values={})
    tx.hint_work()


def release(tx: Transaction, claims: Sequence[Claim]) -> None:
    """Give links back untouched."""
    link_store.release_all(tx, claims)


def sweep(tx: Transaction) -> int:
    """Find what no wake-up has found; see ``store.links``."""
    return link_store.sweep(tx)


def next_due_ms(tx: Transaction, *, polls_at_ms: int) -> int | None:
    """Return how long until a link is due; None for never; see ``store.links``."""
    return link_store.next_due_ms(tx, polls_at_ms=polls_at_ms)


def window_rolled(ctx: RunContext) -> bool:
    """Return whether the day has moved the window since the last run."""
    return stored_window(ctx.link) != ctx.window


def preview_context(
    tx: Transaction,
    link_id: LinkId,
    *,
    project: Project,
    instance_id: str,
    limits: Limits,
    public_url: str | None,
    now: datetime,
    policy: LinkPolicy | None = None,
    held_claim: Claim | None = None,
    cause: str = "preview",
) -> tuple[RunContext, Account]:
    """Return what a preview works with: a run without a lease, which can record nothing.

    ``policy`` shows the link as if it had these settings, applied to every copy. ``held_claim`` is the lease
    of a run that is no ordinary one: it may record.

    Raises:
        NotFound: the link or its account is gone.
    """
    link = link_store.get(tx, link_id)
    account = account_store.get(tx, link.account_id) if link is not None else None
    if link is None or account is None:
        raise NotFound("The link is gone.")
    if policy is not None:
        link = replace(link, policy=policy, kept_seq=0)
    lease = held_claim or Claim(link_id=link.id, account_id=account.id, token=-1, wake=-1)
    ctx = context_of(
        link,
        calendar_store.get(tx, link.calendar_id),
        lease,
        project=project,
        instance_id=instance_id,
        limits=limits,
        public_url=public_url,
        now=now,
        cause=cause,
    )
    return ctx, account


def account_of(tx: Transaction, link: Link) -> Account:
    """Return the account of a link.

    Raises:
        NotFound: it is gone.
    """
    account = account_store.get(tx, link.account_id)
    if account is None:
        raise NotFound("The account is gone.")
    return account


def note_progress(tx: Transaction, ctx: RunContext, *, done: int, total: int) -> None:
    """Let people see how far a long run has come; ``total`` 0 where nobody knows how much there is."""
    held(tx, ctx)
    link_store.change_held(tx, ctx.claim, {"done": done, "total": total})


def save(tx: Transaction, ctx: RunContext, values: Mapping[str, Any]) -> None:
    """Change columns of the link under the lease."""
    held(tx, ctx)
    link_store.change_held(tx, ctx.claim, values)


def compared(tx: Transaction, ctx: RunContext, values: Mapping[str, Any], *, now: datetime) -> None:
    """Record that everything was compared, with more columns of the link, under the lease.

    It is compared once more where the settings changed meanwhile: what was looked at before was judged by the
    old ones.
    """
    held(tx, ctx)
    found = link_store.get(tx, ctx.link.id)
    is_stale = found is not None and found.policy != ctx.link.policy
    link_store.change_held(tx, ctx.claim, {**values, "is_full": is_stale, "compared_at_utc": now})


def finish(
    tx: Transaction,
    ctx: RunContext,
    *,
    begun: Start,
    next_pull_ms: int,
    now: datetime,
    outcome: str = "ok",
    more: Mapping[str, Any] | None = None,
) -> bool:
    """End a run that went well, with ``more`` columns of its link; False where the lease was lost."""
    if ctx.run_id:
        sync_log.end_run(tx, ctx.run_id, outcome=outcome, counts=ctx.counts, now=now)
    return give_back_done(tx, ctx, begun=begun, next_pull_ms=next_pull_ms, now=now, more=more or {})


def give_back_done(
    tx: Transaction,
    ctx: RunContext,
    *,
    begun: Start,
    next_pull_ms: int,
    now: datetime,
    more: Mapping[str, Any],
) -> bool:
    """Give back the link of a run that went well, with ``more`` of its columns; False: the lease was lost."""
    values: dict[str, Any] = {
        **more,
        "fails": 0,
        "error": None,
        "reason": None,
        "pull_at": next_pull_ms,
        "synced_at_utc": now,
    }
    if ctx.link.state is LinkState.FIRST_SYNC:
        values["state"] = LinkState.ACTIVE.value
    if begun.approved is not None:
        sync_log.decide_plan(tx, begun.approved["id"], state="applied", actor="worker", now=now)
    return link_store.finish(
        tx, ctx.claim, next_ms=next_pull_ms, values=values, pull_at_ms=ctx.link.pull_at_ms
    )


def fail(
    tx: Transaction,
    held_claim: Claim,
    *,
    delay_ms: int,
    error: str,
    now: datetime,
    run: RunContext | None = None,
    state: LinkState | None = None,
    delays_account: bool = False,
) -> bool:
    """End a run that did not go well: try again after a while, or stop the link in ``state``."""
    link = link_store.get(tx, held_claim.link_id)
    if link is None:
        return False
    if delays_account:
        link_store.lock_of_account(tx, link.account_id)  # before its own row: all of them by id
    until = link_store.clock_ms(tx) + delay_ms
    values: dict[str, Any] = {"fails": link.fails + 1, "error": error, "not_before": until}
    if state is not None:
        values |= {"state": state.value, "reason": error, "is_runnable": state.runs}
        _notice(tx, link, state, now)
    if run is not None and run.run_id:
        sync_log.end_run(tx, run.run_id, outcome="failed", counts=run.counts, now=now)
    is_ours = link_store.finish(tx, held_claim, next_ms=until, values=values)
    if is_ours and delays_account:
        link_store.delay_account(tx, link.account_id, delay_ms=delay_ms)
    return is_ours


def release_idle(tx: Transaction, held_claim: Claim) -> None:
    """Give back a link that must not run now: it was stopped after it had been claimed."""
    link_store.finish(tx, held_claim, next_ms=None, values={})


def end_guarded(tx: Transaction, held_claim: Claim, *, run: RunContext | None, now: datetime) -> None:
    """End a run that the guard has stopped."""
    if run is not None and run.run_id:
        sync_log.end_run(tx, run.run_id, outcome="guarded", counts=run.counts, now=now)
    link_store.finish(tx, held_claim, next_ms=None, values={})


def _notice(tx: Transaction, link: Link, state: LinkState, now: datetime) -> None:
    """Tell once that a link stands still."""
    if link.state is not state:
        audit.record(
            tx,
            now=now,
            actor="worker",
            action=f"link.{state.value}",
            target_kind="link",
            target=link.uuid,
            detail={},
        )


def stop_account(
    tx: Transaction, account_id: AccountId, state: AccountState, *, reason: str, now: datetime
) -> bool:
    """Stop every link of an account until a person acts; True where that is news: one notice, not many."""
    account = account_store.get(tx, account_id)
    if account is None:
        raise NotFound("The account is gone.")
    is_news = account_store.set_state(tx, account_id, state, reason)
    link_store.refresh_runnable(tx, account_id)
    if is_news:
        audit.record(
            tx,
            now=now,
            actor="worker",
            action=f"account.{state.value}",
            target_kind="account",
            target=account.uuid,
            detail={"provider": account.provider},
        )
    return is_news


def guard_stops(
    tx: Transaction, ctx: RunContext, planned: Sequence[Mapping[str, Any]], *, now: datetime
) -> str:
    """Keep a large deletion as a plan that waits for a person; return the plan's uuid."""
    held(tx, ctx)
    plan_uuid = sync_log.open_plan(tx, ctx.link.id, reason="guard", items=planned, now=now)
    link_store.change_held(
        tx,
        ctx.claim,
        {
            "state": LinkState.WAITING.value,
            "is_runnable": False,
            "reason": f"{len(planned)} deletions wait for a person; see `calgate link plan`.",
        },
    )
    _notice(tx, ctx.link, LinkState.WAITING, now)
    return plan_uuid


def window_values(ctx: RunContext) -> dict[str, int]:
    """Return the columns that say what the copies cover now."""
    start_s, end_s = epoch_window(ctx.window)
    return {"window_from": start_s, "window_to": end_s}
