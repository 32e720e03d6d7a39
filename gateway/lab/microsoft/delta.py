"""calendarView/delta: a frozen window, masters whole, occurrences as stubs, what is gone or lies outside.

A round is one snapshot: its page tokens name the number up to which changes are told. A delta names every
changed item: inside the window with what it looks like now, outside it as ``@removed``, known or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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

Entry = Callable[[], dict[str, Any]]
REFUSED = ("$select", "$filter", "$expand", "$orderby", "$search")


def gone(microsoft: Microsoft, call: Call, code: str) -> Refusal:
    """Return the refusal of an expired token; a resync names where to start afresh."""
    headers = {"Location": f"{microsoft.lab.base_url}{call.path}"} if code == "resyncRequired" else {}
    return Refusal(
        410, code, "The sync state generation is not found; a full resync is required.", headers=headers
    )


def delta(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET calendarView/delta."""
    for name in REFUSED:
        if name in call.query:
            raise odata.bad(f"The query parameter {name} is not supported with delta on calendarView.")
    calendar = microsoft.calendar(call)
    token = _token(microsoft, call, calendar)
    after, before = (datetime.fromisoformat(text) for text in token["window"])
    wish = prefer.of(call)
    this = _Round(microsoft=microsoft, calendar=calendar, after=after, before=before, wish=wish)
    entries = _entries(this, token["since"], token["until"])
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
    body["value"] = [render() for render in entries[start : skip + size]]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What stays the same while a round is told."""

    microsoft: Microsoft
    calendar: Calendar
    after: datetime
    before: datetime
    wish: Wish

    def days(self, version: Version | None) -> list[tuple[str, dict[str, Any]]]:
        """Return (original date, stored form) of what a version shows in the window; a single's is empty."""
        if version is None or version.deleted:
            return []
        body = version.body
        if series.is_master(body):
            return series.occurring(self.microsoft, body, self.after, self.before)
        return [("", body)] if series.overlaps(body, self.after, self.before) else []

    def shown(self, item: Item, version: Version, body: dict[str, Any], day: str) -> dict[str, Any]:
        """Render an event in full."""
        whole = items.shown(self.microsoft, self.calendar, item, version, body, day, self.wish)
        return {"@odata.type": "#microsoft.graph.event", **odata.trimmed(whole, "", odata.expansion(""))}

    def stub(self, item: Item, version: Version, body: dict[str, Any], day: str) -> dict[str, Any]:
        """Render an occurrence with times and ids only."""
        return items.stub(self.microsoft, item, version, body, day, self.wish)

    def removed(self, item: Item, day: str) -> Entry:
        """Return what tells a removal."""
        return partial(items.removed, self.microsoft, item, day, self.wish)

    def whole(self, item: Item, version: Version) -> list[Entry]:
        """Return an item as it looks in the window: nothing, itself, or a master with its occurrences."""
        found = self.days(version)
        stubs = self.microsoft.lab.settings.occurrences_as_stubs
        result: list[Entry] = []
        if found and series.is_master(version.body):
            result.append(partial(self.shown, item, version, version.body, ""))
        for day, body in found:
            plain = bool(day) and body["type"] == "occurrence" and stubs
            result.append(partial(self.stub if plain else self.shown, item, version, body, day))
        return result

    def changed(self, item: Item, version: Version, earlier: Version | None) -> list[Entry]:
        """Return what a delta says of a changed item."""
        was = [day for day, _body in self.days(earlier)]
        now = {day for day, _body in self.days(version)}
        result = self.whole(item, version)
        if not (now and _silent(self.microsoft, item, version)):
            result += [self.removed(item, day) for day in was if day and day not in now]
        if not now and (was or self.microsoft.lab.settings.delta_outside_removed):
            result.append(self.removed(item, ""))
        return result


def _entries(this: _Round, since: int | None, until: int) -> list[Entry]:
    """Return everything that a round has to tell, in the order of change; rendered when a page needs it."""
    entries: list[Entry] = []
    found = [(item.as_of(seq=until), item) for item in this.calendar.items.values()]
    pairs = [(version, item) for version, item in found if version is not None]
    for version, item in sorted(pairs, key=lambda pair: pair[0].seq):
        if since is None:
            entries += this.whole(item, version)
        elif version.seq > since:
            entries += this.changed(item, version, item.as_of(seq=since))
    return entries


def _silent(microsoft: Microsoft, item: Item, version: Version) -> bool:
    """Tell whether lost occurrences of this change go unmentioned; the same on every page of a round."""
    number = int.from_bytes(f"{item.key}{version.seq}".encode()[-6:], "big") * 2654435761 % 1000
    return number < 1000 * microsoft.lab.settings.delta_lost_occurrences


def events_delta(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET events/delta: known to the metadata, documented for beta only."""
    if not (call.one("startDateTime") or call.one("$skiptoken") or call.one("$deltatoken")):
        raise Refusal(
            501, "notImplemented", "The laboratory has events/delta with a window only.", violation=True
        )
    return delta(microsoft, call)


ROOMS = {"graph.calendarView.delta": delta, "graph.events.delta": events_delta}
