"""A simulator of one's own on the laboratory's core: a service that keeps notes under `/notes/`.

Faults, storms, clock, journal, snapshots and the control API come with the core; a door of four methods, one
state dataclass and one list of fault kinds are what a provider adds. docs/lab.md explains it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from gateway.lab.core.calls import Answer, Call
from gateway.lab.core.control import Control
from gateway.lab.core.errors import Refusal
from gateway.lab.core.faults import Kind, Scene
from gateway.lab.core.lab import Lab
from gateway.lab.core.pipeline import serve
from gateway.lab.core.state import Part


@dataclass
class Notes:
    """Everything that the service remembers."""

    texts: dict[str, str] = field(default_factory=dict)


class NotesDoor:
    """The entrance: names a call, carries it out, refuses in the service's own words, checks answers."""

    name = "notes"

    def __init__(self, lab: Lab, state: Part[Notes]) -> None:
        """Keep what the rooms share; ``state.now`` is read anew each time, as a restore replaces it."""
        self._lab, self._state = lab, state

    def identify(self, call: Call) -> None:
        """Name the method, which faults and the journal refer to."""
        name = call.path.removeprefix("/notes/")
        call.path_args = {"name": name}
        call.operation = {"GET": "notes.get", "PUT": "notes.put"}.get(call.verb) if name else None

    def execute(self, call: Call) -> Answer:
        """Carry out a call that was named."""
        texts, name = self._state.now.texts, call.path_args["name"]
        if call.operation == "notes.put":
            texts[name] = call.raw.decode("utf-8", "replace")
            return Answer(status=200, body={"name": name, "at": self._lab.clock.now().isoformat()})
        if call.operation == "notes.get" and name in texts:
            return Answer(status=200, body={"name": name, "text": texts[name]})
        if call.operation is None:
            # What the description does not know fails the test run, too.
            raise Refusal(400, "unknownMethod", "There is no such method.", violation=True)
        raise Refusal(404, "notFound", "There is no such note.")

    def refuse(self, call: Call, *, status: int, reason: str, message: str, domain: str = "global") -> Answer:
        """Render a refusal as the service would."""
        del call, domain
        return Answer(status=status, body={"error": reason, "message": message}, reason=reason)

    def check(self, call: Call, answer: Answer) -> list[str]:
        """Return what in an answer contradicts the description; a schema belongs here."""
        is_named = answer.status != 200 or answer.body.get("name") == call.path_args["name"]
        return [] if is_named else ["an answer without the name of its note"]


def _lost_text(scene: Scene, answer: Answer) -> Answer:
    del scene
    return Answer(status=answer.status, body={"name": "?"}, spoiled=True)


KINDS = (
    Kind(
        name="notes_lost_text",
        text="an answer without its text",
        applies=lambda call: call.operation == "notes.get",
        after=_lost_text,
    ),
)


def make_app() -> tuple[web.Application, Lab]:
    """Put the core and the one door together."""
    lab = Lab()
    state: Part[Notes] = Part(Notes)
    lab.state.parts["notes"] = state
    lab.faults.register(*KINDS)
    door = NotesDoor(lab, state)

    async def room(request: web.Request) -> web.StreamResponse:
        return await serve(lab, door, request)

    app = web.Application()
    app.add_routes(Control(lab).routes())
    app.add_routes([web.route("*", "/notes/{rest:.*}", room)])
    return app, lab
