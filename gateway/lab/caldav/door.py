"""The simulated CalDAV server's entrance: methods, conditions, errors in the form of RFC 4918 §16."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from defusedxml import ElementTree

from gateway.lab.caldav import paths, properties
from gateway.lab.caldav.paths import Place, place_of
from gateway.lab.caldav.properties import A, C, D
from gateway.lab.caldav.quirks import matches, shown_etag
from gateway.lab.caldav.reports import names_asked, report
from gateway.lab.core.calls import Answer, Call
from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from gateway.lab.caldav.model import Calendar, Person
    from gateway.lab.caldav.world import Dav

XML = "application/xml; charset=utf-8"
METHODS = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, REPORT, MKCALENDAR"
CLASSES = "1, 3, calendar-access, calendar-auto-schedule"
_OURS = re.compile(r"sync-collection|calendar-multiget|calendar-query")
_DAV_CONDITIONS = {"valid-sync-token", "supported-report", "need-privileges", "resource-must-be-null"}
_TEXTS = {
    f"{{{D}}}displayname": "name",
    f"{{{A}}}calendar-color": "color",
    f"{{{C}}}calendar-description": "description",
    f"{{{C}}}calendar-timezone": "timezone",
}
"""Field of a calendar by the property that sets it."""


class CalDavDoor:
    """RFC 4791 for people with passwords."""

    name = "caldav"

    def __init__(self, dav: Dav) -> None:
        self.dav = dav

    def identify(self, call: Call) -> None:
        """Name the method: ``caldav.put``; a report by its own name."""
        word = call.verb.lower()
        if call.verb == "REPORT":
            found = _OURS.search(call.raw[:2000].decode("utf-8", "replace"))
            word = found[0] if found else word
        call.operation = f"caldav.{word}"
        call.account = _credentials(call)[0] or None

    def execute(self, call: Call) -> Answer:
        """Carry the call out."""
        if call.path.startswith("/.well-known/"):
            return Answer(status=301, headers={"Location": paths.ROOT})
        if call.verb == "OPTIONS":
            return Answer(status=200, headers={"Allow": METHODS, "DAV": CLASSES})
        person = self._person(call)
        place = place_of(call.path)
        if place.kind == "nothing" or (place.login and place.login != person.login):
            raise Refusal(404, "notFound", "There is nothing at this address.")
        acts = {
            "PROPFIND": self._propfind, "REPORT": self._report, "GET": self._get, "HEAD": self._get,
            "PUT": self._put, "DELETE": self._delete, "MKCALENDAR": self._mkcalendar,
            "PROPPATCH": self._proppatch,
        }  # fmt: skip
        act = acts.get(call.verb)
        if act is None:
            raise Refusal(405, "methodNotAllowed", "This method is not offered.", violation=True)
        return act(call, person, place)

    def refuse(self, call: Call, *, status: int, reason: str, message: str, domain: str = "global") -> Answer:  # noqa: ARG002 - the door's shape
        """Render an error: a precondition, a sentence, or a page where the switch says so."""
        headers = {"WWW-Authenticate": 'Basic realm="calendar"'} if status == 401 else {}
        if self.dav.lab.settings.dav_html_errors or status >= 500:
            page = f"<!DOCTYPE html><html><body><h1>{status}</h1><br>Something went wrong.</body></html>"
            return Answer(
                status=status, headers=headers, body=page.encode(), content_type="text/html", reason=reason
            )
        if status in {403, 409} and "-" in reason:
            space = "D" if reason in _DAV_CONDITIONS else "C"
            body = f'<?xml version="1.0"?><D:error xmlns:D="{D}" xmlns:C="{C}"><{space}:{reason}/></D:error>'
            return Answer(status=status, headers=headers, body=body.encode(), content_type=XML, reason=reason)
        return Answer(
            status=status, headers=headers, body=message.encode(), content_type="text/plain", reason=reason
        )

    def check(self, call: Call, answer: Answer) -> list[str]:  # noqa: ARG002 - the door's shape
        """A multistatus is well-formed."""
        if answer.status == 207 and isinstance(answer.body, bytes):
            ElementTree.fromstring(answer.body)
        return []

    # -- who

    def _person(self, call: Call) -> Person:
        login, password = _credentials(call)
        person = self.dav.state.people.get(login)
        if person is None or person.password != password:
            raise Refusal(401, "unauthorized", "Sign in.")
        return person

    # -- reading

    def _propfind(self, call: Call, person: Person, place: Place) -> Answer:
        asked = names_asked(_xml(call)) if call.raw else []
        depth = call.headers.get("depth", "0")
        own = {
            "root": lambda: (paths.ROOT, properties.of_root(person)),
            "principal": lambda: (paths.principal(person.login), properties.of_principal(person)),
            "home": lambda: (paths.home(person.login), properties.of_home(person)),
        }
        parts = []
        if place.kind in own:
            parts.append(properties.response(*_swap(own[place.kind](), asked)))
        if place.kind == "home" and depth == "1":
            parts += [self._calendar(calendar, asked) for calendar in self.dav.calendars(person.login)]
        if place.kind in {"calendar", "object"}:
            parts += self._inside(place, asked, depth)
        return _multistatus("".join(parts))

    def _inside(self, place: Place, asked: list[str], depth: str) -> list[str]:
        calendar = self.dav.calendar(place.login, place.segment)
        names = [place.name] if place.kind == "object" else list(calendar.resources) if depth == "1" else []
        parts = [self._calendar(calendar, asked)] if place.kind == "calendar" else []
        for name in names:
            if name not in calendar.resources:
                raise Refusal(404, "notFound", "There is no such object.")
            href = paths.resource(place.login, place.segment, name)
            known = properties.of_resource(self.dav, calendar.resources[name])
            parts.append(properties.response(href, asked, known))
        return parts

    def _calendar(self, calendar: Calendar, asked: list[str]) -> str:
        href = paths.calendar(calendar.owner, calendar.segment)
        return properties.response(href, asked, properties.of_calendar(self.dav, calendar))

    def _report(self, call: Call, _person: Person, place: Place) -> Answer:
        calendar = self.dav.calendar(place.login, place.segment)
        body = report(self.dav, calendar, call.path, _xml(call))
        return Answer(status=207, body=body.encode(), content_type=XML)

    def _get(self, _call: Call, _person: Person, place: Place) -> Answer:
        if place.kind != "object":
            raise Refusal(405, "methodNotAllowed", "Only objects can be read.")
        calendar = self.dav.calendar(place.login, place.segment)
        found = calendar.resources.get(place.name)
        if found is None:
            raise Refusal(404, "notFound", "There is no such object.")
        etag = shown_etag(found, self.dav.lab.settings)
        headers = {"ETag": etag} if etag is not None else {}
        return Answer(
            status=200, headers=headers, body=found.body.encode(), content_type="text/calendar; charset=utf-8"
        )

    # -- writing

    def _writable(self, place: Place) -> Calendar:
        calendar = self.dav.calendar(place.login, place.segment)
        if calendar.read_only:
            raise Refusal(403, "need-privileges", "This calendar is read only.")
        return calendar

    def _conditions(self, call: Call, calendar: Calendar, name: str) -> None:
        settings = self.dav.lab.settings
        if settings.dav_ignore_conditions:
            return
        known = calendar.resources.get(name)
        wanted, unwanted = call.headers.get("if-match"), call.headers.get("if-none-match")
        if wanted is not None and not matches(wanted, known, settings):
            raise Refusal(412, "preconditionFailed", "The object is another one by now.")
        if unwanted is not None and matches(unwanted, known, settings):
            raise Refusal(412, "preconditionFailed", "There is an object already.")

    def _put(self, call: Call, _person: Person, place: Place) -> Answer:
        if place.kind != "object":
            raise Refusal(405, "methodNotAllowed", "Objects lie in calendars.")
        calendar = self._writable(place)
        self._conditions(call, calendar, place.name)
        if not call.headers.get("content-type", "").startswith("text/calendar"):
            raise Refusal(415, "supported-calendar-data", "This is not iCalendar.", violation=True)
        is_new = place.name not in calendar.resources
        body = call.raw.decode("utf-8", "replace")
        made = self.dav.put(calendar, place.name, body, operation=call.operation or "")
        etag = shown_etag(made, self.dav.lab.settings) if made.body == body else None
        return Answer(status=201 if is_new else 204, headers={"ETag": etag} if etag is not None else {})

    def _delete(self, call: Call, _person: Person, place: Place) -> Answer:
        calendar = self._writable(place)
        reply = call.headers.get("schedule-reply", "T").upper() != "F"
        operation = call.operation or ""
        if place.kind == "calendar":
            self.dav.remove_calendar(calendar, operation=operation, reply=reply)
        elif place.kind == "object":
            if place.name not in calendar.resources:
                raise Refusal(404, "notFound", "There is no such object.")
            self._conditions(call, calendar, place.name)
            self.dav.delete(calendar, place.name, operation=operation, reply=reply)
        else:
            raise Refusal(403, "need-privileges", "This cannot be deleted.")
        return Answer(status=204)

    def _mkcalendar(self, call: Call, person: Person, place: Place) -> Answer:
        if place.kind != "calendar":
            raise Refusal(403, "calendar-collection-location-ok", "No calendar can be made here.")
        made = self.dav.new_calendar(person.login, place.segment, name=place.segment)
        if call.raw:
            _set(made, _xml(call))
        return Answer(status=201)

    def _proppatch(self, call: Call, _person: Person, place: Place) -> Answer:
        calendar = self._writable(place)
        names = _set(calendar, _xml(call))
        return _multistatus(properties.response(call.path, names, dict.fromkeys(names, "")))


def _set(calendar: Calendar, asked: Element) -> list[str]:
    """Set properties of a calendar; returns their names."""
    found = asked.findall(f".//{{{D}}}set/{{{D}}}prop/*")
    for child in found:
        if child.tag in _TEXTS:
            setattr(calendar, _TEXTS[child.tag], (child.text or "").strip())
        elif child.tag == f"{{{C}}}supported-calendar-component-set":
            calendar.components = [str(comp.get("name")) for comp in child]
    return [child.tag for child in found]


def _swap(pair: tuple[str, properties.Values], asked: list[str]) -> tuple[str, list[str], properties.Values]:
    return pair[0], asked, pair[1]


def _multistatus(inner: str) -> Answer:
    return Answer(status=207, body=(properties.HEAD + inner + properties.FOOT).encode(), content_type=XML)


def _xml(call: Call) -> Element:
    try:
        found: Element = ElementTree.fromstring(call.raw)
    except (ElementTree.ParseError, ValueError):
        raise Refusal(400, "badRequest", "The body is not XML.", violation=True) from None
    return found


def _credentials(call: Call) -> tuple[str, str]:
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    try:
        login, _, password = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (login, password) if scheme.lower() == "basic" else ("", "")
