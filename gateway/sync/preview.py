"""Showing what a link would do: a whole listing is read, nothing is written anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.domain.differences import Eyes
from gateway.domain.link_model import Link, LinkId, LinkPolicy
from gateway.providers.contract import Item, Scope
from gateway.services import link_settings, sync_preview, sync_run
from gateway.services.limits import Limits
from gateway.services.link_settings import Effect
from gateway.sync.accounts import Accounts
from gateway.sync.plan import decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a full compare would do; ``uuid`` is what a person approves."""

    uuid: str
    items: list[dict[str, Any]]


async def preview(
    accounts: Accounts,
    link: Link,
    *,
    instance_id: str,
    limits: Limits,
    public_url: str | None,
    eyes: Eyes = Eyes.PUBLIC,
) -> Plan:
    """Return the plan of a full compare, and keep it without any text of events.

    Raises:
        ProviderError: the provider cannot be read now.
    """
    db, clock = accounts.db, accounts.clock
    provider = accounts.provider(link.provider)
    ctx, account = await db.aread(
        sync_run.preview_context,
        link.id,
        project=provider.project,
        instance_id=instance_id,
        limits=limits,
        public_url=public_url,
        now=clock(),
    )
    remote = await accounts.open(account)
    scope = Scope.OBJECTS if link.pushes else Scope.BUSY
    items: list[Item] = []
    async for page in remote.pull(link.remote_id, cursor=None, window=ctx.calendar.index, scope=scope):
        items += page.items
    planned = await db.aread(sync_preview.plan_items, ctx, items, decide=decide, eyes=eyes)
    plan_uuid = await db.awrite(sync_preview.keep, ctx, planned, now=clock())
    return Plan(uuid=plan_uuid, items=planned)


async def preview_settings(
    accounts: Accounts,
    link_id: LinkId,
    policy: LinkPolicy,
    *,
    instance_id: str,
    limits: Limits,
    public_url: str | None,
) -> Effect:
    """Return how many copies other settings would touch; asks nobody and changes nothing."""
    db = accounts.db
    link = await db.aread(link_settings.link_of, link_id)
    ctx, _account = await db.aread(
        sync_run.preview_context,
        link_id,
        project=accounts.provider(link.provider).project,
        instance_id=instance_id,
        limits=limits,
        public_url=public_url,
        now=accounts.clock(),
        policy=policy,
    )
    return await db.aread(link_settings.effect, ctx, before=link.policy)
