"""Connections of administrators at work: a mailbox is signed in, asked, and brought to a new key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gateway.domain.errors import GatewayError, InvalidInput
from gateway.domain.link_model import Account
from gateway.domain.model import PrincipalId
from gateway.providers.contract import SignInKind, SignInRequest, Use
from gateway.providers.errors import Misconfigured, ProviderError
from gateway.providers.sign_in import SUBJECT
from gateway.services import connections
from gateway.services.connections import Connection, Mailbox
from gateway.sync.accounts import Accounts
from gateway.sync.connect import Connector

_log = structlog.get_logger("gateway.sync.tenant")


@dataclass(slots=True, kw_only=True)
class Tenant:
    """Signs in mailboxes by the key of an administrator."""

    accounts: Accounts

    async def add(
        self,
        provider: str,
        fields: Mapping[str, str],
        *,
        label: str,
        address: str,
        owner_id: PrincipalId | None,
        uses: frozenset[Use],
        accepts_terms: bool,
        actor: str,
    ) -> tuple[Connection, Account]:
        """Keep a key after it has opened a first mailbox; a key that opens nothing is not kept.

        Raises:
            SignInRefused: the provider does not let this key act for that address.
            Misconfigured: the provider has no such sign-in.
        """
        db, sealer, clock = self.accounts.db, self.accounts.sealer, self.accounts.clock
        self._check(provider, uses)
        made = await db.awrite(
            connections.add,
            sealer,
            provider=provider,
            label=label,
            fields=fields,
            uses=tuple(sorted(uses)),
            accepts_terms=accepts_terms,
            actor=actor,
            now=clock(),
        )
        try:
            account = await self.add_mailbox(made, address, owner_id=owner_id, actor=actor)
        except GatewayError:
            await db.awrite(connections.remove, made, actor=actor, now=clock())
            raise
        return made, account

    async def add_mailbox(
        self, found: Connection, address: str, *, owner_id: PrincipalId | None, actor: str
    ) -> Account:
        """Sign one more mailbox in; one that is known is brought back.

        Raises:
            SignInRefused: the provider does not let this key act for that address.
        """
        db, sealer = self.accounts.db, self.accounts.sealer
        wanted = address.strip().lower()
        if "@" not in wanted:
            raise InvalidInput("A mailbox is named by its address.")
        fields = await db.aread(connections.fields_of, sealer, found)
        account = await Connector(accounts=self.accounts).with_fields(
            found.provider,
            {**fields, SUBJECT: wanted},
            kind=SignInKind.APPLICATION,
            principal_id=owner_id,
            actor=actor,
            uses=frozenset(Use(each) for each in found.uses),
        )
        await db.awrite(connections.bind, found, account, address=wanted, now=self.accounts.clock())
        return account

    async def change_key(
        self, found: Connection, fields: Mapping[str, str], *, actor: str
    ) -> list[tuple[str, str]]:
        """Bring every mailbox to another key; return the addresses that it does not open, with the reason.

        The new key is kept as soon as it opens one mailbox; where it opens none, nothing changes.

        Raises:
            ProviderError: it opens none.
        """
        db, sealer, clock = self.accounts.db, self.accounts.sealer, self.accounts.clock
        old = await db.aread(connections.fields_of, sealer, found)
        await db.awrite(connections.replace_fields, sealer, found, fields, actor=actor, now=clock())
        boxes = await db.aread(connections.mailboxes, found)
        failed: list[tuple[str, str]] = []
        last: ProviderError | None = None
        for box in boxes:
            try:
                await self.add_mailbox(found, box.address, owner_id=box.account.owner_id, actor=actor)
            except ProviderError as error:
                last = error
                failed.append((box.address, str(error)))
                await db.awrite(connections.checked, box.account.id, problem=str(error), now=clock())
        if last is not None and len(failed) == len(boxes):
            await db.awrite(connections.replace_fields, sealer, found, old, actor=actor, now=clock())
            raise last
        return failed

    async def check(self, found: Connection) -> list[Mailbox]:
        """Ask each mailbox for its calendars and note how it answered; one that fails stops no other."""
        db, clock = self.accounts.db, self.accounts.clock
        for box in await db.aread(connections.mailboxes, found):
            problem: str | None = None
            try:
                remote = await self.accounts.open(box.account)
                await remote.calendars()
            except ProviderError as error:
                problem = str(error)
                _log.warning("mailbox.unwell", account=box.account.uuid, error=type(error).__name__)
            await db.awrite(connections.checked, box.account.id, problem=problem, now=clock())
        return await db.aread(connections.mailboxes, found)

    def _check(self, name: str, uses: frozenset[Use]) -> None:
        provider = self.accounts.provider(name)
        if SignInKind.APPLICATION not in provider.sign_in.kinds:
            raise Misconfigured(f"{provider.label} has no sign-in for administrators.")
        asked = provider.sign_in.begin(
            self.accounts.config(provider), SignInRequest(kind=SignInKind.APPLICATION, uses=uses)
        ).fields
        if SUBJECT not in {each.name for each in asked}:
            raise Misconfigured(f"The key of {provider.label} acts for no mailboxes.")
