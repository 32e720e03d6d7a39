"""Pages for people: consent, and calendars as a person sees them at the provider, with small forms."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.lab.core import authorization
from gateway.lab.core.lab import HEADER, HEADER_VALUE
from gateway.lab.core.people_pages import PeoplePages
from gateway.lab.core.week import Row, first_day, grid, redirect
from gateway.lab.core.zones import zone
from gateway.lab.google import assertions, oauth, palette, person, series, times

if TYPE_CHECKING:
    from gateway.lab.google.model import Calendar
    from gateway.lab.google.world import Google


class Pages(PeoplePages):
    """All HTML of the simulated Google."""

    def __init__(self, google: Google) -> None:
        super().__init__(google.lab, "/lab/google")
        self.google = google

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get("/o/oauth2/v2/auth", self.consent),
            web.post("/o/oauth2/v2/auth", self.choose),
            web.get("/.well-known/openid-configuration", self.discovery),
            web.get("/oauth2/v3/certs", self.certificates),
            web.get("/lab/google/event", self.event_link),
            *self.people_routes(),
        ]

    def accounts(self) -> list[dict[str, Any]]:
        """Return the rows of the front page."""
        return [
            {
                "email": item.email,
                "provider": "Google",
                "zone": item.zone,
                "address": self.address(item.email),
                "note": "suspended" if item.suspended else "service account" if item.service else "",
            }
            for item in self.lab.identity.accounts.values()
        ]

    # --- consent

    def _wish(self, query: dict[str, str]) -> oauth.Wish | web.Response:
        try:
            client, redirect_uri = oauth.client_of(self.lab, query)
        except authorization.PageError as error:
            return self.page("error.html", status=400, code=error.code, text=str(error))
        try:
            return oauth.checked(self.lab, client, redirect_uri, query)
        except authorization.RedirectError as error:
            address = authorization.back(
                redirect_uri, error=error.code, error_description=str(error), state=query.get("state", "")
            )
            return redirect(address)

    async def consent(self, request: web.Request) -> web.Response:
        """Show accounts and scopes."""
        query = dict(request.query)
        for name in sorted(set(query) - oauth.KNOWN):
            self.lab.journal.warnings.append(
                {
                    "method": "GET",
                    "path": request.path,
                    "text": f"the real service ignores the parameter {name!r}",
                }
            )
        wish = self._wish(query)
        if isinstance(wish, web.Response):
            return wish
        accounts = [
            item for item in self.lab.identity.accounts.values() if not item.service and not item.suspended
        ]
        return self.page(
            "consent.html",
            provider="Google",
            wish=wish,
            accounts=accounts,
            action=str(request.rel_url),
            chosen=wish.login_hint,
        )

    async def choose(self, request: web.Request) -> web.Response:
        """Take the person's choice and go back to the client."""
        wish = self._wish(dict(request.query))
        if isinstance(wish, web.Response):
            return wish
        form = await request.post()
        account = self.lab.identity.accounts.get(str(form.get("account", "")))
        if form.get("decision") != "allow":
            return redirect(authorization.back(wish.redirect_uri, error="access_denied", state=wish.state))
        if account is None or account.suspended:
            return self.page("error.html", status=400, code="account", text="Choose an account.")
        granted = [str(item) for item in form.getall("scope", [])]
        return redirect(oauth.allow(self.lab, wish, account, granted))

    async def discovery(self, _request: web.Request) -> web.Response:
        """OpenID discovery."""
        base = self.lab.base_url
        document = {
            "issuer": base,
            "authorization_endpoint": f"{base}/o/oauth2/v2/auth",
            "token_endpoint": f"{base}/token",
            "revocation_endpoint": f"{base}/revoke",
            "jwks_uri": f"{base}/oauth2/v3/certs",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return web.json_response(document, headers={HEADER: HEADER_VALUE})

    async def certificates(self, _request: web.Request) -> web.Response:
        """The key that signs id tokens."""
        return web.json_response(assertions.key_set(), headers={HEADER: HEADER_VALUE})

    # --- calendars

    async def event_link(self, request: web.Request) -> web.Response:
        """Lead from an event's link to the week in which it starts."""
        for calendar in self.google.state.calendars.values():
            for event_id, record in calendar.events.items():
                if request.query.get("eid") in _link_codes(self.google, calendar, event_id):
                    day = _day(times.stored(record.now.body["start"]))
                    return redirect(self.address(calendar.owner, day=day.isoformat()))
        return self.page("error.html", status=404, code="404", text="There is no such event.")

    def _calendars(self, account: str) -> list[tuple[Calendar, str, bool]]:
        """Return (calendar, colour, writable) of an account's list."""
        result = []
        for entry in self.google.state.lists.get(account, {}).values():
            calendar = self.google.state.calendars[entry.calendar_id]
            if entry.deleted or calendar.deleted or entry.hidden:
                continue
            color = entry.background or palette.CALENDAR[entry.color_id]
            result.append((calendar, color, self.google.role(account, calendar) in {"writer", "owner"}))
        return result

    async def week(self, request: web.Request) -> web.Response:
        """Show a week and a list of four."""
        account = self.lab.identity.accounts.get(request.match_info["account"])
        if account is None:
            return self.no_account()
        view = ZoneInfo(account.zone)
        today = self.lab.clock.now().astimezone(view).date()
        day, monday = first_day(request.query.get("day", ""), today)
        rows: list[Row] = []
        calendars = []
        for calendar, color, writable in self._calendars(account.email):
            entry = {"id": calendar.id, "name": calendar.summary, "color": color, "writable": writable}
            calendars.append(entry)
            for row in occurring(self.google, calendar, monday, 28):
                own = palette.EVENT.get(row["body"].get("colorId", ""), color)
                rows.append(row | {"calendar": entry, "color": own})
        return self.page("week.html", account=account, calendars=calendars, **grid(rows, day, monday, view))

    def act(self, account: str, form: dict[str, str]) -> None:
        """Do what a form says, as the person; raises Refusal, ValueError or KeyError."""
        calendar = person.calendar_of(self.google, form["calendar"])
        match form["act"]:
            case "add":
                person.insert(self.google, account, calendar.id, _event(form, calendar.zone))
            case "edit":
                person.edit(self.google, calendar.id, form["event"], _event(form, calendar.zone))
            case "delete":
                person.delete(self.google, account, calendar.id, form["event"])
            case other:
                raise ValueError(f"Unknown act {other!r}.")


def _event(form: dict[str, str], zone_name: str) -> dict[str, Any]:
    """Return the body of a form; times are wall clock in the calendar's zone."""
    body: dict[str, Any] = {}
    if "title" in form:
        body["summary"] = form["title"]
    if form.get("start") and form.get("end"):
        for name in ("start", "end"):
            local = datetime.fromisoformat(form[name]).replace(tzinfo=ZoneInfo(zone_name))
            body[name] = {"dateTime": times.stamp(local), "timeZone": zone_name, "date": None}
    if "busy" in form:
        body["transparency"] = "opaque" if form["busy"] == "yes" else "transparent"
    if form.get("act") == "add":
        for name in ("start", "end"):
            body.get(name, {}).pop("date", None)
    return body


def _link_codes(google: Google, calendar: Calendar, event_id: str) -> list[str]:
    from gateway.lab.google.items import link

    return [link(google, calendar, event_id).rpartition("=")[2]]


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def occurring(google: Google, calendar: Calendar, first: date, days: int) -> list[dict[str, Any]]:
    """Return what lies in a calendar between two days of its zone: rows of id, title, start, end, body."""
    view = zone(calendar.zone) or ZoneInfo("UTC")
    after = times.as_instant(first, view)
    before = times.as_instant(first + timedelta(days=days), view)
    rows = []
    for record in list(calendar.events.values()):
        version = record.now
        if version.deleted:
            continue
        found = [(record.id, version)]
        if series.is_master(version.body):
            stored = {item.id: item.now for item in series.exceptions(calendar, record.id)}
            expanded = series.expanded(google, record, version, stored, after, before)
            found = [(event_id, item) for event_id, item in expanded if event_id not in stored]
        rows += [
            {
                "id": event_id,
                "title": item.body.get("summary", "(No title)"),
                "own_title": item.body.get("summary", ""),
                "start": times.stored(item.body["start"]),
                "end": times.stored(item.body["end"]),
                "body": item.body,
                "free": item.body.get("transparency") == "transparent",
                "series": "recurringEventId" in item.body,
                "timed": "dateTime" in item.body["start"],
            }
            for event_id, item in found
            if series.overlaps(item.body, after, before, calendar.zone)
        ]
    return sorted(rows, key=lambda row: times.as_instant(row["start"], view))
