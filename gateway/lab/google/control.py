"""The control API of the simulated Google: accounts, acts of the person, sharing, what is stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.lab.core.control import Act, act
from gateway.lab.core.identity import Account
from gateway.lab.core.tokens import grant_key
from gateway.lab.core.zones import zone
from gateway.lab.google import event_rules, person, series
from gateway.lab.google.model import RANK, Calendar

if TYPE_CHECKING:
    from gateway.lab.google.world import Google


class GoogleControl:
    """The acts at Google."""

    def __init__(self, google: Google) -> None:
        self.google = google
        self.lab = google.lab

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        table: list[tuple[str, str, Act]] = [
            ("POST", "/lab/accounts", self.account),
            ("POST", "/lab/google/tokens", self.token),
            ("POST", "/lab/google/revoke", self.revoke),
            ("POST", "/lab/google/calendars", self.calendar),
            ("DELETE", "/lab/google/calendars/{calendar}", self.delete_calendar),
            ("POST", "/lab/google/access", self.access),
            ("POST", "/lab/google/events", self.insert),
            ("PATCH", "/lab/google/events", self.edit),
            ("DELETE", "/lab/google/events", self.delete),
            ("POST", "/lab/google/move", self.move),
            ("GET", "/lab/google/dump", self.dump),
            ("POST", "/lab/google/expire-sync-tokens", self.expire_sync_tokens),
            ("GET", "/lab/google/channels", self.channels),
            ("GET", "/lab/google/coverage", lambda _body: self.google.api.coverage_report()),
        ]
        return [web.route(verb, path, act(self.lab, what)) for verb, path, what in table]

    def account(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create an account with its primary calendar, or suspend and restore one."""
        email = body["email"]
        known = self.lab.identity.accounts.get(email)
        if known is not None:
            known.suspended = bool(body.get("suspended", False))
            return asdict(known)
        name = body.get("zone", "UTC")
        if zone(name) is None:
            raise ValueError(f"Unknown time zone {name!r}.")
        made = Account(
            email=email, name=body.get("name", email.split("@")[0]), zone=name, domain=body.get("domain", "")
        )
        self.google.new_account(made)
        return asdict(made)

    def token(self, body: dict[str, Any]) -> dict[str, Any]:
        """Issue tokens without a consent page, for tests of other things."""
        account = self.lab.account(body["account"])
        client = self.lab.identity.clients[body["client_id"]]
        return self.google.tokens_for(account.email, client, list(body["scopes"]))

    def revoke(self, body: dict[str, Any]) -> dict[str, Any]:
        """Withdraw a grant as the person does on the page of connected apps."""
        person.revoke(self.google, body["account"], body["client_id"])
        return {"revoked": grant_key(body["account"], body["client_id"])}

    def calendar(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a calendar as the person; ``id`` may name a resource or holiday calendar."""
        self.lab.account(body["account"])
        name = body.get("zone", "UTC")
        if zone(name) is None:
            raise ValueError(f"Unknown time zone {name!r}.")
        calendar = self.google.new_calendar(body["account"], body["summary"], name)
        if body.get("id"):
            entries = self.google.state.lists[body["account"]]
            entry = entries.pop(calendar.id)
            del self.google.state.calendars[calendar.id]
            calendar.id = entry.calendar_id = body["id"]
            self.google.state.calendars[calendar.id] = calendar
            entries[calendar.id] = entry
        return {"id": calendar.id}

    def delete_calendar(self, body: dict[str, Any]) -> None:
        """Delete a calendar as the person."""
        self.google.forget_calendar(person.calendar_of(self.google, body["calendar"]))

    def access(self, body: dict[str, Any]) -> dict[str, Any]:
        """Give an account a role on a calendar (none takes it away)."""
        role = body["role"]
        if role not in RANK:
            raise ValueError(f"Unknown role {role!r}: {', '.join(RANK)}.")
        calendar = person.calendar_of(self.google, body["calendar"])
        self.google.set_role(calendar, body["account"], role)
        return {"acl": calendar.acl}

    def insert(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make an event as the person."""
        self._checked(body["event"])
        return person.insert(self.google, body["account"], body["calendar"], body["event"])

    def _checked(self, event: dict[str, Any]) -> None:
        errors = self.google.api.errors("Event", event_rules.checkable(event, patch=True))
        if errors:
            raise ValueError(errors[0])

    def edit(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change an event as the person."""
        self._checked(body["changes"])
        return person.edit(self.google, body["calendar"], body["event_id"], body["changes"])

    def delete(self, body: dict[str, Any]) -> None:
        """Delete an event as the person."""
        person.delete(self.google, body.get("account", ""), body["calendar"], body["event_id"])

    def move(self, body: dict[str, Any]) -> None:
        """Move an event as the person."""
        person.move(self.google, body["calendar"], body["event_id"], body["to"])

    def dump(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return what is stored, past all paging, lag and access: for comparing both sides after a run."""
        wanted = body.get("account")
        expand = body.get("expand") == "true"
        return {
            "calendars": [
                {
                    "id": calendar.id,
                    "summary": calendar.summary,
                    "owner": calendar.owner,
                    "primary": calendar.primary,
                    "deleted": calendar.deleted,
                    "events": [
                        self._stored(calendar, event_id, expand=expand) for event_id in calendar.events
                    ],
                }
                for calendar in self.google.state.calendars.values()
                if not wanted or wanted in calendar.acl
            ]
        }

    def _stored(self, calendar: Calendar, event_id: str, *, expand: bool) -> dict[str, Any]:
        record = calendar.events[event_id]
        body = record.now.body
        item = {
            **body,
            "deleted": record.now.deleted,
            "dropped": record.now.dropped,
            "reminders": record.reminders,
        }
        if expand and series.is_master(body) and not record.now.deleted:
            found = series.starts(self.google, body, None, None)
            item["starts"] = [start.instant.isoformat() for start in found]
        return item

    def expire_sync_tokens(self, body: dict[str, Any]) -> dict[str, Any]:
        """End every sync token of a calendar, or of all."""
        wanted = body.get("calendar")
        ended = [item for item in self.google.state.calendars.values() if not wanted or item.id == wanted]
        for calendar in ended:
            calendar.seq += 1
            calendar.token_floor = calendar.seq
        return {"calendars": len(ended)}

    def channels(self, _body: dict[str, Any]) -> dict[str, Any]:
        """List live and expired channels that nobody has stopped."""
        now_s = self.lab.clock.true_s()
        return {
            "channels": [
                {
                    "id": channel.id,
                    "resourceId": channel.resource_id,
                    "calendar": channel.calendar_id,
                    "account": channel.account,
                    "address": channel.address,
                    "expires_in_s": channel.expires_at_s - now_s,
                }
                for channel in self.google.state.channels.values()
            ]
        }
