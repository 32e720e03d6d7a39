"""The simulated server's acts on its calendars; the doors and the pages of people both come here."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

from gateway.lab.caldav import lines
from gateway.lab.caldav.model import Calendar, DavState, Person, Resource
from gateway.lab.caldav.quirks import kept_as
from gateway.lab.caldav.scheduling import mailings
from gateway.lab.core.clock import rfc3339
from gateway.lab.core.errors import Refusal
from gateway.lab.core.state import Part

if TYPE_CHECKING:
    from gateway.lab.core.lab import Lab

MAX_BYTES = 1024 * 1024
_SEGMENT = re.compile(r"[A-Za-z0-9_.@~-]{1,200}")


class Dav:
    """People, calendars, resources."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._state = Part(DavState)
        lab.state.parts["caldav"] = self._state

    @property
    def state(self) -> DavState:
        """Everything stored."""
        return self._state.now

    def person(self, login: str) -> Person:
        """Return a person; raises KeyError with a sentence."""
        try:
            return self.state.people[login]
        except KeyError:
            raise KeyError(f"Nobody is called {login}; POST /lab/caldav/people makes one.") from None

    def new_person(self, person: Person) -> None:
        """Add somebody with one calendar of her own, called Calendar."""
        self.state.people[person.login] = person
        self.new_calendar(person.login, "default", name="Calendar")

    def calendars(self, login: str) -> list[Calendar]:
        """Return somebody's calendars."""
        return [one for one in self.state.calendars.values() if one.owner == login]

    def calendar(self, login: str, segment: str) -> Calendar:
        """Return one calendar; raises Refusal 404."""
        found = self.state.calendars.get(f"{login}/{segment}")
        if found is None:
            raise Refusal(404, "notFound", "There is no such calendar.")
        return found

    def new_calendar(self, login: str, segment: str, *, name: str) -> Calendar:
        """Make a calendar; raises Refusal where the address is taken or cannot be."""
        if f"{login}/{segment}" in self.state.calendars:
            raise Refusal(403, "resource-must-be-null", "There is something at this address.")
        if not _SEGMENT.fullmatch(segment):
            raise Refusal(403, "calendar-collection-location-ok", "No calendar can be made at this address.")
        made = Calendar(owner=login, segment=segment, name=name)
        self.state.calendars[f"{login}/{segment}"] = made
        return made

    def remove_calendar(self, calendar: Calendar, *, operation: str, reply: bool = True) -> None:
        """Delete a calendar with everything in it; every object counts as deleted."""
        for name in list(calendar.resources):
            self.delete(calendar, name, operation=operation, reply=reply)
        del self.state.calendars[f"{calendar.owner}/{calendar.segment}"]

    def put(self, calendar: Calendar, name: str, body: str, *, operation: str) -> Resource:
        """Store an object as the switches want it kept; guests are mailed."""
        known = calendar.resources.get(name)
        self._check(calendar, name, body)
        kept = kept_as(body, self.lab.settings, name)
        self._mail(calendar, name, known.body if known else None, kept, operation=operation)
        calendar.seq += 1
        calendar.gone.pop(name, None)
        etag = hashlib.sha256(f"{calendar.seq} {kept}".encode()).hexdigest()[:24]
        calendar.resources[name] = Resource(body=kept, seq=calendar.seq, etag=etag, uid=lines.uid(kept))
        return calendar.resources[name]

    def delete(self, calendar: Calendar, name: str, *, operation: str, reply: bool = True) -> None:
        """Delete an object; guests are mailed, and the organizer unless the request holds it back."""
        known = calendar.resources.pop(name, None)
        if known is None:
            raise Refusal(404, "notFound", "There is no such object.")
        calendar.seq += 1
        calendar.gone[name] = calendar.seq
        calendar.trash.append(known.uid)
        self._mail(calendar, name, known.body, None, operation=operation, reply=reply)

    def _mail(
        self,
        calendar: Calendar,
        name: str,
        before: str | None,
        after: str | None,
        *,
        operation: str,
        reply: bool = True,
    ) -> None:
        person = self.person(calendar.owner)
        bare = self.lab.settings.dav_mail_without_organizer
        for why, addresses in mailings(person, before, after, bare=bare, reply=reply):
            self.lab.outbox.put(
                at=rfc3339(self.lab.clock.now()),
                account=person.login,
                operation=operation,
                event_id=f"{calendar.segment}/{name}",
                to=addresses,
                why=why,
            )

    def _check(self, calendar: Calendar, name: str, body: str) -> None:
        """Refuse what RFC 4791 §4.1 and §5.3.2.1 do not allow."""
        if len(body.encode()) > MAX_BYTES:
            raise Refusal(403, "max-resource-size", "The object is too large.")
        found = [
            (kind, one) for kind in ("VEVENT", "VTODO", "VJOURNAL") for one in lines.components(body, kind)
        ]
        if not found or not body.lstrip().upper().startswith("BEGIN:VCALENDAR"):
            raise Refusal(403, "valid-calendar-data", "There is no event in it.")
        uids = {lines.value(one, "UID") for _, one in found}
        masters = sum(1 for _, one in found if not lines.value(one, "RECURRENCE-ID"))
        if len(uids) != 1 or "" in uids or len({kind for kind, _ in found}) != 1 or masters > 1:
            raise Refusal(403, "valid-calendar-object-resource", "One object has one UID and one master.")
        if any(line.upper().startswith("METHOD") for line in lines.unfolded(body)):
            raise Refusal(403, "valid-calendar-object-resource", "A stored object has no METHOD.")
        if found[0][0] not in calendar.components:
            raise Refusal(403, "supported-calendar-component", "This calendar does not take that component.")
        self._zones(body)
        self._uid_is_free(calendar, name, uids.pop())

    def _zones(self, body: str) -> None:
        """Refuse a TZID without its VTIMEZONE (§4.1), as iCloud does."""
        named = {lines.text(one, "TZID") for one in lines.components(body, "VTIMEZONE")}
        used = {line[1]["TZID"] for one in lines.components(body) for line in one if "TZID" in line[1]}
        if used - named:
            raise Refusal(403, "valid-calendar-data", "A TZID has no VTIMEZONE.")

    def _uid_is_free(self, calendar: Calendar, name: str, uid: str) -> None:
        if self.lab.settings.dav_trash_bin and uid in calendar.trash:
            raise Refusal(400, "badRequest", "A deleted object has this UID.")
        scope = [calendar]
        if self.lab.settings.dav_uid_scope == "account":
            scope = self.calendars(calendar.owner)
        for other in scope:
            for taken, resource in other.resources.items():
                is_itself = other is calendar and taken == name
                if not is_itself and uid == resource.uid:
                    raise Refusal(403, "no-uid-conflict", "This UID is taken.")

    def token(self, calendar: Calendar) -> str:
        """Return the sync token of a calendar as it is now."""
        return f"http://calgate.example/ns/sync/{calendar.segment}/{calendar.seq}"

    def seq_of(self, calendar: Calendar, token: str) -> int:
        """Return the change that a token stands for; raises Refusal where it is none, or too old."""
        head, _, number = token.rpartition("/")
        mine = self.token(calendar).rpartition("/")[0]
        if head != mine or not number.isdigit() or not calendar.floor <= int(number) <= calendar.seq:
            raise Refusal(403, "valid-sync-token", "The sync token is not valid.")
        return int(number)


def new_password() -> str:
    """Return a password as services make them for programs."""
    return "-".join(secrets.token_hex(2) for _ in range(4))
