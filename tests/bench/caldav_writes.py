"""PUT, PUT with If-Match and DELETE on both servers, in the two states that a calendar can be in.

Stock Radicale keeps one file per object for its sync tokens, and looks at each of them in every write. It
makes them when the first client asks for changes (sync-collection, or the sync token of a PROPFIND) and
keeps them from then on; before, its writes find nothing to look at. A calendar that a client follows has been
synchronised, so that the rows with a line are those after a first sync-collection on both sides; what
the same calls take before it stands beside them. Calgate's work is the same in both states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from tests.bench import questions
from tests.bench.questions import XML
from tests.bench.seed_caldav import night_object
from tests.bench.wire import Answer, Wire

FIRST_NUMBER = 1_000_000  # of what the benchmark writes
_TYPE = "text/calendar; charset=utf-8"
_NEVER, _FOLLOWED = "never synchronised by any client", "after a first sync-collection on both sides"


@dataclass(slots=True)
class Side:
    """One server under test; ``state``: what one question leaves for the next."""

    wire: Wire
    monday: date
    state: dict[str, str] = field(default_factory=dict)
    number: int = FIRST_NUMBER


def put_new(side: Side) -> Answer:
    """Put an object that is not there."""
    side.number += 1
    side.state.pop("etag", None)
    one = night_object(side.number, side.monday)
    return side.wire.ask("PUT", one.name, one.ical(), Content_Type=_TYPE, If_None_Match="*")


def put_update(side: Side) -> Answer:
    """Put the newest object anew, with other text and the entity tag of before."""
    one = night_object(side.number, side.monday)
    if "etag" not in side.state:
        side.state["etag"] = side.wire.ask("GET", one.name).header("ETag")
    side.state["revision"] = str(int(side.state.get("revision", "0")) + 1)
    data = one.ical(f"v{side.state['revision']}")
    answer = side.wire.ask("PUT", one.name, data, Content_Type=_TYPE, If_Match=side.state["etag"])
    side.state["etag"] = answer.header("ETag")
    return answer


def delete(side: Side) -> Answer:
    """Delete the newest object: one is left for each side's own order of calls."""
    answer = side.wire.ask("DELETE", night_object(side.number, side.monday).name)
    side.number -= 1
    side.state.pop("etag", None)
    return answer


def follow(side: Side) -> None:
    """Synchronise for the first time, as every client does that follows the calendar from then on."""
    answer = side.wire.ask("REPORT", body=questions.sync(), Depth="1", Content_Type=XML)
    assert answer.status == 207, answer.status


class Row(Protocol):
    """Measures one call on both sides."""

    def __call__(
        self,
        name: str,
        line: float | None,
        ask: Callable[[Side], Answer],
        check: Callable[[Answer], str],
        *,
        note: str,
    ) -> None: ...


def measure(row: Row, follow_all: Callable[[], None]) -> None:
    """Measure the writes before and after ``follow_all``, which synchronises both sides."""
    for name, _, ask, good in _ROWS:
        row(f"{name}, never synchronised", None, ask, _status(good), note=_NEVER)
    follow_all()
    for name, line, ask, good in _ROWS:
        row(name, line, ask, _status(good), note=_FOLLOWED)


_ROWS = (
    ("PUT new", 150, put_new, {201}),
    ("PUT update with If-Match", 20, put_update, {201, 204}),
    ("DELETE", 25, delete, {200, 204}),
)


def _status(good: set[int]) -> Callable[[Answer], str]:
    return lambda answer: "" if answer.status in good else f"status {answer.status}"
