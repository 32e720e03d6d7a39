"""When to try again: pure, from the error's own class (providers.errors) and how often it has failed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from gateway.domain.errors import GatewayError, StoreError
from gateway.domain.link_model import AccountState, LinkState
from gateway.providers import errors

LONGEST_S = 3600.0
QUOTA_S = 3600.0
LONGEST_QUOTA_S = 6 * 3600.0
BUGS_BEFORE_STOP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an error makes of a link and its account.

    Attributes:
        delay_s: before the next run.
        message: for people; never any text of events.
        link_state: the link stops in it; None goes on trying.
        account_state: all links of the account stop; None: only this link is concerned.
        delays_account: the provider asked the whole account to wait.
    """

    delay_s: float
    message: str
    link_state: LinkState | None = None
    account_state: AccountState | None = None
    delays_account: bool = False


def verdict(error: BaseException, *, fails: int, spread: random.Random) -> Verdict:
    """Return what follows from an error that ended a run after ``fails`` failed ones."""
    message = str(error) if isinstance(error, GatewayError) else f"A bug: {type(error).__name__}."
    wait = back_off_s(fails, spread)
    match error:
        case errors.SignInExpired():
            return Verdict(delay_s=wait, message=message, account_state=AccountState.RECONNECT)
        case errors.Misconfigured():
            # LATER: the operator acts on the installation; the queue is kept and tried again.
            return Verdict(delay_s=max(wait, 60.0), message=message)
        case errors.CalendarMissing():
            return Verdict(delay_s=wait, message=message, link_state=LinkState.MISSING)
        case errors.Forbidden():
            if error.reach is errors.Reach.ACCOUNT:
                return Verdict(delay_s=wait, message=message, account_state=AccountState.FORBIDDEN)
            return Verdict(delay_s=wait, message=message, link_state=LinkState.FORBIDDEN)
        case errors.QuotaExhausted():
            quota = min(LONGEST_QUOTA_S, QUOTA_S * 2 ** min(fails, 8))
            return Verdict(delay_s=error.retry_after_s or quota, message=message, delays_account=True)
        case errors.RateLimited():
            is_wide = error.reach is not errors.Reach.CALENDAR
            return Verdict(
                delay_s=error.retry_after_s if error.retry_after_s is not None else max(wait, 1.0),
                message=message,
                delays_account=is_wide,
            )
        case errors.Unavailable():
            return Verdict(
                delay_s=error.retry_after_s if error.retry_after_s is not None else wait, message=message
            )
        case errors.ProviderError() | StoreError():
            return Verdict(delay_s=wait, message=message)
        case _:
            state = LinkState.BROKEN if fails + 1 >= BUGS_BEFORE_STOP else None
            return Verdict(delay_s=wait, message=message, link_state=state)


def back_off_s(fails: int, spread: random.Random) -> float:
    """Return a wait with full jitter: between 0 and min(1 h, 2^fails s), never below 0.2 s."""
    return max(0.2, spread.uniform(0, min(LONGEST_S, 2.0 ** min(fails, 12))))
