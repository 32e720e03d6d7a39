"""Graph's error answers to the contract's errors; decides by status, then by code, never by message (§12)."""

from __future__ import annotations

import re

from gateway.providers.contract import Answer
from gateway.providers.errors import (
    BadAnswer,
    CursorExpired,
    Forbidden,
    NotFound,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    Reach,
    Rejected,
    SignInExpired,
    Unavailable,
    VersionConflict,
)

_CODE = re.compile(r"[A-Za-z0-9._-]{1,80}")
FULL_PAUSE_S = 3600.0
NO_MAILBOX = {"MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ErrorInvalidUser"}
_STATE_GONE = {"syncstatenotfound", "syncstateinvalid", "resyncrequired"}
CROSSING = "ErrorOccurrenceCrossingBoundary"
TAKEN_KEY = "ErrorDuplicateTransactionId"
TAKEN_NAME = "ErrorFolderExists"


def code_of(answer: Answer) -> str:
    """Return Graph's own word for an error, or an empty text where the body is not Graph's."""
    try:
        value = answer.json()
    except BadAnswer:
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def error_of(answer: Answer, *, is_write: bool) -> ProviderError:
    """Return the error that an answer other than 2xx stands for."""
    status, code = answer.status, code_of(answer)
    if status in {429, 509}:
        return RateLimited(retry_after_s=answer.retry_after_s, code=code or str(status))
    if status == 507:
        return QuotaExhausted(
            "The mailbox is full; make room there.", retry_after_s=FULL_PAUSE_S, code=code or "507"
        )
    if status >= 500 and status != 501:
        # The write may have been applied (§12).
        return Unavailable(
            retry_after_s=answer.retry_after_s, code=code or str(status), maybe_applied=is_write
        )
    if not code:
        # A 3xx, or a 4xx without Graph's envelope: a proxy or a captive portal talks. Nothing is concluded.
        return BadAnswer(
            f"Something else than Microsoft answered ({status}).", code=str(status), maybe_applied=is_write
        )
    return _named(status, code)


def _named(status: int, code: str) -> ProviderError:
    """Return the error of a 4xx with Graph's own code."""
    if status == 401:
        return SignInExpired(code=code)
    # Trap: an expired cursor is a 410, or a 400 with the same codes (§9).
    if status == 410 or code.lower() in _STATE_GONE:
        return CursorExpired(code=code)
    if code in NO_MAILBOX:
        # Trap: without a mailbox everything answers 404; that is no deletion (§2).
        return Forbidden("This account has no mailbox at Microsoft.", code=code, reach=Reach.ACCOUNT)
    if status == 403:
        return Forbidden(code=code)
    # An id that Graph cannot read was never one of its ids.
    if status == 404 or code == "ErrorInvalidIdMalformed":
        return NotFound(code=code)
    if status in {409, 412}:
        return VersionConflict(code=code)
    return Rejected(f"Microsoft does not take this event ({code}).", code=code)
