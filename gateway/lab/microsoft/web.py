"""Calendars as a person sees them in Outlook, with small forms."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.lab.core.errors import Refusal
from gateway.lab.core.people_pages import PeoplePages
from gateway.lab.core.week import Row, first_day, grid, redirect
from gateway.lab.microsoft import event_reads, items, person, times
from gateway.lab.microsoft.model import COLORS

if TYPE_CHECKING:
    from gateway.lab.microsoft.model import Calendar, Mailbox
    from gateway.lab.microsoft.world import Microsoft

_AUTO = "#9fc5f8"
_LOST = "There is no such event."


class Pages(PeoplePages):
    """All HTML of the simulated Outlook."""

    def __init__(self, microsoft: Microsoft) -> None:
        super().__init__(microsoft.lab, "/lab/microsoft")
        self.microsoft = microsoft

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get("/lab/microsoft/event", self.event_link),
            *self.people_routes(),
        ]

    def accounts(self) -> list[dict[str, Any]]:
        """Return the rows of the front page."""
        return [
            {
                "email": box.email,
                "provider": "Microsoft",
                "zone": box.zone,
                "address": self.address(box.email),
                "note": "suspended" if box.suspended else "personal account" if box.personal else "",
            }
            for box in self.microsoft.state.mailboxes.values()
        ]

    async def event_link(self, request: web.Request) -> web.Response:
        """Lead from an event's link to the week in which it starts."""
        try:
            found = person.event_of(self.microsoft, request.query.get("itemid", ""))
        except Refusal:
            return self.page("error.html", status=404, code="404", text=_LOST)
        day = times.day_of(found.body["start"])
        return redirect(self.address(found.calendar.owner, day=day.isoformat()))

    def _shown(self, box: Mailbox) -> list[tuple[Calendar, dict[str, Any]]]:
        return [
            (
                calendar,
                {
                    "id": calendar.key,
                    "name": calendar.name if calendar.owner == box.email else calendar.owner,
                    "color": COLORS[calendar.color] or _AUTO,
                    "writable": self.microsoft.level(box.email, calendar) == "write",
                },
            )
            for calendar in self.microsoft.visible(box.email)
        ]

    async def week(self, request: web.Request) -> web.Response:
        """Show a week and a list of four."""
        box = self.microsoft.state.mailboxes.get(request.match_info["account"])
        if box is None:
            return self.no_account()
        view = ZoneInfo(box.zone)
        today = self.lab.clock.now().astimezone(view).date()
        day, monday = first_day(request.query.get("day", ""), today)
        shown = self._shown(box)
        rows = [row for calendar, entry in shown for row in self._rows(calendar, entry, monday, view)]
        return self.page(
            "week.html",
            account=box,
            calendars=[entry for _calendar, entry in shown],
            **grid(rows, day, monday, view),
        )

    def _rows(self, calendar: Calendar, entry: dict[str, Any], monday: date, view: ZoneInfo) -> list[Row]:
        after = datetime.combine(monday, datetime.min.time(), view)
        found = event_reads.rows_between(self.microsoft, calendar, after, after + timedelta(days=28))
        return [
            {
                "id": items.event_id(self.microsoft, item, day, immutable=True),
                "title": body["subject"] or "(No subject)",
                "own_title": body["subject"],
                "start": _value(body, "start"),
                "end": _value(body, "end"),
                "free": body["showAs"] in {"free", "workingElsewhere"},
                "series": bool(day),
                "timed": not body["isAllDay"],
                "calendar": entry,
                "color": entry["color"],
            }
            for item, _version, body, day in found
        ]

    def act(self, account: str, form: dict[str, str]) -> None:
        """Do what a form says, as the person; raises Refusal, ValueError or KeyError."""
        calendar = person.calendar_of(self.microsoft, account, form["calendar"])
        event = _event(form, self.microsoft.state.mailboxes[account].zone)
        match form["act"]:
            case "add":
                person.insert(self.microsoft, calendar, event)
            case "edit":
                person.edit(self.microsoft, form["event"], event)
            case "delete":
                person.delete(self.microsoft, form["event"])
            case other:
                raise ValueError(f"Unknown act {other!r}.")


def _value(body: dict[str, Any], name: str) -> date | datetime:
    return times.day_of(body[name]) if body["isAllDay"] else times.aware(body[name])


def _event(form: dict[str, str], zone_name: str) -> dict[str, Any]:
    """Return the body of a form; times are wall clock in the mailbox's zone."""
    body: dict[str, Any] = {}
    if "title" in form:
        body["subject"] = form["title"]
    if form.get("start") and form.get("end"):
        for name in ("start", "end"):
            local = datetime.fromisoformat(form[name])
            body[name] = {"dateTime": f"{local:%Y-%m-%dT%H:%M:%S}", "timeZone": zone_name}
    if "busy" in form:
        body["showAs"] = "busy" if form["busy"] == "yes" else "free"
    return body
