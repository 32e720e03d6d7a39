"""calendarView/delta: a frozen window, masters whole, occurrences as stubs, what is gone or lies outside.

A round is one snapshot: its page tokens name the number up to which changes are told. A delta names every
changed item: inside the window with what it looks like now, outside it as ``@removed``, known or not.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import event_reads, items, odata, pages, prefer, series
from gateway.lab.microsoft.pages import FOREIGN_HOST

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Calendar, Item, Version
    from gateway.lab.microsoft.prefer import Wish
    from gateway.lab.microsoft.world import Microsoft

REFUSED = ("$select", "$filter", "$expand", "$orderby", "$search", "$top", "$skip", "$count")
_REFUSED_STRICTLY = REFUSED[:5]


def gone(microsoft: Microsoft, call: Call, code: str) -> Refusal:
    """Return the refusal of an expired token; a resync names where to start afresh."""
    headers = {"Location": f"{microsoft.lab.base_url}{call.path}"} if code == "resyncRequired" else {}
    return Refusal(
        410, code, "The sync state generation is not found; a full resync is required.", headers=headers
    )


def delta(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET calendarView/delta."""
    for name in _REFUSED_STRICTLY:
        if name in call.query:
            raise odata.bad(f"The query parameter {name} is not supported with delta on calendarView.")
    calendar = microsoft.calendar(call)
    token = _token(microsoft, call, calendar)
    after, before = (datetime.fromisoformat(text) for text in token["window"])
    wish = prefer.of(call)
    entries = _entries(microsoft, calendar, token, after, before, wish)
    trick = pages.trick_of(microsoft)
    settings = microsoft.lab.settings
    size = max(1, min(wish.page_size or pages.DEFAULT_SIZE, settings.page_cap) - (trick == "short"))
    skip = token["skip"]
    rest = len(entries) > skip + size
    chance = 1.0 if trick == "empty" else 0.0 if token.get("empty") else settings.empty_page_chance
    body: dict[str, Any] = {"@odata.context": f"{microsoft.root()}/$metadata#Collection(event)"}
    if rest and microsoft.lab.random.random() < chance:
        following = {**token, "empty": True}
        return body | {"value": [], "@odata.nextLink": _link(microsoft, call, "$skiptoken", following, trick)}
    start = max(0, skip - 1) if trick == "repeat" else skip
    body["value"] = entries[start : skip + size]
    if rest:
        following = {**token, "skip": skip + size, "empty": False}
        body["@odata.nextLink"] = _link(microsoft, call, "$skiptoken", following, trick)
    else:
        following = {**token, "since": token["until"], "until": None, "skip": 0, "empty": False}
        following["at_s"] = microsoft.lab.clock.true_s()
        body["@odata.deltaLink"] = _link(microsoft, call, "$deltatoken", following, trick)
    return body


def _link(microsoft: Microsoft, call: Call, name: str, token: dict[str, Any], trick: str) -> str:
    root = FOREIGN_HOST if trick == "foreign" else microsoft.lab.base_url
    return f"{root}{call.path}?{quote(name)}={quote(microsoft.ids.seal(token), safe='')}"


def _token(microsoft: Microsoft, call: Call, calendar: Calendar) -> dict[str, Any]:
    """Return where a round stands; without a token a new one begins; raises Refusal 400 or 410."""
    text = call.one("$skiptoken") or call.one("$deltatoken")
    newest = _newest(microsoft, calendar)
    if not text:
        if not call.one("startDateTime") or not call.one("endDateTime"):
            raise Refusal(
                400, "ErrorInvalidRequest", "startDateTime and endDateTime are required for the first call."
            )
        after, before = event_reads.window(microsoft, call)
        return {
            "for": [calendar.key, call.account or call.path_args.get("user_id")],
            "window": [after.isoformat(), before.isoformat()],
            "since": None,
            "until": newest,
            "skip": 0,
            "at_s": microsoft.lab.clock.true_s(),
        }
    try:
        token: dict[str, Any] = microsoft.ids.unseal(text)
    except ValueError:
        raise Refusal(400, "SyncStateInvalid", "The sync token is not valid.") from None
    if token.get("for") != [calendar.key, call.account or call.path_args.get("user_id")]:
        raise Refusal(400, "SyncStateInvalid", "The sync token belongs to another resource.")
    settings = microsoft.lab.settings
    since = token["since"] if token["since"] is not None else token["until"]
    old = microsoft.lab.clock.true_s() - token["at_s"] > settings.delta_token_life_s
    many = calendar.seq - since > settings.delta_token_changes
    if since < calendar.token_floor or ((old or many) and not settings.never_expire_tokens):
        raise gone(microsoft, call, settings.delta_gone_code)
    return {**token, "until": newest if token["until"] is None else token["until"]}


