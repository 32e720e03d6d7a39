"""A test's hands in the laboratory's Microsoft: Entra's forms and Graph, over HTTP only."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tests.contract.lab.lab_client import LabClient, Reply, pkce, query_of

CLIENT_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_SECRET = "calgate-lab-secret"
REDIRECT = "http://127.0.0.1:1/callback"
ADA, BEN, EVE = "ada@example.org", "ben@example.org", "eve@personal.example"
WRITE, SHARED, SETTINGS = "Calendars.ReadWrite", "Calendars.ReadWrite.Shared", "MailboxSettings.ReadWrite"
SIGN_IN = ("openid", "profile", "offline_access", WRITE)
GUID = "{66f5a359-4659-4830-9070-00047ec6ac6e}"
MARKER = f"String {GUID} Name gatewayRef"
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
EXPAND = f"singleValueExtendedProperties($filter=id eq '{MARKER}')"


class Microsoft(LabClient):
    """Everything a test does with a laboratory that simulates Microsoft."""

    async def tenant(self) -> str:
        """The tenant of the work accounts."""
        return str((await self.control("GET", "microsoft/status"))["tenant"])

    async def token(self, account: str = ADA, *scopes: str) -> str:
        """Issue an access token without the consent page."""
        answer = await self.control(
            "POST", "microsoft/tokens", account=account, client_id=CLIENT_ID, scopes=list(scopes) or [WRITE]
        )
        return str(answer["access_token"])

    async def graph(self, account: str = ADA, *scopes: str) -> Graph:
        """Return Graph, signed in."""
        return Graph(self, await self.token(account, *scopes))

    async def sign_in(  # type: ignore[override]  # Entra's consent differs from Google's
        self, *, account: str = ADA, scopes: tuple[str, ...] = SIGN_IN, tick: tuple[str, ...] | None = None,
        allow: bool = True, tenant: str = "common", **changes: str,
    ) -> tuple[dict[str, str], str]:  # fmt: skip
        """Go through the consent page as a person; returns what came back and the code verifier."""
        verifier, challenge = pkce()
        query = {
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": " ".join(scopes),
            "state": "st&te=1",
            "nonce": "n0nce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | changes
        address = f"{self.base}/{tenant}/oauth2/v2.0/authorize?{urlencode(query)}"
        return query_of(await self.approve(address, account=account, tick=tick, allow=allow)), verifier

    async def posted(self, address: str, *, account: str = ADA) -> tuple[str, dict[str, str]]:
        """Consent where the answer is a form; returns its address and fields."""
        page = await self.request("GET", address.removeprefix(self.base))
        offered = [unescape(item) for item in re.findall(r'name="scope" value="([^"]+)"', page.body)]
        form = [("account", account), ("decision", "allow"), *(("scope", scope) for scope in offered)]
        action = unescape(re.findall(r'action="([^"]+)"', page.body)[0])
        answer = await self.request("POST", action, data=form)
        assert answer.status == 200, answer.body
        fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.body)
        target = unescape(re.findall(r'action="([^"]+)"', answer.body)[0])
        return target, {name: unescape(value) for name, value in fields}

    async def exchange(self, code: str, verifier: str, **changes: str) -> Reply:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "code_verifier": verifier,
            "client_info": "1",
        } | changes
        return await self.form(form)

    async def refresh(self, token: str, **changes: str) -> Reply:
        """Refresh an access token."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        return await self.form(form | changes)

    async def form(self, form: dict[str, str], tenant: str = "common") -> Reply:
        """Post to the token address."""
        return await self.request("POST", f"/{tenant}/oauth2/v2.0/token", data=form)

    async def idle(self) -> list[dict[str, Any]]:
        """Wait for all notifications; returns what became of them."""
        return list((await self.control("POST", "webhooks/idle"))["sent"])


