"""Connecting accounts: consent, calendars, revocation; everything about it that talks to a provider."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from gateway.domain.errors import AlreadyExists, InvalidInput
from gateway.domain.link_model import Account, Link
from gateway.domain.model import Calendar, PrincipalId
from gateway.providers.contract import (
    CalendarLook,
    Challenge,
    KnowsBusy,
    MakesCalendars,
    Notifies,
    RemoteAccount,
    SignInKind,
    SignInRequest,
    Use,
)
from gateway.providers.errors import (
    Forbidden,
    Misconfigured,
    ProviderError,
    RateLimited,
    SignInRefused,
    Unavailable,
)
from gateway.services import account_tokens, accounts, wanted_calendars, watch_states
from gateway.sync.accounts import Accounts
from gateway.sync.availability import calendar_of
from gateway.sync.wanted import make

_log = structlog.get_logger("gateway.sync.connect")
COMBINED = "Calgate"  # name of the one calendar that the resources of an account may share
DEFAULT_USES = frozenset({Use.OWN_CALENDARS, Use.LIST})


@dataclass(slots=True, kw_only=True)
class Connector:
    """Connects and disconnects accounts of one instance."""

    accounts: Accounts

    async def begin(
        self,
        provider_name: str,
        *,
        principal_id: PrincipalId,
        redirect_uri: str,
        accepts_terms: bool,
        uses: frozenset[Use] = DEFAULT_USES,
        login_hint: str | None = None,
    ) -> Challenge:
        """Return the consent page of a new sign-in; its state is good for ten minutes and once.

        Raises:
            InvalidInput: the privacy terms were not accepted.
            Misconfigured: the provider is not installed, or has no client id.
        """
        provider = self.accounts.provider(provider_name)
        challenge = provider.sign_in.begin(
            self.accounts.config(provider),
            SignInRequest(kind=SignInKind.USER, uses=uses, redirect_uri=redirect_uri, login_hint=login_hint),
        )
        await self.accounts.db.awrite(
            accounts.begin,
            self.accounts.sealer,
            challenge,
            provider=provider.name,
            principal_id=principal_id,
            accepts_terms=accepts_terms,
            now=self.accounts.clock(),
        )
        return challenge

    async def complete(
        self, query: Mapping[str, str], *, actor: str, principal_id: PrincipalId | None = None
    ) -> Account:
        """Finish a sign-in with the query of the redirect; the account's calendars are listed.

        ``principal_id``: only where this person has begun it.

        Raises:
            NotFound: the state is unknown, used or too old.
            SignInRefused: consent was denied.
            AlreadyExists: somebody else has connected this account.
        """
        state = query.get("state", "")
        db, sealer, clock = self.accounts.db, self.accounts.sealer, self.accounts.clock
        begun = await db.awrite(accounts.take, sealer, state=state, now=clock())
        if principal_id is not None and begun.principal_id != principal_id:
            raise SignInRefused("Somebody else began this sign-in; start again from the connect page.")
        provider = self.accounts.provider(begun.provider)
        signed_in = await asyncio.to_thread(
            provider.sign_in.complete,
            self.accounts.config(provider),
            begun.pending,
            dict(query),
            now=clock(),
        )
        account = await db.awrite(
            accounts.complete,
            sealer,
            signed_in,
            provider=provider.name,
            kind=SignInKind.USER.value,
            principal_id=begun.principal_id,
            terms_version=begun.terms_version,
            state=state,
            actor=actor,
            now=clock(),
        )
        self.accounts.forget(account.id)
        await self.list_calendars(account)
        return account

    async def with_fields(
        self,
        provider_name: str,
        fields: Mapping[str, str],
        *,
        kind: SignInKind,
        principal_id: PrincipalId | None,
        actor: str,
        uses: frozenset[Use] = DEFAULT_USES,
    ) -> Account:
        """Connect an account by a key or a password instead of a consent page.

        Raises:
            SignInRefused: the provider does not take it, or a field is missing.
        """
        provider = self.accounts.provider(provider_name)
        if kind not in provider.sign_in.kinds:
            raise Misconfigured(f"{provider.label} has no sign-in of the kind {kind.value}.")
        config, clock = self.accounts.config(provider), self.accounts.clock
        challenge = provider.sign_in.begin(config, SignInRequest(kind=kind, uses=uses))
        missing = [each.name for each in challenge.fields if each.is_required and not fields.get(each.name)]
        if missing:
            raise SignInRefused(f"These fields are needed: {', '.join(missing)}.")
        signed_in = await asyncio.to_thread(
            provider.sign_in.complete, config, challenge.pending, dict(fields), now=clock()
        )
        account = await self.accounts.db.awrite(
            accounts.complete,
            self.accounts.sealer,
            signed_in,
            provider=provider.name,
            kind=kind.value,
            principal_id=principal_id,
            terms_version=accounts.TERMS_VERSION,
            state=None,
            actor=actor,
            now=clock(),
        )
        self.accounts.forget(account.id)
        await self.list_calendars(account)
        return account

    async def list_calendars(self, account: Account) -> Sequence[Mapping[str, object]]:
        """Ask for the account's calendars and remember them; scopes that forbid it leave what is known."""
        db, clock = self.accounts.db, self.accounts.clock
        try:
            remote = await self.accounts.open(account)
            found = await remote.calendars()
        except ProviderError as error:
            _log.info("calendars.not_listed", account=account.uuid, error=type(error).__name__)
            return await db.aread(accounts.calendars, account.id)
        await db.awrite(accounts.save_calendars, account.id, found, now=clock())
        return await db.aread(accounts.calendars, account.id)

    async def calendar_row(self, account: Account, calendar_id: str) -> int:
        """Return the row of a calendar that a person names by its id; it is asked for where unknown.

        Raises:
            CalendarMissing: the account does not reach it.
        """
        for row in await self.accounts.db.aread(accounts.calendars, account.id):
            if calendar_id in {row["remote_id"], row["name"]}:
                return int(row["id"])
        remote = await self.accounts.open(account)
        try:
            found = await remote.calendar(calendar_id)
        except Forbidden:
            # Consent for free/busy alone: the calendar itself cannot be read, only when it is taken.
            if not isinstance(remote, KnowsBusy):
                raise
            found = await calendar_of(remote, calendar_id, now=self.accounts.clock())
        rows = await self.accounts.db.awrite(
            accounts.save_calendars, account.id, [found], now=self.accounts.clock()
        )
        return rows[0]

    async def dedicated_calendar(
        self, account: Account, calendar: Calendar, *, is_new: bool = False, is_combined: bool = False
    ) -> int:
        """Return the row of the account's own calendar for a resource, making it where there is none.

        ``is_combined``: the one calendar of the account that all its resources share, without a colour.

        Never creates blind: where the account shows a calendar of that name, or cannot list its calendars, a
        person says which one it is, or that a new one is wanted (``is_new``).

        Where the provider lets none be made for now, the row stands for one that a worker makes.

        Raises:
            AlreadyExists: there is one of that name that we do not know.
            InvalidInput: the calendars cannot be listed, or the provider makes none.
        """
        db, clock, resource = self.accounts.db, self.accounts.clock, calendar.resource
        name = COMBINED if is_combined else resource.name
        for row in await db.aread(accounts.calendars, account.id):
            if row["is_ours"] and row["name"] == name:
                return int(row["id"])
        remote = await self.accounts.open(account)
        if not isinstance(remote, MakesCalendars):
            raise InvalidInput("This provider makes no calendars; choose one that exists.")
        if not is_new:
            await self._refuse_twin(remote, name)
        look = CalendarLook(name=name, zone=resource.zone, color=None if is_combined else resource.color)
        wanted = await db.awrite(wanted_calendars.want, account.id, look, now=clock())
        try:
            return await make(db, remote, wanted, clock=clock) or wanted
        except (RateLimited, Unavailable) as error:
            # The link may be made: its worker makes the calendar as soon as the provider lets it.
            _log.warning("calendar.queued", account=account.uuid, error=type(error).__name__)
            return wanted
        except ProviderError:
            await db.awrite(wanted_calendars.give_up, wanted)
            raise

    async def _refuse_twin(self, remote: RemoteAccount, name: str) -> None:
        try:
            found = await remote.calendars()
        except Forbidden:
            raise InvalidInput(
                "The account does not let us list its calendars, so a copy of an earlier time may be there;"
                " give its id with --calendar, or say --new."
            ) from None
        for one in found:
            if one.name == name and not one.is_primary:
                raise AlreadyExists(
                    f"The account has a calendar of that name already (id {one.id}); use it with --calendar,"
                    " or say --new."
                )

    async def stop_watch(self, link: Link, account: Account) -> None:
        """End the push subscription of a link that goes; where that fails it ends by itself."""
        known = await self.accounts.db.aread(watch_states.of_link, link.id)
        if known is None or known.watch is None:
            return
        try:
            remote = await self.accounts.open(account)
            if isinstance(remote, Notifies):
                await remote.unwatch(known.watch)
        except ProviderError as error:
            _log.info("watch.not_stopped", link=link.uuid, error=type(error).__name__)

    async def revoke(self, account: Account) -> bool:
        """Give the grant back at the provider; False where the provider could not be told."""
        provider = self.accounts.provider(account.provider)
        state = await self.accounts.db.aread(account_tokens.load, account.id, sealer=self.accounts.sealer)
        try:
            await asyncio.to_thread(provider.sign_in.revoke, self.accounts.config(provider), state)
        except ProviderError as error:
            _log.warning("account.not_revoked", account=account.uuid, error=type(error).__name__)
            return False
        finally:
            self.accounts.forget(account.id)
        return True
