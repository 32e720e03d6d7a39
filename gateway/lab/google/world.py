"""The simulated Google: its state, lookup with access, etags, writing, signed tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway.lab.core.clock import rfc3339
from gateway.lab.core.errors import Refusal
from gateway.lab.core.identity import Account, Client
from gateway.lab.core.schemas import Description
from gateway.lab.core.state import Part
from gateway.lab.core.tokens import AccessToken, RefreshToken, opaque
from gateway.lab.core.zones import zone
from gateway.lab.google.model import RANK, VERSIONS_KEPT, Calendar, GoogleState, ListEntry, Record, Version

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.core.lab import Lab

SCOPE = "https://www.googleapis.com/auth/"
NARROW = frozenset({"calendar.app.created", "calendar.events.public.readonly"})
OWNED = frozenset({"calendar.events.owned", "calendar.events.owned.readonly"})


class Google:
    """State of the provider and the acts on it that keep etags, numbers and versions right."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.part = Part(GoogleState)
        lab.state.parts["google"] = self.part
        self.api = Description("google-calendar.schema.json")
        self.on_change: Callable[[Calendar], None] = lambda _calendar: None
        """Told of every change of a calendar's events; the laboratory puts the channels here."""
        self.page_trick = ""
        """``short``, ``empty`` or ``repeat``: what a fault asks of the page at hand."""

    @property
    def state(self) -> GoogleState:
        """The present state."""
        return self.part.now

    # --- small things

    def etag(self) -> str:
        """Return an etag that was never used."""
        self.state.etags += 2
        return f'"{self.state.etags}"'

    def stamp(self) -> str:
        """Return the server's time as answers show it."""
        return rfc3339(self.lab.clock.now())

    def seal(self, value: Any) -> str:
        """Return an opaque token that carries a value; it needs URL-encoding."""
        raw = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        return base64.b64encode(self._mark(raw) + raw).decode() + "="

    def _mark(self, raw: bytes) -> bytes:
        return hmac.new(self.state.secret.encode(), raw, hashlib.sha256).digest()[:9]

    def unseal(self, token: str, name: str) -> Any:
        """Return what a token carries; raises Refusal 400."""
        try:
            data = base64.b64decode(token.removesuffix("="), validate=True)
        except ValueError:
            data = b""
        mark, raw = data[:9], data[9:]
        if not raw or not hmac.compare_digest(mark, self._mark(raw)):
            raise Refusal(400, "invalid", f"Invalid {name} value.", location=name)
        return json.loads(raw)

    # --- access

    def granted(self, call: Call) -> frozenset[str]:
        """Return the short names of the granted scopes that open the called method."""
        operation = self.api.by_name[call.operation or ""]
        have = {scope.removeprefix(SCOPE) for scope in (call.token.scopes if call.token else [])}
        return frozenset(have & operation.scopes)

    def resolve(self, call: Call, calendar_id: str) -> str:
        """Return the real id behind ``primary``."""
        return call.account or "" if calendar_id == "primary" else calendar_id

    def role(self, account: str, calendar: Calendar) -> str:
        """Return an account's role on a calendar."""
        domain = self.lab.identity.accounts[account].domain if account in self.lab.identity.accounts else ""
        roles = [calendar.acl.get(account, "none"), calendar.acl.get("default", "none")]
        if domain:
            roles.append(calendar.acl.get(f"domain:{domain}", "none"))
        return max(roles, key=RANK.__getitem__)

    def calendar(self, call: Call, calendar_id: str, need: str = "reader") -> Calendar:
        """Return a calendar if role and scopes allow; raises Refusal 403 or 404."""
        calendar = self.state.calendars.get(self.resolve(call, calendar_id))
        role = self.role(call.account or "", calendar) if calendar else "none"
        if calendar is None or calendar.deleted or role == "none":
            raise Refusal(404, "notFound", "Not Found")
        scopes = self.granted(call)
        foreign = not calendar.client_id or call.token is None or calendar.client_id != call.token.client_id
        if scopes and scopes <= NARROW and foreign:
            if self.lab.settings.app_created_foreign_status == 404:
                raise Refusal(404, "notFound", "Not Found")
            raise Refusal(
                403, "insufficientPermissions", "Insufficient Permission: this calendar is not the app's."
            )
        if scopes and scopes <= OWNED | NARROW and role != "owner":
            raise Refusal(
                403, "insufficientPermissions", "Insufficient Permission: this calendar is not owned."
            )
        if RANK[role] < RANK[need]:
            if need in {"writer", "owner", "writerWithoutPrivateAccess"}:
                raise Refusal(
                    403,
                    "requiredAccessLevel",
                    f"You need to have {need} access to this calendar.",
                    domain="calendar",
                )
            raise Refusal(403, "forbidden", "Forbidden")
        return calendar

    def veiled(self, call: Call, calendar: Calendar) -> bool:
        """Tell whether the caller sees times without details."""
        return self.role(call.account or "", calendar) == "freeBusyReader" or self.granted(call) == {
            "calendar.events.freebusy"
        }

    def view(self, call: Call, calendar: Calendar) -> ZoneInfo:
        """Return the zone in which an answer shows times; raises Refusal 400."""
        name = call.one("timeZone") or calendar.zone
        info = zone(name)
        if info is None:
            raise Refusal(400, "invalid", f"Invalid time zone: {name[:60]}", location="timeZone")
        return info

    # --- writing

    def put(self, calendar: Calendar, event_id: str, body: dict[str, Any], **flags: bool) -> Record:
        """Store a new version of an event; sets etag, moves it to the end, tells the channels."""
        calendar.seq += 1
        version = Version(
            seq=calendar.seq,
            at_s=self.lab.clock.true_s(),
            body={**body, "id": event_id, "etag": self.etag()},
            deleted=flags.get("deleted", False),
            dropped=flags.get("dropped", False),
        )
        record = calendar.events.pop(event_id, None)
        if record is None:
            record = Record(id=event_id, order=self.lab.random.random(), versions=[version])
        else:
            record.versions.append(version)
            del record.versions[:-VERSIONS_KEPT]
        calendar.events[event_id] = record
        if master_id := body.get("recurringEventId"):
            calendar.children.setdefault(master_id, set()).add(event_id)
        self.on_change(calendar)
        return record

    # --- tokens, accounts and calendars

    def tokens_for(self, account: str, client: Client, scopes: list[str]) -> dict[str, Any]:
        """Issue an access and a refresh token and remember the grant."""
        lab = self.lab
        key = lab.tokens.grant(account, client.client_id, scopes).key
        answer = self.access_token(account, client, scopes, key)
        return answer | {"refresh_token": self.refresh_token(key, account, client.client_id, scopes)}

    def access_token(
        self, account: str, client: Client, scopes: list[str], grant: str, *, service: bool = False
    ) -> dict[str, Any]:
        """Issue an access token and return the token answer."""
        life_s = self.lab.settings.access_token_life_s
        token = AccessToken(
            value=opaque("ya29.a0", 90),
            account=account,
            client_id=client.client_id,
            project=client.project,
            scopes=scopes,
            expires_at_s=self.lab.clock.true_s() + life_s,
            grant=grant,
            service=service,
        )
        self.lab.tokens.access[token.value] = token
        return {
            "access_token": token.value,
            "expires_in": int(life_s),
            "scope": " ".join(scopes),
            "token_type": "Bearer",
        }

    def refresh_token(self, grant: str, account: str, client_id: str, scopes: list[str]) -> str:
        """Issue a refresh token; the oldest ones above the limit die silently."""
        tokens = self.lab.tokens
        token = RefreshToken(
            value=opaque("1//0", 66),
            grant=grant,
            account=account,
            client_id=client_id,
            scopes=scopes,
            issued_at_s=self.lab.clock.true_s(),
        )
        tokens.refresh[token.value] = token
        mine = [key for key, item in tokens.refresh.items() if item.grant == grant]
        for key in mine[: -self.lab.settings.live_refresh_tokens]:
            del tokens.refresh[key]
        return token.value

    def new_calendar(self, owner: str, summary: str, zone_name: str, *, client_id: str = "") -> Calendar:
        """Create a secondary calendar and put it into its creator's list."""
        calendar = Calendar(
            id=f"c_{secrets.token_hex(32)}@group.calendar.google.com",
            summary=summary,
            zone=zone_name,
            owner=owner,
            client_id=client_id,
            acl={owner: "owner"},
            etag=self.etag(),
        )
        self.state.calendars[calendar.id] = calendar
        self.list_entry(owner, calendar.id)
        return calendar

    def list_entry(self, account: str, calendar_id: str) -> ListEntry:
        """Return an entry of an account's list, made or revived if needed, and mark it changed."""
        entries = self.state.lists.setdefault(account, {})
        number = self.state.list_seq.get(account, 0) + 1
        self.state.list_seq[account] = number
        entry = entries.get(calendar_id)
        if entry is None:
            entry = ListEntry(
                calendar_id=calendar_id, seq=number, etag=self.etag(), color_id=str(len(entries) % 24 + 1)
            )
            entries[calendar_id] = entry
        entry.seq, entry.etag, entry.deleted = number, self.etag(), False
        return entry

    def new_account(self, account: Account) -> None:
        """Give an account its primary calendar; its id is the e-mail address."""
        self.lab.identity.accounts[account.email] = account
        calendar = Calendar(
            id=account.email,
            summary=account.email,
            zone=account.zone,
            owner=account.email,
            primary=True,
            acl={account.email: "owner"},
            etag=self.etag(),
        )
        self.state.calendars[calendar.id] = calendar
        entry = self.list_entry(account.email, calendar.id)
        entry.reminders = [{"method": "popup", "minutes": 10}]

    def forget_calendar(self, calendar: Calendar) -> None:
        """Delete a calendar for everybody."""
        calendar.deleted = True
        calendar.events.clear()
        for account, entries in self.state.lists.items():
            if calendar.id in entries:
                self.list_entry(account, calendar.id).deleted = True

    def set_role(self, calendar: Calendar, account: str, role: str) -> None:
        """Change who may do what; sync tokens may die of it."""
        if role == "none":
            calendar.acl.pop(account, None)
        else:
            calendar.acl[account] = role
        calendar.etag = self.etag()
        if self.lab.settings.acl_change_expires_tokens:
            calendar.seq += 1
            calendar.token_floor = calendar.seq
        if account in self.state.lists or role != "none":
            self.list_entry(account, calendar.id).deleted = role == "none"
