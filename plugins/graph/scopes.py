"""Which permissions are asked for which use, and what the granted ones are good for (§2)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.providers.contract import Use

WRITE, READ = "Calendars.ReadWrite", "Calendars.Read"
SHARED = "Calendars.ReadWrite.Shared"
_ASKED = {Use.OWN_CALENDARS: WRITE, Use.WRITE: WRITE, Use.READ: READ, Use.BUSY: READ, Use.LIST: READ}
_ENOUGH = {
    Use.OWN_CALENDARS: {WRITE},
    Use.WRITE: {WRITE, SHARED},
    Use.READ: {WRITE, READ},
    Use.BUSY: {WRITE, READ},
    Use.LIST: {WRITE, READ},
}


def scopes_for(uses: Iterable[Use], *, shared: bool) -> tuple[str, ...]:
    """Return the short names of the permissions to ask for, the narrowest that serve, sorted.

    Never ``offline_access``, ``openid`` or ``profile``: MSAL adds them and refuses them from us (§3).
    """
    asked = {_ASKED[use] for use in uses} or {READ}
    if WRITE in asked:
        asked.discard(READ)
        asked |= {SHARED} if shared else set()
    return tuple(sorted(asked))


def short(scope: str) -> str:
    """Return a permission without the address of its resource."""
    return scope.rpartition("/")[2]


def missing_uses(uses: Iterable[Use], granted: Iterable[str]) -> frozenset[Use]:
    """Return the uses that the granted permissions do not allow."""
    have = {short(scope) for scope in granted}
    return frozenset(use for use in uses if not have & _ENOUGH[use])
