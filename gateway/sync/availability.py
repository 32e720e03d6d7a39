"""Reading free/busy where the account lets us see no events; what is unknown is never read as free."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from gateway.domain.link_model import Direction
from gateway.providers.contract import (
    Access,
    BusyKind,
    BusySpan,
    KnowsBusy,
    RemoteAccount,
    RemoteCalendar,
    Window,
)
from gateway.providers.errors import CalendarMissing, Unavailable
from gateway.services import availability
from gateway.services.sync_context import window_of
from gateway.sync.run import Run

_log = structlog.get_logger("gateway.sync.availability")


async def can_take(run: Run) -> bool:
    """Return whether free/busy may stand in for the events of this link's calendar."""
    if run.link.direction is not Direction.PULL or not isinstance(run.account, KnowsBusy):
        return False
    return not await run.db.aread(availability.is_shared, run.ctx)


async def take(run: Run) -> None:
    """Ask when the calendar is taken and record it.

    Raises:
        Unavailable: a part is unknown; what was known before stands.
    """
    now = run.clock()
    asked = availability.ask(run.link.cursor, end=window_of(run.link, now).end, now=now)
    found = {}
    for name, window in asked.parts.items():
        spans = await _busy(run.account, run.calendar_id, window)
        if any(one.kind is BusyKind.UNKNOWN for one in spans):
            raise Unavailable("The provider cannot say when this calendar is taken; what was known stands.")
        found[name] = spans
    await run.db.awrite(availability.take, run.ctx, found, cursor=asked.cursor, now=now)
    _log.debug("availability.taken", link=run.link.uuid, parts=len(found))


async def calendar_of(account: RemoteAccount, calendar_id: str, *, now: datetime) -> RemoteCalendar:
    """Return a calendar of which only free/busy can be read; its name is its id.

    Raises:
        CalendarMissing: nothing is known about it.
    """
    spans = await _busy(account, calendar_id, Window(start=now, end=now + timedelta(days=1)))
    if any(one.kind is BusyKind.UNKNOWN for one in spans):
        raise CalendarMissing("The account does not see when that calendar is taken; check its id.")
    return RemoteCalendar(id=calendar_id, name=calendar_id, access=Access.FREEBUSY)


async def _busy(account: RemoteAccount, calendar_id: str, window: Window) -> Sequence[BusySpan]:
    if not isinstance(account, KnowsBusy):
        raise CalendarMissing
    return (await account.busy([calendar_id], window)).get(calendar_id, ())
