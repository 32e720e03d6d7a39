"""Faults made by people and twins: foreign edits, moves, deletions, less access, taken ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.lab.core import acts
from gateway.lab.core.errors import Refusal
from gateway.lab.core.faults import Kind, Scene
from gateway.lab.google import person
from gateway.lab.google.fault_kinds import EVENT_WRITES, chooses_id, has_etag

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.model import Calendar
    from gateway.lab.google.world import Google

Act = Callable[["Google", Scene], None]


def _touches_events(call: Call) -> bool:
    return call.operation in EVENT_WRITES and call.account is not None


def _calendar(google: Google, scene: Scene) -> Calendar:
    return person.calendar_of(google, google.resolve(scene.call, scene.call.path_args["calendarId"]))


def _event_id(scene: Scene, calendar: Calendar) -> str:
    """Return the event at hand: that of the path, else the one changed last."""
    known = scene.call.path_args.get("eventId", "")
    if known in calendar.events and not calendar.events[known].now.deleted:
        return known
    for record in reversed(calendar.events.values()):
        if not record.now.deleted and "recurringEventId" not in record.now.body:
            return record.id
    raise Refusal(404, "notFound", "no living event")


def _edits(google: Google, scene: Scene) -> None:
    calendar = _calendar(google, scene)
    event_id = _event_id(scene, calendar)
    title = str(calendar.events[event_id].now.body.get("summary", "")).removesuffix(" (edited by hand)")
    person.edit(google, calendar.id, event_id, {"summary": f"{title} (edited by hand)"})


def _deletes(google: Google, scene: Scene) -> None:
    calendar = _calendar(google, scene)
    person.delete(google, scene.call.account or "", calendar.id, _event_id(scene, calendar))


def _moves(google: Google, scene: Scene) -> None:
    calendar = _calendar(google, scene)
    others = [
        other.id
        for other in google.state.calendars.values()
        if other.owner == calendar.owner and other.id != calendar.id and not other.deleted
    ]
    if others:
        person.move(google, calendar.id, _event_id(scene, calendar), others[0])


def _deletes_calendar(google: Google, scene: Scene) -> None:
    calendar = _calendar(google, scene)
    if not calendar.primary:
        google.forget_calendar(calendar)


def _reduces(google: Google, scene: Scene) -> None:
    calendar = _calendar(google, scene)
    if not calendar.primary:
        google.set_role(calendar, scene.call.account or "", str(scene.params.get("role", "reader")))


def _twin(google: Google, scene: Scene, properties: dict[str, str]) -> str:
    body = json.loads(scene.call.raw)
    twin: dict[str, Any] = {name: body[name] for name in ("id", "start", "end") if name in body}
    twin |= {"summary": "Somebody else's", "extendedProperties": {"private": properties}}
    person.insert(google, scene.call.account or "", _calendar(google, scene).id, twin)
    return str(twin["id"])


def _foreign_twin(google: Google, scene: Scene) -> None:
    _twin(google, scene, {"other": "program"})


def _deleted_twin(google: Google, scene: Scene) -> None:
    event_id = _twin(google, scene, {"other": "program"})
    person.delete(google, scene.call.account or "", _calendar(google, scene).id, event_id)


def _our_twin(_google: Google, scene: Scene) -> None:
    scene.door.execute(scene.call)


def person_kinds(google: Google) -> list[Kind]:
    """Return the faults that people and earlier tries cause."""
    earlier: dict[str, tuple[str, Act, Callable[[Call], bool]]] = {
        "412_foreign_edit": ("the person edits just before a write with If-Match", _edits, has_etag),
        "409_ours": ("the insert was executed before, unseen", _our_twin, chooses_id),
        "409_foreign": ("the chosen id belongs to another program", _foreign_twin, chooses_id),
        "409_deleted": ("the chosen id belongs to a deleted event", _deleted_twin, chooses_id),
    }
    later: dict[str, tuple[str, Act]] = {
        "person_edits": ("the person edits the event after the write", _edits),
        "person_deletes": ("the person deletes the event after the write", _deletes),
        "person_moves": ("the person moves the event to another calendar", _moves),
        "person_deletes_calendar": (
            "the person deletes the calendar (never a primary one)",
            _deletes_calendar,
        ),
        "access_reduced": (
            "the account keeps `role` (reader) only (never on a primary calendar)",
            _reduces,
        ),
    }
    return [
        *(
            Kind(name=name, text=text, before=acts.before(google, act), applies=applies)
            for name, (text, act, applies) in earlier.items()
        ),
        *(
            Kind(name=name, text=text, after=acts.after(google, act), applies=_touches_events)
            for name, (text, act) in later.items()
        ),
    ]
