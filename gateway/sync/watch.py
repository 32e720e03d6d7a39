"""Push subscriptions: made and renewed at half of their life, always with polling underneath."""

from __future__ import annotations

import secrets

import structlog

from gateway.domain.sync_model import Act
from gateway.providers.contract import Notifies, Renews, Watch
from gateway.providers.errors import ProviderError
from gateway.services import watch_states
from gateway.services.watch_states import KnownWatch
from gateway.sync.run import Run

_log = structlog.get_logger("gateway.sync.watch")
# What a provider should have told; our own writes come back as echoes, with or without a word.
_NEWS = frozenset(Act) - {Act.ECHO, Act.FORGET, Act.NOT_BUSY, Act.IGNORE, Act.PARK}


async def keep(run: Run, *, callback_url: str | None) -> None:
    """Make or renew the subscription of a link where that is possible; trouble only costs delay."""
    account = run.account
    if callback_url is None or not isinstance(account, Notifies):
        return
    now = run.clock()
    renew_at = run.begun.signs.renew_at_utc
    if renew_at is not None and renew_at > now and not _has_news(run):
        return  # nothing to renew, and nothing that it should have told
    known = await run.db.aread(watch_states.of_link, run.link.id)
    is_lost = known is not None and _has_missed(run, known)
    if known is not None and known.renew_at_utc > now and not is_lost:
        return
    old = known.watch if known is not None else None
    if old is not None and not is_lost and await _renewed(run, old):
        return
    watch_id, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    # Stored before the call: a message may come back before the answer does.
    before = await run.db.awrite(watch_states.begin, run.link.id, watch_id=watch_id, secret=secret, now=now)
    try:
        made = await account.watch(
            run.calendar_id,
            callback_url=f"{callback_url}/hooks/{run.provider.name}",
            secret=secret,
            watch_id=watch_id,
            renew=old,
        )
    except ProviderError as error:
        _log.info("watch.refused", link=run.link.uuid, error=type(error).__name__)
        await run.db.awrite(watch_states.refused, run.link.id, before=None if is_lost else before, now=now)
        return
    await run.db.awrite(watch_states.made, run.link.id, made, secret=secret, now=now)
    if old is not None:
        await end(run, old)


async def _renewed(run: Run, old: Watch) -> bool:
    """Prolong a subscription in its place where the provider can; False: make another."""
    if not isinstance(run.account, Renews):
        return False
    try:
        made = await run.account.renew(old)
    except ProviderError as error:
        _log.info("watch.not_renewed", link=run.link.uuid, error=type(error).__name__)
        return False
    await run.db.awrite(watch_states.renewed, run.link.id, made, now=run.clock())
    return True


def _has_missed(run: Run, known: KnownWatch) -> bool:
    """Return whether polling has found what the subscription did not tell: it is lost (behaviours.md 31)."""
    if not _has_news(run):
        return False
    if not known.is_silent(since=run.link.synced_at_utc):
        return False
    _log.info("watch.silent", link=run.link.uuid)
    return True


def _has_news(run: Run) -> bool:
    return not run.begun.must_compare and any(run.ctx.counts.get(act.value) for act in _NEWS)


async def end(run: Run, old: Watch) -> None:
    """Stop a subscription that nobody needs any more."""
    if isinstance(run.account, Notifies):
        try:
            await run.account.unwatch(old)
        except ProviderError as error:
            _log.info("watch.not_stopped", link=run.link.uuid, error=type(error).__name__)
