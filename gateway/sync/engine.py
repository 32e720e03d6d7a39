"""The engine put together: accounts, connector, wake-ups and worker of one process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points

from gateway.providers.registry import GROUP, Registry, load_providers
from gateway.services import Database, Sealer, demo_lab
from gateway.services.limits import Limits
from gateway.services.startup import open_instance_id
from gateway.settings import Settings
from gateway.sync.accounts import Accounts
from gateway.sync.connect import Connector
from gateway.sync.wakeup import Wakeups
from gateway.sync.worker import Worker

_OURS = (
    EntryPoint("caldav", "plugins.caldav.provider:CalDavProvider", GROUP),
    EntryPoint("google", "plugins.google.provider:GoogleProvider", GROUP),
    EntryPoint("graph", "plugins.graph.provider:GraphProvider", GROUP),
    EntryPoint("ics", "plugins.ics.provider:IcsProvider", GROUP),
)


def installed_providers() -> Registry:
    """Return the providers that are installed; ours also where we run from a checkout that is not."""
    found = {entry.name: entry for entry in (*_OURS, *entry_points(group=GROUP))}
    return load_providers(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What a process needs to talk to providers; the worker runs only where somebody starts it."""

    accounts: Accounts
    connector: Connector
    wakeups: Wakeups
    worker: Worker

    @property
    def registry(self) -> Registry:
        """Return the providers that are installed."""
        return self.accounts.registry


@asynccontextmanager
async def open_engine(
    db: Database,
    settings: Settings,
    sealer: Sealer,
    *,
    clock: Callable[[], datetime],
    environ: Mapping[str, str] | None = None,
    registry: Registry | None = None,
) -> AsyncIterator[Engine]:
    """Open an engine on a database that is ready; its connections close with the block."""
    accounts = Accounts(
        db=db,
        registry=registry or installed_providers(),
        sealer=sealer,
        clock=clock,
        environ=dict(environ) if environ is not None else {**db.read(demo_lab.environ), **os.environ},
        requests_per_minute=settings.account_requests_per_minute,
    )
    wakeups = Wakeups(db)
    worker = Worker(
        db=db,
        accounts=accounts,
        wakeups=wakeups,
        limits=Limits.of(settings),
        clock=clock,
        instance_id=open_instance_id(db, settings),
        public_url=settings.base_url,
        callback_url=settings.callback_url,
        width=settings.worker_links,
        per_account=settings.account_links,
        writes_at_once=settings.account_writes,
        poll_s=settings.poll_s,
        poll_beside_channel_s=settings.poll_beside_channel_s,
    )
    try:
        yield Engine(
            accounts=accounts, connector=Connector(accounts=accounts), wakeups=wakeups, worker=worker
        )
    finally:
        await accounts.close()