def _newest(microsoft: Microsoft, calendar: Calendar) -> int:
    """Return the number of the last change that reads show, lag considered."""
    cut = pages.cut_s(microsoft, calendar)
    if cut is None:
        return calendar.seq
    numbers = [
        version.seq for item in calendar.items.values() for version in item.versions if version.at_s <= cut
    ]
    return max(numbers, default=0)


def _entries(
    microsoft: Microsoft,
    calendar: Calendar,
    token: dict[str, Any],
    after: datetime,
    before: datetime,
    wish: Wish,
) -> list[dict[str, Any]]:
    """Return everything that a round has to tell, in the order of change."""
    entries = []
    found = [(item.as_of(seq=token["until"]), item) for item in calendar.items.values()]
    pairs = [(version, item) for version, item in found if version is not None]
    for version, item in sorted(pairs, key=lambda pair: pair[0].seq):
        if token["since"] is None:
            if not version.deleted:
                entries += _whole(microsoft, calendar, item, version, after, before, wish)
        elif version.seq > token["since"]:
            earlier = item.as_of(seq=token["since"])
            entries += _changed(microsoft, calendar, item, version, earlier, after, before, wish)
    return entries


def _whole(
    microsoft: Microsoft,
    calendar: Calendar,
    item: Item,
    version: Version,
    after: datetime,
    before: datetime,
    wish: Wish,
) -> list[dict[str, Any]]:
    """Return an item as it looks inside the window: nothing, itself, or a master with its occurrences."""
    body = version.body
    nothing = odata.expansion("")

    def shown(inner: dict[str, Any], day: str) -> dict[str, Any]:
        whole = items.shown(microsoft, calendar, item, version, inner, day, wish)
        return {"@odata.type": "#microsoft.graph.event", **odata.trimmed(whole, "", nothing)}

    if not series.is_master(body):
        return [shown(body, "")] if series.overlaps(body, after, before) else []
    found = series.occurring(microsoft, body, after, before)
    stubs = microsoft.lab.settings.occurrences_as_stubs
    result = [shown(body, "")] if found else []
    for day, inner in found:
        plain = inner["type"] == "occurrence" and stubs
        result.append(items.stub(microsoft, item, version, inner, day, wish) if plain else shown(inner, day))
    return result


def _changed(
    microsoft: Microsoft,
    calendar: Calendar,
    item: Item,
    version: Version,
    earlier: Version | None,
    after: datetime,
    before: datetime,
    wish: Wish,
) -> list[dict[str, Any]]:
    """Return what a delta says of a changed item."""
    outside = microsoft.lab.settings.delta_outside_removed
    was = _days(microsoft, earlier, after, before)
    now = {} if version.deleted else _days(microsoft, version, after, before)
    result = [] if version.deleted else _whole(microsoft, calendar, item, version, after, before, wish)
    lost = [day for day in was if day and day not in now]
    silent = bool(now) and _silent(microsoft, item, version)
    result += [items.removed(microsoft, item, day, wish) for day in lost if not silent]
    if not now and (was or outside):
        result.append(items.removed(microsoft, item, "", wish))
    return result


def _silent(microsoft: Microsoft, item: Item, version: Version) -> bool:
    """Tell whether lost occurrences of this change go unmentioned; the same on every page of a round."""
    number = int.from_bytes(f"{item.key}{version.seq}".encode()[-6:], "big") * 2654435761 % 1000
    return number < 1000 * microsoft.lab.settings.delta_lost_occurrences


def _days(
    microsoft: Microsoft, version: Version | None, after: datetime, before: datetime
) -> dict[str, bool]:
    """Return the original dates by which a version shows in the window; a single event's is empty."""
    if version is None or version.deleted:
        return {}
    body = version.body
    if series.is_master(body):
        return {day: True for day, _inner in series.occurring(microsoft, body, after, before)}
    return {"": True} if series.overlaps(body, after, before) else {}


def events_delta(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET events/delta: known to the metadata, documented for beta only."""
    if not (call.one("startDateTime") or call.one("$skiptoken") or call.one("$deltatoken")):
        raise Refusal(
            501, "notImplemented", "The laboratory has events/delta with a window only.", violation=True
        )
    return delta(microsoft, call)


ROOMS = {"graph.calendarView.delta": delta, "graph.events.delta": events_delta}