class Graph:
    """Graph with one access token."""

    def __init__(self, lab: LabClient, token: str) -> None:
        self.lab = lab
        self.token = token

    async def call(
        self, verb: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **query: Any
    ) -> Reply:
        """Send one call below /v1.0/; ``S_`` in front of a query name stands for ``$``."""
        named = {name.replace("S_", "$", 1): value for name, value in query.items()}
        text = f"?{urlencode(named, doseq=True, quote_via=quote)}" if named else ""
        return await self.lab.request(
            verb,
            f"/v1.0/{path}{text}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
        )

    async def ok(self, verb: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send one call; a refusal is an AssertionError."""
        reply = await self.call(verb, path, body, **more)
        assert reply.status < 300, reply.body
        return reply.body

    async def create(
        self, body: dict[str, Any] | None = None, calendar: str = "", **more: Any
    ) -> dict[str, Any]:
        """Create an event."""
        return dict(await self.ok("POST", events(calendar), body or timed(), **more))

    async def follow(self, link: str, headers: dict[str, str] | None = None) -> Reply:
        """Open an absolute link."""
        path = link.removeprefix(self.lab.base)
        assert path.startswith("/v1.0/"), link
        return await self.lab.request(
            "GET", path, headers={"Authorization": f"Bearer {self.token}", **(headers or {})}
        )

    async def pages(
        self, path: str, *, headers: dict[str, str] | None = None, **query: Any
    ) -> tuple[list[Any], str, int]:
        """Follow all pages; returns items, the delta link and the number of pages."""
        reply = await self.call("GET", path, headers=headers, **query)
        return await self.rest(reply, headers)

    async def rest(self, reply: Reply, headers: dict[str, str] | None = None) -> tuple[list[Any], str, int]:
        """Follow the pages after a first one."""
        items: list[Any] = []
        number = 1
        while True:
            assert reply.status == 200, reply.body
            items += reply.body["value"]
            following, delta = reply.body.get("@odata.nextLink"), reply.body.get("@odata.deltaLink")
            assert not (following and delta)
            if not following:
                return items, delta or "", number
            reply = await self.follow(following, headers)
            number += 1

    async def delta(self, link: str, headers: dict[str, str] | None = None) -> tuple[list[Any], str]:
        """Open a delta link and follow its pages."""
        items, following, _pages = await self.rest(await self.follow(link, headers), headers)
        return items, following


def error_of(reply: Reply) -> str:
    """Return Graph's code of an error."""
    assert set(reply.body["error"]["innerError"]) >= {"date", "request-id", "client-request-id"}
    return str(reply.body["error"]["code"])


def events(calendar: str = "", event_id: str = "") -> str:
    """Return the path of a calendar's events or of one event."""
    path = f"me/calendars/{quote(calendar, safe='')}/events" if calendar else "me/events"
    return f"{path}/{quote(event_id, safe='')}" if event_id else path


def timed(day: str = "2026-12-01", start: str = "10:00", end: str = "11:00", **more: Any) -> dict[str, Any]:
    """Return the body of an event in Berlin's time."""
    zone = more.pop("zone", "Europe/Berlin")
    return {
        "subject": "Visit",
        "start": {"dateTime": f"{day}T{start}:00", "timeZone": zone},
        "end": {"dateTime": f"{day}T{end}:00", "timeZone": zone},
    } | more


def weekly(day: str = "2026-12-01", weekday: str = "tuesday", count: int = 4, **more: Any) -> dict[str, Any]:
    """Return the body of a weekly series."""
    return timed(
        day,
        recurrence={
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [weekday], "firstDayOfWeek": "monday"},
            "range": {"type": "numbered", "startDate": day, "numberOfOccurrences": count},
        },
        **more,
    )


def all_day(first: str = "2026-12-01", end: str = "2026-12-02", **more: Any) -> dict[str, Any]:
    """Return the body of an all-day event."""
    return {
        "subject": "Closed",
        "isAllDay": True,
        "start": {"dateTime": f"{first}T00:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": f"{end}T00:00:00", "timeZone": "Europe/Berlin"},
    } | more


def host_of(address: str) -> str:
    """Return host and port of an address."""
    return urlsplit(address).netloc
