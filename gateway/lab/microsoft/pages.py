"""Pages of lists: small, sometimes empty, with absolute links, and what faults make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from gateway.lab.microsoft import odata

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Calendar
    from gateway.lab.microsoft.world import Microsoft

DEFAULT_SIZE, SIZE_CAP = 10, 1000
FOREIGN_HOST = "https://graph.attacker.example"


def cut_s(microsoft: Microsoft, calendar: Calendar) -> float | None:
    """Return the time whose state reads show; None when they do not lag."""
    now_s = microsoft.lab.clock.true_s()
    lag_s = microsoft.lab.settings.list_lag_s
    if calendar.lag_until_s > now_s:
        lag_s = max(lag_s, calendar.lag_s)
    return now_s - lag_s if lag_s > 0 else None


def trick_of(microsoft: Microsoft) -> str:
    """Take what a fault asks of this page."""
    trick, microsoft.page_trick = microsoft.page_trick, ""
    return trick


def link(microsoft: Microsoft, call: Call, changes: dict[str, str], trick: str = "") -> str:
    """Return an absolute link to another page of the same list."""
    query = {name: values[0] for name, values in call.query.items()} | changes
    root = FOREIGN_HOST if trick == "foreign" else microsoft.lab.base_url
    text = urlencode({name: item for name, item in query.items() if item}, quote_via=quote)
    return f"{root}{call.path}?{text}"


def listed(microsoft: Microsoft, call: Call, items: list[Any], page_size: int = 0) -> dict[str, Any]:
    """Return one page of a list by $top and $skip, with ``@odata.nextLink`` unless it is the last."""
    trick = trick_of(microsoft)
    top = odata.number(call.one("$top"), "$top", page_size or DEFAULT_SIZE, SIZE_CAP)
    skip = odata.number(call.one("$skip"), "$skip", 0, 10**8)
    size = max(1, min(top or DEFAULT_SIZE, microsoft.lab.settings.page_cap) - (trick == "short"))
    start = max(0, skip - 1) if trick == "repeat" else skip
    page: dict[str, Any] = {"value": items[start : skip + size]}
    following = skip + size
    if trick == "empty" and skip < len(items):
        page["value"], following = [], skip
    if call.one("$count") == "true":
        page["@odata.count"] = len(items)
    if following < len(items):
        page["@odata.nextLink"] = link(microsoft, call, {"$skip": str(following)}, trick)
    return page
