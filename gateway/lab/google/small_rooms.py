"""The small rooms: colours and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.google import palette
from gateway.lab.google.pages import Pager, Row

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.world import Google


def colors(_google: Google, _call: Call) -> dict[str, Any]:
    """colors.get."""

    def definitions(colours: dict[str, str], ink: str) -> dict[str, Any]:
        return {number: {"background": color, "foreground": ink} for number, color in colours.items()}

    return {
        "kind": "calendar#colors",
        "updated": "2012-02-14T00:00:00.000Z",
        "calendar": definitions(palette.CALENDAR, palette.CALENDAR_INK),
        "event": definitions(palette.EVENT, palette.EVENT_INK),
    }


def _values(google: Google, call: Call) -> dict[str, str]:
    return {
        "format24HourTime": "true",
        "locale": "en",
        "timezone": google.lab.account(call.account or "").zone,
        "weekStart": "1",
        "defaultEventLength": "60",
    }


def _setting(google: Google, call: Call, name: str) -> dict[str, Any]:
    value = _values(google, call)[name]
    return {"kind": "calendar#setting", "etag": f'"{abs(hash((name, value)))}"', "id": name, "value": value}


def setting(google: Google, call: Call) -> dict[str, Any]:
    """settings.get."""
    name = call.path_args["setting"]
    if name not in _values(google, call):
        raise Refusal(404, "notFound", "Not Found")
    return _setting(google, call, name)


def settings(google: Google, call: Call) -> dict[str, Any]:
    """settings.list; without sync tokens: a token is refused."""
    if call.one("syncToken"):
        raise Refusal(410, "fullSyncRequired", "Sync token is no longer valid.", domain="calendar")
    rows: list[Row[dict[str, Any]]] = [
        ((name,), name, _setting(google, call, name)) for name in _values(google, call)
    ]
    page, answer = Pager(google, call, call.account or "").cut(rows)
    return answer | {"kind": "calendar#settings", "etag": '"settings"', "items": [row[2] for row in page]}


ROOMS = {"calendar.colors.get": colors, "calendar.settings.get": setting, "calendar.settings.list": settings}
