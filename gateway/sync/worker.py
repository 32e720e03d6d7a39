"""The worker: claims due links, runs them, gives them back. Any number of them, on any number of nodes.

There is no queue and no leader. A wake-up is a hint that shortens the wait; the rows say what is due. A run
whose lease is lost stops at its next step and records nothing more.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from gateway.domain.link_model import AccountId, LinkId
from gateway.providers.errors import SignInExpired, Unavailable
from gateway.services import (
    Database,
    Together,
    Transaction,
    sync_begin,
    sync_record,
    sync_run,
    wanted_calendars,
)
from gateway.services.limits import Limits
from gateway.services.sync_begin import Start
from gateway.services.sync_context import LeaseLost, RunContext
from gateway.services.sync_run import Claim
from gateway.sync import watch
from gateway.sync.accounts import Accounts
from gateway.sync.pull import pull
from gateway.sync.push import push
from gateway.sync.retry import Verdict, verdict
from gateway.sync.run import GuardStopped, Run
from gateway.sync.wakeup import Wakeups
from gateway.sync.wanted import make

_log = structlog.get_logger("gateway.sync.worker")
POLL_S = 300.0
POLL_BESIDE_CHANNEL_S = 1800.0
RENEW_S = 10.0
IDLE_S = 1.0
SWEEP_S = 60.0
_REFUSED_S = 0.1
_COARSE_S = 60.0
_BUNCH_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A claimed link, and what its run begins with; ``is_known`` without it: it must not run now."""

    claim: Claim
    is_known: bool = False
    begun: Start | None = None
    ctx: RunContext | None = None


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs links until it is stopped.

    Attributes:
        width: links at once in this process.
        per_account: links of one account at once, so that one account starves nobody.
        poll_s: how often a provider is asked where no channel tells us.
    """

    db: Database
    accounts: Accounts
    wakeups: Wakeups
    limits: Limits
    clock: Callable[[], datetime]
    instance_id: str
    public_url: str | None = None
    callback_url: str | None = None
    width: int = 32
    per_account: int = 4
    writes_at_once: int = 4
    poll_s: float = POLL_S
    poll_beside_channel_s: float = POLL_BESIDE_CHANNEL_S
    spread: random.Random = field(default_factory=random.SystemRandom)
    _running: dict[LinkId, asyncio.Task[None]] = field(default_factory=dict)
    _claims: dict[LinkId, Claim] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _wants_place: bool = False
    _together: Together = field(init=False)

    def __post_init__(self) -> None:
        """Open what this worker's writes share."""
        self._together = Together(self.db)

    async def run(self) -> None:
        """Work until ``stop``; then let running links end and give the others back."""
        helpers = [asyncio.create_task(self._renew_loop()), asyncio.create_task(self._sweep_loop())]
        try:
            while not self._stopping.is_set():
                try:
                    idle = await self._turn()
                except Exception:  # noqa: BLE001 - the database may be away for a while; the worker stays
                    _log.exception("worker.failed")
                    idle = IDLE_S
                if idle > 0:
                    await self._wait(idle)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._drain()

    def stop(self) -> None:
        """Claim nothing any more; ``run`` returns when the running links have ended."""
        self._stopping.set()
        self.wakeups.signal()

    async def run_until_idle(self, *, turns: int = 200) -> int:
        """Run what is due now until nothing is; return how many turns that took (tests, `link sync`)."""
        for turn in range(turns):
            taken, _ = await self.db.hop(partial(self._take, self.width))
            if not taken:
                return turn
            await asyncio.gather(*(self._guarded(one.claim, one) for one in taken))
        return turns

    # -- the loop -------------------------------------------------------------------------------------

    async def _turn(self) -> float:
        """Claim and start what is due; return how many seconds may pass before the next turn."""
        room = self.width - len(self._running)
        # The end of a run makes place for another one, or for the next link of its account.
        self._wants_place = room <= 0
        if room <= 0:
            return IDLE_S
        taken, due_ms = await self.db.hop(partial(self._take, room))
        for one in taken:
            claim = one.claim
            task = asyncio.create_task(self._guarded(claim, one))
            self._claims[claim.link_id] = claim
            self._running[claim.link_id] = task
            task.add_done_callback(partial(self._ended, claim.link_id))
        # Due and not given: another node was first, or the account has its share.
        self._wants_place = due_ms == 0
        if due_ms == 0:
            return 0.0 if len(taken) == room else _REFUSED_S
        return IDLE_S if due_ms is None else min(IDLE_S, due_ms / 1000)

    def _take(self, room: int) -> tuple[list[_Taken], int | None]:
        """Claim what is due and read what its runs begin with, in a thread; and when the next one is due."""
        due_ms = self.db.read(sync_run.next_due_ms, polls_at_ms=self._polls_at_ms)
        if due_ms is None or due_ms > 0:
            return [], due_ms
        claims = self.db.write(sync_run.claim, limit=room, per_account=self.per_account)
        try:
            return self.db.read(self._begin_all, claims)
        except Exception:  # noqa: BLE001 - each run asks for itself, and its error is its own
            return [_Taken(claim=claim) for claim in claims], 0

    def _begin(self, tx: Transaction, claims: Sequence[Claim]) -> list[_Taken]:
        found = sync_begin.begin(
            tx,
            claims,
            project_of=lambda name: self.accounts.provider(name).project,
            instance_id=self.instance_id,
            limits=self.limits,
            public_url=self.public_url,
            now=self.clock(),
        )
        nothing = (None, None)
        taken = []
        for claim in claims:
            begun, ctx = found.get(claim.link_id, nothing)
            taken.append(_Taken(claim=claim, is_known=True, begun=begun, ctx=ctx))
        return taken

    def _begin_all(self, tx: Transaction, claims: Sequence[Claim]) -> tuple[list[_Taken], int | None]:
        return self._begin(tx, claims), sync_run.next_due_ms(tx, polls_at_ms=self._polls_at_ms)

    @property
    def _polls_at_ms(self) -> int:
        """Return at which multiples polls are looked for: in bunches, where their rhythm is slow."""
        return _BUNCH_MS if min(self.poll_s, self.poll_beside_channel_s) >= _COARSE_S else 1

    def _ended(self, link_id: LinkId, task: asyncio.Task[None]) -> None:
        # Given back, a link can have been claimed again before its old task has quite ended.
        if self._running.get(link_id) is task:
            del self._running[link_id]
            self._claims.pop(link_id, None)
        if self._wants_place:
            self.wakeups.signal()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wakeups.wait(), seconds)

    async def _renew_loop(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            claims = list(self._claims.values())
            if not claims:
                continue
            try:
                lost = await self.db.awrite(sync_run.renew, claims)
            except Exception:  # noqa: BLE001 - tried again in time; the fencing token protects meanwhile
                _log.exception("lease.renewal_failed")
                continue
            for claim in lost:
                task = self._running.get(claim.link_id)
                if task is not None and self._claims.get(claim.link_id) is claim:
                    _log.warning("lease.lost", link=claim.link_id)
                    task.cancel()

    async def _sweep_loop(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                swept = await self.db.awrite(sync_run.sweep)
            except Exception:  # noqa: BLE001 - the next sweep comes in a minute
                _log.exception("sweep.failed")
                continue
            if swept:
                _log.info("sweep.found", links=swept)
                self.wakeups.signal()

    async def _drain(self) -> None:
        running = list(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=20.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    # -- one link -------------------------------------------------------------------------------------

    async def _guarded(self, claim: Claim, taken: _Taken | None = None) -> None:
        """Run one link; whatever happens, the worker lives on and the row says when it goes on."""
        run: Run | None = None
        begun: Start | None = None
        try:
            if taken is None or not taken.is_known:
                (taken,) = await self.db.aread(self._begin, [claim])
            if taken.begun is None or taken.ctx is None:
                await self.db.awrite(sync_run.release_idle, claim)
                return
            begun = taken.begun
            run = await self._prepare(begun, taken.ctx)
            if wanted_calendars.is_wanted(run.calendar_id):
                await self._make_calendar(run)
                return
            await self._work(run)
            await self._finish(run)
        except LeaseLost:
            _log.info("run.abandoned", link=claim.link_id)
        except asyncio.CancelledError:
            with suppress(Exception):
                await asyncio.shield(self.db.awrite(sync_run.release, [claim]))
            raise
        except GuardStopped:
            _log.warning("run.guarded", link=claim.link_id)
            await self._give_back(claim, run)
        except Exception as error:  # noqa: BLE001 - one link's trouble never stops the worker
            await self._failed(claim, begun, run.ctx if run else None, error)

    async def _prepare(self, begun: Start, ctx: RunContext) -> Run:
        provider = self.accounts.provider(begun.link.provider)
        account = await self.accounts.open(begun.account)
        return Run(
            db=self.db,
            together=self._together,
            ctx=ctx,
            begun=begun,
            provider=provider,
            account=account,
            clock=self.clock,
            width=self.writes_at_once,
        )

    async def _make_calendar(self, run: Run) -> None:
        """Make the calendar that the link waits for; its next run begins with the real one."""
        if await make(self.db, run.account, run.link.remote_calendar_id, clock=self.clock) is None:
            raise Unavailable("The calendar is being made.", retry_after_s=IDLE_S)
        await self.db.awrite(sync_run.release, [run.ctx.claim])

    async def _work(self, run: Run) -> None:
        is_full = run.begun.must_compare
        if run.begun.must_pull:
            await pull(run, is_full=is_full)
        # A new day moves the window: what has come into it was not changed, so the log does not name it.
        await push(run, is_full=is_full or (run.link.pushes and sync_run.window_rolled(run.ctx)))
        if run.begun.must_pull:
            await watch.keep(run, callback_url=self.callback_url)

    async def _finish(self, run: Run) -> None:
        if self._claims.get(run.link.id) is run.ctx.claim:
            del self._claims[run.link.id]  # about to be given back: there is nothing to renew
        next_pull, more = self._next_pull_ms(run.begun), {}
        if run.cursor is not None:
            more["cursor"] = run.cursor
        if run.unrecorded is not None:
            await self._together.write(
                run.link.id,
                sync_record.record_and_finish,
                run.ctx,
                run.unrecorded.done,
                values=run.unrecorded.values,
                begun=run.begun,
                next_pull_ms=next_pull,
                now=self.clock(),
                more=more,
            )
            self._done(run)
            return
        is_ours = await self._together.write(
            run.link.id,
            sync_run.finish,
            run.ctx,
            begun=run.begun,
            next_pull_ms=next_pull,
            now=self.clock(),
            more=more,
        )
        if not is_ours:
            raise LeaseLost
        self._done(run)

    def _next_pull_ms(self, begun: Start) -> int:
        if not begun.must_pull:
            return begun.link.pull_at_ms
        rhythm_s = self.poll_beside_channel_s if begun.has_watch else self.poll_s
        next_ms = begun.now_ms + int(rhythm_s * 1000 * self.spread.uniform(0.9, 1.1))
        # What is due within one second is claimed and finished together.
        return next_ms + -next_ms % _BUNCH_MS if rhythm_s >= _COARSE_S else next_ms

    def _done(self, run: Run) -> None:
        if run.ctx.counts:
            _log.debug("run.done", link=run.link.uuid, **run.ctx.counts)

    async def _give_back(self, claim: Claim, run: Run | None) -> None:
        await self.db.awrite(sync_run.end_guarded, claim, run=run.ctx if run else None, now=self.clock())

    async def _failed(
        self, claim: Claim, begun: Start | None, ctx: RunContext | None, error: Exception
    ) -> None:
        fails = begun.link.fails if begun is not None else 0
        found = verdict(error, fails=fails, spread=self.spread)
        is_bug = found.message.startswith("A bug")
        _log.log(
            40 if is_bug else 30,
            "run.failed",
            link=claim.link_id,
            error=type(error).__name__,
            again_in_s=round(found.delay_s, 1),
            exc_info=error if is_bug else None,
        )
        try:
            await self.db.awrite(
                sync_run.fail,
                claim,
                delay_ms=int(found.delay_s * 1000),
                error=found.message,
                now=self.clock(),
                run=ctx,
                state=found.link_state,
                delays_account=found.delays_account,
            )
            if found.account_state is not None and begun is not None:
                await self._stop_account(begun.account.id, error, found)
        except Exception:  # noqa: BLE001 - the lease ends by itself and the link is claimed again
            _log.exception("run.not_recorded", link=claim.link_id)
        self.wakeups.signal()  # it may be tried again sooner than the worker would look

    async def _stop_account(self, account_id: AccountId, error: Exception, found: Verdict) -> None:
        if found.account_state is None:
            return
        if isinstance(error, SignInExpired):
            self.accounts.forget(account_id)
        is_news = await self.db.awrite(
            sync_run.stop_account,
            account_id,
            found.account_state,
            reason=found.message,
            now=self.clock(),
        )
        if is_news:
            _log.warning("account.stopped", account=account_id, state=found.account_state.value)
