"""Having a link to oneself: for undo and for leaving, while no worker may run it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.domain.errors import NotFound
from gateway.domain.link_model import LinkId
from gateway.services import Database, sync_run
from gateway.services.sync_run import Claim

PATIENCE_S = 5.0
GRACE_S = 12.0  # a worker renews its leases every ten seconds and stops where one is lost
_POLL_S = 0.1
_RENEW_S = 10.0


@asynccontextmanager
async def exclusive(
    db: Database, link_id: LinkId, *, patience_s: float = PATIENCE_S, grace_s: float = GRACE_S
) -> AsyncIterator[Claim]:
    """Hold the lease of a link; a run that does not end in time is stopped at its next step.

    Raises:
        NotFound: the link is gone.
    """
    claim, waited = await db.awrite(sync_run.claim_one, link_id), 0.0
    while claim is None and waited < patience_s:
        await asyncio.sleep(_POLL_S)
        waited += _POLL_S
        claim = await db.awrite(sync_run.claim_one, link_id)
    if claim is None:
        claim = await db.awrite(sync_run.claim_one, link_id, is_forced=True)
        if claim is None:
            raise NotFound("The link is gone.")
        await asyncio.sleep(grace_s)
    renewing = asyncio.create_task(_renew(db, claim))
    try:
        yield claim
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        await db.awrite(sync_run.give_back, claim)


async def _renew(db: Database, claim: Claim) -> None:
    while True:
        await asyncio.sleep(_RENEW_S)
        await db.awrite(sync_run.renew, [claim])
