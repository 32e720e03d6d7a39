"""The control API: clock, faults, switches, journal, outbox, state. JSON in, JSON out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from gateway.lab.core.errors import Refusal
from gateway.lab.core.faults import Match
from gateway.lab.core.identity import Client, ServiceAccount, new_key
from gateway.lab.core.lab import NAME

if TYPE_CHECKING:
    from gateway.lab.core.lab import Lab

Act = Callable[[dict[str, Any]], Any]


def act(lab: Lab, what: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Wrap an act as a handler: body in, JSON out; mistakes answer 400 with a sentence."""

    async def handler(request: web.Request) -> web.Response:
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            return web.json_response(
                {"error": "A page of another origin may not steer the laboratory."}, status=403
            )
        raw = await request.read()
        try:
            body = dict(json.loads(raw)) if raw else {}
            result = what({**dict(request.query), **body, **request.match_info})
        except Refusal as refusal:
            return web.json_response({"error": refusal.message}, status=refusal.status)
        except KeyError as error:
            return web.json_response({"error": f"Missing or unknown: {error.args[0]}"}, status=400)
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        if request.method not in {"GET", "HEAD"}:
            lab.state.changed()
        return web.json_response(result if result is not None else {})

    return handler


def match_of(body: dict[str, Any]) -> Match:
    """Read which calls a fault may hit."""
    return Match(
        verb=body.get("method", ""),
        path=body.get("path", ""),
        operation=body.get("operation", ""),
        account=body.get("account", ""),
    )


