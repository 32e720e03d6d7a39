"""How servers say that a sync token is too old: there is one right way (RFC 6578 §3.2) and many others."""

from __future__ import annotations

from gateway.providers.errors import (
    BadAnswer,
    Forbidden,
    NotFound,
    ProviderError,
    QuotaExhausted,
    Rejected,
    Unavailable,
    VersionConflict,
)

_STATUSES = frozenset({"400", "403", "409", "410", "412", "415", "422", "valid-sync-token"})


def is_too_old(error: ProviderError) -> bool:
    """Return whether the answer to a REPORT with a token may mean the token: then everything is compared.

    Nothing is lost by taking a refusal of another kind for it: the full compare meets it again.
    """
    if isinstance(error, QuotaExhausted):
        return True  # 507 for a whole answer: more has changed than the server wants to say at once
    if isinstance(error, NotFound):
        return error.code == "410"
    if isinstance(error, (Forbidden, Rejected, VersionConflict)):
        return True
    if isinstance(error, BadAnswer):
        return error.code in _STATUSES
    return isinstance(error, Unavailable) and error.code == "500"
