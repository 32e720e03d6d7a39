"""Pages and sync tokens: small pages, empty pages, tokens bound to what was asked first, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.model import Calendar
    from gateway.lab.google.world import Google

DEFAULT_SIZE, SIZE_CAP = 250, 2500
NOT_BOUND = {
    "pageToken",
    "syncToken",
    "maxResults",
    "fields",
    "alt",
    "key",
    "prettyPrint",
    "quotaUser",
    "userIp",
    "oauth_token",
}
T = TypeVar("T")
Row = tuple[tuple[Any, ...], str, T]


def bound(call: Call, *, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Return the parameters that a token is bound to."""
    return {
        name: sorted(values)
        for name, values in sorted(call.query.items())
        if name not in NOT_BOUND and name not in without
    }


def cut_s(google: Google, calendar: Calendar | None = None) -> float | None:
    """Return the time whose state lists show; None when they do not lag."""
    now_s = google.lab.clock.true_s()
    lag_s = google.lab.settings.list_lag_s
    if calendar is not None and calendar.lag_until_s > now_s:
        lag_s = max(lag_s, calendar.lag_s)
    return now_s - lag_s if lag_s > 0 else None


class Pager:
    """Cuts one page out of ordered rows and makes the token of the next."""

    def __init__(self, google: Google, call: Call, scope: str) -> None:
        self.google = google
        self.call = call
        self.scope = scope
        self.last: list[Any] | None = None
        self.carried: dict[str, Any] = {}
        token = call.one("pageToken")
        if token:
            value = google.unseal(token, "pageToken")
            if value.get("for") != self._binding():
                raise Refusal(400, "invalid", "Invalid page token value.", location="pageToken")
            self.last = value["last"]
            self.carried = value["carried"]

    def _binding(self) -> list[Any]:
        return [
            self.scope,
            self.call.operation,
            self.call.account,
            bound(self.call),
            self.call.one("syncToken"),
        ]

    def cut(self, rows: list[Row[T]]) -> tuple[list[Row[T]], dict[str, Any]]:
        """Return the rows of this page, and ``nextPageToken`` unless it is the last.

        Args:
            rows: everything, in any order; the key of a row must be unique.
        """
        settings = self.google.lab.settings
        trick, self.google.page_trick = self.google.page_trick, ""
        ordered = sorted(rows, key=lambda row: row[0])
        if self.last is not None:
            last = tuple(self.last)
            ordered = [row for row in ordered if row[0] > last or (trick == "repeat" and row[0] == last)]
        wanted = min(int(self.call.one("maxResults", str(DEFAULT_SIZE))), SIZE_CAP, settings.page_cap)
        size = max(1, wanted - (trick == "short"))
        rest = len(ordered) > size
        chance = 1.0 if trick == "empty" else 0.0 if self.carried.get("empty") else settings.empty_page_chance
        if rest and self.google.lab.random.random() < chance:
            return [], {"nextPageToken": self._next(self.last, empty=True)}
        page = ordered[:size]
        return page, ({"nextPageToken": self._next(list(page[-1][0]), empty=False)} if rest else {})

    def _next(self, last: list[Any] | None, *, empty: bool) -> str:
        value = {"for": self._binding(), "last": last, "carried": {**self.carried, "empty": empty}}
        return self.google.seal(value)


def read_sync_token(
    google: Google, call: Call, scope: str, *, floor: int, newest: int, free: frozenset[str]
) -> dict[str, Any]:
    """Return what a sync token carries; raises Refusal 400 or 410.

    Args:
        google: the provider.
        call: the request.
        scope: calendar id, or the account for its list.
        floor: tokens below this number are expired.
        newest: the present number.
        free: parameters that the token keeps in force by itself.
    """
    value: dict[str, Any] = google.unseal(call.one("syncToken"), "syncToken")
    settings = google.lab.settings
    if value.get("scope") != [scope, call.account]:
        raise Refusal(400, "invalid", "Invalid sync token value.", location="syncToken")
    age_s = google.lab.clock.true_s() - value["at_s"]
    expired = age_s > settings.sync_token_life_s or newest - value["seq"] > settings.sync_token_changes
    if value["seq"] < floor or (expired and not settings.never_expire_tokens):
        raise gone()
    if settings.strict_sync_parameters and bound(call, without=free) != value["bound"]:
        raise Refusal(
            400, "invalid", "The parameters differ from those of the first request.", location="syncToken"
        )
    return value


def gone() -> Refusal:
    """Return the refusal of an expired sync token."""
    return Refusal(
        410,
        "fullSyncRequired",
        "Sync token is no longer valid, a full sync is required.",
        domain="calendar",
        location="syncToken",
    )