class Control:
    """The acts that do not depend on a provider."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        table: list[tuple[str, str, Act]] = [
            ("GET", "/lab/status", self.status),
            ("GET", "/lab/settings", lambda _body: self.lab.settings.describe()),
            ("PATCH", "/lab/settings", self.settings),
            ("GET", "/lab/clock", self.clock),
            ("POST", "/lab/clock", self.move_clock),
            ("GET", "/lab/faults", lambda _body: self.lab.faults.report()),
            ("POST", "/lab/faults", self.fault),
            ("POST", "/lab/storms", self.storm),
            ("DELETE", "/lab/faults", self.no_faults),
            ("GET", "/lab/log", self.log),
            ("DELETE", "/lab/log", lambda _body: self.lab.journal.clear()),
            ("GET", "/lab/violations", lambda _body: {"violations": self.lab.journal.violations}),
            ("GET", "/lab/warnings", lambda _body: {"warnings": self.lab.journal.warnings}),
            ("GET", "/lab/outbox", lambda _body: {"entries": self.lab.outbox.entries}),
            ("DELETE", "/lab/outbox", lambda _body: self.lab.outbox.entries.clear()),
            ("GET", "/lab/webhooks", lambda _body: {"sent": self.lab.webhooks.sent}),
            ("POST", "/lab/clients", self.client),
            ("POST", "/lab/service-accounts", self.service),
            ("GET", "/lab/state", lambda _body: self.lab.state.dump()),
            ("POST", "/lab/snapshots/{name}", self.snapshot),
            ("POST", "/lab/snapshots/{name}/restore", self.restore),
            ("POST", "/lab/reset", self.reset),
            ("POST", "/lab/expire-tokens", self.expire_tokens),
        ]
        return [
            *(web.route(verb, path, act(self.lab, what)) for verb, path, what in table),
            web.post("/lab/webhooks/idle", self.idle),
        ]

    async def idle(self, _request: web.Request) -> web.Response:
        """Wait until every webhook was delivered or given up."""
        async with asyncio.timeout(30):
            await self.lab.webhooks.idle()
        return web.json_response({"sent": self.lab.webhooks.sent})

    def status(self, _body: dict[str, Any]) -> dict[str, Any]:
        """Tell what runs here."""
        journal = self.lab.journal
        return {
            "name": NAME,
            "simulator": True,
            "base_url": self.lab.base_url,
            "requests": journal.number,
            "counts": dict(journal.counts),
            "violations": len(journal.violations),
            "outbox": len(self.lab.outbox.entries),
            "accounts": sorted(self.lab.identity.accounts),
        }

    def settings(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change switches."""
        self.lab.settings.patch(body)
        return self.lab.settings.describe()

    def clock(self, _body: dict[str, Any]) -> dict[str, Any]:
        """Tell the laboratory's time."""
        clock = self.lab.clock
        return {
            "now": clock.now().isoformat(),
            "seconds": clock.true_s(),
            "frozen": clock.frozen_s is not None,
        }

    def move_clock(self, body: dict[str, Any]) -> dict[str, Any]:
        """Set, advance, freeze."""
        clock = self.lab.clock
        if "set" in body:
            instant = datetime.fromisoformat(str(body["set"]))
            if instant.tzinfo is None:
                raise ValueError("set: an instant with offset is needed.")
            clock.set(instant)
        if "freeze" in body:
            clock.freeze(frozen=bool(body["freeze"]))
        clock.advance(float(body.get("advance_s", 0.0)))
        return self.clock({})

    def fault(self, body: dict[str, Any]) -> dict[str, Any]:
        """Script a fault for the next calls."""
        rule = self.lab.faults.script(
            body["kind"],
            match_of(body),
            times=int(body.get("times", 1)),
            skip=int(body.get("skip", 0)),
            params=body.get("params", {}),
        )
        return {"number": rule.number}

    def storm(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let faults happen by seeded probability; ``rates``: one number for all kinds, or one per kind."""
        rates = body.get("rates", {})
        if isinstance(rates, (int, float)):
            without = set(body.get("without", []))
            rates = {name: float(rates) for name in self.lab.faults.kinds if name not in without}
        storm = self.lab.faults.storm(int(body.get("seed", 0)), rates, match_of(body), body.get("params"))
        return {"number": storm.number, "rates": storm.rates}

    def no_faults(self, _body: dict[str, Any]) -> dict[str, Any]:
        """End all faults."""
        self.lab.faults.clear()
        return self.lab.faults.report()

    def log(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the journal, optionally after a number and for one operation or account."""
        after, operation, account = int(body.get("after", 0)), body.get("operation"), body.get("account")
        return {
            "entries": [
                entry
                for entry in self.lab.journal.entries
                if entry["number"] > after
                and (not operation or entry["operation"] == operation)
                and (not account or entry["account"] == account)
            ]
        }

    def client(self, body: dict[str, Any]) -> dict[str, Any]:
        """Register a client program."""
        client = Client(
            client_id=body["client_id"],
            client_secret=body["client_secret"],
            redirect_uris=list(body.get("redirect_uris", [])),
            desktop=bool(body.get("desktop", False)),
            project=body.get("project", "lab-project"),
        )
        self.lab.identity.clients[client.client_id] = client
        return asdict(client)

    def service(self, body: dict[str, Any]) -> dict[str, Any]:
        """Register a service account; without ``public_key`` a key is made and its file is returned."""
        private = ""
        public = body.get("public_key", "")
        if not public:
            private, public = new_key()
        key_id = body.get("key_id", "lab-service-key")
        service = ServiceAccount(
            email=body["email"],
            client_id=body.get("client_id", "100000000000000000001"),
            public_keys={key_id: public},
            delegated_scopes=list(body.get("delegated_scopes", [])),
        )
        self.lab.identity.services[service.email] = service
        if not private:
            return asdict(service)
        return {
            "type": "service_account",
            "project_id": service.project,
            "private_key_id": key_id,
            "private_key": private,
            "client_email": service.email,
            "client_id": service.client_id,
            "token_uri": f"{self.lab.base_url}/token",
        }

    def snapshot(self, body: dict[str, Any]) -> dict[str, Any]:
        """Remember the state under a name."""
        self.lab.state.snapshots[body["name"]] = self.lab.state.dump()
        return {"snapshots": sorted(self.lab.state.snapshots)}

    def restore(self, body: dict[str, Any]) -> dict[str, Any]:
        """Go back to a snapshot."""
        if body["name"] not in self.lab.state.snapshots:
            raise ValueError(f"No snapshot is called {body['name']!r}.")
        self.lab.state.load(self.lab.state.snapshots[body["name"]])
        return {"restored": body["name"]}

    def reset(self, _body: dict[str, Any]) -> dict[str, Any]:
        """Start empty: state, journal, outbox, faults, quotas. Switches and clock stay."""
        self.lab.state.reset()
        self.lab.journal.clear()
        self.lab.outbox.entries.clear()
        self.lab.faults.clear()
        self.lab.faults.fired.clear()
        self.lab.buckets.clear()
        self.lab.webhooks.sent.clear()
        for forget in self.lab.on_reset:
            forget()
        return self.status({})

    def expire_tokens(self, body: dict[str, Any]) -> dict[str, Any]:
        """End access tokens now, of one account or of all."""
        account = body.get("account")
        now_s = self.lab.clock.true_s()
        ended = [
            token for token in self.lab.tokens.access.values() if not account or token.account == account
        ]
        for token in ended:
            token.expires_at_s = now_s
        return {"expired": len(ended)}
