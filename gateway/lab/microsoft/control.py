"""The control API of the simulated Microsoft: accounts, acts of the person, sharing, what is stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.lab.core.control import Act, act
from gateway.lab.core.tokens import grant_key
from gateway.lab.microsoft import entra, items, person, series, times, zones
from gateway.lab.microsoft.model import Calendar, Item, Mailbox, Registration

if TYPE_CHECKING:
    from gateway.lab.microsoft.notifications import Notifier
    from gateway.lab.microsoft.world import Microsoft


class MicrosoftControl:
    """The acts at Microsoft."""

    def __init__(self, microsoft: Microsoft, notifier: Notifier) -> None:
        self.microsoft = microsoft
        self.lab = microsoft.lab
        self.notifier = notifier

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        table: list[tuple[str, str, Act]] = [
            ("GET", "status", self.status),
            ("POST", "accounts", self.account),
            ("POST", "tokens", self.token),
            ("POST", "revoke", self.revoke),
            ("POST", "registrations", self.registration),
            ("POST", "calendars", self.calendar),
            ("DELETE", "calendars", self.delete_calendar),
            ("POST", "access", self.access),
            ("POST", "events", self.insert),
            ("PATCH", "events", self.edit),
            ("DELETE", "events", self.delete),
            ("POST", "move", self.move),
            ("GET", "dump", self.dump),
            ("POST", "expire-delta-tokens", self.expire_delta_tokens),
            ("GET", "subscriptions", self.subscriptions),
            ("POST", "lifecycle", self.lifecycle),
            ("GET", "coverage", lambda _body: self.microsoft.api.coverage_report()),
        ]
        return [web.route(verb, f"/lab/microsoft/{path}", act(self.lab, what)) for verb, path, what in table]

    def status(self, _body: dict[str, Any]) -> dict[str, Any]:
        """Tell the tenant, the addresses and the accounts."""
        base = self.lab.base_url
        return {
            "tenant": self.microsoft.state.tenant,
            "authority": f"{base}/{self.microsoft.state.tenant}",
            "graph": self.microsoft.root(),
            "accounts": [asdict(box) for box in self.microsoft.state.mailboxes.values()],
        }

    def account(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create an account with its mailbox, or change suspended and without_mailbox of a known one."""
        email = str(body["email"]).lower()
        box = self.microsoft.state.mailboxes.get(email)
        if box is None:
            info = zones.info_of(str(body.get("zone", "UTC")))
            if info is None:
                raise ValueError(f"Unknown time zone {body.get('zone')!r}.")
            box = self.microsoft.new_mailbox(
                Mailbox(
                    email=email,
                    name=str(body.get("name", email.split("@", maxsplit=1)[0])),
                    zone=info.key,
                    personal=bool(body.get("personal", False)),
                )
            )
        box.suspended = bool(body.get("suspended", False))
        box.without_mailbox = bool(body.get("without_mailbox", False))
        return asdict(box)

    def token(self, body: dict[str, Any]) -> dict[str, Any]:
        """Issue tokens without a consent page, for tests of other things."""
        box = self.microsoft.state.mailboxes[body["account"]]
        client = self.lab.identity.clients[body["client_id"]]
        return entra.tokens_for(self.microsoft, client, box.email, list(body["scopes"]))

    def revoke(self, body: dict[str, Any]) -> dict[str, Any]:
        """Withdraw a grant as the person does on the page of apps."""
        person.revoke(self.microsoft, body["account"], body["client_id"])
        return {"revoked": grant_key(body["account"], body["client_id"])}

    def registration(self, body: dict[str, Any]) -> dict[str, Any]:
        """Grant a program application permissions, optionally for some mailboxes only."""
        made = Registration(
            client_id=body["client_id"],
            roles=list(body["roles"]),
            mailboxes=[str(item).lower() for item in body.get("mailboxes", [])],
            certificate_key=str(body.get("certificate_key", "")),
        )
        self.microsoft.state.registrations[made.client_id] = made
        return asdict(made)

    def _calendar(self, body: dict[str, Any]) -> Calendar:
        return person.calendar_of(self.microsoft, body["account"], str(body.get("calendar", "")))

    def calendar(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a calendar as the person."""
        if body["account"] not in self.microsoft.state.mailboxes:
            raise KeyError(body["account"])
        calendar = self.microsoft.new_calendar(body["account"], body["name"])
        return {"id": self.microsoft.calendar_id(calendar, calendar.owner), "key": calendar.key}

    def delete_calendar(self, body: dict[str, Any]) -> None:
        """Delete a calendar as the person."""
        calendar = self._calendar(body)
        if calendar.default:
            raise ValueError("The default calendar cannot be deleted.")
        self.microsoft.forget_calendar(calendar)

    def access(self, body: dict[str, Any]) -> dict[str, Any]:
        """Share a calendar of ``account`` with another mailbox: role read, write or none."""
        calendar = self._calendar(body)
        person.share(self.microsoft, calendar, body["with"], body["role"])
        return {"id": self.microsoft.calendar_id(calendar, body["with"]), "shares": calendar.shares}

    def _checked(self, event: dict[str, Any]) -> None:
        errors = self.microsoft.api.errors("microsoft.graph.event", event)
        if errors:
            raise ValueError(errors[0])

    def _ids(self, item: Item) -> dict[str, Any]:
        return {
            "id": items.event_id(self.microsoft, item, "", immutable=False),
            "immutable_id": items.event_id(self.microsoft, item, "", immutable=True),
            "change_key": item.now.change_key,
        }

    def insert(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make an event as the person."""
        self._checked(body["event"])
        return self._ids(person.insert(self.microsoft, self._calendar(body), body["event"]))

    def edit(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change an event as the person."""
        self._checked(body["changes"])
        return self._ids(person.edit(self.microsoft, body["event_id"], body["changes"]))

    def delete(self, body: dict[str, Any]) -> None:
        """Delete an event as the person."""
        person.delete(self.microsoft, body["event_id"])

    def move(self, body: dict[str, Any]) -> dict[str, Any]:
        """Move an event as the person; its default id changes."""
        target = person.calendar_of(self.microsoft, body["account"], body["to"])
        return {"id": person.move(self.microsoft, body["event_id"], target)}

    def dump(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return what is stored, past all paging, lag and access: for comparing both sides after a run."""
        wanted, expand = body.get("account"), body.get("expand") == "true"
        return {
            "calendars": [
                {
                    "id": self.microsoft.calendar_id(calendar, calendar.owner),
                    "name": calendar.name,
                    "owner": calendar.owner,
                    "default": calendar.default,
                    "deleted": calendar.deleted,
                    "color": calendar.color,
                    "properties": calendar.properties,
                    "shares": calendar.shares,
                    "events": [self._stored(item, expand=expand) for item in calendar.items.values()],
                }
                for calendar in self.microsoft.state.calendars.values()
                if not wanted or calendar.owner == wanted
            ]
        }

    def _stored(self, item: Item, *, expand: bool) -> dict[str, Any]:
        body = item.now.body
        stored = {**body, **self._ids(item), "deleted": item.now.deleted}
        if expand and series.is_master(body) and not item.now.deleted:
            found = series.occurring(self.microsoft, body, None, None)
            stored["occurrences"] = [
                {
                    "day": day,
                    "start": times.edge(inner["start"], all_day=bool(inner["isAllDay"])).isoformat(),
                    "subject": inner["subject"],
                    "type": inner["type"],
                }
                for day, inner in found
            ]
        return stored

    def expire_delta_tokens(self, body: dict[str, Any]) -> dict[str, Any]:
        """End every delta token of an account, or of all."""
        wanted = body.get("account")
        ended = [
            item for item in self.microsoft.state.calendars.values() if not wanted or item.owner == wanted
        ]
        for calendar in ended:
            calendar.seq += 1
            calendar.token_floor = calendar.seq
        return {"calendars": len(ended)}

    def subscriptions(self, _body: dict[str, Any]) -> dict[str, Any]:
        """List subscriptions, and how their receivers did."""
        now_s = self.lab.clock.true_s()
        return {
            "subscriptions": [
                asdict(item) | {"expires_in_s": item.expires_at_s - now_s}
                for item in self.microsoft.state.subscriptions.values()
            ],
            "dropped": {name: item.dropped for name, item in self.notifier.receivers.items()},
        }

    def lifecycle(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send a lifecycle notice: missed, subscriptionRemoved or reauthorizationRequired."""
        event = body["event"]
        if event not in {"missed", "subscriptionRemoved", "reauthorizationRequired"}:
            raise ValueError("event: missed, subscriptionRemoved or reauthorizationRequired.")
        item = self.microsoft.state.subscriptions[body["subscription"]]
        return {"sent": self.notifier.lifecycle(item, event)}
