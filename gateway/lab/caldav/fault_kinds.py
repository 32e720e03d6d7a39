"""Faults that only a CalDAV server shows: HTML, tokens that lie, people who write at the same time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.lab.caldav import person
from gateway.lab.caldav.paths import place_of
from gateway.lab.core import acts
from gateway.lab.core.calls import Answer
from gateway.lab.core.faults import Kind, Scene

if TYPE_CHECKING:
    from gateway.lab.caldav.model import Calendar
    from gateway.lab.caldav.world import Dav
    from gateway.lab.core.calls import Call

_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in<br>to continue</body></html>"
_RESPONSE = re.compile(rb"<D:response>.*?</D:response>", re.DOTALL)
WRITES = {"caldav.put", "caldav.delete"}


def _here(call: Call) -> bool:
    return call.door == "caldav"


def _is_write(call: Call) -> bool:
    return call.operation in WRITES and place_of(call.path).kind == "object"


def _is_report(call: Call) -> bool:
    return call.operation in {"caldav.sync-collection", "caldav.calendar-multiget"}


def _is_sync(call: Call) -> bool:
    return call.operation == "caldav.sync-collection"


def _html(status: int) -> Callable[[Scene], Answer]:
    def before(_scene: Scene) -> Answer:
        return Answer(status=status, body=_PAGE, content_type="text/html", spoiled=True)

    return before


def _refused(status: int, reason: str) -> Callable[[Scene], Answer]:
    def before(scene: Scene) -> Answer:
        return scene.door.refuse(scene.call, status=status, reason=reason, message=reason)

    return before


def _without_one(_scene: Scene, answer: Answer) -> Answer:
    """Leave the last object out of a multiget."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    found = _RESPONSE.findall(body)
    if found:
        answer.body = body.replace(found[-1], b"")
    return answer


def _stranger(_scene: Scene, answer: Answer) -> Answer:
    """Name addresses that lie elsewhere beside the right ones."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    foreign = b"".join(
        b"<D:response><D:href>%s</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>" % href
        for href in (
            b"https://evil.example.net/caldav/a.ics",
            b"/caldav/home/../../etc/passwd",
            b"//x/y",
            b"",
        )
    )
    answer.body = body.replace(b"<D:response>", foreign + b"<D:response>", 1)
    answer.spoiled = True
    return answer


def _no_token(_scene: Scene, answer: Answer) -> Answer:
    if isinstance(answer.body, bytes):
        answer.body = re.sub(rb"<D:sync-token>.*?</D:sync-token>", b"", answer.body)
    answer.spoiled = True
    return answer


def _is_listing(call: Call) -> bool:
    """Tell whether a whole calendar is asked for: a delta that lies is another lie."""
    if call.operation == "caldav.sync-collection":
        return b"sync-token></" in call.raw or b"sync-token/>" in call.raw
    is_deep = call.operation == "caldav.propfind" and call.headers.get("depth") == "1"
    return is_deep and place_of(call.path).kind == "calendar"


def _nothing(_scene: Scene, answer: Answer) -> Answer:
    if isinstance(answer.body, bytes):
        answer.body = _RESPONSE.sub(b"", answer.body)
    return answer


def caldav_kinds(dav: Dav) -> list[Kind]:
    """Return the kinds of this server."""
    return [
        Kind(name="dav_html_200", text="200 with a page to sign in", before=_html(200), applies=_here),
        Kind(name="dav_html_207", text="207 with a page to sign in", before=_html(207), applies=_here),
        Kind(name="dav_html_404", text="404 with a page, of a proxy", before=_html(404), applies=_here),
        Kind(name="dav_html_503", text="503 with a page, of a proxy", before=_html(503), applies=_here),
        Kind(
            name="dav_412",
            text="412 although nothing has changed",
            before=_refused(412, "precondition"),
            applies=_is_write,
        ),
        Kind(name="dav_423", text="423 Locked", before=_refused(423, "locked"), applies=_is_write),
        Kind(
            name="dav_507", text="507 Insufficient Storage", before=_refused(507, "full"), applies=_is_write
        ),
        Kind(
            name="dav_old_token",
            text="the sync token counts as too old",
            before=_refused(403, "valid-sync-token"),
            applies=_is_sync,
        ),
        Kind(
            name="dav_old_token_bare",
            text="the same as a bare 400",
            before=_refused(400, "badRequest"),
            applies=_is_sync,
        ),
        Kind(name="dav_no_token", text="an answer without its sync token", after=_no_token, applies=_is_sync),
        Kind(
            name="dav_one_missing",
            text="an object is missing in a multiget",
            after=_without_one,
            applies=lambda call: call.operation == "caldav.calendar-multiget",
        ),
        Kind(name="dav_empty", text="a listing shows nothing", after=_nothing, applies=_is_listing),
        Kind(
            name="dav_strangers",
            text="a report names addresses elsewhere",
            after=_stranger,
            applies=_is_report,
        ),
        *_people(dav),
    ]


def _people(dav: Dav) -> list[Kind]:
    """Return the faults of people who act right before a write."""

    def kind(name: str, text: str, act: Callable[[Dav, Calendar, str], object]) -> Kind:
        def run(dav: Dav, scene: Scene) -> None:
            place = place_of(scene.call.path)
            act(dav, dav.calendar(place.login, place.segment), place.name)

        return Kind(name=name, text=text, before=acts.before(dav, run), applies=_is_write)

    return [
        kind("dav_person_edits", "a person edits the object right before", person.edit_any),
        kind("dav_person_deletes", "a person deletes it right before", person.delete_any),
        kind("dav_person_invites", "a person invites guests right before", person.invite_any),
    ]
