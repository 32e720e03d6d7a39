"""A client of the laboratory for tests: its control API and its doors, over HTTP only."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import aiohttp

CLIENT_ID = "calgate-lab.apps.googleusercontent.com"
CLIENT_SECRET = "calgate-lab-secret"
REDIRECT = "http://127.0.0.1:1/callback"
ADA, BEN = "ada@example.com", "ben@example.com"
SCOPE = "https://www.googleapis.com/auth/"
FULL = f"{SCOPE}calendar"
APP_CREATED = f"{SCOPE}calendar.app.created"


class Reply:
    """Status, headers and JSON (or text) of an answer."""

    def __init__(self, status: int, headers: Any, body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def reason(self) -> str:
        """Google's reason of an error."""
        return str(self.body["error"]["errors"][0]["reason"])


class LabClient:
    """Everything a test does with a running laboratory."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.session = session

    async def request(self, verb: str, path: str, **kwargs: Any) -> Reply:
        """Send one request without following redirects."""
        async with self.session.request(verb, self.base + path, allow_redirects=False, **kwargs) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            body = await answer.json() if is_json and text else text
            return Reply(answer.status, answer.headers, body)

    async def control(self, verb: str, path: str, /, **body: Any) -> Any:
        """Call the control API; a refusal is an AssertionError."""
        reply = await self.request(verb, f"/lab/{path}", json=body or None)
        assert reply.status == 200, reply.body
        return reply.body

    async def set(self, **switches: Any) -> None:
        """Change switches."""
        await self.control("PATCH", "settings", **switches)

    async def advance(self, seconds: float) -> None:
        """Move the laboratory's clock."""
        await self.control("POST", "clock", advance_s=seconds)

    async def fault(self, kind: str, /, **rule: Any) -> None:
        """Script a fault: method, path, operation, account, times, skip, params."""
        await self.control("POST", "faults", kind=kind, **rule)

    async def fired(self) -> dict[str, int]:
        """How often each kind of fault has fired."""
        return dict((await self.control("GET", "faults"))["fired"])

    async def outbox(self) -> list[Any]:
        """What would have been mailed."""
        return list((await self.control("GET", "outbox"))["entries"])

    async def violations(self) -> list[Any]:
        """What contradicted the official description."""
        return list((await self.control("GET", "violations"))["violations"])

    async def token(self, account: str = ADA, *scopes: str) -> str:
        """Issue an access token without the consent page."""
        answer = await self.control(
            "POST", "google/tokens", account=account, client_id=CLIENT_ID, scopes=list(scopes) or [FULL]
        )
        return str(answer["access_token"])

    async def api(self, account: str = ADA, *scopes: str) -> Api:
        """Return the Calendar API, signed in."""
        return Api(self, await self.token(account, *scopes))

    async def sign_in(
        self, *, account: str = ADA, scopes: tuple[str, ...] = (FULL,), tick: tuple[str, ...] | None = None,
        allow: bool = True, **changes: str,
    ) -> tuple[dict[str, str], str]:  # fmt: skip
        """Go through the consent page as a person; returns the redirect's query and the code verifier."""
        verifier, challenge = pkce()
        query = {
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": " ".join(scopes),
            "state": "st&te=1",
            "access_type": "offline",
            "prompt": "consent",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | changes
        address = f"{self.base}/o/oauth2/v2/auth?{urlencode(query)}"
        back = await self.approve(address, account=account, tick=tick, allow=allow)
        return query_of(back), verifier

    async def approve(
        self, address: str, *, account: str = ADA, tick: tuple[str, ...] | None = None, allow: bool = True
    ) -> str:
        """Answer any program's consent page as a person; returns the address that the browser is sent to.

        Args:
            address: the page, as the program gave it.
            account: whom to choose.
            tick: scopes left ticked; None leaves all.
            allow: False denies.
        """
        page = await self.request("GET", address.removeprefix(self.base))
        if page.status == 302:
            return str(page.headers["Location"])
        assert page.status == 200, page.body
        assert "imulator" in page.body
        assert f'value="{account}"' in page.body
        action = unescape(re.findall(r'action="([^"]+)"', page.body)[0])
        offered = [unescape(item) for item in re.findall(r'name="scope" value="([^"]+)"', page.body)]
        form = [("account", account), ("decision", "allow" if allow else "deny")]
        form += [("scope", scope) for scope in offered if tick is None or scope in tick]
        answer = await self.request("POST", action, data=form)
        assert answer.status == 302, answer.body
        return str(answer.headers["Location"])

    async def exchange(self, code: str, verifier: str, **changes: str) -> Reply:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "code_verifier": verifier,
        } | changes
        return await self.request("POST", "/token", data=form)

    async def refresh(self, token: str) -> Reply:
        """Refresh an access token."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        return await self.request("POST", "/token", data=form)


def pkce() -> tuple[str, str]:
    """Return a code verifier and its S256 challenge (RFC 7636 §4.2), made here and not by the laboratory."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).decode().rstrip("=")


def query_of(address: str) -> dict[str, str]:
    """Return the query of an address; of a repeated name the first counts."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


class Api:
    """The Calendar API with one access token."""

    def __init__(self, lab: LabClient, token: str) -> None:
        self.lab = lab
        self.token = token

    async def call(
        self, verb: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **query: Any
    ) -> Reply:
        """Send one call below /calendar/v3/."""
        text = f"?{urlencode(query, doseq=True)}" if query else ""
        return await self.lab.request(
            verb,
            f"/calendar/v3/{path}{text}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
        )

    async def insert(self, body: dict[str, Any], calendar: str = "primary", **query: Any) -> dict[str, Any]:
        """Insert an event; a refusal is an AssertionError."""
        reply = await self.call("POST", f"{events(calendar)}", body, **({"sendUpdates": "none"} | query))
        assert reply.status == 200, reply.body
        return dict(reply.body)

    async def pages(self, path: str, **query: Any) -> tuple[list[Any], str, int]:
        """Follow all pages; returns items, the last sync token and the number of pages."""
        items: list[Any] = []
        number = 0
        token = ""
        while True:
            reply = await self.call("GET", path, **query, **({"pageToken": token} if token else {}))
            assert reply.status == 200, reply.body
            items += reply.body["items"]
            number += 1
            token = reply.body.get("nextPageToken", "")
            if not token:
                return items, reply.body.get("nextSyncToken", ""), number


def events(calendar: str = "primary", event_id: str = "") -> str:
    """Return the path of a calendar's events or of one event."""
    path = f"calendars/{quote(calendar, safe='')}/events"
    return f"{path}/{quote(event_id, safe='')}" if event_id else path


def timed(day: str = "2026-12-01", start: str = "10:00", end: str = "11:00", **more: Any) -> dict[str, Any]:
    """Return the body of an event in Berlin's time."""
    return {
        "summary": "Visit",
        "start": {"dateTime": f"{day}T{start}:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": f"{day}T{end}:00", "timeZone": "Europe/Berlin"},
    } | more
