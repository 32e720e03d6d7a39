"""Signed-in accounts for the engine: clients, tokens and budgets, one of each per account and process."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from gateway.domain.link_model import Account, AccountId
from gateway.providers.addresses import AddressFilter
from gateway.providers.client import AccountClient, TokenKeeper, open_session
from gateway.providers.contract import HasAccountSettings, Provider, RemoteAccount
from gateway.providers.errors import RateLimited, Unavailable
from gateway.providers.registry import Registry, configuration
from gateway.services import Database, Sealer, account_tokens, budgets

_PATIENCE_S = 5.0
_DRAWN = 10
_LOCK_POLL_S = 0.1
_LOCK_PATIENCE_S = 60.0


class SharedBudget:
    """Draws from the account's bucket in the database, some requests at once."""

    def __init__(self, db: Database, account_id: AccountId, per_minute: float) -> None:
        self._db, self._account_id, self._per_minute = db, account_id, per_minute
        self._left = 0
        self._lock = asyncio.Lock()

    async def take(self, cost: int) -> None:
        """Return when the request may be sent; waits a little itself.

        Raises:
            RateLimited: not within the patience.
        """
        async with self._lock:
            waited = 0.0
            while self._left < cost:
                taken, wait_ms = await self._db.awrite(
                    budgets.draw, self._account_id, wanted=_DRAWN, per_minute=self._per_minute
                )
                self._left += taken
                if self._left >= cost:
                    break
                delay = max(0.02, wait_ms / 1000)
                if waited + delay > _PATIENCE_S:
                    raise RateLimited("The account's own budget is used up for now.", retry_after_s=delay)
                waited += delay
                await asyncio.sleep(delay)
            self._left -= cost


@dataclass(slots=True, kw_only=True)
class Accounts:
    """Opens accounts; use it as an asynchronous context manager.

    Attributes:
        environ: where provider settings come from.
        requests_per_minute: budget of each account.
        timeout_s: longest time for one request.
    """

    db: Database
    registry: Registry
    sealer: Sealer
    clock: Callable[[], datetime]
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    requests_per_minute: float = 575.0
    timeout_s: float = 60.0
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _sessions: dict[str, aiohttp.ClientSession] = field(default_factory=dict)
    _open: dict[tuple[AccountId, str], RemoteAccount] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def close(self) -> None:
        """Close every connection."""
        await self._stack.aclose()

    def provider(self, name: str) -> Provider:
        """Return a provider.

        Raises:
            Misconfigured: it is not installed.
        """
        return self.registry.provider(name)

    def config(self, provider: Provider) -> dict[str, str]:
        """Return the settings of a provider."""
        return configuration(provider, self.environ)

    async def open(self, account: Account) -> RemoteAccount:
        """Return the signed-in account; it is kept until the account changes its provider or goes.

        Raises:
            Misconfigured: its provider is not installed or not configured.
        """
        key = (account.id, account.uuid)
        async with self._lock:
            found = self._open.get(key)
            if found is None:
                found = self._open[key] = await self._connect(account)
            return found

    def forget(self, account_id: AccountId) -> None:
        """Drop what is kept of an account, so that its next use reads its state anew."""
        for key in [key for key in self._open if key[0] == account_id]:
            del self._open[key]

    async def _connect(self, account: Account) -> RemoteAccount:
        provider = self.provider(account.provider)
        config = self.config(provider)
        addresses = AddressFilter.from_config(config)
        if provider.name not in self._sessions:
            session = open_session(addresses, ca_file=config.get("ca_file") or None)
            self._sessions[provider.name] = await self._stack.enter_async_context(session)
        account_id = account.id

        async def load() -> bytes:
            return await self.db.aread(account_tokens.load, account_id, sealer=self.sealer)

        async def store(state: bytes) -> None:
            await self.db.awrite(account_tokens.store, account_id, state, sealer=self.sealer)

        if isinstance(provider.sign_in, HasAccountSettings):
            config |= provider.sign_in.settings_of(config, await load())
        tokens = TokenKeeper(
            provider.sign_in,
            config,
            load=load,
            store=store,
            exclusive=lambda: self._exclusive(account_id),
            clock=self.clock,
        )
        client = AccountClient(
            self._sessions[provider.name],
            tokens,
            origins=provider.hosts(config),
            addresses=addresses,
            budget=SharedBudget(self.db, account_id, self.requests_per_minute),
            timeout_s=self.timeout_s,
            account_id=account.subject,
        )
        return provider.open(client, config)

    @asynccontextmanager
    async def _exclusive(self, account_id: AccountId) -> AsyncIterator[None]:
        """Hold the right to refresh one account, across processes."""
        waited = 0.0
        owner = f"{self._owner}:{uuid.uuid4().hex}"[:64]
        while True:
            held = await self.db.awrite(
                account_tokens.begin_refresh, account_id, owner=owner, now=self.clock()
            )
            if held is not None:
                break
            if waited > _LOCK_PATIENCE_S:
                raise Unavailable("Another process is signing this account in; it will be tried again.")
            waited += _LOCK_POLL_S
            await asyncio.sleep(_LOCK_POLL_S)
        try:
            yield
        finally:
            await self.db.awrite(account_tokens.end_refresh, held, now=self.clock())
