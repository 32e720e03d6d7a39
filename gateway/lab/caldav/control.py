"""The control API of the simulated CalDAV server: people, acts of persons, what is stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.lab.caldav import paths, person
from gateway.lab.caldav.model import Person
from gateway.lab.caldav.world import new_password
from gateway.lab.core.control import Act, act

if TYPE_CHECKING:
    from gateway.lab.caldav.model import Calendar
    from gateway.lab.caldav.world import Dav


class CalDavControl:
    """The acts at this server."""

    def __init__(self, dav: Dav) -> None:
        self.dav = dav

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        table: list[tuple[str, str, Act]] = [
            ("POST", "/lab/caldav/people", self.person),
            ("GET", "/lab/caldav/dump", self.dump),
            ("POST", "/lab/caldav/events", self.add),
            ("PATCH", "/lab/caldav/events", self.edit),
            ("DELETE", "/lab/caldav/events", self.delete),
            ("POST", "/lab/caldav/invite", self.invite),
            ("POST", "/lab/caldav/expire-sync-tokens", self.expire),
        ]
        return [web.route(verb, path, act(self.dav.lab, what)) for verb, path, what in table]

    def person(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add somebody; the password is told once."""
        login = str(body["login"])
        if login in self.dav.state.people or "/" in login or ":" in login:
            raise ValueError(f"{login!r} is taken, or no name.")
        made = Person(
            login=login,
            password=str(body.get("password") or new_password()),
            name=str(body.get("name", login)),
            address=str(body.get("address", f"{login}@example.com")),
            zone=str(body.get("zone", "UTC")),
        )
        self.dav.new_person(made)
        return asdict(made)

    def dump(self, _body: dict[str, Any]) -> dict[str, Any]:
        """Return all calendars with their objects."""
        return {
            "calendars": [
                asdict(one) | {"href": paths.calendar(one.owner, one.segment)}
                for one in self.dav.state.calendars.values()
            ]
        }

    def _calendar(self, body: dict[str, Any]) -> Calendar:
        place = paths.place_of(str(body["calendar"]))
        return self.dav.calendar(place.login, place.segment)

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add an event made of the lines given."""
        calendar = self._calendar(body)
        return {"name": person.add(self.dav, calendar, *body["lines"], name=str(body.get("name", "")))}

    def edit(self, body: dict[str, Any]) -> None:
        """Set lines of an event by the names of their properties; an empty line removes one."""
        person.change(self.dav, self._calendar(body), str(body["name"]), **body["lines"])

    def delete(self, body: dict[str, Any]) -> None:
        """Delete an event."""
        self.dav.delete(self._calendar(body), str(body["name"]), operation=person.BY_HAND)

    def invite(self, body: dict[str, Any]) -> None:
        """Invite a guest to an event by hand."""
        person.invite_any(self.dav, self._calendar(body), str(body["name"]))

    def expire(self, _body: dict[str, Any]) -> None:
        """Make every sync token too old."""
        for calendar in self.dav.state.calendars.values():
            calendar.seq += 1
            calendar.floor = calendar.seq
