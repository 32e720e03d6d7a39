"""The simulated Microsoft: its state, lookup with access, change keys, writing, mailboxes and calendars."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.core.state import Part
from gateway.lab.microsoft import times
from gateway.lab.microsoft.description import GraphDescription
from gateway.lab.microsoft.ids import Sealer
from gateway.lab.microsoft.model import (
    PERSONAL_TENANT,
    VERSIONS_KEPT,
    Calendar,
    Item,
    Mailbox,
    MicrosoftState,
    Version,
    guid,
)

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.core.lab import Lab

GRAPH = "https://graph.microsoft.com/"
LIST_CALENDARS = "My Calendars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of an item, as subscriptions hear of it."""

    kind: str
    """created, updated or deleted."""
    calendar: Calendar
    key: str
    generation: int
    change_key: str


class Microsoft:
    """State of the provider and the acts on it that keep change keys, numbers and versions right."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.part = Part(MicrosoftState)
        lab.state.parts["microsoft"] = self.part
        self.api = GraphDescription()
        self.on_change: Callable[[Change], None] = lambda _change: None
        """Told of every change of an item; the laboratory puts the subscriptions here."""
        self.page_trick = ""
        """``short``, ``empty``, ``repeat`` or ``foreign``: what a fault asks of the page at hand."""
        self.in_flight: dict[str, int] = {}
        """Calls at work, by app and mailbox."""

    @property
    def state(self) -> MicrosoftState:
        """The present state."""
        return self.part.now

    @property
    def ids(self) -> Sealer:
        """What makes and reads ids."""
        return Sealer(self.state.secret)

    # --- small things

    def change_key(self) -> str:
        """Return a change key that was never used."""
        self.state.change_keys += 1
        return base64.b64encode(b"\x00lab" + self.state.change_keys.to_bytes(12, "big")).decode()

    def stamp(self) -> str:
        """Return the server's time as answers show it."""
        return times.stamp(self.lab.clock.now())

    def root(self) -> str:
        """Return Graph's address."""
        return f"{self.lab.base_url}/v1.0"

    # --- who and where

    def mailbox(self, call: Call) -> Mailbox:
        """Return the mailbox that a path names; raises Refusal 403 or 404."""
        named = call.path_args.get("user_id")
        if named is None:
            if call.account is None:
                raise Refusal(
                    400, "BadRequest", "/me request is only valid with delegated authentication flow."
                )
            named = call.account
        found = self.state.mailboxes.get(named.lower()) or next(
            (item for item in self.state.mailboxes.values() if item.id == named), None
        )
        if found is None:
            raise Refusal(404, "ErrorInvalidUser", f"The requested user '{named[:100]}' is invalid.")
        if call.account is None:
            self._app_may(call, found)
        elif found.email != call.account:
            raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return found

    def _app_may(self, call: Call, found: Mailbox) -> None:
        registration = self.state.registrations.get(call.token.client_id if call.token else "")
        limited = registration is not None and registration.mailboxes
        if registration is None or (limited and found.email not in registration.mailboxes) or found.personal:
            raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")

    def with_mailbox(self, call: Call) -> Mailbox:
        """Return the mailbox if there is one; raises Refusal 404."""
        found = self.mailbox(call)
        if found.without_mailbox:
            raise Refusal(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            )
        return found

    def default_calendar(self, email: str) -> Calendar:
        """Return a mailbox's default calendar."""
        return next(item for item in self.state.calendars.values() if item.owner == email and item.default)

    def calendar(self, call: Call, *, write: bool = False) -> Calendar:
        """Return the calendar that a path names, the default one without an id; raises Refusal 403 or 404."""
        box = self.with_mailbox(call)
        identifier = call.path_args.get("calendar_id")
        if identifier is None:
            return self.default_calendar(box.email)
        return self.opened(call, box, self.ids.read_folder("calendar", identifier, box.email), write=write)

    def opened(self, call: Call, box: Mailbox, key: str, *, write: bool = False) -> Calendar:
        """Return a calendar by key if the mailbox may see it; raises Refusal 403 or 404."""
        calendar = self.state.calendars.get(key)
        if calendar is None or calendar.deleted or not self.level(box.email, calendar):
            raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        if calendar.owner != box.email and call.token is not None and call.account is not None:
            shared = {"Calendars.ReadWrite.Shared"} | (set() if write else {"Calendars.Read.Shared"})
            if not shared & set(self.scopes(call)):
                raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        if write and self.level(box.email, calendar) != "write":
            raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return calendar

    def scopes(self, call: Call) -> list[str]:
        """Return the short names of what a token allows."""
        return [scope.removeprefix(GRAPH) for scope in (call.token.scopes if call.token else [])]

    @staticmethod
    def level(email: str, calendar: Calendar) -> str:
        """Return read, write or nothing."""
        return "write" if calendar.owner == email else calendar.shares.get(email, "")

    def visible(self, email: str) -> list[Calendar]:
        """Return the calendars of a mailbox's list, shared ones included."""
        return [
            item for item in self.state.calendars.values() if not item.deleted and self.level(email, item)
        ]

    def calendar_id(self, calendar: Calendar, viewer: str) -> str:
        """Return a calendar's id under one mailbox."""
        return self.ids.folder("calendar", calendar.key, viewer)

    # --- writing

    def put(
        self,
        calendar: Calendar,
        key: str,
        body: dict[str, Any],
        *,
        deleted: bool = False,
        generation: int | None = None,
        silent: bool = False,
    ) -> Item:
        """Store a new version of an item; sets the change key, moves it to the end, tells subscriptions."""
        calendar.seq += 1
        now_s = self.lab.clock.true_s()
        version = Version(
            seq=calendar.seq, at_s=now_s, body=body, change_key=self.change_key(), deleted=deleted
        )
        item = calendar.items.pop(key, None)
        fresh = item is None or item.now.deleted
        if item is None:
            item = Item(
                key=key,
                generation=generation or 1,
                order=self.lab.random.random(),
                created_at_s=now_s,
                versions=[version],
            )
        else:
            item.versions.append(version)
            item.generation = generation or item.generation
            del item.versions[:-VERSIONS_KEPT]
        calendar.items[key] = item
        if not deleted:
            self.state.where[key] = calendar.key
        if not silent:
            kind = "deleted" if deleted else "created" if fresh else "updated"
            self.on_change(
                Change(
                    kind=kind,
                    calendar=calendar,
                    key=key,
                    generation=item.generation,
                    change_key=version.change_key,
                )
            )
        return item

    # --- mailboxes and calendars

    def new_mailbox(self, box: Mailbox) -> Mailbox:
        """Give a person a mailbox with its default calendar."""
        box.email = box.email.lower()
        box.tenant = PERSONAL_TENANT if box.personal else self.state.tenant
        group = secrets.token_hex(8)
        box.groups = {group: LIST_CALENDARS}
        self.state.mailboxes[box.email] = box
        self.new_calendar(box.email, "Calendar", default=True)
        return box

    def new_calendar(
        self, owner: str, name: str, *, default: bool = False, group: str = "", color: str = "auto"
    ) -> Calendar:
        """Create a calendar; the name must have been checked."""
        calendar = Calendar(
            key=guid(),
            owner=owner,
            name=name,
            group=group or next(iter(self.state.mailboxes[owner].groups)),
            color=color,
            default=default,
            change_key=self.change_key(),
        )
        self.state.calendars[calendar.key] = calendar
        return calendar

    def forget_calendar(self, calendar: Calendar) -> None:
        """Delete a calendar with everything in it."""
        calendar.deleted = True
        for key in calendar.items:
            self.state.where.pop(key, None)
        calendar.items.clear()
