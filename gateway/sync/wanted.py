"""Making calendars of our own at a provider: at once where it lets us, else when it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.providers.contract import MakesCalendars, RemoteAccount, RemoteCalendar
from gateway.providers.errors import CalendarMissing, Forbidden, ProviderError, RateLimited, Unavailable
from gateway.services import Database, wanted_calendars
from gateway.services.wanted_calendars import Step, Wish

_log = structlog.get_logger("gateway.sync.wanted")
_QUOTA_S = 900.0  # providers count new calendars over hours; asking costs one request


async def make(
    db: Database, account: RemoteAccount, row_id: int, *, clock: Callable[[], datetime]
) -> int | None:
    """Make a wanted calendar, or find the one of an attempt whose end nobody saw; return its row.

    Returns None where another process is at it.

    Raises:
        RateLimited, Unavailable: not now; the wish stays.
        CalendarMissing: it cannot be told which calendar is the one; a person must choose.
        ProviderError: never; the reason says why.
    """
    wish = await db.awrite(wanted_calendars.begin, row_id, now=clock())
    if wish is None or wish.step is Step.WAIT:
        return None
    if wish.step is Step.DONE:
        return row_id
    found = await _look(account, wish) if wish.step is Step.LOOK else None
    if found is None:
        found = await _create(db, account, wish)
    row = await db.awrite(wanted_calendars.made, row_id, found, now=clock())
    _log.info("calendar.made", calendar=row, was_found=wish.step is Step.LOOK)
    return row


async def _create(db: Database, account: RemoteAccount, wish: Wish) -> RemoteCalendar:
    if not isinstance(account, MakesCalendars):
        raise CalendarMissing("This provider makes no calendars; choose one that exists.")
    try:
        return await account.create_calendar(wish.look)
    except ProviderError as error:
        if not error.maybe_applied:
            await db.awrite(wanted_calendars.again, wish.row_id)
        if isinstance(error, RateLimited):
            # Only new calendars are closed: the account's other links go on.
            raise Unavailable(
                "The provider lets no more calendars be made for now; it is tried again.",
                retry_after_s=error.retry_after_s or _QUOTA_S,
            ) from error
        raise


async def _look(account: RemoteAccount, wish: Wish) -> RemoteCalendar | None:
    try:
        there = await account.calendars()
    except Forbidden:
        raise CalendarMissing(
            "It is not known whether the calendar was made, and the account does not let us list its"
            " calendars; link the resource anew, with the calendar's id."
        ) from None
    found = [
        one
        for one in there
        if one.name == wish.look.name and not one.is_primary and one.id not in wish.known_ids
    ]
    if len(found) > 1:
        raise CalendarMissing(
            f"There are {len(found)} calendars of that name; link the resource anew, with the id of one."
        )
    return found[0] if found else None
