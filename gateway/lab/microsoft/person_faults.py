"""Faults made by people: edits, moves, deletions and less access at the worst moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.lab.core import acts
from gateway.lab.core.errors import Refusal
from gateway.lab.core.faults import Kind, Scene
from gateway.lab.microsoft import items, person
from gateway.lab.microsoft.fault_kinds import calendar_at, has_etag, is_write

if TYPE_CHECKING:
    from gateway.lab.microsoft.world import Microsoft

Act = Callable[["Microsoft", Scene], None]
_MARK = " (edited by hand)"


def _event_id(microsoft: Microsoft, scene: Scene) -> str:
    """Return the event at hand: that of the path, else the one changed last."""
    known = scene.call.path_args.get("event_id", "")
    if known:
        with suppress(Refusal):
            person.event_of(microsoft, known)
            return known
    calendar = microsoft.calendar(scene.call)
    for item in reversed(calendar.items.values()):
        if not item.now.deleted:
            return items.event_id(microsoft, item, "", immutable=True)
    raise Refusal(404, "ErrorItemNotFound", "no living event")


def _edits(microsoft: Microsoft, scene: Scene) -> None:
    event_id = _event_id(microsoft, scene)
    title = str(person.event_of(microsoft, event_id).body["subject"]).removesuffix(_MARK)
    person.edit(microsoft, event_id, {"subject": title + _MARK})


def _deletes(microsoft: Microsoft, scene: Scene) -> None:
    person.delete(microsoft, _event_id(microsoft, scene))


def _moves(microsoft: Microsoft, scene: Scene) -> None:
    event_id = _event_id(microsoft, scene)
    here = person.event_of(microsoft, event_id).calendar
    others = [item for item in microsoft.visible(here.owner) if item.key != here.key]
    if others:
        person.move(microsoft, event_id, others[0])


def _deletes_calendar(microsoft: Microsoft, scene: Scene) -> None:
    calendar = calendar_at(microsoft, scene)
    if not calendar.default:
        microsoft.forget_calendar(calendar)


def _reduces(microsoft: Microsoft, scene: Scene) -> None:
    calendar = calendar_at(microsoft, scene)
    account = scene.call.account or ""
    if account in calendar.shares:
        person.share(microsoft, calendar, account, str(scene.params.get("role", "read")))


def person_kinds(microsoft: Microsoft) -> list[Kind]:
    """Return the faults that people cause."""
    later: dict[str, tuple[str, Act]] = {
        "graph_person_edits": ("the person edits the event after the write", _edits),
        "graph_person_deletes": ("the person deletes the event after the write", _deletes),
        "graph_person_moves": ("the person moves the event to another calendar", _moves),
        "graph_person_deletes_calendar": (
            "the person deletes the calendar (never the default)",
            _deletes_calendar,
        ),
        "graph_access_reduced": ("a shared calendar keeps `role` (read) only", _reduces),
    }
    return [
        Kind(
            name="graph_412_foreign_edit",
            text="the person edits just before a write with If-Match",
            before=acts.before(microsoft, _edits),
            applies=has_etag,
        ),
        *(
            Kind(name=name, text=text, after=acts.after(microsoft, act), applies=is_write)
            for name, (text, act) in later.items()
        ),
    ]
