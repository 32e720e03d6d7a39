"""Taking back what a run wrote: at the provider object by object, here in transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from gateway.domain.errors import GatewayError
from gateway.domain.link_model import Link
from gateway.providers.compare import with_uid
from gateway.providers.contract import Delete, Put, RemoteAccount, Removed, Upsert
from gateway.providers.errors import NotFound, ProviderError, Rejected, Retry, VersionConflict
from gateway.services import sync_run, undo
from gateway.services.limits import Limits
from gateway.services.sync_context import LeaseLost, RunContext
from gateway.services.sync_run import Claim
from gateway.services.undo import Refused, Step, UndoPlan, Way
from gateway.sync.accounts import Accounts
from gateway.sync.exclusive import exclusive

_log = structlog.get_logger("gateway.sync.undo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What came of an undo.

    Attributes:
        undo_run_id: the undo's own run, by which it can be undone; 0 where nothing was done.
        done: side, way and UID of each object that was brought back.
        refused: objects that are left as they are.
    """

    run_id: int
    undo_run_id: int
    done: tuple[tuple[str, str, str], ...]
    refused: tuple[Refused, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as commands show it."""
        return {
            "run": self.run_id,
            "undo_run": self.undo_run_id or None,
            "done": [{"side": side, "action": way, "uid": uid} for side, way, uid in self.done],
            "refused": [one.as_json() for one in self.refused],
        }


@dataclass(slots=True, kw_only=True)
class Undoer:
    """Undoes runs of links of one instance."""

    accounts: Accounts
    instance_id: str
    limits: Limits
    public_url: str | None = None

    async def preview(self, link: Link, run_id: int | None) -> UndoPlan:
        """Return what undoing a run would do; the provider is not asked.

        Raises:
            NotFound: there is no such run.
            InvalidInput: it is too long ago.
        """
        ctx = await self._context(link, None, cause="preview")
        return await self.accounts.db.aread(undo.plan, ctx, run_id, now=self.accounts.clock())

    async def undo(self, link: Link, run_id: int | None) -> Undone:
        """Undo a run; what has changed since is refused and named, the rest is brought back.

        Raises:
            NotFound: there is no such run.
            ProviderError: the provider cannot be reached; what was brought back until then is recorded.
        """
        db, clock = self.accounts.db, self.accounts.clock
        async with exclusive(db, link.id) as claim:
            looked = await self._context(link, claim, cause="undo")
            plan = await db.aread(undo.plan, looked, run_id, now=clock())
            looked.cause = f"undo of run {plan.run_id}"
            done: list[tuple[str, str, str]] = []
            refused = list(plan.refused)
            try:
                for step in plan.steps:
                    problem = await self._one(looked, step)
                    if problem is None:
                        done.append((step.way.side, step.way.value, step.uid))
                    else:
                        refused.append(problem)
            finally:
                await db.awrite(undo.end, looked, refused=len(refused), now=clock())
        _log.info("run.undone", link=link.uuid, run=plan.run_id, done=len(done), refused=len(refused))
        return Undone(run_id=plan.run_id, undo_run_id=looked.run_id, done=tuple(done), refused=tuple(refused))

    async def _context(self, link: Link, claim: Claim | None, *, cause: str) -> RunContext:
        ctx, _account = await self.accounts.db.aread(
            sync_run.preview_context,
            link.id,
            project=self.accounts.provider(link.provider).project,
            instance_id=self.instance_id,
            limits=self.limits,
            public_url=self.public_url,
            now=self.accounts.clock(),
            held_claim=claim,
            cause=cause,
        )
        return ctx

    async def _one(self, ctx: RunContext, step: Step) -> Refused | None:
        db, clock = self.accounts.db, self.accounts.clock
        try:
            if step.way not in {Way.REMOVE_THERE, Way.WRITE_THERE}:
                return await db.awrite(undo.apply_here, ctx, step, now=clock())
            answer = await self._there(ctx, step)
        except LeaseLost:
            raise
        except GatewayError as error:
            if isinstance(error, ProviderError) and error.retry in {Retry.LATER, Retry.AFTER_RECONNECTING}:
                raise
            return Refused(side=step.way.side, uid=step.uid, why=str(error))
        if isinstance(answer, Refused):
            return answer
        await db.awrite(undo.record_there, ctx, step, answer, now=clock())
        return None

    async def _there(self, ctx: RunContext, step: Step) -> Upsert | Removed | Refused:
        account = await self._account(ctx)
        calendar_id, remote_id = ctx.link.remote_id, step.remote_id or ""
        try:
            item = await account.fetch(calendar_id, remote_id)
        except NotFound:
            item = Removed(remote_id=remote_id)
        why = undo.still_there(step, item)
        if why is not None or not isinstance(item, Upsert):
            return Refused(side=step.way.side, uid=step.uid, why=why or "its copy is gone there")
        try:
            if step.way is Way.REMOVE_THERE:
                return await account.push(
                    calendar_id,
                    Delete(
                        remote_id=remote_id, key=ctx.key(step.uid), if_version=item.version, memo=item.memo
                    ),
                )
            return await account.push(
                calendar_id,
                Put(
                    key=ctx.key(step.uid),
                    ical=with_uid(step.before, step.uid),
                    presentation=ctx.presentation_of(step.uid),
                    remote_id=remote_id,
                    if_version=item.version,
                    memo=item.memo,
                ),
            )
        except VersionConflict:
            why = "its copy was changed there at this moment"
        except NotFound:
            why = "its copy is gone there"
        except Rejected as error:
            why = str(error)
        return Refused(side=step.way.side, uid=step.uid, why=why)

    async def _account(self, ctx: RunContext) -> RemoteAccount:
        found = await self.accounts.db.aread(sync_run.account_of, ctx.link)
        return await self.accounts.open(found)
