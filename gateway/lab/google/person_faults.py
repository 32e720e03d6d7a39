"""Faults made by people and twins: foreign edits, moves, deletions, less access, taken ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.core.faults import Kind, Scene
from gateway.lab.google import person
from gateway.lab.google.fault_kinds import EVENT_WRITES, chooses_id, has_etag

if TYPE_CHECKING:
    from gateway.lab.core.calls import Answer, Call
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

    def before(act: Act) -> Callable[[Scene], None]:
        def run(scene: Scene) -> None:
            with suppress(Refusal, ValueError, KeyError):
                act(google, scene)

        return run

    def after(act: Act) -> Callable[[Scene, Answer], Answer]:
        def run(scene: Scene, answer: Answer) -> Answer:
            with suppress(Refusal, ValueError, KeyError):
                act(google, scene)
            return answer

        return run

    return [
        Kind(
            name="412_foreign_edit",
            text="the person edits just before a write with If-Match",
            before=before(_edits),
            applies=has_etag,
        ),
        Kind(
            name="409_ours",
            text="the insert was executed before, unseen",
            before=before(_our_twin),
            applies=chooses_id,
        ),
        Kind(
            name="409_foreign",
            text="the chosen id belongs to another program",
            before=before(_foreign_twin),
            applies=chooses_id,
        ),
        Kind(
            name="409_deleted",
            text="the chosen id belongs to a deleted event",
            before=before(_deleted_twin),
            applies=chooses_id,
        ),
        Kind(
            name="person_edits",
            text="the person edits the event after the write",
            after=after(_edits),
            applies=_touches_events,
        ),
        Kind(
            name="person_deletes",
            text="the person deletes the event after the write",
            after=after(_deletes),
            applies=_touches_events,
        ),
        Kind(
            name="person_moves",
            text="the person moves the event to another calendar",
            after=after(_moves),
            applies=_touches_events,
        ),
        Kind(
            name="person_deletes_calendar",
            text="the person deletes the calendar (never a primary one)",
            after=after(_deletes_calendar),
            applies=_touches_events,
        ),
        Kind(
            name="access_reduced",
            text="the account keeps `role` (reader) only (never on a primary calendar)",
            after=after(_reduces),
            applies=_touches_events,
        ),
    ]
