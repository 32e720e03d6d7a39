"""Calendars as a person sees them at the simulated server, with small forms; recurrence by ical.js."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.lab.caldav import lines, person
from gateway.lab.core.errors import EngineFailed, Refusal, RuleRefused
from gateway.lab.core.people_pages import PeoplePages
from gateway.lab.core.week import Row, first_day, grid
from gateway.lab.core.zones import zone

if TYPE_CHECKING:
    from gateway.lab.caldav.model import Calendar, Person
    from gateway.lab.caldav.world import Dav

_SETS = {"RRULE", "EXRULE", "RDATE", "EXDATE"}
_FALLBACK = "#5f6368"


class CalDavPages(PeoplePages):
    """All HTML of the simulated CalDAV server."""

    def __init__(self, dav: Dav) -> None:
        super().__init__(dav.lab, "/lab/caldav/people")
        self.dav = dav

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            *self.people_routes(),
        ]

    def accounts(self) -> list[dict[str, Any]]:
        """Return the rows of the front page."""
        return [
            {
                "email": one.login,
                "provider": "CalDAV",
                "zone": one.zone,
                "address": self.address(one.login),
                "note": f"password {one.password}",
            }
            for one in self.dav.state.people.values()
        ]

    async def week(self, request: web.Request) -> web.Response:
        """Show a week and a list of four."""
        found = self.dav.state.people.get(request.match_info["account"])
        if found is None:
            return self.no_account()
        view = zone(found.zone) or ZoneInfo("UTC")
        today = self.dav.lab.clock.now().astimezone(view).date()
        day, monday = first_day(request.query.get("day", ""), today)
        rows: list[Row] = []
        calendars = []
        for calendar in self.dav.calendars(found.login):
            color = calendar.color[:7] or _FALLBACK
            entry: dict[str, Any] = {"id": calendar.segment, "name": calendar.name, "color": color}
            entry["writable"] = not calendar.read_only
            calendars.append(entry)
            rows += [
                row | {"calendar": entry, "color": color}
                for row in occurring(self.dav, calendar, view, monday, 28)
            ]
        shown = {"email": found.login, "name": found.name or found.login, "zone": found.zone}
        return self.page("week.html", account=shown, calendars=calendars, **grid(rows, day, monday, view))

    def act(self, account: str, form: dict[str, str]) -> None:
        """Do what a form says, as the person; raises Refusal, ValueError or KeyError."""
        owner = self.dav.person(account)
        calendar = self.dav.calendar(owner.login, form["calendar"])
        match form["act"]:
            case "add":
                person.add(self.dav, calendar, *_lines(form, owner).values())
            case "edit":
                person.change(self.dav, calendar, form["event"], **_lines(form, owner))
            case "delete":
                self.dav.delete(calendar, form["event"], operation=person.BY_HAND)
            case other:
                raise ValueError(f"Unknown act {other!r}.")


def _lines(form: dict[str, str], owner: Person) -> dict[str, str]:
    """Return the lines of a form by property; times are wall clock of the person's zone, sent in UTC."""
    view = zone(owner.zone) or ZoneInfo("UTC")
    found = {}
    if "title" in form:
        title = form["title"].replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
        found["summary"] = f"SUMMARY:{' '.join(title.split())}"
    if form.get("start") and form.get("end"):
        for name, key in (("start", "dtstart"), ("end", "dtend")):
            moment = datetime.fromisoformat(form[name]).replace(tzinfo=view).astimezone(UTC)
            found[key] = f"{key.upper()}:{moment:%Y%m%dT%H%M%SZ}"
    if "busy" in form:
        found["transp"] = "TRANSP:OPAQUE" if form["busy"] == "yes" else "TRANSP:TRANSPARENT"
    return found


def occurring(dav: Dav, calendar: Calendar, view: ZoneInfo, first: date, days: int) -> list[Row]:
    """Return what lies in a calendar between two days: rows of id, title, start, end."""
    after = datetime.combine(first, time(), view)
    before = after + timedelta(days=days)
    rows: list[Row] = []
    for name, resource in calendar.resources.items():
        try:
            found = list(lines.components(resource.body))
            rows += [row for one in _object(dav, found, view, after, before) if (row := one | {"id": name})]
        except (Refusal, RuleRefused, EngineFailed, ValueError, StopIteration):
            continue
    return rows


def _object(
    dav: Dav, found: list[list[lines.Line]], view: ZoneInfo, after: datetime, before: datetime
) -> list[Row]:
    moved = {
        _instant(lines.moment(line, view), view): one
        for one in found
        for line in one
        if line[0] == "RECURRENCE-ID"
    }
    rows = [_row(one, *lines.extent(one, view), series=True) for one in moved.values()]
    for one in found:
        if lines.value(one, "RECURRENCE-ID"):
            continue
        start, end = lines.extent(one, view)
        rule = [_plain(line) for line in one if line[0] in _SETS]
        if not rule:
            rows.append(_row(one, start, end, series=False))
            continue
        anchor = start.astimezone(view) if isinstance(start, datetime) and start.tzinfo is UTC else start
        length = _instant(end, view) - _instant(start, view)
        starts = dav.lab.engine.starts(anchor, rule, after=after - length, before=before)
        rows += [
            _row(one, each.value, each.value + length, series=True)
            for each in starts
            if _instant(each.value, view) not in moved
        ]
    return [
        row for row in rows if _instant(row["end"], view) > after and _instant(row["start"], view) < before
    ]


def _plain(line: lines.Line) -> str:
    parameters = "".join(f";{name}={value}" for name, value in line[1].items())
    return f"{line[0]}{parameters}:{line[2]}"


def _instant(value: date | datetime, view: ZoneInfo) -> datetime:
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.combine(value, time(), view)


def _row(one: list[lines.Line], start: date | datetime, end: date | datetime, *, series: bool) -> Row:
    title = lines.text(one, "SUMMARY")
    return {
        "title": title or "(No title)",
        "own_title": title,
        "start": start,
        "end": end,
        "free": lines.value(one, "TRANSP").upper() == "TRANSPARENT",
        "series": series,
        "timed": isinstance(start, datetime),
    }
