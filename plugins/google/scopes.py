"""Which scopes are asked for which use, and what the granted ones are good for (§2)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.providers.contract import Use

_PREFIX = "https://www.googleapis.com/auth/"
IDENTITY = ("openid", "email")
"""Whose account it is: one account is connected once."""

# The narrowest scope for each use.
_ASKED = {
    Use.OWN_CALENDARS: "calendar.app.created",
    Use.WRITE: "calendar.events",
    Use.READ: "calendar.events.readonly",
    Use.BUSY: "calendar.freebusy",
    Use.LIST: "calendar.calendarlist.readonly",
}
# Any of these is enough: the table `x-methods` of the discovery document.
_ENOUGH = {
    Use.OWN_CALENDARS: {"calendar", "calendar.app.created"},
    Use.WRITE: {"calendar", "calendar.events"},
    Use.READ: {"calendar", "calendar.events", "calendar.events.readonly", "calendar.readonly"},
    Use.BUSY: {"calendar", "calendar.freebusy", "calendar.events.freebusy", "calendar.readonly"},
    Use.LIST: {"calendar", "calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly"},
}


def scopes_for(uses: Iterable[Use]) -> tuple[str, ...]:
    """Return the full names of the scopes to ask for, the narrowest that serve, sorted."""
    asked = {_ASKED[use] for use in uses}
    if "calendar.events" in asked:
        asked.discard("calendar.events.readonly")
    return tuple(_PREFIX + name for name in sorted(asked))


def missing_uses(uses: Iterable[Use], granted: Iterable[str]) -> frozenset[Use]:
    """Return the uses that the granted scopes do not allow. Trap: people can untick single scopes (§2)."""
    short = {scope.removeprefix(_PREFIX) for scope in granted}
    return frozenset(use for use in uses if not short & _ENOUGH[use])
