"""Before a link begins in a calendar that exists: is anything of ours there already?"""

from __future__ import annotations

from gateway.domain.errors import GatewayError
from gateway.domain.link_model import Link
from gateway.http.deps import Deps
from gateway.services import links
from gateway.sync.engine import Engine
from gateway.sync.preview import preview


async def look(deps: Deps, engine: Engine, made: Link, *, actor: str) -> None:
    """Let a held link begin where none of our copies are there; otherwise leave its plan for the person.

    Raises:
        GatewayError: the calendar cannot be read; the link is gone again.
    """
    try:
        plan = await preview(
            engine.accounts,
            made,
            instance_id=engine.worker.instance_id,
            limits=deps.limits,
            public_url=deps.settings.base_url,
        )
    except GatewayError:
        await deps.db.awrite(links.remove, made.id, actor=actor, now=deps.clock())
        raise
    if not any(item["action"] == "adopt" for item in plan.items):
        await deps.db.awrite(links.approve, plan.uuid, actor=actor, now=deps.clock())
